//! What the user is told about a plan before the first draft.
//!
//! Owns the wording of the notes. Each function covers one matter, and returns `None` where the
//! user need not be told of it.

use super::super::Style;
use super::super::segments::{Grouping, Segmentation};
use super::{INTERVIEWER, Plan};
use crate::corpus::Corpus;
use crate::prompts::Wording;

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
        chance(plan),
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

fn chance(plan: &Plan) -> Option<String> {
    plan.report.reliability.filter(|found| found.deviations < SURE).map(|found| {
        let percent = |share: f64| (share * 1000.0).round() / 10.0;
        format!(
            "the segments are hardly better than chance: found by one half of what is known of people, they make up {} % of the differences in the other half, people dealt out by lot {} %. Take each persona for some voices and not for a kind of person; --segments-by parts people by a column",
            percent(found.between_segments),
            percent(found.by_chance),
        )
    })
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
            "{} of {} records are in focus of a draft, {} are not; more drafts (--draft-multiplier) use more{digest}",
            report.used,
            corpus.records.len(),
            report.unused,
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
