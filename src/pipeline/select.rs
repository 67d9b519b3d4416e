//! Which drafts become the final personas.
//!
//! Owns the choice: drafts that pass the gate first, then one at a time the draft that adds most to
//! those chosen. Only the judge score is a gate; what is counted (`merits`), distinctiveness and
//! slot coverage enter here and nowhere else.

use super::merits::{Counter, Merits};
use super::next::threshold;
use super::plan::{Plan, rounded};
use crate::corpus::Corpus;
use crate::schema::{ALIKE, Persona, Scores, Shingles};
use crate::store::{Draft, DraftId, RunState};

// The weights below are a judgement, not measured. All but `SLOT` together come to a half of the best
// judge score, so that they decide among drafts which the judge finds about equally good and never
// lift a poor one over a good one.

/// What each part adds to a candidate's judge score (0..=1). Covering a slot that has no persona
/// yet counts as much as the best score: any draft that passed the gate can represent its segment.
const SLOT: f64 = 1.0;
const DISTINCT: f64 = 0.15;
/// Weight of each count, by name; each count is 0..=1. Readability has half a weight: quotes and
/// sentences of records are as people said them, whatever a draft does.
const COUNT_WEIGHTS: [(&str, f64); 4] = [
    ("completeness", 0.10),
    ("specificity", 0.10),
    ("evidence_coverage", 0.10),
    ("readability", 0.05),
];
/// Deduction for each wording that may come from a stereotype, and the most for all of them: such a
/// wording may be right, so that it costs as much as being no different from the others.
const FLAGGED: f64 = 0.05;
const FLAGGED_MOST: f64 = 0.15;

/// The final personas, and what became of the other drafts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Selection {
    /// The personas in order of choice, those that passed first.
    pub(super) personas: Vec<Persona>,
    /// How many of them passed the gate.
    pub(super) passed: usize,
    /// Drafts that were not chosen, with the cause.
    pub(super) dropped: Vec<(DraftId, String)>,
}

struct Candidate<'a> {
    id: DraftId,
    draft: &'a Draft,
    score: f64,
    merits: Merits,
    shingles: Shingles,
    met: Met,
}

/// What a candidate has in common with the personas chosen so far. Each chosen one is compared with
/// it once: comparing all of them again at every choice would take minutes for hundreds of drafts.
#[derive(Default)]
struct Met {
    /// How many of the chosen ones were compared.
    count: usize,
    /// The largest likeness to any of them, 0..=1.
    alike: f64,
    /// Whether any of them has the same name.
    namesake: bool,
    /// Whether any of them stands for the same slot.
    covered: bool,
}

impl<'a> Candidate<'a> {
    fn meet(&mut self, chosen: &[(Candidate<'a>, f64)]) {
        for (other, _) in &chosen[self.met.count..] {
            self.met.alike = self.met.alike.max(self.shingles.alike(&other.shingles));
            self.met.namesake |= self.draft.persona.name == other.draft.persona.name;
            self.met.covered |= self.id.slot == other.id.slot;
        }
        self.met.count = chosen.len();
    }
}

/// Chooses among the judged drafts.
pub(super) fn select(corpus: &Corpus, plan: &Plan, state: &RunState) -> Selection {
    let threshold = threshold(state, plan);
    let counter = Counter::new(corpus);
    let mut passing: Vec<Candidate<'_>> = Vec::new();
    let mut failing: Vec<Candidate<'_>> = Vec::new();
    for (id, draft) in &state.drafts {
        let Some((verdict, _)) = &draft.verdict else { continue };
        let score = verdict.score;
        let candidate = Candidate {
            id: *id,
            draft,
            score,
            merits: counter.count(&draft.persona),
            shingles: Shingles::new(&draft.persona),
            met: Met::default(),
        };
        let pool = if score >= threshold { &mut passing } else { &mut failing };
        pool.push(candidate);
    }
    let mut chosen: Vec<(Candidate<'_>, f64)> = Vec::new();
    choose(&mut passing, &mut chosen, plan.personas());
    let passed = chosen.len();
    choose(&mut failing, &mut chosen, plan.personas());

    let surplus = passing.iter().map(|c| (c.id, "passed, but others were chosen".to_owned()));
    let weak = failing
        .iter()
        .map(|c| (c.id, format!("score {:.2} is below the threshold {threshold:.2}", c.score)));
    let mut dropped: Vec<_> = surplus.chain(weak).collect();
    dropped.sort_unstable();
    let persona = |(at, (candidate, distinctiveness)): (usize, &(Candidate<'_>, f64))| {
        finished(candidate, *distinctiveness, at, candidate.score < threshold)
    };
    let personas = chosen.iter().enumerate().map(persona).collect();
    Selection { personas, passed, dropped }
}

/// Moves candidates from `pool` to `chosen`, each time the one that adds most, until there are
/// `count` or none is left that may be chosen. Keeps how distinct each was when it was chosen.
fn choose<'a>(pool: &mut Vec<Candidate<'a>>, chosen: &mut Vec<(Candidate<'a>, f64)>, count: usize) {
    while chosen.len() < count {
        let mut best: Option<(f64, f64, usize)> = None;
        for (at, candidate) in pool.iter_mut().enumerate() {
            candidate.meet(chosen);
            let Met { alike, namesake, covered, .. } = candidate.met;
            if alike > ALIKE || namesake {
                continue;
            }
            let adds = candidate.score
                + if covered { 0.0 } else { SLOT }
                + DISTINCT * (1.0 - alike)
                + worth(&candidate.merits);
            // Of equals the first wins; candidates are in order of their draft ids.
            if best.is_none_or(|(so_far, _, _)| adds > so_far) {
                best = Some((adds, 1.0 - alike, at));
            }
        }
        let Some((_, distinctiveness, at)) = best else {
            return;
        };
        chosen.push((pool.remove(at), distinctiveness));
    }
}

/// The weighted sum of the counts, less the deduction for flags.
fn worth(merits: &Merits) -> f64 {
    let counted = |(name, weight): &(&str, f64)| weight * merits.counted.get(*name).unwrap_or(&0.0);
    let flagged = (FLAGGED * merits.flags.len() as f64).min(FLAGGED_MOST);
    COUNT_WEIGHTS.iter().map(counted).sum::<f64>() - flagged
}

fn finished(
    candidate: &Candidate<'_>,
    distinctiveness: f64,
    at: usize,
    below_threshold: bool,
) -> Persona {
    let verdict = candidate.draft.verdict.as_ref();
    let mut criteria = verdict.map(|(verdict, _)| verdict.signals.clone()).unwrap_or_default();
    criteria.extend(candidate.merits.counted.clone());
    criteria.insert("distinctiveness".into(), rounded(distinctiveness));
    Persona {
        id: format!("p{}", at + 1),
        scores: Scores {
            judge: Some(candidate.score),
            criteria,
            flags: candidate.merits.flags.clone(),
        },
        below_threshold,
        ..candidate.draft.persona.clone()
    }
}
