//! Reading a draft's answer into a persona.
//!
//! Owns the checks: quotes are looked up in their record again and get their offsets here, text
//! that ran into its bound is trimmed, and what is said twice is kept once. An answer that fails a
//! check is an error with its cause, never a persona with a hole.

use std::cell::Cell;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Wording;
use super::ask::{MOTIVATION_MOST, QUOTES_MOST, STATEMENT_MOST, STATEMENTS_MOST, SUMMARY_MOST};
use super::draft::{Brief, CountedAnswer, Focus, TITLE, blank, key};
use super::echoes::cite_all;
use super::passages::{sentences, shorten, words};
use super::pools::has_cell;
use super::quotation::Said;
use crate::corpus::{Corpus, Record};
use crate::privacy::Cleared;
use crate::schema::{Persona, Quote, RecordId, Statement};

/// Most facts about the segment in an extractive summary.
const SUMMARY_FACTS: usize = 3;

/// Why an answer is not a persona.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The answer is not the JSON that was asked for.
    #[error("the answer is not the JSON that was asked for: {0}")]
    Json(String),
    /// A quote is not a piece of its record.
    #[error("a quote is not in the record that it cites ({0})")]
    Quote(String),
    /// A statement is not a sentence of a record shown, or cites one that was not shown.
    #[error("a statement rests on no record that was shown ({0})")]
    Statement(String),
    /// A part that must not be empty is.
    #[error("the answer has no {0}")]
    Empty(&'static str),
}

/// Reads an answer that was written under the grammar of the request for `brief`.
pub fn parse(
    corpus: &Cleared<Corpus>,
    brief: &Brief,
    wording: Wording,
    answer: &str,
) -> Result<Persona, AnswerError> {
    read(&Evidence { corpus, brief, unfounded: None }, wording, answer)
}

/// Reads an answer that no grammar bound. What it cites is still checked: quotes that are not in a
/// record are left out, as are ids of records that were not shown; a statement left without an id
/// is marked as inferred. Also returns how many quotes and ids were left out.
pub fn parse_unbound(
    corpus: &Cleared<Corpus>,
    brief: &Brief,
    wording: Wording,
    answer: &str,
) -> Result<(Persona, usize), AnswerError> {
    let unfounded = Cell::new(0);
    let evidence = Evidence { corpus, brief, unfounded: Some(&unfounded) };
    let persona = read(&evidence, wording, document(answer))?;
    Ok((persona, unfounded.get()))
}

/// The JSON within an answer: services that ignore the schema often wrap it in a fence.
pub(super) fn document(answer: &str) -> &str {
    match (answer.find('{'), answer.rfind('}')) {
        (Some(start), Some(end)) if start < end => &answer[start..=end],
        _ => answer,
    }
}

fn read(evidence: &Evidence<'_>, wording: Wording, answer: &str) -> Result<Persona, AnswerError> {
    let fields: Map<String, Value> =
        serde_json::from_str(answer).map_err(|e| AnswerError::Json(e.to_string()))?;
    let (corpus, brief) = (evidence.corpus, evidence.brief);
    let statements = |key| match wording {
        Wording::Extractive => picked(evidence, &fields, key),
        Wording::Free => written(evidence, &fields, key),
    };
    let mut persona = Persona {
        goals: statements(key::GOALS)?,
        pains: statements(key::PAINS)?,
        behaviours: statements(key::BEHAVIOURS)?,
        quotes: quotes(evidence, &fields)?,
        ..blank(corpus, brief)
    };
    match wording {
        Wording::Extractive => {
            persona.title = extractive_title(evidence, &evidence.sentence(&fields, key::TITLE)?);
            let sentence = evidence.sentence(&fields, key::VOICE)?;
            persona.summary = extractive_summary(evidence, &persona, &sentence);
        }
        Wording::Free => {
            persona.title = tidy(&text(&fields, key::TITLE)?, TITLE.1);
            persona.summary = tidy(&text(&fields, key::SUMMARY)?, SUMMARY_MOST);
            persona.motivations = motivations(&fields)?;
            unmark(&mut persona, &Said::of(evidence.shown().map(|(_, text)| text)));
        }
    }
    say_once(&mut persona);
    // People who only ticked said nothing that could be quoted.
    let is_answer = |text: &str| brief.answers.iter().any(|answer| answer.asked() == text);
    let only_answers = wording == Wording::Extractive
        && persona.statements().next().is_some()
        && persona.statements().all(|statement| is_answer(&statement.text));
    if wording == Wording::Extractive {
        let statements = [&mut persona.goals, &mut persona.pains, &mut persona.behaviours];
        cite_all(corpus, &brief.peers, &brief.answers, statements.into_iter().flatten());
    }
    if persona.title.is_empty() {
        return Err(AnswerError::Empty("title"));
    }
    if persona.summary.is_empty() {
        return Err(AnswerError::Empty("summary"));
    }
    if persona.quotes.is_empty() && !only_answers {
        return Err(AnswerError::Empty("quote"));
    }
    Ok(persona)
}

