//! In what order the records of a slot are looked at, and where a long record is cut.
//!
//! Owns that order: first come records that say much and that say what sets their segment apart,
//! participants taking turns. How many of them fit is counted by the plan.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::segments::speaker;
use super::stance::stances;
use crate::corpus::Corpus;
use crate::prompts::passages::{passages, sentences, words};

/// The words and stances of each record of a corpus.
pub(super) struct Vocabulary {
    /// For each record, the numbers of its words, each once.
    said: Vec<Vec<u32>>,
    /// For each word, how many records say it.
    spread: Vec<u32>,
}

impl Vocabulary {
    pub(super) fn of(corpus: &Corpus) -> Self {
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut spread = Vec::new();
        let mut said = Vec::with_capacity(corpus.records.len());
        for (index, record) in corpus.records.iter().enumerate() {
            let mut own = BTreeSet::new();
            for passage in passages(index, record, &(0..record.text.len())) {
                let text = &record.text[passage.range];
                for word in words(text).chain(stances(text)) {
                    let next = numbers.len() as u32;
                    own.insert(*numbers.entry(word).or_insert(next));
                }
            }
            spread.resize(numbers.len(), 0);
            for &word in &own {
                spread[word as usize] += 1;
            }
            said.push(own.into_iter().collect());
        }
        Self { said, spread }
    }

    /// The records of a slot, the most informative and most typical first, speakers taking turns. A
    /// record is informative when it says much in sentences, the rarer its words the better; it is
    /// typical when it says what this slot says more often than the others do.
    pub(super) fn rank(&self, corpus: &Corpus, records: &[usize]) -> Vec<usize> {
        let mut own = vec![0u32; self.spread.len()];
        for &word in records.iter().flat_map(|&record| &self.said[record]) {
            own[word as usize] += 1;
        }
        let (all, here) = (self.said.len() as f64, records.len() as f64);
        let worth = |word: usize| {
            let (spread, own) = (f64::from(self.spread[word]), f64::from(own[word]));
            let rarity = (1.0 + all / spread).ln();
            // Half a record on each side keeps a word that was said once from counting as typical.
            let inside = (own + 0.5) / (here + 1.0);
            let outside = (spread - own + 0.5) / (all - here + 1.0);
            rarity * (inside / (inside + outside)).powi(2)
        };
        let worths: Vec<f64> =
            (0..own.len()).map(|word| if own[word] > 0 { worth(word) } else { 0.0 }).collect();
        // The square root keeps a very long record from outweighing all others by its length alone.
        let value = |record: usize| {
            self.said[record].iter().map(|&word| worths[word as usize]).sum::<f64>().sqrt()
        };
        let mut ranked: Vec<(f64, usize)> =
            records.iter().map(|&record| (value(record), record)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut turns: BTreeMap<String, usize> = BTreeMap::new();
        let mut order: Vec<(usize, usize, usize)> = Vec::new();
        for (place, (_, record)) in ranked.into_iter().enumerate() {
            let turn = turns.entry(speaker(corpus, &corpus.records[record])).or_default();
            order.push((*turn, place, record));
            *turn += 1;
        }
        order.sort_unstable();
        order.into_iter().map(|(_, _, record)| record).collect()
    }
}

/// Where an excerpt of at most `max` characters ends: after its last whole sentence, else its last
/// whole word.
pub(super) fn excerpt_end(text: &str, max: usize) -> usize {
    let limit = text.char_indices().nth(max).map_or(text.len(), |(at, _)| at);
    // One character more than fits, so that the last sentence found is known to be whole.
    let window = text.char_indices().nth(max + 1).map_or(text.len(), |(at, _)| at);
    let ends = sentences(&text[..window]).into_iter().map(|s| s.end);
    let sentence = ends.filter(|&end| end <= limit && end < window).max();
    let word = text[..limit].rfind(char::is_whitespace);
    sentence.or(word).filter(|&end| end > 0).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Record;
    use crate::schema::RecordId;

    fn ranked(said: &[(&str, &str)], slot: &[usize]) -> Vec<usize> {
        let record = |(index, (who, text)): (usize, &(&str, &str))| Record {
            id: RecordId::new(1, index),
            file: 1,
            sheet: None,
            row: index + 1,
            participant: Some((*who).to_owned()),
            text: (*text).to_owned(),
            columns: Vec::new(),
        };
        let records = said.iter().enumerate().map(record).collect();
        let corpus = Corpus { records, ..Corpus::default() };
        Vocabulary::of(&corpus).rank(&corpus, slot)
    }

    #[test]
    fn a_record_that_says_what_its_segment_says_comes_before_one_that_says_what_others_say() {
        let said = [
            ("a", "I like to ride home along the river"),
            ("b", "I like to ride home along the canal"),
            ("c", "I hate to wait for any late bus"),
            ("d", "I hate to wait for any late tram"),
            ("e", "I hate to wait for any late train"),
            ("f", "I hate to wait for any late ferry"),
        ];
        assert_eq!(ranked(&said, &[0, 1, 2]), [0, 1, 2]);
        assert_eq!(ranked(&said, &[1, 2, 3, 4])[3], 1);
    }

    #[test]
    fn what_says_more_comes_first_and_speakers_take_turns() {
        let said = [
            ("a", "A short answer of few words"),
            ("a", "A much longer answer that tells of cats, dogs, horses and the price of hay"),
            ("b", "Yes it was fine"),
        ];
        assert_eq!(ranked(&said, &[0, 1, 2]), [1, 2, 0]);
    }

    #[test]
    fn an_excerpt_ends_with_a_sentence_or_a_word() {
        let cut = |text: &'static str, max| &text[..excerpt_end(text, max)];
        assert_eq!(cut("One two. Three four. Five", 15), "One two.");
        assert_eq!(cut("one two three", 9), "one two");
        assert_eq!(cut("unbroken", 4), "unbr");
        assert_eq!(cut("日本語の長い文", 3), "日本語");
    }
}
