//! The question under way in a conversation, and which turns answer it.
//!
//! Owns how long a question holds. Who asks is known to `moderator`.

use std::collections::HashSet;

use super::moderator::is_nod;

/// Most bytes of a question that a record repeats. A longer one keeps its end, where what is asked
/// stands.
const MOST: usize = 600;

/// The question under way in a conversation, and who has answered it.
#[derive(Debug, Default)]
pub(crate) struct Question {
    asked: Option<(usize, String)>,
    answered: bool,
    /// Who has answered since the question was asked, or since a nod asked for more.
    answerers: HashSet<String>,
}

impl Question {
    /// Takes a moderator's turn in line or row `at`, which is added to a question that nobody has
    /// answered yet. True where it is a nod, which no answer will carry.
    pub(crate) fn ask(&mut self, at: usize, text: &str) -> bool {
        if is_nod(text) && (self.asked.is_some() || text.is_empty()) {
            self.answerers.clear();
            return true;
        }
        // Lines of nods before the question were joined to it as the same speaker's. A nod ends in
        // a mark; a short line without one goes on in the next.
        let nods = |line: &&str| is_nod(line) && line.trim_end().ends_with(['.', '!', '…', '。']);
        let asked = text.lines().skip_while(nods).collect::<Vec<_>>().join("\n");
        let asked = if asked.is_empty() { text.to_owned() } else { asked };
        match &mut self.asked {
            Some((_, earlier)) if !self.answered => {
                earlier.push('\n');
                earlier.push_str(&asked);
            }
            _ => *self = Self { asked: Some((at, asked)), ..Self::default() },
        }
        if let Some((_, text)) = &mut self.asked
            && text.len() > MOST
        {
            let end = text.ceil_char_boundary(text.len() - MOST);
            text.replace_range(..end, "…");
        }
        false
    }

    /// The question that a turn of this speaker answers: only their first turn after it does, since
    /// later ones answer the speakers in between. A turn without a speaker answers a question that
    /// nobody else has answered.
    pub(crate) fn answer(&mut self, speaker: Option<&str>) -> Option<&str> {
        let (_, text) = self.asked.as_ref()?;
        let answers = match speaker {
            Some(speaker) => self.answerers.insert(speaker.to_owned()),
            None => !self.answered,
        };
        self.answered = true;
        answers.then_some(text.as_str())
    }

    /// Forgets a question that was answered: what follows is about something else.
    pub(crate) fn move_on(&mut self) {
        if self.answered {
            *self = Self::default();
        }
    }

    /// Forgets the question, and returns its line or row if nobody answered it.
    pub(crate) fn end(&mut self) -> Option<usize> {
        let question = std::mem::take(self);
        question.asked.filter(|_| !question.answered).map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_goes_to_the_first_turn_of_each_and_past_a_nod() {
        let mut question = Question::default();
        assert_eq!(question.answer(Some("Ana")), None);
        assert!(!question.ask(1, "Why?"));
        assert_eq!(question.answer(Some("Ana")), Some("Why?"));
        assert_eq!(question.answer(Some("Bo")), Some("Why?"));
        assert_eq!(question.answer(Some("Ana")), None);
        assert_eq!(question.answer(None), None);
        assert!(question.ask(5, "Okay."));
        assert_eq!(question.answer(Some("Ana")), Some("Why?"));
        assert!(!question.ask(7, "Mm-hm.\nI see.\nSince\nwhen?"));
        assert_eq!(question.answer(Some("Bo")), Some("Since\nwhen?"), "only what comes before it");
        assert!(!question.ask(7, "And why?") && !question.ask(8, "Or why not?"));
        assert_eq!(question.answer(Some("Bo")), Some("And why?\nOr why not?"));
        question.move_on();
        assert_eq!(question.answer(Some("Ana")), None);
        assert!(!question.ask(9, "Never?"));
        question.move_on();
        assert_eq!((question.end(), question.end()), (Some(9), None));
    }

    #[test]
    fn a_long_question_is_repeated_by_its_end_and_nothing_is_no_question() {
        let mut question = Question::default();
        assert!(question.ask(1, ""));
        assert_eq!(question.answer(Some("Ana")), None);
        question.ask(2, &format!("{}And now?", "ö".repeat(1000)));
        let asked = question.answer(Some("Ana")).unwrap();
        assert!(asked.starts_with("…ö") && asked.ends_with("And now?"), "{asked}");
        assert!(asked.len() <= MOST + '…'.len_utf8());
    }
}