/// Removes the quotation marks around words that nobody said.
fn unmark(persona: &mut Persona, said: &Said) {
    let statements = [&mut persona.goals, &mut persona.pains, &mut persona.behaviours];
    let statements = statements.into_iter().flatten().map(|statement| &mut statement.text);
    let others = [&mut persona.title, &mut persona.summary].into_iter();
    for text in statements.chain(others).chain(&mut persona.motivations) {
        *text = said.unmarked(text);
    }
}

/// The records that a draft was shown, against which its answer is checked.
struct Evidence<'a> {
    corpus: &'a Cleared<Corpus>,
    brief: &'a Brief,
    /// Counts citations that lead nowhere; without a counter, the first one is an error.
    unfounded: Option<&'a Cell<usize>>,
}

impl<'a> Evidence<'a> {
    /// Counts a citation that leads nowhere, or returns `error` where that is not allowed.
    fn pass_over(&self, error: AnswerError) -> Result<(), AnswerError> {
        let Some(count) = self.unfounded else { return Err(error) };
        count.set(count.get() + 1);
        Ok(())
    }

    fn shown(&self) -> impl Iterator<Item = (&'a Record, &'a str)> {
        let part = |focus: &Focus| {
            let record = &self.corpus.records[focus.record];
            (record, &record.text[focus.shown.clone()])
        };
        self.brief.focus.iter().map(part)
    }

    /// Reads a field that must be a piece of a record shown, or of a counted answer.
    fn sentence(&self, fields: &Map<String, Value>, key: &str) -> Result<String, AnswerError> {
        let text = text(fields, key)?;
        let said = || self.shown().any(|(_, shown)| shown.contains(&text));
        let known = !text.is_empty() && (said() || self.answer(&text).is_some());
        if known { Ok(text) } else { Err(AnswerError::Statement(key.to_owned())) }
    }

    /// The counted answer that a text gives with its question, with the end of it, or as a title.
    fn answer(&self, text: &str) -> Option<&'a CountedAnswer> {
        let gives =
            |answer: &&CountedAnswer| answer.line().ends_with(text) || answer.title() == text;
        self.brief.answers.iter().find(gives)
    }

    /// The place of `text` inside one cell of record `id`.
    fn find(&self, id: &RecordId, text: &str) -> Option<Quote> {
        let (record, _) = self.shown().find(|(record, _)| record.id == *id)?;
        let mut places = record.cells().filter_map(|(at, cell)| Some(at + cell.find(text)?));
        let start = places.next()?;
        let quote =
            Quote { text: text.to_owned(), record: id.clone(), start, end: start + text.len() };
        (!text.trim().is_empty()).then_some(quote)
    }
}

fn field<T: for<'de> Deserialize<'de>>(
    fields: &Map<String, Value>,
    key: &str,
) -> Result<T, AnswerError> {
    let value = fields.get(key).ok_or_else(|| AnswerError::Json(format!("'{key}' is missing")))?;
    T::deserialize(value).map_err(|e| AnswerError::Json(format!("'{key}': {e}")))
}

fn text(fields: &Map<String, Value>, key: &str) -> Result<String, AnswerError> {
    field(fields, key)
}

fn quotes(evidence: &Evidence<'_>, fields: &Map<String, Value>) -> Result<Vec<Quote>, AnswerError> {
    #[derive(Deserialize)]
    struct Answer {
        record: RecordId,
        text: String,
    }
    if !fields.contains_key(key::QUOTES) {
        return Ok(Vec::new());
    }
    let answers: Vec<Answer> = field(fields, key::QUOTES)?;
    let mut quotes = Vec::new();
    for answer in answers {
        // Blanks at the ends were not said.
        match evidence.find(&answer.record, answer.text.trim()) {
            // Without a grammar, an answer may have more quotes than were asked for.
            Some(_) if quotes.len() >= QUOTES_MOST => {}
            Some(quote) => quotes.push(quote),
            None => evidence.pass_over(AnswerError::Quote(answer.record.to_string()))?,
        }
    }
    Ok(quotes)
}

