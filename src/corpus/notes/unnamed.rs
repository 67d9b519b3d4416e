//! People whom notes describe and do not name: `a woman with a pram`, `ein Mann in der Schlange`.
//!
//! Owns the words of several languages that say so, and where in narration they mean that whoever
//! was named before is no longer spoken of. Who is named is up to `told_people`.

use std::sync::LazyLock;

use regex::Regex;

use crate::corpus::given_names::is_given_name;
use crate::corpus::told;

/// What stands before a noun for somebody, or a thing, not spoken of before.
const INDEFINITE: &str = "an?|one(?: of)?|another|two|three|four|several|some\
    |ein(?:e[nmrs]?)?|zwei|drei|mehrere\
    |une?|deux|trois|plusieurs\
    |una?|otr[oa]|dos|tres|vari[oa]s\
    |uma?|outr[oa]|dois|duas|vári[oa]s\
    |uno|un'altra|due|alcun[ie]\
    |een|twee|enkele";

/// Words for somebody.
const SOMEBODY: &str =
    "someone|somebody|jemand(?:em|en)?|quelqu['’]une?|alguien|alguém|qualcuno|iemand";

/// Words that make `a …` no person: times and amounts (`a week later`), and words before which `a` is
/// a preposition (`a las nueve`).
const NOBODY: &str = "seconds?|minutes?|moments?|hours?|days?|weeks?|months?|years?|while|times?\
    |night|morning|afternoon|evening|bit|lot|things?\
    |sekunden?|minuten?|augenblick|stunden?|tage?n?|wochen?|monate?n?|jahre?n?|weile|zeit|mal\
    |nacht|abend|morgen|vormittag|nachmittag\
    |instant|heures?|jours?|semaines?|mois|ans?|année|fois|peu|soir|matin|nuit\
    |minutos?|momentos?|rato|horas?|días?|semanas?|mes(?:es)?|años?|vez|veces|poco|noche|tarde\
    |mañana|las?|los|partir|pesar\
    |dias?|mês|anos?|vezes|pouco|noite|manhã|minha|sua|nossa|seguir\
    |minut[oi]|or[ae]|giorn[oi]|settiman[ae]|mes[ei]|ann[oi]|volt[ae]|sera|notte|mattina\
    |minuut|uur|dag(?:en)?|week|weken|maand(?:en)?|jaar|jaren|keer|tijd|avond|ochtend";

/// Words for a person whose name is not told.
pub(super) const PERSON: &str = "wom[ae]n|m[ae]n|lady|ladies|gentlem[ae]n|girl|boy|guy|lad|kid|person\
    |mother|mum|mom|father|dad|parent|grandmother|grandfather|volunteer|visitor|customer|client\
    |neighbou?r|student|pensioner|teenager|colleague|passer-by|passenger|patient|worker|driver\
    |frau|mann|dame|mädchen|junge|mutter|vater|oma|opa|ehrenamtliche[rn]?|besucher(?:in)?\
    |kund(?:e|in)|nachbar(?:in)?|studentin|rentner(?:in)?|kolleg(?:e|in)|passant(?:in)?\
    |patientin|fahrer(?:in)?\
    |femme|homme|monsieur|fille|garçon|mère|père|bénévole|visiteu(?:r|se)|cliente?|voisine?\
    |étudiante?|retraitée?|collègue|passante?|patiente?\
    |mujer|hombre|señora?|chic[oa]|niñ[oa]|pareja|madre|padre|voluntari[oa]|visitante|vecin[oa]\
    |estudiante|jubilad[oa]|compañer[oa]|paciente\
    |mulher|homem|senhora?|rapaz|rapariga|moç[oa]|menin[oa]|casal|mãe|pai|voluntári[oa]\
    |vizinh[oa]|estudante|aposentad[oa]|reformad[oa]|colega\
    |donna|uomo|signora|signore|ragazz[oa]|bambin[oa]|coppia|vicin[oa]|studente(?:ssa)?\
    |pensionat[oa]|collega|paziente\
    |vrouw|heer|meisje|jongen|moeder|vader|vrijwilliger|bezoeker|klant|buurman|buurvrouw";

/// Bytes before or behind a quotation in which a verb of speech belongs to it.
pub(super) const NEAR: usize = 100;

/// Where in its paragraph a sentence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the first.
    Opening,
    /// It is the first of a list item, which need not begin with whom it is about: `Two tries: …`.
    Item,
    /// Something stands before it.
    Inside,
}

/// Whether a sentence of narration begins with somebody who is described.
fn begins(sentence: &str) -> bool {
    static BEGINS: LazyLock<Regex> = LazyLock::new(|| {
        let pattern =
            format!(r"(?i)^\W*(?:(?:{SOMEBODY})\b|(?P<article>{INDEFINITE})\s+(?P<next>\p{{L}}))");
        Regex::new(&pattern).expect("the pattern is valid")
    });
    static NONE: LazyLock<Regex> = LazyLock::new(|| {
        let pattern =
            format!(r"(?i)^\W*(?:{INDEFINITE})\s+(?:[\w'’-]+\s+)?(?:of\s+|de\s+)?(?:{NOBODY})\b");
        Regex::new(&pattern).expect("the pattern is valid")
    });
    let Some(found) = BEGINS.captures(sentence) else { return false };
    // `A Ana disse` has the article that names have in Portuguese; `A German tourist` has not.
    let is_article_of_name = found.name("article").is_some_and(|article| article.as_str() == "A")
        && found.name("next").is_some_and(|next| {
            next.as_str().starts_with(char::is_uppercase)
                && is_named_in_portuguese(&sentence[next.start()..])
        });
    !is_article_of_name && !NONE.is_match(sentence)
}

