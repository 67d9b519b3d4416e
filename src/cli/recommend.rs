//! `persona models recommend`: which models to draft and to judge with on this machine, and why.
//!
//! Owns the explanation. The choice itself is made in `machine`, as for `--model auto`.

use serde_json::{Value, json};

use crate::catalogue::{self, ModelSpec, Role};
use crate::cli::failure::Failure;
use crate::cli::machine::{Automatic, Machine};
use crate::cli::output::Output;
use crate::cli::table::human_bytes;
use crate::hub::{self, HubOptions, ModelRef};
use crate::pipeline::TRUSTED_PARAMETERS;

/// Most larger models that are named with the reason against them.
const PASSED_OVER: usize = 3;

/// A recommended model, with the reasons for it.
struct Advice {
    spec: &'static ModelSpec,
    reasons: Vec<String>,
}

pub(super) fn run(context: usize, hub: &HubOptions, output: Output) -> Result<(), Failure> {
    let machine = Machine::look();
    let draft = drafting(&machine, context, hub).ok_or_else(|| nothing_fits(&machine, context))?;
    let judge = judging(&machine, context, draft.spec, hub);
    let automatic = machine.automatic(context, hub);
    if output.is_json() {
        let advice = |advice: &Advice| {
            json!({
                "model": advice.spec.name, "reasons": advice.reasons,
                "memory_bytes": advice.spec.memory_needed(context.min(advice.spec.context)),
                "on_disk": is_here(advice.spec, hub),
            })
        };
        let automatic = match automatic {
            Automatic::OnDisk(spec) | Automatic::ToFetch(spec) => Value::from(spec.name.as_str()),
            Automatic::Nothing => Value::Null,
        };
        return output.document(&json!({
            "machine": {
                "cpu": machine.cpu, "cores": machine.cores, "kernels": machine.tier_name(),
                "memory_total_bytes": machine.total, "memory_free_bytes": machine.free,
            },
            "context": context, "draft": advice(&draft), "judge": advice(&judge),
            "auto": automatic,
        }));
    }
    let mut text = format!("{}; {}\n", machine.processor(), machine.memory());
    for (role, advice) in [("drafting", &draft), ("judging", &judge)] {
        text.push_str(&format_advice(role, advice));
    }
    let automatic = match automatic {
        Automatic::OnDisk(spec) if spec.name != draft.spec.name => format!(
            "\n--model auto takes {} for now, the best that is on disk: pull {} for more.",
            spec.name, draft.spec.name
        ),
        _ => format!("\n--model auto takes {}.", draft.spec.name),
    };
    output.result(&(text + &automatic))
}

/// The failure where no model of the catalogue fits.
pub(super) fn nothing_fits(machine: &Machine, context: usize) -> Failure {
    let least = catalogue::ranked(Role::Draft)
        .into_iter()
        .min_by_key(|spec| spec.memory_needed(context.min(spec.context)));
    let least = least.map(|spec| {
        let needed = human_bytes(spec.memory_needed(context.min(spec.context)));
        format!("; the smallest, {}, needs {needed}", spec.name)
    });
    Failure::no_model(format!(
        "no model of the catalogue fits the {} of free memory with a context of {context} tokens{}\nhint: free memory, lower --context, or name a model with --model",
        human_bytes(machine.free),
        least.unwrap_or_default(),
    ))
}

fn format_advice(role: &str, advice: &Advice) -> String {
    let spec = advice.spec;
    let title =
        format!("\n{role}: {}  ({}, {}, {})\n", spec.name, spec.title, spec.quant, spec.licence);
    let lines: String =
        advice.reasons.iter().fold(String::new(), |lines, reason| lines + "  - " + reason + "\n");
    title + &lines
}

fn drafting(machine: &Machine, context: usize, hub: &HubOptions) -> Option<Advice> {
    let spec = *machine.suitable(Role::Draft, context).first()?;
    let needed = human_bytes(spec.memory_needed(context.min(spec.context)));
    let mut reasons = vec![format!(
        "the most capable for drafting that fits: {needed} with a context of {} tokens, and {}",
        context.min(spec.context),
        machine.memory()
    )];
    let against = passed_over(machine, context, spec);
    if !against.is_empty() {
        reasons.push(format!("passed over: {}", against.join("; ")));
    }
    if machine.is_fast(&spec.quant) {
        reasons.push(format!("{} runs on this program's own kernels here", spec.quant));
    } else {
        reasons.push(format!("{} runs on general kernels here, not the fast ones", spec.quant));
    }
    if spec.parameters < TRUSTED_PARAMETERS {
        reasons.push(
            "below 1 B parameters personas are put together from pieces of records (--style auto): \
             it would invent facts in its own words"
                .to_owned(),
        );
    }
    reasons.extend(spec.note.clone());
    reasons.push(availability(spec, hub));
    Some(Advice { spec, reasons })
}

/// Better models than `chosen`, each with the reason against it.
fn passed_over(machine: &Machine, context: usize, chosen: &ModelSpec) -> Vec<String> {
    let mut better: Vec<&ModelSpec> = catalogue::ranked(Role::Draft)
        .into_iter()
        .take_while(|spec| spec.name != chosen.name)
        .collect();
    // The nearest ones are the likeliest to be asked for.
    better.reverse();
    let reason = |spec: &ModelSpec| {
        let needed = spec.memory_needed(context.min(spec.context));
        if needed > machine.free {
            format!("{} (needs {})", spec.name, human_bytes(needed))
        } else {
            format!("{} (fits, but writes slowly on {} cores)", spec.name, machine.cores)
        }
    };
    better.into_iter().take(PASSED_OVER).map(reason).collect()
}

fn judging(
    machine: &Machine,
    context: usize,
    draft: &'static ModelSpec,
    hub: &HubOptions,
) -> Advice {
    let measured = "how well a model judges is measured on built-in good and bad personas in each \
                    run, and what fails there does not count; 'persona calibrate' shows it";
    let needs = |spec: &ModelSpec| spec.memory_needed(context.min(spec.context));
    let left = machine.free.saturating_sub(needs(draft));
    let other = machine
        .suitable(Role::Judge, context)
        .into_iter()
        .find(|spec| spec.parameters > draft.parameters && needs(spec) <= left);
    let Some(spec) = other else {
        let reasons = vec![
            "the same model: it is loaded once, and no more capable one fits beside it and is quick enough here".to_owned(),
            measured.to_owned(),
        ];
        return Advice { spec: draft, reasons };
    };
    let mut reasons = vec![format!(
        "--judge-model {}: more capable, not for drafting ({}), and it fits beside the other: {} of {} left",
        spec.name,
        spec.licence,
        human_bytes(needs(spec)),
        human_bytes(left)
    )];
    reasons.extend(spec.note.clone());
    reasons.extend([measured.to_owned(), availability(spec, hub)]);
    Advice { spec, reasons }
}

fn is_here(spec: &'static ModelSpec, hub: &HubOptions) -> bool {
    hub::locate(&ModelRef::Catalogue(spec), hub).is_some()
}

fn availability(spec: &'static ModelSpec, hub: &HubOptions) -> String {
    if is_here(spec, hub) {
        return "on disk".to_owned();
    }
    let size = human_bytes(spec.bytes);
    let about = if spec.verified { "" } else { "about " };
    format!("{about}{size} to fetch: persona models pull {}", spec.name)
}