/// Reads statements that are sentences of records; each cites all records shown that contain it.
/// Who else of the segment says it is added later.
fn picked(
    evidence: &Evidence<'_>,
    fields: &Map<String, Value>,
    key: &str,
) -> Result<Vec<Statement>, AnswerError> {
    if !fields.contains_key(key) {
        return Ok(Vec::new());
    }
    let picks: Map<String, Value> = field(fields, key)?;
    let statement = |pick: &Value| {
        let text = pick.as_str().unwrap_or_default().to_owned();
        let answer = evidence.brief.answers.iter().find(|answer| answer.asked() == text);
        let gives = |record: &Record, shown: &str| match answer {
            Some(answer) => answer.place(record).is_some(),
            None => shown.contains(&text),
        };
        let said_by = evidence.shown().filter(|(record, shown)| gives(record, shown));
        let records: Vec<_> = said_by.map(|(record, _)| record.id.clone()).collect();
        if text.is_empty() || records.is_empty() {
            return Err(AnswerError::Statement(key.to_owned()));
        }
        Ok(Statement { text, records, inferred: false, held: answer.map(|answer| answer.held) })
    };
    picks.values().map(statement).collect()
}

/// Reads statements in the model's own words. A statement that shares no telling word with the
/// records it cites is marked as inferred.
fn written(
    evidence: &Evidence<'_>,
    fields: &Map<String, Value>,
    key: &str,
) -> Result<Vec<Statement>, AnswerError> {
    #[derive(Deserialize)]
    struct Answer {
        records: Vec<RecordId>,
        text: String,
    }
    let mut statements = Vec::new();
    for mut answer in field::<Vec<Answer>>(fields, key)? {
        answer.records.sort_unstable();
        answer.records.dedup();
        let cited: Vec<&str> = evidence
            .shown()
            .filter(|(record, _)| answer.records.contains(&record.id))
            .map(|(_, text)| text)
            .collect();
        if cited.len() != answer.records.len() || cited.is_empty() {
            evidence.pass_over(AnswerError::Statement(key.to_owned()))?;
            let shown = |id: &RecordId| evidence.shown().any(|(record, _)| record.id == *id);
            answer.records.retain(shown);
        }
        if statements.len() >= STATEMENTS_MOST {
            break;
        }
        let text = tidy(&answer.text, STATEMENT_MOST);
        let said: Vec<String> = cited.iter().flat_map(|text| words(text)).collect();
        let inferred = !words(&text).any(|w| w.chars().count() > 3 && said.contains(&w));
        if !text.is_empty() {
            statements.push(Statement { text, records: answer.records, inferred, held: None });
        }
    }
    Ok(statements)
}

fn motivations(fields: &Map<String, Value>) -> Result<Vec<String>, AnswerError> {
    let texts: Vec<String> = field(fields, key::MOTIVATIONS)?;
    let texts = texts.iter().take(STATEMENTS_MOST).map(|text| tidy(text, MOTIVATION_MOST));
    Ok(texts.filter(|text| !text.is_empty()).collect())
}

/// The title, such as `Home carer: “the plan doesn't know that it snows”`. It has no role where
/// somebody without that role said the words.
fn extractive_title(evidence: &Evidence<'_>, clause: &str) -> String {
    let answer = evidence.answer(clause);
    let mut said_by = evidence.shown().filter(|(record, shown)| {
        shown.contains(clause) || answer.is_some_and(|answer| answer.place(record).is_some())
    });
    let role = evidence.brief.role.as_ref();
    let role = role.filter(|role| said_by.any(|(record, _)| has_cell(record, role)));
    let clause = tidy(clause, usize::MAX);
    let clause = clause.trim_end_matches(['.', ',', ';']);
    // A question with its answer, as in the table, is not something that anyone said.
    let clause = if answer.is_some() { clause.to_owned() } else { format!("“{clause}”") };
    let Some(role) = role else { return clause };
    let mut letters = role.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}: {clause}", letters.as_str())
}

/// The summary: what is counted, then the sentence that the model chose, without an invented word. It
/// says so where a persona that stands for several people has the words of only one.
fn extractive_summary(evidence: &Evidence<'_>, persona: &Persona, sentence: &str) -> String {
    let (corpus, brief) = (evidence.corpus, evidence.brief);
    let participants = match brief.segment.participants {
        1 => "one participant".to_owned(),
        several => format!("{several} participants"),
    };
    let share = brief.segment.percent();
    let facts = brief.demographics.iter().take(SUMMARY_FACTS);
    let facts: Vec<String> = facts.map(|(name, value)| format!("{name} {value}")).collect();
    let facts = if facts.is_empty() { String::new() } else { format!(": {}", facts.join("; ")) };
    let answer = brief.answers.iter().find(|answer| answer.asked() == sentence);
    let told = if let Some(answer) = answer {
        let (held, sentence) = (answer.held, tidy(sentence, usize::MAX));
        let compared = held.of_all().map_or(String::new(), |share| format!(" ({share})"));
        format!("{} of {}{compared} answered “{sentence}”", held.given, held.answered)
    } else {
        let statements = [&persona.goals, &persona.pains, &persona.behaviours];
        let stated = statements.into_iter().flatten().flat_map(|s| &s.records);
        let cited: BTreeSet<&RecordId> =
            stated.chain(persona.quotes.iter().map(|quote| &quote.record)).collect();
        let speaks = |(record, shown): &(&Record, &str)| {
            cited.contains(&record.id) || shown.contains(sentence)
        };
        let speakers = evidence.shown().filter(speaks);
        let speakers: BTreeSet<String> =
            speakers.map(|(record, _)| corpus.participant_key(record)).collect();
        let who = match (brief.segment.participants, speakers.len()) {
            (1, _) => "They say",
            (_, 1) => "All words are of one of them, who says",
            _ => "One of them says",
        };
        format!("{who}: “{}”", tidy(sentence, usize::MAX))
    };
    format!("{} stands for {participants}, {share} of the data{facts}. {told}", brief.name)
}

