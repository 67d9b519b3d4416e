//! What opens and closes a message and says nothing: `Dear support team,`, `Kind regards, Ana`.
//!
//! Owns the salutations and sign-offs of a dozen languages, of messages and of letters. What a
//! message repeats of others is told apart in [`super::reply`].

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Most words of whoever is greeted, and of a line below a sign-off: a name, a company, an address.
const NAMED: usize = 4;
const BELOW_WORDS: usize = 10;
/// Most lines below a sign-off.
const BELOW_LINES: usize = 12;

/// Words with which a sentence goes on right behind a greeting that no mark ends: `Hello I cannot`.
/// No name begins with one.
const STARTS: [&str; 40] = [
    "a", "after", "can", "could", "das", "der", "die", "eu", "how", "i", "i'd", "i'm", "i've",
    "ich", "is", "it", "it's", "j'ai", "je", "la", "le", "mein", "meine", "mi", "mon", "my",
    "nous", "our", "please", "since", "the", "there", "this", "we", "we're", "when", "why", "wir",
    "yo", "your",
];

/// A greeting at the beginning. Words that may also mean something else (`Beste App`, `Cher, mais
/// bon`) are none.
static GREETING: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?xi) ^ \s* (?:
        hi | hello | hey | hiya | greetings | good \s (?: morning | afternoon | evening | day )
        | dear | to \s whom \s it \s may \s concern
        | hallo | moin | servus | grüezi | guten \s (?: tag | morgen | abend ) | sehr \s geehrter?
        | bonjour | bonsoir | hola | buenos \s días | buenas \s (?: tardes | noches )
        | estimad[oa]s? | olá | bom \s dia | boa \s (?: tarde | noite ) | prezad[oa]s?
        | ciao | buongiorno | buonasera | goede (?: morgen | middag | navond ) | geachte
        | hej | hei | dzień \s dobry | cześć | szanown[aiy]\p{L}* | здравствуйте
        ) \b";
    Regex::new(pattern).expect("the pattern is valid")
});

/// What closes a message or a letter and cannot be anything else.
const CLOSINGS: &str = r"
    (?: (?: kind | kindest | best | warm | warmest | with ) \s )* regards
    | (?: (?: kind | kindest | best | warm | warmest | with ) \s )+ wishes
    | sincerely | yours \s (?: sincerely | faithfully | truly )
    | mit \s freundlichen \s grüßen | (?: viele | liebe | beste | freundliche | schöne | herzliche ) \s grüße
    | mfg | lg | vg
    | (?: bien \s )? cordialement | bien \s à \s vous | salutations
    | saludos | un \s saludo | saludos? \s cordial (?: es )? | atentamente
    | atenciosamente | abraços?
    | (?: cordiali | distinti ) \s saluti | saluti
    | med \s vänliga? \s hälsning (?: ar )? | vänliga \s hälsningar | med \s venlig \s hilsen | mvh
    | pozdrawiam | z \s poważaniem
    | met \s vriendelijke \s groet (?: en )? | hartelijke \s groet | groet (?: en | jes )";

/// What closes them too, and also begins sentences.
const THANKS: &str = r"
    (?: (?: with | many ) \s )* thanks (?: \s in \s advance )? | thx | cheers
    | thank \s you (?: \s very \s much | \s in \s advance )?
    | danke (?: \s im \s voraus )? | vielen \s dank (?: \s im \s voraus )?
    | merci (?: \s d['’]avance )? | (?: muchas \s )? gracias | (?: muito \s )? obrigad[oa]
    | grazie (?: \s mille )? | (?: alvast \s )? bedankt";

/// A sign-off behind the end of a sentence or at the beginning of a line.
static SIGN_OFF: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!(
        r"(?xi) (?: [.!?…] \s+ | \n \s* ) (
        {CLOSINGS} | {THANKS}
        ) [\s,.!–-]* (?-i: \p{{Lu}}[\p{{L}}.'’-]* \s* ){{0,3}} (?: \n | $ )"
    );
    Regex::new(&pattern).expect("the pattern is valid")
});

/// Whether a line opens or closes a letter.
pub(super) fn is_of_letter(line: &str) -> bool {
    opens_letter(line) || closes_letter(line)
}

/// Whether a line is the salutation of a letter: `Dear Sir or Madam,`. The comma at its end tells it
/// from what only begins so.
pub(super) fn opens_letter(line: &str) -> bool {
    static OPENING: LazyLock<Regex> = LazyLock::new(|| {
        let opening = "dear|to whom it may concern|sehr geehrte[rn]?|liebe[rs]?|chère?s?|madame|monsieur\
            |estimad[oa]s?|querid[oa]s?|prezad[oa]s?|gentil[ei]|egregi[oa]?|beste|geachte";
        Regex::new(&format!(r"(?i)^(?:{opening})\b.{{0,60}},$")).expect("the pattern is valid")
    });
    OPENING.is_match(line.trim())
}

/// Whether a line is the closing of a letter: `Yours faithfully,`.
pub(super) fn closes_letter(line: &str) -> bool {
    static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = format!(
            r"(?xi) ^ (?: (?: {CLOSINGS} | yours ) \b .{{0,20}} ,? | (?: {THANKS} | best ) [,!.]? ) $"
        );
        Regex::new(&pattern).expect("the pattern is valid")
    });
    CLOSING.is_match(line.trim())
}

