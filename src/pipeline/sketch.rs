//! The paid requests that a run would make, drawn up before it runs so that their cost can be
//! estimated.
//!
//! Owns [`sketch`]: the real plan and the real prompts, around personas that a stand-in draws from
//! the same records in milliseconds. What these personas say does not matter; their sizes are those
//! of the run.

use std::collections::BTreeMap;

use super::plan::Plan;
use super::{PipelineError, RefineMode, Settings};
use crate::corpus::Corpus;
use crate::llm::{Answer, ChatModel, ChatRequest};
use crate::privacy::Cleared;
use crate::prompts::{answer, draft, refine};
use crate::store::DraftId;

/// The requests that would be paid for.
#[derive(Debug, Clone, Default)]
pub struct Sketch {
    /// One refinement request per persona.
    pub refinements: Vec<ChatRequest>,
    /// One drafting request per persona, as if a service wrote all of them.
    pub whole: Vec<ChatRequest>,
}

/// Draws up the requests. `drafter` stands in for the local model and answers at once; `service`
/// has the context length of the paid model.
pub async fn sketch(
    corpus: &Cleared<Corpus>,
    settings: &Settings,
    drafter: &dyn ChatModel,
    service: &dyn ChatModel,
) -> Result<Sketch, PipelineError> {
    let settings = Settings { multiplier: 1.0, digest: false, ..settings.clone() };
    let mode = settings.refine.map_or(RefineMode::Patch, |refine| refine.mode);
    let plan = Plan::new(corpus, drafter, &settings)?;
    let briefs: Vec<_> =
        first_drafts(&plan).map(|id| plan.brief(corpus, id, &BTreeMap::default())).collect();
    let requests = briefs.iter().map(|brief| draft::request(corpus, brief, &plan.frame)).collect();
    let mut sketch = Sketch::default();
    let mut answers = drafter.complete(requests);
    while let Some(news) = answers.next().await {
        let Answer::Done(at, Ok(completion)) = news else { continue };
        let wording = plan.frame.wording;
        let Some(brief) = briefs.get(at) else { continue };
        if let Ok(persona) = answer::parse(corpus, brief, wording, &completion.text) {
            sketch.refinements.push(refine::request(corpus, &persona, mode).0);
        }
    }
    sketch.whole = sketch_whole(corpus, &settings, service)?;
    Ok(sketch)
}

/// Draws the requests of a run in which a service writes every persona whole.
pub fn sketch_whole(
    corpus: &Cleared<Corpus>,
    settings: &Settings,
    service: &dyn ChatModel,
) -> Result<Vec<ChatRequest>, PipelineError> {
    let settings = Settings { multiplier: 1.0, digest: false, ..settings.clone() };
    let plan = Plan::new(corpus, service, &settings)?;
    let whole = first_drafts(&plan).map(|id| {
        draft::request(corpus, &plan.brief(corpus, id, &BTreeMap::default()), &plan.frame)
    });
    Ok(whole.collect())
}

fn first_drafts(plan: &Plan) -> impl Iterator<Item = DraftId> {
    let slots = plan.slots.iter().enumerate().filter(|(slot, _)| plan.owns(*slot));
    slots.flat_map(|(slot, of)| (0..of.drafts).map(move |index| DraftId { slot, round: 0, index }))
}
