//! What the user is told about a plan before the first draft.
//!
//! Owns the wording of the notes. Each function covers one matter, and returns `None` where the
//! user need not be told of it.

use super::super::Style;
use super::super::segments::{Grouping, Segmentation};
use super::{INTERVIEWER, Plan};
use crate::corpus::Corpus;
use crate::prompts::Wording;
use crate::store::Reliability;

/// The notes on a plan, in the order in which they are shown. `reads_here` says whether the model that
/// reads runs on this machine, where reading more costs nothing.
pub(super) fn notes(
    plan: &Plan,
    corpus: &Corpus,
    segmentation: &Segmentation,
    reads_here: bool,
) -> Vec<String> {
    let before = [shard(plan), fewer_personas(plan, segmentation)];
    let after = [
        unnamed_participants(corpus),
        unknown_participants(plan, segmentation),
        closed_questions(plan),
        chance(plan, segmentation.grouping),
        says_little(plan),
        small_model(plan),
        nothing_to_digest(plan),
        unused_records(plan, corpus, reads_here),
        excerpts(plan),
        interviewer(plan),
    ];
    let segments = segmentation.notes.iter().cloned();
    before.into_iter().flatten().chain(segments).chain(after.into_iter().flatten()).collect()
}

/// `one` when the number is 1, else `many` with the number in place of `{}`.
pub(in crate::pipeline) fn one_or_many(number: usize, one: &str, many: &str) -> String {
    if number == 1 { one.to_owned() } else { many.replace("{}", &number.to_string()) }
}

fn shard(plan: &Plan) -> Option<String> {
    let shard = plan.settings.shard?;
    Some(format!(
        "shard {shard}: {} of {} personas; when all shards are done, 'persona merge' makes one run of them",
        plan.personas(),
        plan.slots.len(),
    ))
}

fn fewer_personas(plan: &Plan, segmentation: &Segmentation) -> Option<String> {
    let (slots, count) = (plan.slots.len(), plan.settings.count);
    let (one, many) = match segmentation.grouping {
        Grouping::Column => ("there is 1 segment", "there are {} segments"),
        Grouping::Participants => ("there is 1 participant", "there are {} participants"),
        Grouping::Records => ("there is 1 record", "there are {} records"),
    };
    let found = one_or_many(slots, one, many);
    (slots < count).then(|| {
        format!(
            "only {slots} of the {count} personas asked for: {found}, and no two personas rest on the same"
        )
    })
}

fn unnamed_participants(corpus: &Corpus) -> Option<String> {
    corpus.records.iter().all(|record| record.participant.is_none()).then(|| {
        "no participant is named: each row of a table counts as one, and each text file".to_owned()
    })
}

fn unknown_participants(plan: &Plan, segmentation: &Segmentation) -> Option<String> {
    (segmentation.grouping == Grouping::Records && plan.slots.len() > 1).then(|| {
        "a text does not say who speaks and is parted by paragraph: one person may stand behind several personas".to_owned()
    })
}

fn closed_questions(plan: &Plan) -> Option<String> {
    let is_answered = plan.slots.iter().any(|slot| !slot.answers.is_empty());
    (plan.closed && is_answered).then(|| {
        "people were asked closed questions and say little themselves: the personas rest on what most of a segment answered".to_owned()
    })
}

/// Standard deviations above chance from which segments are more than chance.
const SURE: f64 = 3.0;
/// Fewest people of whom it can be told whether they fall into kinds: among fewer, even groups that
/// are there seldom show in half of the words.
const TELLING: usize = 30;

fn chance(plan: &Plan, grouping: Grouping) -> Option<String> {
    // Who speaks in a text without names is not known.
    let people = match grouping {
        Grouping::Records => None,
        Grouping::Participants | Grouping::Column => {
            Some(plan.report.slots.iter().map(|slot| slot.segment.participants).sum())
        }
    };
    match plan.report.reliability {
        Some(found) => by_chance(found, people),
        // Of so few people that nothing could be measured, too, unless each is a segment or the user
        // parted them.
        None if grouping == Grouping::Participants => {
            let several = plan.report.slots.iter().any(|slot| slot.segment.participants > 1);
            let people = people.filter(|people| *people < TELLING && plan.slots.len() > 1);
            people.filter(|_| several).map(too_few)
        }
        None => None,
    }
}

