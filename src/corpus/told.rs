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
    // Where a pair of single marks ends, inside which nothing else opens.
    let mut single_end = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map_or(' ', |(_, next)| *next);
        let is_start = !before.is_alphanumeric();
        before = c;
        if at < single_end {
            continue;
        }
        open = match open {
            Some((start, closers))
                if closers.contains(c) && !(c == '"' && next.is_alphanumeric()) =>
            {
                found.push(start..at);
                None
            }
            None if is_start && SINGLE.contains(&c) && next.is_alphabetic() => {
                let start = at + c.len_utf8();
                if let Some(end) = single_closer(&text[start..], c) {
                    found.push(start..start + end);
                    single_end = start + end + 1;
                }
                None
            }
            None if is_start && (!next.is_whitespace() || is_spaced(c, &text[at..])) => {
                closers_of(c).map(|closers| (at + c.len_utf8(), closers))
            }
            // A mark that is never closed must not swallow the next span.
            Some(_) if c == '“' || c == '„' => Some((at + c.len_utf8(), "”“")),
            open => open,
        };
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

/// The marks that open a quotation and are one stroke.
const SINGLE: [char; 3] = ['\'', '‘', '‚'];
/// Longest quotation between single marks, in bytes: beyond it, an apostrophe was taken for a mark.
const LONGEST_SINGLE: usize = 2000;
/// Longest quotation with spaces inside its marks, `« … »`, in bytes: some pages. It bounds how far
/// each mark is followed.
const LONGEST_SPACED: usize = 8000;

/// Whether a mark opens a quotation with a space behind it, as French has it: it is closed before
/// the next one opens.
fn is_spaced(mark: char, text: &str) -> bool {
    let end = text.floor_char_boundary(LONGEST_SPACED);
    let inside = text[..end].get(mark.len_utf8()..).unwrap_or_default();
    mark == '«' && inside.find(['«', '»']).is_some_and(|at| inside[at..].starts_with('»'))
}

/// Where the quotation ends that a single mark opens. An apostrophe ends none, though it stands
/// behind a word: `the users' view`.
fn single_closer(text: &str, mark: char) -> Option<usize> {
    const SHORTENED: [&str; 12] =
        ["bout", "cause", "cos", "cuz", "d", "em", "m", "n", "s", "t", "til", "tis"];
    let first = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    if mark == '\'' && SHORTENED.contains(&first.to_lowercase().as_str()) {
        return None;
    }
    let closers: &[char] = if mark == '‚' { &['‘', '’'] } else { &['\'', '’'] };
    let text = &text[..text.floor_char_boundary(LONGEST_SINGLE)];
    let mut doubtful = None;
    for (at, closer) in text.match_indices(closers) {
        let behind = &text[at + closer.len()..];
        if behind.starts_with(char::is_alphanumeric) {
            continue;
        }
        let before = text[..at].chars().next_back().unwrap_or(' ');
        let ends = behind.trim_start().chars().next();
        let is_end = ends.is_none_or(|c| ".,;:!?…)—–-\"".contains(c));
        if ".,!?…".contains(before) || is_end && !before.is_whitespace() {
            return Some(at);
        }
        if before.is_alphanumeric() && before != 's' {
            doubtful = doubtful.or(Some(at));
        }
        // What opens inside is another's.
        if doubtful.is_some_and(|at| text[at..].contains(SINGLE)) {
            break;
        }
    }
    doubtful
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
        && !who.contains('\n')
        && !begins_with_verb(who);
    is_name.then_some(who)
}

/// Whether an attribution that is all there is of a block names somebody: `— Jan de Wit, 34`, and
/// not `– Keeps a folder`.
pub(crate) fn is_signature(who: &str) -> bool {
    const JOINING: [&str; 24] = [
        "af", "al", "and", "aus", "at", "da", "das", "de", "del", "den", "der", "di", "do", "dos",
        "du", "e", "from", "in", "la", "of", "van", "von", "y", "zu",
    ];
    let name = name_of(who);
    let mut words = name.split_whitespace();
    let is_of_name = |word: &str| !word.starts_with(char::is_lowercase) || JOINING.contains(&word);
    name.split_whitespace().count() <= MOST_IN_NAME
        && words.all(is_of_name)
        && !begins_with_verb(name)
        && !has_verb(name)
}

/// Most words of a name, in a signature or a list.
pub(super) const MOST_IN_NAME: usize = 4;

