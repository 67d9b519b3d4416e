//! Words in notes that are not the note taker's: spans between quotation marks, and who says them.
//!
//! Owns the marks of several languages, what counts as an attribution (`– Helen, carer`, `(P4)`),
//! the verbs of speech and the words for oneself. Which notes are read in this way is decided in
//! `narration`.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// The parts of a text between quotation marks, without the marks.
pub(crate) fn spans(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Option<(usize, &str)> = None;
    let mut before = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map_or(' ', |(_, next)| *next);
        open = match open {
            Some((start, closers))
                if closers.contains(c) && !(c == '"' && next.is_alphanumeric()) =>
            {
                found.push(start..at);
                None
            }
            None if !before.is_alphanumeric() && !next.is_whitespace() => {
                closers_of(c).map(|closers| (at + c.len_utf8(), closers))
            }
            // A mark that is never closed must not swallow the next span.
            Some(_) if c == '“' || c == '„' => Some((at + c.len_utf8(), "”“")),
            open => open,
        };
        before = c;
    }
    found
}

fn closers_of(mark: char) -> Option<&'static str> {
    Some(match mark {
        '“' | '”' => "”",
        '„' => "“”",
        '"' => "\"",
        '«' => "»",
        '»' => "«»",
        '「' => "」",
        _ => return None,
    })
}

/// Longest attribution, in characters.
const LONGEST_WHO: usize = 60;

/// Who is named at the end of a quotation, if `tail` is an attribution and nothing else: `— Ana,
/// 34`, `(P4)`.
pub(crate) fn attribution(tail: &str) -> Option<&str> {
    let tail = tail.trim().trim_start_matches(['.', ',']).trim_start();
    // A tail of a megabyte is not counted through for each of its quotations.
    if tail.len() > LONGEST_WHO * 8 {
        return None;
    }
    let dashed = tail.trim_start_matches(['—', '–', '-', '―', '~', ' ', '\n']);
    let who = if dashed.len() < tail.len() {
        dashed
    } else {
        tail.strip_prefix(['(', '['])?.strip_suffix([')', ']'])?
    };
    let who = who.trim();
    let is_name = who
        .starts_with(|c: char| c.is_uppercase() || c.is_alphabetic() && !c.is_lowercase())
        && who.chars().count() <= LONGEST_WHO
        && (!who.ends_with(['.', '!', '?', ':']) || ends_in_initial(who))
        && !who.contains('\n');
    is_name.then_some(who)
}

/// Whether a name ends as that of `Mrs D.`
fn ends_in_initial(name: &str) -> bool {
    let last = name.rsplit(char::is_whitespace).next().and_then(|last| last.strip_suffix('.'));
    last.is_some_and(|last| last.chars().all(char::is_uppercase) && last.chars().count() == 1)
}

/// The words of a quotation and who says them, if its last line or its end names them.
pub(crate) fn parted(text: &str) -> (&str, Option<&str>) {
    let text = text.trim();
    let dashes = ["\n—", "\n–", "\n--", "\n-", "\n―", " — ", " – ", "”—", "”–"];
    let at = dashes.iter().filter_map(|dash| {
        let at = text.rfind(dash)? + dash.chars().next().map_or(0, char::len_utf8);
        Some(at).filter(|at| {
            let words = text[..*at].trim_end();
            dash.starts_with('\n') || words.ends_with(['.', '!', '?', '…', '”', '"', '“', '»'])
        })
    });
    for at in at {
        if let Some(who) = attribution(&text[at..]) {
            return (text[..at].trim_end().trim_end_matches(['—', '–', '-', '\n', ' ']), Some(who));
        }
    }
    (text, None)
}

/// The name in an attribution: `Helen` of `Helen, carer`.
pub(crate) fn name_of(who: &str) -> &str {
    who.split([',', '(', ';']).next().unwrap_or(who).trim()
}

/// Verbs of speech.
const VERBS: &str = "says?|said|told|tells?|asked|asks?|added|adds|explained|explains|answered\
    |answers|replied|replies|put it|puts it|noted\
    |recalled|remembered|admitted|complained|laughed|sighed|reported|commented|remarked\
    |concluded|wrote|writes|let us write\
    |sagte|sagt|meinte|meint|erzählte|erzählt|erklärte|erklärt|fragte|fragt|antwortete|ergänzte\
    |berichtete|berichtet\
    |dit|disait|a dit|explique|expliqué|raconte|raconté|répond|répondu|ajoute|ajouté|demande\
    |demandé\
    |dijo|dice|decía|explicó|explica|contó|cuenta|respondió|añadió|agregó|preguntó\
    |disse|diz|explicou|contou|respondeu|acrescentou|perguntou|comentou\
    |ha detto|diceva|spiega|spiegò|racconta|rispose|aggiunge|ha aggiunto|chiese\
    |zei|zegt|vertelde|vertelt|legde uit|antwoordde|vroeg|voegde toe";

