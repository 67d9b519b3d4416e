//! How much is asked of a persona, and how intricate it may be.
//!
//! Owns the two dials and what each changes: detail is how many statements and quotes there are and
//! how long the summary is; complexity is how long and how nuanced each of them may be. Both are
//! stated in the prompt and enforced by the bounds of the grammar, so that they also work with a
//! model that ignores instructions.

use serde::{Deserialize, Serialize};

/// How many statements and quotes a persona has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// A card: one statement of each kind and one or two quotes.
    Minimal,
    /// Two or three of each kind.
    #[default]
    Standard,
    /// A page: up to five of each kind.
    Detailed,
}

/// How intricate each statement is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Complexity {
    /// Short sentences, one idea each.
    Simple,
    /// Sentences as people usually write them.
    #[default]
    Moderate,
    /// Conditions, exceptions and conflicting wishes.
    Complex,
}

/// How much is asked of a persona: both dials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// How many statements and quotes there are.
    pub detail: Detail,
    /// How intricate each statement is.
    pub complexity: Complexity,
}

/// Fewest and most, of the items of a list or the characters of a text.
pub(super) type Range = (usize, usize);

/// The bounds of a draft's grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) quotes: Range,
    /// Number of statements of each kind.
    pub(super) statements: Range,
    pub(super) motivations: Range,
    pub(super) summary: Range,
    pub(super) statement: Range,
    pub(super) motivation: Range,
    /// Characters of a sentence that may be chosen as a statement, where enough sentences fit.
    pub(super) sentence: Range,
}

/// Longest summary and motivation under any setting, in characters.
pub(super) const SUMMARY_MOST: usize = 600;
pub(super) const MOTIVATION_MOST: usize = 180;
/// Longest statement under any setting, in characters, and most statements of a kind.
pub(super) const STATEMENT_MOST: usize = 220;
pub(super) const STATEMENTS_MOST: usize = 5;
/// Most quotes under any setting.
pub(super) const QUOTES_MOST: usize = 5;

impl Ask {
    pub(super) fn bounds(self) -> Bounds {
        let (quotes, statements, motivations, summary) = match self.detail {
            Detail::Minimal => ((1, 2), (1, 1), (1, 1), (40, 200)),
            Detail::Standard => ((2, 3), (2, 3), (1, 2), (60, 320)),
            Detail::Detailed => {
                ((3, QUOTES_MOST), (3, STATEMENTS_MOST), (2, 3), (160, SUMMARY_MOST))
            }
        };
        let (statement, motivation, sentence) = match self.complexity {
            Complexity::Simple => ((12, 90), (12, 80), (0, 120)),
            Complexity::Moderate => ((15, 140), (20, 120), (0, usize::MAX)),
            Complexity::Complex => ((40, STATEMENT_MOST), (40, MOTIVATION_MOST), (60, usize::MAX)),
        };
        Bounds { quotes, statements, motivations, summary, statement, motivation, sentence }
    }

    /// What is added to the instructions; empty for the default ask.
    pub(super) fn instructions(self) -> String {
        let detail = match self.detail {
            Detail::Minimal => " Keep it to a card: only what matters most.",
            Detail::Standard => "",
            Detail::Detailed => " Be thorough: cover everything that the records tell of them.",
        };
        let complexity = match self.complexity {
            Complexity::Simple => " Write short, plain sentences with one idea each.",
            Complexity::Moderate => "",
            Complexity::Complex => {
                " Be nuanced: say when and why, name exceptions, and where they want two things at once, say so."
            }
        };
        format!("{detail}{complexity}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DETAILS: [Detail; 3] = [Detail::Minimal, Detail::Standard, Detail::Detailed];
    const COMPLEXITIES: [Complexity; 3] =
        [Complexity::Simple, Complexity::Moderate, Complexity::Complex];

    #[test]
    fn each_step_of_a_dial_asks_for_more() {
        let bounds = |detail, complexity| Ask { detail, complexity }.bounds();
        for complexity in COMPLEXITIES {
            let [few, usual, many] = DETAILS.map(|detail| bounds(detail, complexity));
            assert!(
                few.statements.1 < usual.statements.1 && usual.statements.1 < many.statements.1
            );
            assert!(few.quotes.1 < usual.quotes.1 && usual.quotes.1 < many.quotes.1);
            assert!(few.summary.1 < usual.summary.1 && usual.summary.1 < many.summary.1);
        }
        for detail in DETAILS {
            let [short, usual, long] = COMPLEXITIES.map(|complexity| bounds(detail, complexity));
            assert!(short.statement.1 < usual.statement.1);
            assert!(usual.statement.1 < long.statement.1);
        }
    }

    #[test]
    fn every_bound_leaves_room_and_none_is_passed() {
        for detail in DETAILS {
            for complexity in COMPLEXITIES {
                let b = Ask { detail, complexity }.bounds();
                let all = [b.quotes, b.statements, b.motivations, b.summary, b.statement];
                for (min, max) in all.into_iter().chain([b.motivation, b.sentence]) {
                    assert!(min <= max);
                }
                assert!(b.summary.1 <= SUMMARY_MOST && b.motivation.1 <= MOTIVATION_MOST);
            }
        }
        assert_eq!(Ask::default().instructions(), "");
    }
}