/// Whether a text begins as notes about somebody do: `Uses paper`, `Laughs`.
fn begins_with_verb(text: &str) -> bool {
    let first = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    is_verb(first)
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

/// The name in an attribution: `Helen` of `Helen, carer`, `P1` of `P1 – nurse`.
pub(crate) fn name_of(who: &str) -> &str {
    let name = who.split([',', '(', ';']).next().unwrap_or(who).trim();
    let first = name.split([' ', '–', '—', '/']).next().unwrap_or(name);
    let is_numbered = first.starts_with(['P', 'R', 'S'])
        && first.len() > 1
        && first[1..].bytes().all(|byte| byte.is_ascii_digit());
    if is_numbered { first } else { name }
}

/// Verbs of speech.
const VERBS: &str = "says?|said|told|tells?|asked|asks?|added|adds|explained|explains|answered\
    |answers|replied|replies|put it|puts it|noted\
    |recalled|remembered|admitted|complained|laughed|sighed|reported|commented|remarked\
    |mentioned|mentions|insisted|joked|shouted|whispered|stated\
    |concluded|wrote|writes|let us write\
    |sagte|sagt|gesagt|meinte|meint|erzählte|erzählt|erklärte|erklärt|fragte|fragt|antwortete\
    |ergänzte|berichtete|berichtet\
    |dit|disait|a dit|explique|expliqué|raconte|raconté|répond|répondu|ajoute|ajouté|demande\
    |demandé\
    |dijo|dice|decía|explicó|explica|contó|cuenta|respondió|añadió|agregó|preguntó\
    |disse|diz|explicou|contou|respondeu|acrescentou|perguntou|comentou\
    |ha detto|diceva|spiega|spiegò|racconta|rispose|aggiunge|ha aggiunto|chiese\
    |zei|zegt|vertelde|vertelt|legde uit|antwoordde|vroeg|voegde toe\
    |powiedział[ao]?|mówi|mówiła?|dodała?|opowiadała?|odpowiedziała?|zapytała?";

/// Verbs in the third person with which notes about somebody begin.
const THIRD_PERSON: &str = "wants|uses|says|is|has|likes|needs|would|struggles|never|asks|prefers\
    |thinks|feels|keeps|does|doesn't|does not|skips|starts|goes|gets|works|checks|opens\
    |finds|tries|knows|seems|looks|prints|reads|writes|hates|loves|wishes|mentions\
    |complains|was|had|can't|cannot|can|calls|carries|relies|hopes|expects|mainly uses\
    |often\
    |will|möchte|hat|ist|nutzt|benutzt|sagt|mag|braucht|findet|weiß|kann|utilise|veut\
    |préfère|dit|est|aime|a besoin|usa|quiere|tiene|dice|es|prefiere|necesita|quer|tem\
    |diz|é|precisa|vuole|ha|è|preferisce|gebruikt|wil|heeft|zegt|vindt";

/// Whether a word is a verb in the third person, or one of speech: nobody's name, though it begins a
/// note.
pub(super) fn is_verb(word: &str) -> bool {
    static WHOLE: LazyLock<Regex> = LazyLock::new(|| {
        // `Will` is a name, and so is `Can`, in Turkish.
        let third = THIRD_PERSON.replace("|will|", "|").replace("|can|", "|");
        let others = "used|worked|kept|found|went|came|tried|gave|got|lost|laughs|sighs|nods|smiles\
            |shrugs|nodded|smiled|shrugged|abandoned|walks|walked|pays|buys|bought|sends|sent";
        Regex::new(&format!(r"(?i)^(?:{VERBS}|{third}|{others})$")).expect("the pattern is valid")
    });
    WHOLE.is_match(word)
}

/// Where in a text verbs of speech stand.
pub(super) fn verbs(text: &str) -> Vec<Range<usize>> {
    static VERB: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(&format!(r"(?i)\b(?:{VERBS})\b")).expect("the pattern is valid")
    });
    VERB.find_iter(text).map(|found| found.range()).collect()
}

