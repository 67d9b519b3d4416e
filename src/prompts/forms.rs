//! What a sentence is by its form: a wish, a complaint or a habit.
//!
//! Owns the word orders that mark these; the words are listed in `form_words`. They are looked for in
//! the main clauses: who says `the plan disappears when I need it` wishes for nothing.

use super::form_words::{
    ADVERBS, COMPLAINTS, FINITE, JOINING, PAST, REQUESTING, ROUTINES, SPEAKERS, STATIVE, SUBJECTS,
    SUBORDINATORS, VERBS, WISHES,
};
use super::passages::words;

/// The form of a sentence. A sentence may have several, and one in an unknown language has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a sentence may have any of the forms at once")]
pub(super) struct Form {
    /// It desires, asks for something, or says what would be.
    pub(super) wishes: bool,
    /// It says what does not work, or what is bad about something.
    pub(super) complains: bool,
    /// It says what the speaker does.
    pub(super) does: bool,
    /// It states a fact about somebody, or tells what was.
    pub(super) states: bool,
}

impl Form {
    /// The form of a sentence.
    pub(super) fn of(sentence: &str) -> Self {
        let main = main_clauses(sentence);
        let all = spaced(sentence);
        let has = |text: &str, cues: &[&str]| cues.iter().any(|cue| text.contains(cue));
        let first = words(sentence).next().unwrap_or_default();
        let wishes = has(&main, WISHES)
            || REQUESTING.contains(&first.as_str())
            || would(&main)
            || (first == "if" && (has(&all, &[" could ", " would "]) || would(&all)));
        Self {
            wishes,
            complains: !wishes && has(&main, COMPLAINTS),
            does: does(sentence),
            states: !wishes
                && (SUBJECTS.contains(&first.as_str()) || has(&all, PAST) || has(&main, FINITE)),
        }
    }
}

/// Whether somebody says what they would do. `I'd bought it` is about the past, and so is
/// `I rang to say I'd be late`.
fn would(text: &str) -> bool {
    const DONE: &[&str] = &[
        "been", "had", "bought", "got", "gone", "left", "lost", "put", "seen", "say", "think",
        "guess",
    ];
    const SAID: &[&str] = &["say", "said", "saying", "told", "thought", "knew", "promised", "that"];
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_would = |at: usize| {
        matches!(words[at], "i'd" | "we'd")
            && !(at > 0 && SAID.contains(&words[at - 1]))
            && words.get(at + 1).is_some_and(|verb| !DONE.contains(verb) && !verb.ends_with("ed"))
    };
    (0..words.len()).any(is_would)
}

/// Whether the speaker says what they do, in a clause that is not about another thing (`when I get
/// home`).
fn does(sentence: &str) -> bool {
    let all = spaced(sentence);
    let words: Vec<&str> = all.split_whitespace().collect();
    let speaks = |at: usize| SPEAKERS.contains(&words[at]);
    if (0..words.len()).any(speaks) && ROUTINES.iter().any(|cue| all.contains(cue)) {
        return true;
    }
    (0..words.len()).filter(|at| speaks(*at)).any(|at| {
        if at > 0 && SUBORDINATORS.contains(&words[at - 1]) {
            return false;
        }
        let mut after = words[at + 1..].iter().skip_while(|word| ADVERBS.contains(*word));
        let verb = after.next().copied().unwrap_or_default();
        // `I don't sign anything` is a habit, too.
        let verb = if verb == "don't" { after.next().copied().unwrap_or_default() } else { verb };
        let follows = is_habit(verb) && (words[at] != "ich" || is_inverted(verb, words[at]));
        follows || (at > 0 && is_inverted(words[at - 1], words[at]))
    })
}

/// Whether a verb after `I` tells what people do.
fn is_habit(verb: &str) -> bool {
    let is_word = verb.chars().count() > 1 && verb.chars().all(char::is_alphabetic);
    is_word && !verb.ends_with("ed") && !STATIVE.contains(&verb) && !SPEAKERS.contains(&verb)
}

/// Whether German or Dutch words are a verb before its subject (`Meistens frage ich`).
fn is_inverted(verb: &str, speaker: &str) -> bool {
    const OTHER: &[&str] =
        &["die", "eine", "meine", "keine", "diese", "alle", "viele", "gerne", "bitte"];
    let ends = match speaker {
        "ich" => verb.ends_with('e') && !OTHER.contains(&verb),
        "wir" => verb.ends_with("en"),
        _ => false,
    };
    ends && !STATIVE.contains(&verb)
}

