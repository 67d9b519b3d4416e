//! Evaluates a set of personas: `persona evaluate`.
//!
//! Owns the order (check the claims, count, judge) and the document that results. All personas are
//! asked about in the same way, whoever wrote them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::evidence::{Checked, Evidence, segments};
use super::foreign::Claimed;
use crate::corpus::Corpus;
use crate::pipeline::{self, Asking, COUNTED, Case, Counter, Depth, PipelineError, Scope};
use crate::privacy::Cleared;
use crate::prompts::Wording;
use crate::prompts::judge::{CRITERIA, GROUNDEDNESS};
use crate::schema::{Flag, Persona, duplicates};
use crate::store::JudgeReport;

/// The whole result of an evaluation.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// One entry per persona, in the order of the file.
    pub personas: Vec<Evaluated>,
    /// Figures of all personas together.
    pub set: SetScores,
    /// The measurement of the judge itself.
    pub judge: JudgeReport,
    /// What a reader must know to understand the figures, one sentence each.
    pub notes: Vec<String>,
}

/// The result for one persona.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluated {
    /// The persona's id in the file.
    pub id: String,
    /// The persona's name in the file.
    pub name: String,
    /// The judge score, 0..=1; `None` where no signal with weight could be read.
    pub judge: Option<f64>,
    /// How far the judge score moves when the questions are put in other words.
    pub spread: Option<f64>,
    /// Signals of the judge, each 0..=1 on the scale of its controls.
    pub criteria: BTreeMap<String, f64>,
    /// What was counted, by name, each 0..=1.
    pub counted: BTreeMap<String, f64>,
    /// Its quotes, and how many are verified.
    pub quotes: Quotes,
    /// Wordings that may come from a stereotype.
    pub flags: Vec<Flag>,
    /// Keys of the file that name no part of a persona that is known here.
    pub unread: Vec<String>,
}

/// The quotes of one persona.
#[derive(Debug, Clone, Serialize)]
pub struct Quotes {
    /// How many quotes the persona has.
    pub total: usize,
    /// How many quotes stand in the data word for word; `None` without data.
    pub verified: Option<usize>,
    /// The quotes that do not stand in the data; empty without data.
    pub unverified: Vec<String>,
}

/// Figures of the personas together.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SetScores {
    /// Mean distance over all pairs of personas, 0..=1; `None` for a single persona.
    pub mean_distance: Option<f64>,
    /// Least distance over all pairs, 0..=1.
    pub min_distance: Option<f64>,
    /// Pairs of names of personas that say mostly the same.
    pub near_duplicates: Vec<(String, String)>,
    /// Mean readability, 0..=1.
    pub readability: Option<f64>,
    /// Share of the records that some persona cites; `None` without data.
    pub records_cited: Option<f64>,
    /// Share of the participants with a record that some persona cites; `None` where the data names
    /// no participants.
    pub participants_cited: Option<f64>,
}

/// Names that may be asked for: the judge's signals, and what is counted.
pub fn criteria() -> Vec<&'static str> {
    pipeline::signal_names().into_iter().chain(COUNTED).collect()
}

/// Evaluates personas, against `source` where it is given. `wanted` holds the names to show; `None`
/// shows the verbal criteria, all signals with weight, and all that is counted. Returns `None` when
/// cancelled.
pub async fn evaluate(
    claimed: &[Claimed],
    source: Option<&Cleared<Corpus>>,
    wanted: Option<&BTreeSet<String>>,
    asking: &Asking<'_>,
) -> Result<Option<Evaluation>, PipelineError> {
    let nothing = Cleared::as_is(Corpus::default());
    let corpus = source.unwrap_or(&nothing);
    let checked = check(claimed, source.map(|source| &**source));
    let personas: Vec<Persona> = checked.iter().map(|checked| checked.persona.clone()).collect();
    let wording = wording(&personas, source.is_some());
    let Some(judge) = pipeline::judge_report(asking, wording, Depth::FirstUse).await? else {
        return Ok(None);
    };
    let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted.contains(name));
    let names = wanted.map_or_else(|| usual(&judge), asked);
    let segments = segments(corpus, &personas);
    let case = Case {
        corpus,
        personas: &personas,
        segments: &segments,
        wording,
        pairs: &[],
        scope: Scope::Shown(&names),
        made_up: false,
    };
    let Some(appraisal) = pipeline::appraise(case, asking).await? else {
        return Ok(None);
    };
    let counter = Counter::new(corpus);
    let apart = pipeline::distinctiveness(&personas);
    let mut rows = Vec::new();
    for (at, checked) in checked.iter().enumerate() {
        let merits = counter.count(&checked.persona);
        let mut counted = merits.counted;
        counted.insert("distinctiveness".to_owned(), apart[at]);
        counted.retain(|name, _| is_wanted(name));
        let verdict = &appraisal.verdicts[at];
        rows.push(Evaluated {
            id: checked.persona.id.clone(),
            name: checked.persona.name.clone(),
            judge: appraisal.scored[at].then_some(verdict.score),
            spread: appraisal.spreads[at],
            criteria: verdict.signals.clone(),
            counted,
            quotes: Quotes {
                total: claimed[at].quotes.len(),
                verified: source.map(|_| checked.verified()),
                unverified: checked.unverified.clone(),
            },
            flags: flags(merits.flags, claimed, at),
            unread: claimed[at].unread.clone(),
        });
    }
    let set = set_scores(corpus, &personas);
    let sought = checked.iter().map(|checked| checked.sought).sum();
    let mut notes = notes(&judge, source.is_some(), sought, &rows);
    notes.extend(pipeline::caveats(asking, &judge));
    Ok(Some(Evaluation { personas: rows, set, judge, notes }))
}

