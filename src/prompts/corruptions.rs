//! What can go wrong with a persona, done to good ones on purpose.
//!
//! Owns the corruptions. A judge is worth as much as it notices them: on the built-in
//! [`controls`](super::controls), whose contradictions were written by hand, and on a user's own
//! personas, where [`planted`] makes them by rule.

use serde::Deserialize;

use super::passages::sentences;
use crate::schema::{Persona, Statement};

/// What was done to a persona.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Treatment {
    /// Nothing was done: the persona is good.
    Untouched,
    /// The persona's words say the opposite of its records.
    Contradicted,
    /// The persona's words would suit anyone.
    Generic,
    /// The persona's quotes were never said by the people whom it cites.
    Swapped,
    /// One half of it is from another persona, citations included: each half is true, but no such
    /// person exists.
    Mixed,
    /// What it cites, verbatim quotes included, are records of other people.
    Misattributed,
    /// The persona's words repeat themselves, as those of small models do.
    Looped,
}

impl Treatment {
    /// Every kind of corruption.
    pub const CORRUPTED: [Self; 6] = [
        Self::Contradicted,
        Self::Generic,
        Self::Swapped,
        Self::Mixed,
        Self::Misattributed,
        Self::Looped,
    ];

    /// A stable name, for reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Untouched => "good",
            Self::Contradicted => "contradiction",
            Self::Generic => "generic_filler",
            Self::Swapped => "swapped_quotes",
            Self::Mixed => "mixture",
            Self::Misattributed => "others_records",
            Self::Looped => "loops",
        }
    }
}

/// Texts that would suit any persona.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filler {
    title: String,
    /// The summary, with `{name}` where the persona's name goes.
    summary: String,
    goals: Vec<String>,
    pains: Vec<String>,
    behaviours: Vec<String>,
    motivations: Vec<String>,
}

/// Every corruption of `persona` that can be made by rule; what is foreign is taken from `other`,
/// and `turn` picks the filler. A corruption that changes nothing is left out: a persona without
/// quotes cannot have them swapped.
pub fn planted(persona: &Persona, other: &Persona, turn: usize) -> Vec<(Treatment, Persona)> {
    let fillers = super::controls::fillers();
    let corrupted = |treatment: Treatment| match treatment {
        Treatment::Untouched => persona.clone(),
        Treatment::Contradicted => negated(persona),
        Treatment::Generic => generic(persona, &fillers[turn % fillers.len()]),
        Treatment::Swapped => swapped(persona, other),
        Treatment::Mixed => mixed(persona, other),
        Treatment::Misattributed => misattributed(persona, other),
        Treatment::Looped => looped(persona),
    };
    let all = Treatment::CORRUPTED.into_iter().map(|treatment| (treatment, corrupted(treatment)));
    all.filter(|(_, result)| result != persona).collect()
}

/// Gives statements new texts; each keeps the records of the one that it replaces.
pub(super) fn restate(statements: &mut Vec<Statement>, words: &[String]) {
    let Some(last) = statements.last().cloned() else { return };
    statements.resize(words.len(), last);
    for (statement, words) in statements.iter_mut().zip(words) {
        statement.text.clone_from(words);
    }
}

pub(super) fn generic(persona: &Persona, filler: &Filler) -> Persona {
    let mut persona = persona.clone();
    persona.title.clone_from(&filler.title);
    persona.summary = filler.summary.replace("{name}", &persona.name);
    restate(&mut persona.goals, &filler.goals);
    restate(&mut persona.pains, &filler.pains);
    restate(&mut persona.behaviours, &filler.behaviours);
    persona.motivations.clone_from(&filler.motivations);
    persona
}

/// The persona with the texts of another's quotes; the offsets no longer lead to what is quoted.
pub(super) fn swapped(persona: &Persona, other: &Persona) -> Persona {
    let mut persona = persona.clone();
    for (quote, other) in persona.quotes.iter_mut().zip(other.quotes.iter().cycle()) {
        quote.text.clone_from(&other.text);
    }
    persona
}

/// The persona's goals and the beginning of its summary; the rest is another's, citations included.
pub(super) fn mixed(persona: &Persona, other: &Persona) -> Persona {
    let mut persona = persona.clone();
    let part = |text: &str, which: usize| -> String {
        let range = sentences(text).into_iter().nth(which);
        range.map(|range| text[range].to_owned()).unwrap_or_default()
    };
    let theirs = part(&other.summary, 1).replace(&other.name, &persona.name);
    let halves = [part(&persona.summary, 0), theirs];
    persona.summary = halves.join(" ");
    persona.pains.clone_from(&other.pains);
    persona.behaviours.clone_from(&other.behaviours);
    persona.motivations.clone_from(&other.motivations);
    persona.quotes.truncate(1);
    persona.quotes.extend(other.quotes.first().cloned());
    persona
}

/// The persona's words with the citations and quotes of another.
pub(super) fn misattributed(persona: &Persona, other: &Persona) -> Persona {
    let mut persona = persona.clone();
    let theirs: Vec<_> = other.statements().map(|s| s.records.clone()).collect();
    if !theirs.is_empty() {
        let mine = [&mut persona.goals, &mut persona.pains, &mut persona.behaviours];
        let mine = mine.into_iter().flatten();
        for (statement, records) in mine.zip(theirs.iter().cycle()) {
            statement.records.clone_from(records);
        }
    }
    persona.quotes.clone_from(&other.quotes);
    persona
}

