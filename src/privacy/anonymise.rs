//! Removing the people from a corpus.
//!
//! Owns the two passes: first what each cell shows by itself, then what all cells together teach
//! about each; between them, where the user asks for it, the second pass by a model. Rewrites
//! record texts, spans, labels, column names, file names and findings, and changes nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use rayon::prelude::*;
use serde::Serialize;

use super::detect::{Reading, detect_in};
use super::entity::{Entity, Span, resolve};
use super::learned::Learned;
use super::pseudonym::{Pseudonyms, Strategy};
use super::removed::Removed;
use super::second_pass::{Joined, SecondPass, SpanFinder, is_free_text, join};
use super::{Key, PrivacyError, Under, columns, names, patterns};
use crate::corpus::{ColumnSpan, Corpus, Record};

/// A piece of personal data in a corpus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The text in which it stands.
    pub place: Place,
    /// Byte range within that text, and the kind of data.
    pub span: Span,
    /// Whether the second pass found it, or made a finding of the rules longer.
    pub by_model: bool,
}

/// One text of a corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Place {
    /// The name of a file, by index.
    FileName(usize),
    /// The name of a column, by the first record and column that show it.
    ColumnName(usize, usize),
    /// A record's cell, by record and column; the whole text of a record without columns.
    Cell(usize, Option<usize>),
}

impl Place {
    /// The text at this place.
    pub fn text(self, corpus: &Corpus) -> &str {
        match self {
            Self::FileName(file) => &corpus.files[file].name,
            Self::ColumnName(record, column) => &corpus.records[record].columns[column].name,
            Self::Cell(record, None) => &corpus.records[record].text,
            Self::Cell(record, Some(column)) => {
                let record = &corpus.records[record];
                &record.text[record.columns[column].start..record.columns[column].end]
            }
        }
    }
}

/// Finds all personal data in a corpus, in order of place and position. `finder` makes a second
/// pass over the free text.
pub fn scan(corpus: &Corpus, finder: Option<&dyn SpanFinder>) -> Result<Vec<Found>, PrivacyError> {
    Ok(Survey::of(corpus, finder)?.found)
}

/// The personal data of a corpus, and what was learned from it.
struct Survey {
    found: Vec<Found>,
    learned: Learned,
    choices: Choices,
    second: SecondPass,
    unsure: BTreeSet<String>,
}

impl Survey {
    fn of(corpus: &Corpus, finder: Option<&dyn SpanFinder>) -> Result<Self, PrivacyError> {
        let places = places(corpus);
        let choices = Choices::of(corpus);
        let shown: Vec<Vec<Span>> =
            places.par_iter().map(|place| shown_by(*place, corpus, &choices)).collect();
        let mut spans: BTreeMap<Place, Vec<Span>> = places.iter().copied().zip(shown).collect();
        for (place, span) in across_cells(corpus) {
            spans.entry(place).or_default().push(span);
        }
        let mut second = SecondPass::default();
        if let Some(finder) = finder {
            let free = places.iter().filter(|place| is_free(**place, corpus, &choices));
            second.ask(finder, free.map(|place| place.text(corpus)))?;
        }
        let mut unsure = BTreeSet::new();
        let mut own: BTreeMap<Place, Vec<Joined>> = BTreeMap::new();
        for place in &places {
            let text = place.text(corpus);
            let rules = resolve(spans.get(place).cloned().unwrap_or_default());
            let model = if finder.is_some() && is_free(*place, corpus, &choices) {
                second.found(text)
            } else {
                Vec::new()
            };
            own.insert(*place, join(text, rules, model));
        }
        let value = |place: &Place, span: Span| &place.text(corpus)[span.start..span.end];
        let sure: Vec<(&str, Entity)> = spans
            .iter()
            .flat_map(|(place, spans)| spans.iter().map(|s| (value(place, *s), s.entity)))
            .collect();
        let doubted: Vec<(&str, Entity)> = own
            .iter()
            .flat_map(|(place, own)| own.iter().map(move |joined| (place, joined)))
            .filter(|(_, joined)| joined.by_model)
            .map(|(place, joined)| (value(place, joined.span), joined.span.entity))
            .collect();
        let rules: HashSet<&str> = sure.iter().map(|(value, _)| *value).collect();
        unsure.extend(
            doubted.iter().map(|(v, _)| (*v).to_owned()).filter(|v| !rules.contains(v.as_str())),
        );
        let labels = people(corpus).map(|label| (label, Entity::Person));
        let learned = Learned::of(sure.iter().copied().chain(labels), doubted.iter().copied())?;
        let found = places
            .par_iter()
            .flat_map_iter(|place| {
                let own = &own[place];
                let all = with_learned(
                    own.iter().map(|joined| joined.span).collect(),
                    &learned,
                    place.text(corpus),
                );
                let by_model =
                    |span: &Span| own.iter().any(|joined| joined.by_model && joined.span == *span);
                let found = |span| Found { place: *place, by_model: by_model(&span), span };
                all.into_iter().map(found).collect::<Vec<_>>()
            })
            .collect();
        Ok(Self { found, learned, choices, second, unsure })
    }
}