/// The main clauses of a sentence, spaced. A clause that another one introduces is left out, and
/// what carries it on after a comma.
fn main_clauses(sentence: &str) -> String {
    let mut main = String::from(" ");
    let mut is_main = true;
    for (at, clause) in sentence.split([',', ';', ':', '–', '—', '.', '!', '?']).enumerate() {
        let clause = spaced(clause);
        let words: Vec<&str> = clause.split_whitespace().collect();
        let Some(first) = words.first() else { continue };
        // `What I want is a person`, `That would be great`.
        let opens = match *first {
            "what" | "how" | "why" | "so" => at == 0,
            "that" => words.get(1).is_some_and(|next| VERBS.contains(next)),
            _ => false,
        };
        is_main = match *first {
            first if SUBORDINATORS.contains(&first) => opens,
            first if JOINING.contains(&first) => is_main,
            _ => true,
        };
        if is_main {
            let end = words.iter().skip(1).position(|word| SUBORDINATORS.contains(word));
            let end = end.map(|end| end + 1);
            main.push_str(&words[..end.unwrap_or(words.len())].join(" "));
            main.push(' ');
        }
    }
    main
}

/// A text in lower case without punctuation, between spaces, so that a space marks a word's edge.
pub(super) fn spaced(text: &str) -> String {
    let lower = text.to_lowercase().replace('’', "'");
    // Punctuation is not part of a word.
    let marks = ['.', ',', ';', ':', '!', '?', '"', '“', '”', '„', '«', '»', '(', ')', '¿', '¡'];
    format!(" {} ", lower.replace(marks, " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_told_from_a_complaint_and_from_a_statement() {
        for wish in [
            "I want guests to see only their own tasks.",
            "Let me keep tomorrow's plan without the internet.",
            "A chart would be useful for our projects.",
            "If the rota came out earlier I could plan my week.",
            "What I want is a person.",
            "That would be great.",
            "Ich möchte die Zettel nicht mehr abtippen.",
            "Il me faudrait dix minutes entre deux patients.",
            "Quisiera saber el turno antes.",
            "Vorrei parlare con una persona.",
            "Gostaria de ver o preço.",
            "Ik wil niet meer wachten.",
        ] {
            let form = Form::of(wish);
            assert!(form.wishes && !form.complains && !form.states, "{wish}: {form:?}");
        }
        for complaint in [
            "It gets very slow on large boards.",
            "Reports are useless for my board.",
            "Can't print a board, and my foreman wants it on paper.",
            "Every unknown door costs me a quarter of an hour.",
            "There is no signal in the valley, so the plan disappears when I need it most.",
            "Das Gerät reagiert nicht.",
            "Je ne comprends pas l'écran.",
            "No puedo abrir la cuenta.",
            "Non funziona mai.",
            "O aplicativo não abre.",
            "Het scherm reageert niet.",
        ] {
            let form = Form::of(complaint);
            assert!(form.complains && !form.wishes, "{complaint}: {form:?}");
        }
        for neither in [
            "A photo of the key safe and two sentences on how the day begins.",
            "A scanner that doesn't break, one for each of us.",
            "When everyone knows by Thursday, and nobody rings me at home.",
            "They accused me of buying trainers that I'd bought.",
            "I rang the next lady from a lay-by to say I'd be late.",
        ] {
            let form = Form::of(neither);
            assert!(!form.complains && !form.wishes, "{neither}: {form:?}");
        }
    }

    #[test]
    fn a_habit_is_told_from_a_state_and_from_what_happened_once() {
        for habit in [
            "I copy everything three times.",
            "When the scanner is down I swap the battery.",
            "I don't start anything before the first half is paid.",
            "Meistens frage ich den Fahrer.",
            "I see mostly the same people.",
            "Siempre enseño dos opciones.",
        ] {
            // A Spanish verb does not say who does it.
            let expected = !habit.starts_with("Siempre");
            assert_eq!(Form::of(habit).does, expected, "{habit}");
        }
        for other in [
            "I get thirty notifications a day and miss the one that matters.",
            "I have to move every visit by hand.",
            "I clicked on it.",
            "The tablet logs me out while I open it.",
            "Put it on the front page.",
            "Ich habe keine Zeit.",
        ] {
            assert!(!Form::of(other).does, "{other}");
        }
    }

    #[test]
    fn what_somebody_is_or_was_is_a_statement() {
        for (statement, states) in [
            ("I move what's left to savings.", true),
            ("The tank was empty by June.", true),
            ("My flatmate's request landed in spam.", true),
            ("Billing per seat means that three people share one login.", true),
            ("A ticket that is good for the tram and the ferry.", false),
            ("My aim is to give up the second car.", false),
            ("I'd sit down with each of them.", false),
            ("Bigger letters on the front page.", false),
            ("Ein Drucker für jede Station.", false),
        ] {
            assert_eq!(Form::of(statement).states, states, "{statement}");
        }
    }
}