/// Whether a stretch of narration says that somebody speaks.
pub(crate) fn has_verb(text: &str) -> bool {
    static SPEECH: LazyLock<Regex> = LazyLock::new(|| {
        let by = "according to|laut|selon|d'après|según|segundo|secondo|volgens";
        Regex::new(&format!(r"(?i)\b(?:{VERBS}|{by})\b")).expect("the pattern is valid")
    });
    SPEECH.is_match(text)
}

/// Where the verb of speech ends with which a text begins.
pub(crate) fn leading_verb(text: &str) -> Option<usize> {
    static FIRST: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(&format!(r"(?i)^\s*(?:{VERBS})\b")).expect("the pattern is valid")
    });
    FIRST.find(text).map(|found| found.end())
}

/// The name beside a verb of speech at the beginning of what follows a quotation: `Steve said`,
/// `said Steve`.
pub(crate) fn named_behind(tail: &str) -> Option<&str> {
    const NAME: &str = r"\p{Lu}[\p{L}\p{M}.'’-]+(?: \p{Lu}[\p{L}\p{M}.'’-]+)?";
    static BEHIND: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = format!(
            r"^[\s,—–-]*(?:(?P<first>{NAME}) (?i:{VERBS})\b|(?i:{VERBS}) (?P<last>{NAME}))"
        );
        Regex::new(&pattern).expect("the pattern is valid")
    });
    let found = BEHIND.captures(tail)?;
    found.name("first").or_else(|| found.name("last")).map(|name| name.as_str())
}

/// Whether the words right before a quotation say that the narrator speaks: `I asked, `.
pub(crate) fn is_narrators(lead: &str) -> bool {
    static OWN: LazyLock<Regex> = LazyLock::new(|| {
        let own = "I|we|ich|wir|je|j'ai|nous|yo|nosotros|eu|nós|io|noi|ik|wij";
        Regex::new(&format!(
            r"(?i)\b(?:{own}) (?:\w+ ){{0,2}}?(?:{VERBS})(?:\s+[\w'’]+){{0,2}}[^\w]*$"
        ))
        .expect("the pattern is valid")
    });
    OWN.is_match(lead)
}

/// Whether a sentence is about its speaker.
pub(crate) fn is_about_self(sentence: &str) -> bool {
    static SELF: LazyLock<Regex> = LazyLock::new(|| {
        let own = "I|I'm|I've|I'd|I'll|me|my|mine|myself|ich|mich|mir|meine?[rnms]?|je|moi|mon\
            |ma|mes|yo|mis?|mí|conmigo|eu|meus?|minhas?|mim|io|mio|mia|miei|mie|ik|mij|mijn";
        Regex::new(&format!(r"(?i)\b(?:{own}|j['’]\w+|m['’]\w+)\b")).expect("the pattern is valid")
    });
    SELF.is_match(sentence)
}

/// Whether a text is about its writer's own life, and not a researcher's about a participant.
pub(crate) fn is_own_account(text: &str) -> bool {
    static ABOUT: LazyLock<Regex> = LazyLock::new(|| {
        let people = "participants?|respondents?|interviewees?|customers?|clients?|users?|P\\d{1,3}\
            |teilnehmer(?:in)?|kund(?:e|in)|participante?|client[e]?|cliente|partecipante";
        Regex::new(&format!(r"(?i)\b(?:{people})\b")).expect("the pattern is valid")
    });
    is_about_self(text) && !is_observing(text) && !ABOUT.is_match(text)
}

/// Whether a sentence tells what a researcher did to find out: `I asked her to open the app`.
pub(crate) fn is_observing(sentence: &str) -> bool {
    static OBSERVING: LazyLock<Regex> = LazyLock::new(|| {
        let verbs = "asked|noticed|observed|watched|saw|met|visited|arrived|interviewed|spoke|talked\
            |sat|showed|heard|noted|wrote|counted|probed|followed|explained|recorded|joined\
            |(?:think|thought|felt|guess|suspect) (?:he|she|they|that (?:he|she|they))";
        let others = "ich (?:fragte|beobachtete|sah|notierte|traf|besuchte)|ich habe \\p{L}+ gefragt\
            |je (?:lui|leur) ai demandé|j'ai (?:demandé|observé|noté|rencontré)\
            |(?:le|les) pregunté|observé|gli ho chiesto|le ho chiesto|perguntei|ik vroeg|ik zag";
        let pattern =
            format!(r"(?i)\bI (?:also |then |just |first )?(?:{verbs})\b|\b(?:{others})\b");
        Regex::new(&pattern).expect("the pattern is valid")
    });
    OBSERVING.is_match(sentence)
}

