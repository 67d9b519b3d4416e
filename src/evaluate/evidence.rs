//! Checks what a persona claims against the research data.
//!
//! Owns the check of quotes, and the search for records behind statements that cite none. A quote
//! is verified when its words stand in a record, whatever their case, their spacing, and the shape of
//! quotation marks and dashes. A record is taken for the source of a statement when it uses enough of the
//! statement's telling words: that is a likeness and not a proof, and the report says so.

use std::collections::{BTreeMap, BTreeSet};

use super::foreign::{Claimed, ClaimedQuote};
use crate::corpus::{Corpus, Record};
use crate::prompts::passages::telling;
use crate::schema::{Persona, Quote, RecordId, Statement};

/// Share of a statement's telling words, rare ones weighing more, that a record must use to be
/// taken for its source.
const LIKE: f64 = 0.4;
/// Most records that are taken for the source of one statement.
const SOURCES: usize = 2;

/// A persona whose claims have been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The persona with records behind its statements and with all its quotes: first the verified
    /// ones as they stand in their record, then the others, whose offsets lead nowhere.
    pub persona: Persona,
    /// Quotes that stand in no record.
    pub unverified: Vec<String>,
    /// How many statements cited no existing record, so that records were sought for them.
    pub sought: usize,
}

/// Research data, indexed for the checks.
pub struct Evidence<'a> {
    corpus: &'a Corpus,
    ids: BTreeMap<&'a RecordId, usize>,
    plain: Vec<Plain>,
    said: Vec<BTreeSet<String>>,
    rarity: BTreeMap<String, f64>,
}

impl<'a> Evidence<'a> {
    /// Reads the records once, for all personas that are checked later.
    pub fn new(corpus: &'a Corpus) -> Self {
        let records = &corpus.records;
        let said: Vec<BTreeSet<String>> =
            records.iter().map(|record| telling(&record.text).collect()).collect();
        let mut spread: BTreeMap<String, usize> = BTreeMap::new();
        for word in said.iter().flatten() {
            *spread.entry(word.clone()).or_default() += 1;
        }
        let all = records.len() as f64;
        Self {
            corpus,
            ids: records.iter().enumerate().map(|(at, record)| (&record.id, at)).collect(),
            plain: records.iter().map(|record| Plain::new(&record.text)).collect(),
            rarity: spread.into_iter().map(|(w, n)| (w, (1.0 + all / n as f64).ln())).collect(),
            said,
        }
    }

    /// Checks the claims of a persona.
    pub fn check(&self, claimed: &Claimed) -> Checked {
        let mut persona = claimed.persona.clone();
        let mut unverified = Vec::new();
        for claim in &claimed.quotes {
            match self.find(claim) {
                Some(quote) => persona.quotes.push(quote),
                None => unverified.push(claim.text.clone()),
            }
        }
        // The judge should see all quotes that the persona claims.
        persona.quotes.extend(unverified.iter().map(|text| Quote {
            text: text.clone(),
            record: RecordId(String::new()),
            start: 0,
            end: 0,
        }));
        let mut sought = 0;
        let lists = [&mut persona.goals, &mut persona.pains, &mut persona.behaviours];
        for statement in lists.into_iter().flatten() {
            statement.records.retain(|id| self.ids.contains_key(id));
            if statement.records.is_empty() {
                sought += 1;
                self.seek(statement);
            }
        }
        Checked { persona, unverified, sought }
    }

    /// The place of a quote: in the record that it names, else in the first record that has it.
    fn find(&self, claim: &ClaimedQuote) -> Option<Quote> {
        let words = Plain::new(claim.text.trim_matches(is_quotation_mark)).text;
        let words = words.trim();
        if words.is_empty() {
            return None;
        }
        let named = claim.record.as_ref().and_then(|id| self.ids.get(id)).copied();
        let all = named.into_iter().chain(0..self.plain.len());
        all.into_iter().find_map(|at| {
            let range = self.plain[at].find(words)?;
            let record = &self.corpus.records[at];
            let text = record.text[range.clone()].to_owned();
            let record = record.id.clone();
            Some(Quote { text, record, start: range.start, end: range.end })
        })
    }