fn check(claimed: &[Claimed], source: Option<&Corpus>) -> Vec<Checked> {
    if let Some(corpus) = source {
        let evidence = Evidence::new(corpus);
        return claimed.iter().map(|claimed| evidence.check(claimed)).collect();
    }
    let unchecked = |claimed: &Claimed| Checked {
        persona: claimed.persona.clone(),
        unverified: Vec::new(),
        sought: 0,
    };
    claimed.iter().map(unchecked).collect()
}

/// The wording of the personas, which decides how they are judged. Those made of records' sentences
/// are held against what the same people said elsewhere; those from other tools, or without data,
/// are taken for free text.
fn wording(personas: &[Persona], has_source: bool) -> Wording {
    if has_source { Wording::of_personas(personas) } else { Wording::Free }
}

/// The names that are shown by default: the verbal criteria, and all signals with weight.
fn usual(judge: &JudgeReport) -> BTreeSet<String> {
    let verbal = CRITERIA.iter().map(|(name, _)| (*name).to_owned());
    let weighed = judge.signals.iter().filter(|(_, s)| s.weight > 0.0).map(|(n, _)| n.clone());
    verbal.chain(weighed).collect()
}

/// Those of the names that are signals of the judge.
fn asked(wanted: &BTreeSet<String>) -> BTreeSet<String> {
    let all = pipeline::signal_names();
    all.into_iter().filter(|name| wanted.contains(*name)).map(str::to_owned).collect()
}

/// All flags of a persona. Without data, quotes are not in the persona but in the claim, and are
/// searched there.
fn flags(found: Vec<Flag>, claimed: &[Claimed], at: usize) -> Vec<Flag> {
    let mut all = found;
    for quote in &claimed[at].quotes {
        for flag in pipeline::flags_in("quotes", &quote.text) {
            if !all.contains(&flag) {
                all.push(flag);
            }
        }
    }
    all
}

fn set_scores(corpus: &Corpus, personas: &[Persona]) -> SetScores {
    let distances = pipeline::distances(personas);
    let cited: BTreeSet<_> = personas.iter().flat_map(Persona::cited).collect();
    let records_cited = corpus.records.iter().filter(|record| cited.contains(&record.id)).count();
    let people = |cited_only: bool| -> BTreeSet<&str> {
        let records = corpus.records.iter();
        let records = records.filter(|record| !cited_only || cited.contains(&record.id));
        records.filter_map(|record| record.participant.as_deref()).collect()
    };
    let ratio = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    // Readability needs no data.
    let nothing = Corpus::default();
    let counter = Counter::new(&nothing);
    let readability = |persona| counter.count(persona).counted.get("readability").copied();
    let readable: Vec<f64> = personas.iter().filter_map(readability).collect();
    let alike = duplicates(personas);
    let name = |at: usize| personas[at].name.clone();
    SetScores {
        mean_distance: distances.map(|(mean, _)| mean),
        min_distance: distances.map(|(_, least)| least),
        near_duplicates: alike.into_iter().map(|(a, b)| (name(a), name(b))).collect(),
        readability: (!readable.is_empty())
            .then(|| readable.iter().sum::<f64>() / readable.len() as f64),
        records_cited: ratio(records_cited, corpus.records.len()),
        participants_cited: ratio(people(true).len(), people(false).len()),
    }
}

fn notes(judge: &JudgeReport, has_source: bool, sought: usize, rows: &[Evaluated]) -> Vec<String> {
    let mut notes = Vec::new();
    if !has_source {
        notes.push(format!(
            "{GROUNDEDNESS} is not scored and quotes are not checked: that takes the research data (--source)"
        ));
    }
    let model = &judge.model;
    if !judge.has_model_signal() {
        notes.push(format!(
            "nothing that {model} says can be read as a score: the judge score rests on computed support alone"
        ));
    } else if !judge.model_can_judge {
        notes.push(format!(
            "{model} cannot tell good personas from corrupted ones: what it says is shown and not counted; the judge score rests on computed support alone"
        ));
    } else if let Some(auc) = judge.held_out.get("all").filter(|_| has_source) {
        notes.push(format!(
            "on personas of known worth this judge score puts a good one above a corrupted one in {:.0} % of pairs (50 % is chance)",
            auc * 100.0
        ));
    }
    if !has_source {
        let rests = rows.iter().filter_map(|row| {
            let read = judge.signals.iter().filter(|(name, _)| row.criteria.contains_key(*name));
            row.judge.map(|_| read.map(|(_, signal)| signal.weight).sum::<f64>())
        });
        if let Some(least) = rests.reduce(f64::min) {
            notes.push(format!(
                "the judge score rests on {:.0} % of the weight that it has with the data: take it for a hint",
                least * 100.0
            ));
        }
    }
    if sought > 0 {
        notes.push(format!(
            "{sought} statements cite no record of this data: the records most like them were taken for their source, which is a likeness and no proof"
        ));
    }
    if rows.iter().all(|row| row.judge.is_none()) {
        notes.push(
            "there is no judge score: nothing that was asked for both has weight and can be read here"
                .to_owned(),
        );
    }
    let mut unread: BTreeSet<&str> = BTreeSet::new();
    unread.extend(rows.iter().flat_map(|row| &row.unread).map(String::as_str));
    if !unread.is_empty() {
        let keys: Vec<&str> = unread.into_iter().collect();
        notes.push(format!(
            "keys that stand for no part we know were left aside: {}",
            keys.join(", ")
        ));
    }
    notes
}