/// The bytes of a message between its salutation and its sign-off; all of them where there is
/// nothing else.
pub(super) fn between(message: &str) -> Range<usize> {
    let start = salutation(message);
    let end = start + sign_off(&message[start..]);
    if message[start..end].contains(char::is_alphanumeric) { start..end } else { 0..message.len() }
}

/// Where the salutation ends; 0 where there is none.
fn salutation(message: &str) -> usize {
    let Some(greeting) = GREETING.find(message) else { return 0 };
    let rest = &message[greeting.end()..];
    let first = rest.split_whitespace().next().unwrap_or_default().to_lowercase();
    let goes_on = STARTS.contains(&first.replace('’', "'").as_str());
    let starts_apart = rest.starts_with(char::is_whitespace);
    let skip = |from: usize| {
        let is_mark = |c: char| c.is_whitespace() || ",!.:;–—-".contains(c);
        message[from..].find(|c| !is_mark(c)).map_or(message.len(), |at| from + at)
    };
    if starts_apart && goes_on {
        return skip(greeting.end());
    }
    let mark = rest.char_indices().find(|&(at, c)| {
        // The point of `Mr.` ends no salutation.
        let title =
            || rest[..at].rsplit(' ').next().is_some_and(|word| (1..=4).contains(&word.len()));
        ",!:;\n–—".contains(c) || c == '.' && !title()
    });
    match mark {
        Some((at, _)) if rest[..at].split_whitespace().count() <= NAMED => {
            skip(greeting.end() + at)
        }
        _ => 0,
    }
}

/// Where the sign-off begins; the length of the message where there is none.
fn sign_off(message: &str) -> usize {
    let is_last = |end: usize| {
        let lines: Vec<&str> = message[end..].lines().filter(|l| !l.trim().is_empty()).collect();
        let is_short = |line: &&str| line.split_whitespace().count() <= BELOW_WORDS;
        let adds =
            |line: &&str| line.trim().to_lowercase().starts_with("ps") || line.starts_with("P.S");
        lines.len() <= BELOW_LINES && lines.iter().all(|line| is_short(line) && !adds(line))
    };
    let found = SIGN_OFF.captures_iter(message).filter_map(|found| found.get(1));
    found
        .filter(|phrase| is_last(phrase.end()))
        .map(|phrase| phrase.start())
        .next()
        .unwrap_or(message.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salutation_and_sign_off_are_no_part_of_what_is_said() {
        for (message, said) in [
            ("Dear support team, Our plans are gone.", "Our plans are gone."),
            ("Hello, the app crashes.", "the app crashes."),
            ("Hello The app crashes, and I wait.", "The app crashes, and I wait."),
            ("Hi Mr. Weber,\nit is broken.", "it is broken."),
            ("Hi there! It is slow.\n\nKind regards\nM. Weber\nWeber Ltd.", "It is slow.\n\n"),
            ("It was renewed. Kind regards\nM. Weber", "It was renewed. "),
            ("Ich habe zwei Autos.\n\nLG Kemal\n", "Ich habe zwei Autos.\n\n"),
            (
                "Sehr geehrte Damen und Herren,\ndas Portal hängt. Vielen Dank!",
                "das Portal hängt. ",
            ),
            ("Bonjour,\nje perds mes notes.\nMerci d’avance", "je perds mes notes.\n"),
            ("Hola equipo, no puedo entrar.\nSaludos,\nAna", "no puedo entrar.\n"),
        ] {
            assert_eq!(&message[between(message)], said, "{message}");
        }
    }

    #[test]
    fn lines_that_open_and_close_a_letter_are_told_from_those_that_begin_so() {
        for line in [
            "Dear Sir or Madam,",
            "Yours faithfully,",
            "With kind regards",
            "Vielen Dank im Voraus!",
        ] {
            assert!(is_of_letter(line), "{line}");
        }
        for line in ["Dear me", "Wishes", "Thanks to the nurse I slept", "Best of all is the bus"] {
            assert!(!is_of_letter(line), "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_a_courtesy_is_said() {
        for message in [
            "Hello",
            "Thanks!",
            "Beste App, die ich je hatte.",
            "Cher, mais bon.",
            "Hi-fi is what I came for.",
            "They say hello, and I go in.",
            "It is fine. Thanks Anna found it.",
            "I said thanks and left. Thanks to them, I found it.",
            "My day is long.\nThanks\nto the night shift there is somebody at the door in the end.",
        ] {
            assert_eq!(between(message), 0..message.len(), "{message}");
        }
    }
}