/// What to make of segments that may be none.
const INSTEAD: &str = "take each persona for some voices and not for a kind of person, or part people by a column (--segments-by)";

fn too_few(people: usize) -> String {
    format!("{people} people are too few to tell whether they fall into kinds: {INSTEAD}")
}

/// That segments, of so many people where it is known, may be none: chance would part them as well.
fn by_chance(found: Reliability, people: Option<usize>) -> Option<String> {
    if found.deviations >= SURE {
        return None;
    }
    if let Some(people) = people.filter(|people| *people < TELLING) {
        return Some(too_few(people));
    }
    let percent = |share: f64| (share * 1000.0).round() / 10.0;
    Some(format!(
        "the segments are hardly better than chance ({} % of what sets people apart, by lot {} %): {INSTEAD}",
        percent(found.between_segments),
        percent(found.by_chance),
    ))
}

fn says_little(plan: &Plan) -> Option<String> {
    let short = plan.slots.iter().enumerate().filter(|(_, slot)| slot.says_little);
    let short: Vec<String> = short.map(|(at, _)| (at + 1).to_string()).collect();
    (!short.is_empty() && short.len() < plan.slots.len()).then(|| {
        let (segments, rests) = if short.len() == 1 {
            ("segment", "persona rests")
        } else {
            ("segments", "personas rest")
        };
        format!("{segments} {} said little: the {rests} on a few short answers", short.join(", "))
    })
}

fn small_model(plan: &Plan) -> Option<String> {
    let is_extractive = plan.frame.wording == Wording::Extractive;
    (is_extractive && plan.settings.style == Style::Auto).then(|| {
        "this model is too small to be trusted with free text: it chooses among the participants' own sentences".to_owned()
    })
}

fn nothing_to_digest(plan: &Plan) -> Option<String> {
    (plan.settings.digest && !digests(plan)).then(|| {
        let cause = if plan.closed {
            "people were asked closed questions, and there is nothing to choose from"
        } else {
            "the drafts see every record, and nothing is left to read first"
        };
        format!("--digest: {cause}")
    })
}

fn unused_records(plan: &Plan, corpus: &Corpus, reads_here: bool) -> Option<String> {
    let report = &plan.report;
    (report.unused > 0 && !report.corpus_shared && !digests(plan)).then(|| {
        // A service would charge for reading everything.
        let digest = if reads_here { ", and --digest reads all" } else { "" };
        format!(
            "{} of {} records are in focus of a draft, {} not; more drafts (--draft-multiplier) use more{digest}",
            report.used,
            corpus.records.len(),
            one_or_many(report.unused, "1 is", "{} are"),
        )
    })
}

fn excerpts(plan: &Plan) -> Option<String> {
    let excerpted = plan.report.excerpted.len();
    let shown = one_or_many(
        excerpted,
        "1 record is too long for the context and is shown",
        "{} records are too long for the context and are shown",
    );
    (excerpted > 0).then(|| format!("{shown} in part; a larger --context shows more"))
}

fn interviewer(plan: &Plan) -> Option<String> {
    let left_out = &plan.report.left_out;
    let turns = left_out.iter().filter(|(_, cause)| cause == INTERVIEWER).count();
    (turns > 0).then(|| {
        one_or_many(
            turns,
            "1 turn of the interviewer is not evidence and was left out",
            "{} turns of the interviewer are not evidence and were left out",
        )
    })
}

/// Whether there are stretches for a digest to read.
fn digests(plan: &Plan) -> bool {
    plan.stretches().next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_that_chance_would_find_are_told_and_of_few_people_that_it_cannot_be_told() {
        let found =
            |deviations| Reliability { between_segments: 0.0821, by_chance: 0.079, deviations };
        let many = by_chance(found(2.9), Some(30)).expect("a note");
        assert!(many.contains("(8.2 % of what sets people apart, by lot 7.9 %)"), "{many}");
        let few = by_chance(found(-0.6), Some(29)).expect("a note");
        assert!(few.starts_with("29 people are too few") && !few.contains("chance"), "{few}");
        assert!(by_chance(found(0.0), None).is_some_and(|note| note.contains("by lot")));
        assert_eq!(by_chance(found(3.0), Some(30)), None);
        assert_eq!(by_chance(found(3.0), Some(10)), None);
    }
}