/// Whether a text begins with a given name, or with any word that speaks.
fn is_named_in_portuguese(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    let (word, behind) = text.split_at(end);
    is_given_name(word) || told::leading_verb(behind).is_some()
}

/// Where a sentence speaks of somebody who is described, if it is about nobody spoken of before.
fn mentioned(sentence: &str) -> Option<usize> {
    static MENTIONS: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = format!(
            r"(?i)\b(?:{SOMEBODY})\b|\b(?:{INDEFINITE})\s+(?:[\w-]+\s+){{0,2}}?(?:{PERSON})\b"
        );
        Regex::new(&pattern).expect("the pattern is valid")
    });
    static ABOUT: LazyLock<Regex> = LazyLock::new(|| {
        let others = "he|she|they|his|her|their|er|sie|seine?|ihre?|ils?|elles?|sa|son|él|ella|su\
            |ele|ela|sua|seu|lui|lei|suo|hij|zij|ze|zijn|haar";
        Regex::new(&format!(r"(?i)^\W*(?:{others})\b")).expect("the pattern is valid")
    });
    MENTIONS.find(sentence).map(|found| found.start()).filter(|_| !ABOUT.is_match(sentence))
}

/// Where a sentence of narration begins to be about somebody whom it does not name: as the first of
/// its paragraph, or where this person speaks in it, or the note taker meets them.
pub(super) fn subject(sentence: &str, place: Place) -> Option<usize> {
    let speaks = || told::has_verb(sentence) || sentence.trim_end().ends_with(':');
    let is_subject = match place {
        Place::Opening => true,
        Place::Item => false,
        Place::Inside => speaks(),
    };
    if is_subject && begins(sentence) {
        return Some(0);
    }
    mentioned(sentence).filter(|_| place != Place::Inside || told::is_observing(sentence))
}

/// Whether a name follows this word: `a man called Ken`.
pub(super) fn is_called(word: &str) -> bool {
    const CALLED: [&str; 17] = [
        "called", "named", "namens", "genannt", "heißt", "appelé", "appelée", "nommé", "nommée",
        "llamado", "llamada", "chamado", "chamada", "chiamato", "chiamata", "genaamd", "heet",
    ];
    CALLED.contains(&word)
}

/// Whether what stands before and behind a name that follows such a person says that it is theirs:
/// `One of them, Ken,`, `a man called Ken`, or that a clause of its own begins: `and Ken said`.
pub(super) fn is_named(before: &str, behind: &str) -> bool {
    const AND: [&str; 14] = [
        "and", "but", "then", "und", "aber", "dann", "et", "mais", "y", "pero", "e", "mas", "ma",
        "maar",
    ];
    let before = before.trim_end();
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    before.ends_with([',', '(', ':', '–', '—'])
        || is_called(word)
        || AND.contains(&word) && told::leading_verb(behind).is_some()
}

/// Whether what follows a quotation says that somebody spoke who is not named: `said a man in the
/// queue`, `a man shouted`.
pub(super) fn is_behind(tail: &str) -> bool {
    let tail = near(tail).trim_start_matches([' ', ',', '—', '–', '-']);
    let clause = tail.split(['.', '!', '?', ';', '"', '“', '„', '«']).next().unwrap_or_default();
    match told::leading_verb(clause) {
        Some(end) => begins(&clause[end..]),
        None => begins(clause) && told::has_verb(clause),
    }
}

/// Whether a quotation is signed by somebody who is not named: `– a man in the queue`.
pub(super) fn is_signature(tail: &str) -> bool {
    near(tail).trim_start().strip_prefix(['—', '–', '-', '(']).is_some_and(begins)
}

/// The first bytes behind a quotation, which are near to it.
pub(super) fn near(tail: &str) -> &str {
    &tail[..tail.floor_char_boundary(NEAR)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_who_is_described_begins_a_paragraph_in_several_languages() {
        for text in [
            "A woman with a pram, first visit.",
            "One of the cyclists laughed",
            "Later that day a young man came in.",
            "Ein Mann in der Schlange",
            "Später kam eine ältere Frau.",
            "Une dame au guichet a dit",
            "Otra señora me dijo",
            "Uma senhora na fila disse",
            "Una ragazza rispose",
            "Een oudere vrouw zei",
            "Somebody at the back",
        ] {
            assert!(subject(text, Place::Opening).is_some(), "{text}");
        }
        for text in [
            "A week later Ana came.",
            "A few days on",
            "A Ana disse",
            "A las nueve llegó Ana",
            "Ein paar Tage später",
            "The woman laughed",
            "She has a friend who helps.",
        ] {
            assert!(subject(text, Place::Opening).is_none(), "{text}");
        }
        assert_eq!(subject("Then I met a man by the door.", Place::Inside), Some(11));
        assert_eq!(subject("A pop-up came.", Place::Inside), None);
        assert_eq!(subject("A cyclist shouted:", Place::Inside), Some(0));
        assert_eq!(subject("Two tries at the login:", Place::Item), None);
        assert_eq!(subject("A man at the till:", Place::Item), Some(0));
    }

    #[test]
    fn whoever_speaks_behind_a_quotation_may_be_described() {
        for tail in [" said a man in the queue.", ", sagte eine Frau.", " a man said."] {
            assert!(is_behind(tail), "{tail}");
        }
        assert!(is_signature(" (a nurse)") && is_signature("– ein Mann in der Schlange"));
        assert!(!is_signature("(P4)"));
        for tail in [" said Ana.", " she said.", ". A bus came by.", " (P4)"] {
            assert!(!is_behind(tail), "{tail}");
        }
    }
}