/// Where in a sentence the note taker's meeting with somebody ends: `I met `, `we spoke to `.
pub(super) fn met(sentence: &str) -> Option<usize> {
    static MET: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = "I (?:\\w+ )?(?:met|visited|saw|watched|interviewed|joined|followed|observed\
                |shadowed|asked|(?:spoke|talked|sat) (?:to|with))\
            |we (?:\\w+ )?(?:met|visited|saw|watched|interviewed|joined|followed|observed|shadowed\
                |asked|(?:spoke|talked|sat) (?:to|with))\
            |(?:ich|wir) (?:traf(?:en)?|besuchten?|sprach(?:en)? mit|interviewten?|fragten?)\
            |(?:traf(?:en)?|besuchten?|fragten?) (?:ich|wir)\
            |(?:j'ai|j’ai|nous avons) (?:rencontré|observé|visité|interrogé|parlé (?:à|avec))\
            |(?:conocí|conocimos|entrevisté|entrevistamos|hablé con|hablamos con|visitamos)(?: a)?\
            |(?:conheci|entrevistei|falei com|falamos com|visitei)\
            |(?:ho|abbiamo) (?:incontrato|intervistato|visitato|parlato con)\
            |(?:ik|wij|we) (?:ontmoetten?|bezochten?|sprak(?:en)? met|zag(?:en)?)";
        Regex::new(&format!(r"(?i)\b(?:{pattern})\s+")).expect("the pattern is valid")
    });
    MET.find(sentence).map(|found| found.end())
}

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
        // `i` is an article, or `and`, in other languages.
        let own = "(?-i:I)|we|ich|wir|je|j'ai|nous|yo|nosotros|eu|nós|io|noi|ik|wij";
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
        // `EU`, `IO`, `MIS` and `ME` are no words for oneself.
        let own = "(?-i:I|[Mm]e|[Mm]is?|[Ee]u|[Ii]o)|I['’](?:m|ve|d|ll)|my|mine|myself|ich|mich|mir\
            |meine?[rnms]?|je|moi|mon\
            |mes|yo|mí|conmigo|meus?|minhas?|mim|mio|mia|miei|mie|ik|mij|mijn\
            |mnie|mój|moj[aeą]|moich|moim|mojego|mojej";
        // Who types in small letters is told from the `i` of other languages by the verb behind it.
        let typed = "i (?:also |always |just |never |often |only |really |still |usually )?\
            (?:am|was|have|had|do|don'?t|did|didn'?t|can|can'?t|cannot|could|couldn'?t|will|won'?t\
            |would|use|used|want|wanted|need|needed|think|thought|feel|felt|like|liked|love|loved\
            |hate|hated|get|got|go|went|know|knew|see|saw|find|found|try|tried|keep|kept|wish|hope\
            |work|worked|live|buy|bought|pay|paid|take|took|make|made|say|said|tell|told|ask|asked)";
        Regex::new(&format!(r"(?i)\b(?:{own}|{typed}|j['’]\w+|m['’]\w+)\b"))
            .expect("the pattern is valid")
    });
    // `ma` is `but` in Italian.
    static FRENCH: LazyLock<Regex> = LazyLock::new(|| {
        let others = "les|des|est|pas|qui|dans|pour|sur|avec|une|c['’]est|aux|elle|ne|vous|nous\
            |très|plus|où|ça|cette|mais|quand|sans|à|du|et|au";
        Regex::new(&format!(r"(?i)\bma\b.*\b(?:{others})\b|\b(?:{others})\b.*\bma\b"))
            .expect("the pattern is valid")
    });
    SELF.is_match(sentence) || FRENCH.is_match(sentence)
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
        let others = "he|she|his|her|hers|him|er|seine?[nrms]?|ihre?[nrms]?|il|elle|él|ella|ele\
            |ela|lui|lei|hij|zij|haar";
        Regex::new(&format!(r"(?i)^(?:{THIRD_PERSON})\b|\b(?:{others})\b"))
            .expect("the pattern is valid")
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
        assert_eq!(of("Er sagte: „Ja.“ Sie: »Nein.« « Non. »"), ["Ja.", "Nein.", " Non. "]);
        assert_eq!(of("dit : «\u{a0}Oui.\u{a0}» puis «\u{202f}Non\u{202f}»").len(), 2);
        assert_eq!(of("5 « 6 « 7, she said “no”"), ["no"]);
        assert_eq!(of("\"It's 5\" wide\" and a 3\" pipe"), ["It's 5"]);
        assert!(of("never \"closed").is_empty());
    }

    #[test]
    fn single_marks_quote_and_apostrophes_do_not() {
        let of = |text: &'static str| {
            spans(text).into_iter().map(|span| &text[span]).collect::<Vec<_>>()
        };
        assert_eq!(of("He said: 'I don't bake.' Then 'no', he said."), ["I don't bake.", "no"]);
        assert_eq!(of("‘It’s the users’ view,’ she said"), ["It’s the users’ view,"]);
        assert_eq!(of("said ‘I keep my list’ and left"), ["I keep my list"]);
        assert_eq!(of("Er sagte ‚Ich komme.‘ und ging"), ["Ich komme."]);
        assert_eq!(of("'He told me \"no\" twice.' \"Yes.\""), ["He told me \"no\" twice.", "Yes."]);
        for text in [
            "the users' view, and the drivers' too",
            "I don't and it's 'cause of the dogs' noise",
            "rock 'n' roll since '98, isn't it",
            "give 'em the list",
            "it’s the users’ own",
        ] {
            assert!(of(text).is_empty(), "{text}: {:?}", of(text));
        }
    }

    #[test]
    fn articles_and_conjunctions_that_look_like_words_for_oneself_are_none() {
        for text in ["Il locale era pieno e i clienti", "Ma il tablet era scarico", "Jan i Anna"] {
            assert!(!is_about_self(text), "{text}");
        }
        for text in ["i never use it", "ma femme et sa sœur", "avec ma fille", "i don't know"] {
            assert!(is_about_self(text), "{text}");
        }
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
            ("– Will, 34", Some("Will, 34")),
            ("– Uses paper instead", None),
            ("– Laughs", None),
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