/// Whether a sentence is about its speaker, or a group that the speaker is one of.
pub(crate) fn is_about_us(sentence: &str) -> bool {
    static US: LazyLock<Regex> = LazyLock::new(|| {
        let own = "we|us|our|ours|wir|uns|unsere?[rnms]?|nous|notre|nos|nosotr[oa]s|nuestr[oa]s?\
            |nós|nossa?s?|noi|nostr[oaie]|wij|ons|onze";
        Regex::new(&format!(r"(?i)\b(?:{own})\b")).expect("the pattern is valid")
    });
    is_about_self(sentence) || US.is_match(sentence)
}

/// Whether a note is about somebody else: it begins with a verb in the third person, or speaks of
/// `her` and `him`, and not of the writer.
pub(crate) fn is_about_others(note: &str) -> bool {
    static OTHERS: LazyLock<Regex> = LazyLock::new(|| {
        let verbs = "wants|uses|says|is|has|likes|needs|would|struggles|never|asks|prefers\
            |thinks|feels|keeps|does|doesn't|does not|skips|starts|goes|gets|works|checks|opens\
            |finds|tries|knows|seems|looks|prints|reads|writes|hates|loves|wishes|mentions\
            |complains|was|had|can't|cannot|can|calls|carries|relies|hopes|expects|mainly uses\
            |often\
            |will|möchte|hat|ist|nutzt|benutzt|sagt|mag|braucht|findet|weiß|kann|utilise|veut\
            |préfère|dit|est|aime|a besoin|usa|quiere|tiene|dice|es|prefiere|necesita|quer|tem\
            |diz|é|precisa|vuole|ha|è|preferisce|gebruikt|wil|heeft|zegt|vindt";
        let others = "he|she|his|her|hers|him|er|seine?[nrms]?|ihre?[nrms]?|il|elle|él|ella|ele\
            |ela|lui|lei|hij|zij|haar";
        Regex::new(&format!(r"(?i)^(?:{verbs})\b|\b(?:{others})\b")).expect("the pattern is valid")
    });
    OTHERS.is_match(note.trim_start()) && !is_about_self(note)
}

/// The sentences of a text, roughly.
pub(crate) fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split_inclusive(['.', '!', '?', '…', ';', '\n']);
    parts.filter(|part| part.contains(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_found_in_the_marks_of_several_languages() {
        let of = |text: &'static str| {
            spans(text).into_iter().map(|span| &text[span]).collect::<Vec<_>>()
        };
        assert_eq!(of("“One,” she said, “two.”"), ["One,", "two."]);
        assert_eq!(of("Er sagte: „Ja.“ Sie: »Nein.« « Non. »"), ["Ja.", "Nein."]);
        assert_eq!(of("\"It's 5\" wide\" and a 3\" pipe"), ["It's 5"]);
        assert!(of("never \"closed").is_empty());
    }

    #[test]
    fn the_end_of_a_quotation_names_who_said_it() {
        for (tail, who) in [
            (" (P1)", Some("P1")),
            (" - P2, 73", Some("P2, 73")),
            (" – Helen, carer", Some("Helen, carer")),
            (" — Mrs D.", Some("Mrs D.")),
            ("— \n— Anouk, 34, teacher", Some("Anouk, 34, teacher")),
            (" (made up by the team)", None),
            (" she said.", None),
        ] {
            assert_eq!(attribution(tail), who, "{tail}");
        }
        assert_eq!(parted("I wait.\n— R3, 41"), ("I wait.", Some("R3, 41")));
        assert_eq!(parted("“I keep it.” — Ana, 34"), ("“I keep it.”", Some("Ana, 34")));
        assert_eq!(parted("I wait – Monday"), ("I wait – Monday", None));
    }

    #[test]
    fn notes_about_others_are_told_from_ones_own_words() {
        for note in ["likes the map", "Uses paper, prints each route", "asks his son"] {
            assert!(is_about_others(note), "{note}");
        }
        for own in ["I use her map", "maps are fine", "my son asks her"] {
            assert!(!is_about_others(own), "{own}");
        }
    }
}