    /// Gives a statement the records that use its words, if there are any.
    fn seek(&self, statement: &mut Statement) {
        let words: BTreeSet<String> = telling(&statement.text).collect();
        // A word that is in no record counts as rare as the rarest.
        let rarest = (1.0 + self.said.len() as f64).ln();
        let weight = |word: &String| self.rarity.get(word).copied().unwrap_or(rarest);
        let whole: f64 = words.iter().map(weight).sum();
        if whole <= 0.0 {
            return;
        }
        let mut like: Vec<(f64, usize)> = Vec::new();
        for (at, said) in self.said.iter().enumerate() {
            let shared: f64 = words.iter().filter(|word| said.contains(*word)).map(weight).sum();
            if shared / whole >= LIKE {
                like.push((shared / whole, at));
            }
        }
        like.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let records = like.iter().take(SOURCES).map(|(_, at)| self.corpus.records[*at].id.clone());
        statement.records = records.collect();
        statement.inferred = statement.records.is_empty();
    }
}

impl Checked {
    /// How many of its quotes stand in the data.
    pub fn verified(&self) -> usize {
        self.persona.quotes.len() - self.unverified.len()
    }

    /// The persona without the quotes that stand in no record.
    pub fn sound(self) -> Persona {
        let verified = self.verified();
        let mut persona = self.persona;
        persona.quotes.truncate(verified);
        persona
    }
}

/// For each persona, the indices of all records of the people whom it cites: its segment, where no
/// run says what the segment was.
pub fn segments(corpus: &Corpus, personas: &[Persona]) -> Vec<Vec<usize>> {
    let keys: Vec<String> =
        corpus.records.iter().map(|record| corpus.participant_key(record)).collect();
    let segment = |persona: &Persona| {
        let cited: BTreeSet<RecordId> = persona.cited().into_iter().collect();
        let is_cited = |(record, _): &(&Record, &String)| cited.contains(&record.id);
        let people: BTreeSet<&String> =
            corpus.records.iter().zip(&keys).filter(is_cited).map(|(_, key)| key).collect();
        (0..keys.len()).filter(|at| people.contains(&keys[*at])).collect()
    };
    personas.iter().map(segment).collect()
}

fn is_quotation_mark(c: char) -> bool {
    matches!(c, '"' | '\'' | '“' | '”' | '„' | '‘' | '’' | '«' | '»')
}

/// A text in lower case with single spaces, straight quotation marks and plain hyphens, with the
/// origin of each of its bytes.
struct Plain {
    text: String,
    /// For each byte of `text`, where its character begins in the original.
    origin: Vec<usize>,
    /// Length of the original in bytes.
    length: usize,
}

impl Plain {
    fn new(original: &str) -> Self {
        let mut plain = Self { text: String::new(), origin: Vec::new(), length: original.len() };
        for (at, c) in original.char_indices() {
            if c.is_whitespace() {
                if !plain.text.ends_with(' ') {
                    plain.push(' ', at);
                }
                continue;
            }
            let straight = match c {
                '“' | '”' | '„' | '«' | '»' => '"',
                '‘' | '’' => '\'',
                '–' | '—' => '-',
                other => other,
            };
            for lower in straight.to_lowercase() {
                plain.push(lower, at);
            }
        }
        plain
    }

    fn push(&mut self, c: char, at: usize) {
        self.text.push(c);
        self.origin.resize(self.text.len(), at);
    }