/// Whether a text is free text, which the model of the second pass is shown.
fn is_free(place: Place, corpus: &Corpus, choices: &Choices) -> bool {
    let Place::Cell(record, column) = place else { return false };
    let text = place.text(corpus);
    let column = column.map(|c| &*corpus.records[record].columns[c].name);
    choices.reading(text) == Reading::Prose && is_free_text(column, text)
}

/// The findings in a text: its own, and those learned elsewhere that do not overlap them.
fn with_learned(own: Vec<Span>, learned: &Learned, text: &str) -> Vec<Span> {
    let met = learned.find(text).into_iter();
    // The spans are sorted and apart: only the first that ends after the start can overlap.
    let apart = |span: &Span| {
        let next = own.partition_point(|o| o.end <= span.start);
        own.get(next).is_none_or(|o| span.end <= o.start)
    };
    let met: Vec<Span> = met.filter(apart).collect();
    resolve(own.into_iter().chain(met).collect())
}

/// Every text of a corpus, once.
fn places(corpus: &Corpus) -> Vec<Place> {
    let mut places: Vec<Place> = (0..corpus.files.len()).map(Place::FileName).collect();
    let mut seen = HashSet::new();
    for (r, record) in corpus.records.iter().enumerate() {
        for (c, column) in record.columns.iter().enumerate() {
            if seen.insert(&*column.name) {
                places.push(Place::ColumnName(r, c));
            }
        }
    }
    for (r, record) in corpus.records.iter().enumerate() {
        if record.columns.is_empty() {
            places.push(Place::Cell(r, None));
        }
        places.extend((0..record.columns.len()).map(|c| Place::Cell(r, Some(c))));
    }
    places
}

/// Values that recur in a column: answers to choose from, not somebody's own words.
struct Choices(HashSet<String>);

impl Choices {
    /// Records that must share a value; with fewer, it may be chance.
    const OFTEN: usize = 3;
    /// Longest value in bytes; longer ones are sentences, however often they recur.
    const LONGEST: usize = 80;

    fn of(corpus: &Corpus) -> Self {
        let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
        for record in &corpus.records {
            // A heading recurs in all records below it, and may name the person who answers there.
            for column in record.columns.iter().filter(|column| &*column.name != "section") {
                let value = &record.text[column.start..column.end];
                if value.len() <= Self::LONGEST {
                    *counts.entry((&column.name, value)).or_default() += 1;
                }
            }
        }
        let often = counts.into_iter().filter(|(_, count)| *count >= Self::OFTEN);
        Self(often.map(|((_, value), _)| value.to_owned()).collect())
    }

    fn reading(&self, value: &str) -> Reading {
        if self.0.contains(value) { Reading::Choice } else { Reading::Prose }
    }
}