/// Makes text one line of at most `max` characters, without control characters and invisible signs.
/// A text that ran into a grammar's bound of `max` characters ends at its last whole sentence, or
/// at its last word where it has none.
pub(super) fn tidy(text: &str, max: usize) -> String {
    let seen: String = text.chars().filter(|c| !is_unseen(*c)).collect();
    let line: Vec<&str> = seen
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect();
    let line = line.join(" ");
    if line.chars().count() > max {
        // Without a grammar, a text may be longer than its bound.
        return line[shorten(&line, 0..line.len(), max)].to_owned();
    }
    // The grammar ends a text that runs into its bound at a word, a little before the bound.
    if text.chars().count().saturating_add(12) < max || ends_whole(&line) {
        return line;
    }
    let all = sentences(&line);
    if let [first, .., last] = all.as_slice() {
        return line[first.start..last.start].trim_end().to_owned();
    }
    if text.chars().count() < max {
        return line;
    }
    let (kept, _) = line.rsplit_once(' ').unwrap_or((&line, ""));
    kept.trim_end_matches([',', ';', ':', '-']).to_owned()
}

/// Whether a sign is invisible and not part of a word, as joiners are in some scripts and in emoji.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn ends_whole(text: &str) -> bool {
    text.ends_with(['.', '!', '?', '…', '。', '！', '？', '"', ')'])
}

/// Removes repetitions: equal statements and motivations, quotes inside another quote, and quotes
/// that a statement gives word for word, as long as one quote remains.
fn say_once(persona: &mut Persona) {
    let mut said: Vec<String> = Vec::new();
    let mut is_new = |text: &str| {
        let plain = words(text).collect::<Vec<_>>().join(" ");
        let new = !plain.is_empty() && !said.contains(&plain);
        said.push(plain);
        new
    };
    for list in [&mut persona.goals, &mut persona.pains, &mut persona.behaviours] {
        list.retain(|statement| is_new(&statement.text));
    }
    persona.motivations.retain(|text| is_new(text));

    let mut kept: Vec<Quote> = Vec::new();
    for quote in std::mem::take(&mut persona.quotes) {
        let within = |a: &Quote, b: &Quote| {
            a.text.contains(&b.text) || (a.record == b.record && a.start < b.end && b.start < a.end)
        };
        if !kept.iter().any(|other| within(other, &quote) || within(&quote, other)) {
            kept.push(quote);
        }
    }
    let stated =
        |quote: &Quote, p: &Persona| p.statements().any(|s| s.text.contains(quote.text.as_str()));
    let fresh = kept.iter().filter(|quote| !stated(quote, persona)).count();
    if fresh > 0 {
        kept.retain(|quote| !stated(quote, persona));
    } else {
        kept.truncate(1);
    }
    persona.quotes = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_ran_into_its_bound_ends_at_a_sentence_or_a_word() {
        assert_eq!(tidy("It is slow. It fails when the li", 32), "It is slow.");
        assert_eq!(tidy("A nurse who never has ti", 24), "A nurse who never has");
        assert_eq!(tidy("A nurse at night", 60), "A nurse at night");
        let endless = tidy(&"It is slow. ".repeat(40_000), 60);
        assert!(endless.chars().count() <= 60 && endless.starts_with("It is slow."), "{endless}");
        assert_eq!(tidy("Waits. Then goes home.", 22), "Waits. Then goes home.");
    }

    #[test]
    fn text_is_one_line_without_control_characters() {
        assert_eq!(tidy(" a\u{1b}[31m\n b\t ", 60), "a [31m b");
        assert_eq!(tidy("wa\u{200b}it\u{202e} here", 60), "wait here");
        assert_eq!(tidy(&"\u{200b}".repeat(40), 60), "");
    }
}