    /// Where `words`, in the same plain form, stand in the original; only whole words count.
    fn find(&self, words: &str) -> Option<std::ops::Range<usize>> {
        let is_word = |c: char| c.is_alphanumeric();
        let (start, _) = self.text.match_indices(words).find(|(at, _)| {
            let before = self.text[..*at].chars().next_back();
            let after = self.text[at + words.len()..].chars().next();
            let opens = words.chars().next().is_some_and(is_word);
            let closes = words.chars().next_back().is_some_and(is_word);
            !(opens && before.is_some_and(is_word) || closes && after.is_some_and(is_word))
        })?;
        // One character may give several in lower case: the range ends behind the whole of it.
        let (found, behind) = self.origin[start..].split_at(words.len());
        let end = behind.iter().find(|origin| Some(*origin) != found.last());
        Some(self.origin[start]..end.copied().unwrap_or(self.length))
    }
}

#[cfg(test)]
mod tests {
    use super::super::foreign::parse;
    use super::*;
    use crate::corpus::Record;

    fn corpus(texts: &[&str]) -> Corpus {
        let record = |(index, text): (usize, &&str)| Record {
            id: RecordId::new(1, index),
            file: 1,
            sheet: None,
            row: index + 1,
            participant: Some(format!("p{}", index / 2)),
            text: (*text).to_owned(),
            columns: Vec::new(),
        };
        let records = texts.iter().enumerate().map(record).collect();
        Corpus { records, ..Corpus::default() }
    }

    fn checked(corpus: &Corpus, quotes: &str) -> Checked {
        let json =
            format!(r#"{{"name": "A", "goals": ["trust the schedule"], "quotes": {quotes}}}"#);
        Evidence::new(corpus).check(&parse(&json).expect("a persona")[0])
    }

    #[test]
    fn a_quote_is_verified_word_for_word_and_found_again_byte_for_byte() {
        let corpus = corpus(&["I’m  never sure 🙂 it İs right", "We wait — every day"]);
        let quotes = r#"["I'm never SURE", "sure 🙂 it", "we wait - every", "never certain", "wait — ever", "“We wait”", ""]"#;
        let checked = checked(&corpus, quotes);
        assert_eq!(checked.unverified, ["never certain", "wait — ever"]);
        assert_eq!(checked.persona.quotes.len(), 6);
        let sound = checked.sound();
        let found: Vec<&str> = sound.quotes.iter().map(|q| q.text.as_str()).collect();
        assert_eq!(found, ["I’m  never sure", "sure 🙂 it", "We wait — every", "We wait"]);
        let text =
            |id: &RecordId| corpus.records.iter().find(|r| r.id == *id).map(|r| r.text.as_str());
        let holds = sound.violations(text);
        assert!(holds.iter().all(|v| !v.contains("quote")), "{holds:?}");
    }

    #[test]
    fn a_quote_that_ends_inside_a_letter_has_the_whole_of_it() {
        // In lower case, `İ` is an `i` and a dot above it.
        let corpus = corpus(&["The sign says İ, and so does the map: İ"]);
        let sound = checked(&corpus, r#"["sign says i", "the map: i"]"#).sound();
        let found: Vec<&str> = sound.quotes.iter().map(|q| q.text.as_str()).collect();
        assert_eq!(found, ["sign says İ", "the map: İ"]);
    }

    #[test]
    fn a_statement_without_a_record_gets_the_one_that_uses_its_words() {
        let corpus = corpus(&["The schedule changes, so I trust nobody", "Lunch was fine"]);
        let found = checked(&corpus, "[]");
        assert_eq!(found.persona.goals[0].records, [RecordId::new(1, 0)]);
        assert_eq!(found.sought, 1);
        let json = r#"{"name": "A", "goals": [{"text": "Fly to the moon", "records": ["f9#9"]}]}"#;
        let none = Evidence::new(&corpus).check(&parse(json).expect("a persona")[0]);
        assert!(none.persona.goals[0].records.is_empty() && none.persona.goals[0].inferred);
    }

    #[test]
    fn a_segment_is_everything_that_the_cited_people_said() {
        let corpus = corpus(&["The schedule I trust", "b", "c", "d"]);
        let found = checked(&corpus, "[]");
        assert_eq!(segments(&corpus, &[found.persona]), [vec![0, 1]]);
    }
}