fn shown_by(place: Place, corpus: &Corpus, choices: &Choices) -> Vec<Span> {
    let text = place.text(corpus);
    match place {
        Place::FileName(_) => in_file_name(text),
        Place::ColumnName(..) => in_heading(text),
        Place::Cell(record, column) => {
            let column = column.map(|c| &*corpus.records[record].columns[c].name);
            detect_in(column, text, choices.reading(text))
        }
    }
}

/// Findings in a heading. It is not a sentence, so its capitals do not mark names.
fn in_heading(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    patterns::find(text, &mut spans);
    spans
}

/// Findings in a file name: `interview_ana-silva.csv` is read as "Interview Ana Silva".
fn in_file_name(name: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    patterns::find(name, &mut spans);
    // The file extension makes every file name look like a domain.
    spans.retain(|span| span.entity != Entity::DomainName);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let mut previous = ' ';
    let spaced: String = stem
        .chars()
        .map(|c| {
            let c = if matches!(c, '_' | '-' | '.') { ' ' } else { c };
            let c = if previous == ' ' { c.to_ascii_uppercase() } else { c };
            previous = c;
            c
        })
        .collect();
    spans.extend(names::find(&spaced, &[]).into_iter().filter(|s| s.entity == Entity::Person));
    spans
}

/// Names that are not in any text: those of the speakers, in full and in short, and of those who ask
/// them.
fn people(corpus: &Corpus) -> impl Iterator<Item = &str> {
    let speakers = corpus.records.iter().filter_map(|record| record.participant.as_deref());
    speakers.chain(corpus.other_names.iter().map(String::as_str)).filter_map(named)
}

/// Values that two neighbouring cells only make together: `ana.silva@` and `example.org`.
fn across_cells(corpus: &Corpus) -> Vec<(Place, Span)> {
    let pairs = corpus.records.par_iter().enumerate().flat_map_iter(|(r, record)| {
        record.columns.windows(2).enumerate().flat_map(move |(c, pair)| {
            let (left, right) = (Place::Cell(r, Some(c)), Place::Cell(r, Some(c + 1)));
            let of = |column: &ColumnSpan| &record.text[column.start..column.end];
            split_over(of(&pair[0]), of(&pair[1]))
                .into_iter()
                .flat_map(move |(l, r)| [(left, l), (right, r)])
        })
    });
    pairs.collect()
}

/// The two halves of each value that begins at the end of one cell and goes on at the start of the
/// next.
fn split_over(left: &str, right: &str) -> Vec<(Span, Span)> {
    /// Longest cell in bytes; longer ones are prose, which is not cut.
    const LONGEST: usize = 64;
    let may_be_cut = |text: &str| text.bytes().any(|b| b == b'@' || b.is_ascii_digit());
    if left.len() > LONGEST || right.len() > LONGEST || !may_be_cut(left) && !right.contains('@') {
        return Vec::new();
    }
    let found = |text: &str| {
        let mut spans = Vec::new();
        patterns::find(text, &mut spans);
        resolve(spans)
    };
    let cut = left.len();
    let checked = [Entity::EmailAddress, Entity::CreditCard, Entity::IbanCode];
    // A value that is whole in its own cell has no other half in the next one.
    let whole = |entity| {
        [left, right]
            .iter()
            .any(|cell| found(cell).iter().any(|s| s.entity == entity && s.score >= 1.0))
    };
    found(&format!("{left}{right}"))
        .into_iter()
        .filter(|s| !whole(s.entity))
        .filter(|s| s.start < cut && cut < s.end && s.score >= 1.0 && checked.contains(&s.entity))
        .map(|s| (Span { end: cut, ..s }, Span { start: 0, end: s.end - cut, ..s }))
        .collect()
}

/// The label of a speaker, where it is a name.
fn named(label: &str) -> Option<&str> {
    let letters = label.chars().filter(|c| c.is_alphabetic()).count();
    let digits = label.chars().filter(char::is_ascii_digit).count();
    (letters >= 2 && digits <= 1 && !columns::is_label(label)).then_some(label)
}