pub(super) fn looped(persona: &Persona) -> Persona {
    let mut persona = persona.clone();
    let first: Vec<&str> = persona.summary.split_whitespace().take(6).collect();
    let first = first.join(" ");
    persona.summary = format!("{first}, and {first}, and {first}, and {first}.");
    let looped = persona.title.to_lowercase();
    for statement in
        persona.goals.iter_mut().chain(&mut persona.pains).chain(&mut persona.behaviours)
    {
        statement.text.clone_from(&looped);
    }
    persona.motivations = vec![looped];
    persona
}

/// The persona saying the opposite, made by rule: cruder than a writer's contradiction, and in
/// English only. A text that no rule fits is denied as a whole.
fn negated(persona: &Persona) -> Persona {
    let mut persona = persona.clone();
    persona.summary = sentences(&persona.summary.clone())
        .into_iter()
        .map(|range| opposite(&persona.summary[range]))
        .collect::<Vec<_>>()
        .join(" ");
    for statement in
        persona.goals.iter_mut().chain(&mut persona.pains).chain(&mut persona.behaviours)
    {
        statement.text = opposite(&statement.text);
    }
    for motivation in &mut persona.motivations {
        *motivation = opposite(motivation);
    }
    persona
}

/// Pairs of words that stand for opposites; each is replaced by the other.
const OPPOSITES: &[(&str, &str)] = &[
    ("always", "never"),
    ("often", "rarely"),
    ("every", "no"),
    ("all", "none of the"),
    ("easy", "hard"),
    ("easily", "with great trouble"),
    ("more", "less"),
    ("before", "after"),
    ("without", "with"),
    ("too many", "too few"),
    ("too much", "too little"),
    ("cheap", "expensive"),
    ("quick", "slow"),
    ("quickly", "slowly"),
    ("fast", "slow"),
    ("trust", "distrust"),
    ("love", "hate"),
    ("like", "dislike"),
    ("likes", "dislikes"),
    ("good", "bad"),
    ("better", "worse"),
    ("early", "late"),
    ("alone", "in a group"),
    ("everyone", "nobody"),
    ("everything", "nothing"),
    ("avoid", "seek"),
    ("keep", "give up"),
    ("remember", "forget"),
];

/// Pairs of an auxiliary and its negation; replacing either by the other negates a sentence.
const AUXILIARIES: &[(&str, &str)] = &[
    ("can't", "can"),
    ("cannot", "can"),
    ("don't", "do"),
    ("doesn't", "does"),
    ("isn't", "is"),
    ("won't", "will"),
    ("is", "is not"),
    ("are", "are not"),
    ("was", "was not"),
    ("can", "cannot"),
    ("will", "will not"),
    ("must", "need not"),
    ("has", "does not have"),
    ("have", "do not have"),
    ("want", "do not want"),
    ("wants", "does not want"),
    ("need", "do not need"),
    ("needs", "does not need"),
];

fn opposite(text: &str) -> String {
    let mut turned = text.to_owned();
    let mut turns = 0;
    for (one, other) in OPPOSITES {
        let found = replace_word(&turned, one, other).or_else(|| replace_word(&turned, other, one));
        if let Some(found) = found {
            turned = found;
            turns += 1;
        }
    }
    // Two reversals may cancel out; an odd number surely says the opposite.
    if turns % 2 == 1 {
        return turned;
    }
    let denied = AUXILIARIES.iter().find_map(|(one, other)| replace_word(text, one, other));
    denied.unwrap_or_else(|| format!("It is not true that: {text}"))
}

/// Replaces the first whole word `old`, in either case, by `new`; `None` when it does not occur.
fn replace_word(text: &str, old: &str, new: &str) -> Option<String> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '’');
    // Lowering only ASCII letters keeps byte offsets the same.
    let lower = text.to_ascii_lowercase();
    let (at, _) = lower.match_indices(old).find(|(at, _)| {
        let before = lower[..*at].chars().next_back();
        let after = lower[at + old.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })?;
    Some(format!("{}{new}{}", &text[..at], &text[at + old.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::Wording;
    use crate::prompts::controls;

    #[test]
    fn a_rule_says_the_opposite() {
        assert_eq!(opposite("I always print the plan."), "I never print the plan.");
        assert_eq!(opposite("I can't see the display."), "I can see the display.");
        assert_eq!(opposite("The bus is full."), "The bus is not full.");
        assert_eq!(opposite("Waits"), "It is not true that: Waits");
        // The words "then" and "island" contain "the" and "is", but not as words.
        assert_eq!(opposite("An island, then"), "It is not true that: An island, then");
    }

    #[test]
    fn every_corruption_can_be_planted_and_changes_the_persona() {
        for wording in [Wording::Free, Wording::Extractive] {
            let good: Vec<Persona> = controls::load(wording)
                .all
                .into_iter()
                .filter(|control| control.treatment == Treatment::Untouched)
                .map(|control| control.persona)
                .collect();
            for (turn, persona) in good.iter().enumerate() {
                let planted = planted(persona, &good[(turn + 1) % good.len()], turn);
                let treatments: Vec<Treatment> =
                    planted.iter().map(|(treatment, _)| *treatment).collect();
                assert_eq!(treatments, Treatment::CORRUPTED, "{wording:?} {}", persona.name);
            }
        }
    }

    #[test]
    fn what_cannot_be_corrupted_is_not_said_to_be() {
        let mut bare = controls::load(Wording::Free).all[0].persona.clone();
        bare.quotes.clear();
        let treatments: Vec<Treatment> =
            planted(&bare, &bare.clone(), 0).into_iter().map(|(treatment, _)| treatment).collect();
        assert!(
            !treatments.contains(&Treatment::Swapped) && treatments.contains(&Treatment::Generic),
            "{treatments:?}"
        );
    }
}
