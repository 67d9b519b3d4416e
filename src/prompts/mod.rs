//! What is asked of a model, and how its answers are read.
//!
//! Owns every word that reaches a model and every shape that its answers take: [`draft`] asks for a
//! persona of the size that [`ask`] states, made of sentences that [`leanings`] sorted by what a
//! [`probe`] reads in the model's states; [`judge`] asks how good one is; [`refine`] asks for edits;
//! [`controls`] are the personas on which a judge is measured, and [`corruptions`] what is done to
//! them.
//!
//! Research data gets in only as [`Cleared`](crate::privacy::Cleared), fenced, as data. The
//! exception is [`second_pass`], which is a part of clearing and asks only a model in this process.
//! How many drafts there are and which records they see is decided by `pipeline`.

pub mod answer;
pub mod ask;
pub mod asked;
mod aspect_words;
mod aspects;
pub mod choices;
pub mod controls;
pub mod corruptions;
pub mod digest;
pub mod draft;
mod echoes;
mod form_words;
mod forms;
pub mod judge;
pub mod leanings;
pub mod passages;
mod pools;
pub mod probe;
mod quotation;
pub mod refine;
pub mod second_pass;
mod standing;

use serde::{Deserialize, Serialize};

use crate::schema::{Persona, Provenance};

/// How goals, pains and behaviours come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wording {
    /// The model chooses sentences of records: for models too small to be faithful.
    Extractive,
    /// The model writes them and cites records.
    Free,
}

impl Wording {
    /// The wording's name in provenance and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Extractive => Provenance::EXTRACTIVE,
            Self::Free => "free",
        }
    }

    /// The wording as which these personas are judged together: extractive if all of them are.
    pub fn of_personas(personas: &[Persona]) -> Self {
        let are_extractive = personas.iter().all(|persona| persona.provenance.is_extractive());
        if are_extractive { Self::Extractive } else { Self::Free }
    }
}

/// Wraps data in a fence that the data cannot close: one back-tick longer than its longest run.
fn fence(data: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for c in data.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let marks = "`".repeat(3.max(longest + 1));
    format!("{marks}\n{data}\n{marks}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_close_its_own_fence() {
        assert_eq!(fence("plain"), "```\nplain\n```");
        assert_eq!(fence("a ```` b"), "`````\na ```` b\n`````");
    }
}