/// Rewrites texts by what was learned from a corpus.
pub struct Anonymiser {
    learned: Learned,
    pseudonyms: Pseudonyms,
    choices: Choices,
    second: SecondPass,
    counts: BTreeMap<Entity, usize>,
    removed: BTreeSet<(String, Entity)>,
    /// Those of the removed values that only a model took for personal.
    unsure: BTreeSet<String>,
}

impl Anonymiser {
    /// Learns from a corpus without changing it. `finder` makes a second pass over its free text.
    pub fn of(
        corpus: &Corpus,
        strategy: Strategy,
        key: Key,
        finder: Option<&dyn SpanFinder>,
    ) -> Result<Self, PrivacyError> {
        Ok(Self::taught(corpus, strategy, key, finder)?.0)
    }

    /// Makes a second pass over texts, each with its column, that will be cleaned but are cut into
    /// other pieces than the corpus was.
    pub fn look_again(
        &mut self,
        texts: &[(Option<String>, String)],
        finder: &dyn SpanFinder,
    ) -> Result<(), PrivacyError> {
        let free = texts.iter().filter(|(column, text)| self.is_free(column.as_deref(), text));
        let free: Vec<&str> = free.map(|(_, text)| text.as_str()).collect();
        self.second.ask(finder, free.into_iter())
    }

    fn is_free(&self, column: Option<&str>, text: &str) -> bool {
        self.choices.reading(text) == Reading::Prose && is_free_text(column, text)
    }

    fn taught(
        corpus: &Corpus,
        strategy: Strategy,
        key: Key,
        finder: Option<&dyn SpanFinder>,
    ) -> Result<(Self, Vec<Found>), PrivacyError> {
        let Survey { found, learned, choices, second, unsure } = Survey::of(corpus, finder)?;
        let values = found.iter().map(|found| {
            let text = found.place.text(corpus);
            (found.span.entity, &text[found.span.start..found.span.end])
        });
        let values = values.chain(people(corpus).map(|label| (Entity::Person, label)));
        let pseudonyms = Pseudonyms::new(strategy, key, values);
        let anonymiser = Self {
            learned,
            pseudonyms,
            choices,
            second,
            counts: BTreeMap::new(),
            removed: BTreeSet::new(),
            unsure,
        };
        Ok((anonymiser, found))
    }

    /// A text under a column of this name, with what is personal in it replaced.
    pub fn clean(&mut self, under: Under<'_>, text: &str) -> String {
        let column = match under {
            Under::Column(name) => Some(name),
            Under::Nothing => None,
            Under::Heading => {
                let spans = with_learned(resolve(in_heading(text)), &self.learned, text);
                return self.replace(text, &spans);
            }
        };
        let rules = detect_in(column, text, self.choices.reading(text));
        let model = if self.is_free(column, text) { self.second.found(text) } else { Vec::new() };
        let mut own = Vec::new();
        for Joined { span, by_model } in join(text, rules, model) {
            let value = &text[span.start..span.end];
            if by_model && !self.removed.contains(&(value.to_owned(), span.entity)) {
                self.unsure.insert(value.to_owned());
            }
            own.push(span);
        }
        let spans = with_learned(own, &self.learned, text);
        self.replace(text, &spans)
    }

    /// The name of a file, with what is personal in it replaced.
    pub fn file_name(&mut self, name: &str) -> String {
        let spans = with_learned(resolve(in_file_name(name)), &self.learned, name);
        self.replace(name, &spans)
    }

    fn replace(&mut self, text: &str, spans: &[Span]) -> String {
        let mut clean = String::with_capacity(text.len());
        let mut end = 0;
        for span in spans {
            let value = &text[span.start..span.end];
            clean.push_str(&text[end..span.start]);
            clean.push_str(&self.pseudonyms.of(span.entity, value));
            end = span.end;
            *self.counts.entry(span.entity).or_default() += 1;
            self.removed.insert((value.to_owned(), span.entity));
        }
        clean.push_str(&text[end..]);
        clean
    }

    /// A speaker's label, replaced where it is a name.
    fn label(&mut self, label: &str) -> String {
        match named(label) {
            Some(name) => {
                let whole = Span { start: 0, end: name.len(), entity: Entity::Person, score: 1.0 };
                self.replace(name, &[whole])
            }
            None => self.clean(Under::Nothing, label),
        }
    }

    /// The values removed so far, and what stands in their place.
    pub fn removed(&self) -> Result<Removed, PrivacyError> {
        Removed::of(&self.removed, &self.unsure, &self.pseudonyms, self.counts.clone())
    }
}

/// A copy of a corpus with what is personal in it replaced, and what was removed.
pub(super) fn anonymise(
    corpus: &Corpus,
    strategy: Strategy,
    key: Key,
    finder: Option<&dyn SpanFinder>,
) -> Result<(Corpus, Removed), PrivacyError> {
    let (mut anonymiser, found) = Anonymiser::taught(corpus, strategy, key, finder)?;
    let mut spans: BTreeMap<Place, Vec<Span>> = BTreeMap::new();
    for found in found {
        spans.entry(found.place).or_default().push(found.span);
    }
    let of = |place: Place| spans.get(&place).map(Vec::as_slice).unwrap_or_default();
    let mut clean = corpus.clone();
    // The other names are of no further use: `Removed` knows them.
    clean.other_names = Vec::new();
    let mut headings: BTreeMap<&str, String> = BTreeMap::new();
    for place in places(corpus) {
        let text = place.text(corpus);
        match place {
            Place::FileName(file) => {
                let name = anonymiser.replace(text, of(place));
                clean.files[file].path = PathBuf::from(&name);
                clean.files[file].name = name;
            }
            Place::ColumnName(..) => {
                headings.insert(text, anonymiser.replace(text, of(place)));
            }
            Place::Cell(..) => {}
        }
    }
    for (r, record) in corpus.records.iter().enumerate() {
        let cell = |column| of(Place::Cell(r, column));
        clean.records[r] = rewritten(record, &mut anonymiser, &headings, &cell);
    }
    for finding in &mut clean.findings {
        let names = corpus.files.iter().zip(&clean.files);
        finding.file = names
            .filter(|(before, _)| before.name == finding.file)
            .map(|(_, after)| after.name.clone())
            .next()
            .unwrap_or_else(|| anonymiser.clean(Under::Nothing, &finding.file));
        // Apart from the value that it quotes, a finding's message is this program's own words.
        finding.message = anonymiser.clean(Under::Heading, &finding.message);
    }
    Ok((clean, anonymiser.removed()?))
}

fn rewritten<'s>(
    record: &Record,
    anonymiser: &mut Anonymiser,
    headings: &BTreeMap<&str, String>,
    cell: &impl Fn(Option<usize>) -> &'s [Span],
) -> Record {
    let mut clean = record.clone();
    clean.sheet = record.sheet.as_deref().map(|name| anonymiser.file_name(name));
    clean.participant = record.participant.as_deref().map(|label| anonymiser.label(label));
    if record.columns.is_empty() {
        clean.text = anonymiser.replace(&record.text, cell(None));
        return clean;
    }
    // Between two values there are a line break and a column's name.
    let mut text = String::with_capacity(record.text.len());
    let mut end = 0;
    for (c, column) in record.columns.iter().enumerate() {
        let name = &headings[&*column.name];
        let between = &record.text[end..column.start];
        text.push_str(between.strip_suffix(&format!("{}: ", column.name)).unwrap_or(between));
        text.push_str(name);
        text.push_str(": ");
        let start = text.len();
        text.push_str(&anonymiser.replace(&record.text[column.start..column.end], cell(Some(c))));
        clean.columns[c] =
            ColumnSpan { name: name.as_str().into(), start, end: text.len(), ..*column };
        end = column.end;
    }
    text.push_str(&record.text[end..]);
    clean.text = text;
    clean
}
