//! The probe that reads sentences in the drafting model's hidden states: one that comes with this
//! program, one kept from an earlier run, or one learned now.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::run::next;
use super::{Cancel, Models, Observer, Progress};
use crate::llm::LlmError;
use crate::prompts::leanings::{self, Course};
use crate::prompts::probe::Probe;
use crate::store::write_atomically;

/// Probes of small models of the catalogue, which learned from all lessons. They are made and compared by
/// `cargo test --release --test it aspects -- --ignored`.
const SHIPPED: [&str; 2] = [
    include_str!("../../models/probes/smollm2-135m.json"),
    include_str!("../../models/probes/gemma-3-270m.json"),
];

/// A probe in a file.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// SHA-256 of the model that the probe reads.
    model_sha256: String,
    /// What tells the lessons from which it learned.
    lessons: String,
    probe: Probe,
}

/// The probe of the drafting model; `None` where its states cannot be read, or the user cancelled.
///
/// # Errors
///
/// The cause, where the model is gone.
pub(super) async fn probe(
    models: &Models,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Option<Probe>, String> {
    if !models.draft.capabilities().states {
        return Ok(None);
    }
    if let Some(known) = shipped(models).or_else(|| kept(models)) {
        return Ok(Some(known));
    }
    let lessons = Course::Short.lessons();
    observer.on(Progress::Note(&format!(
        "first use of this model: it reads {} labelled sentences, from which is learned what it makes of goals, pains and habits",
        lessons.len(),
    )));
    let mut read: Vec<Option<Vec<f32>>> = vec![None; lessons.len()];
    let mut answers = models.draft.score(lessons);
    while let Some((at, answer)) = next(&mut answers, observer, cancel).await {
        match answer {
            Err(LlmError::Unavailable(cause)) => return Err(cause),
            answer => read[at] = answer.ok(),
        }
    }
    if cancel.is_cancelled() {
        return Ok(None);
    }
    let probe = Course::Short.learn(read);
    if let Some(probe) = &probe {
        keep(models, observer, probe);
    }
    Ok(probe)
}

/// The probe of the drafting model that comes with this program, if one does.
fn shipped(models: &Models) -> Option<Probe> {
    let sha256 = models.draft.capabilities().sha256.as_ref()?;
    let parsed = SHIPPED.map(|json| serde_json::from_str::<Kept>(json).expect("a shipped probe"));
    parsed.into_iter().find(|kept| kept.model_sha256 == *sha256).map(|kept| kept.probe)
}

/// Where the probe of the drafting model is kept, and its hash; `None` for a model without one.
fn place(models: &Models) -> Option<(PathBuf, String)> {
    let sha256 = models.draft.capabilities().sha256.clone()?;
    Some((models.judge_cache.as_ref()?.join(format!("probe-{sha256}.json")), sha256))
}

/// The kept probe of the same model; `None` where there is none, or it cannot be read or had other
/// lessons.
fn kept(models: &Models) -> Option<Probe> {
    let (path, sha256) = place(models)?;
    let kept: Kept = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let is_same = kept.model_sha256 == sha256 && kept.lessons == leanings::lessons_hash();
    is_same.then_some(kept.probe)
}

fn keep(models: &Models, observer: &dyn Observer, probe: &Probe) {
    let Some((path, model_sha256)) = place(models) else { return };
    let kept = Kept { model_sha256, lessons: leanings::lessons_hash(), probe: probe.clone() };
    let Ok(json) = serde_json::to_vec(&kept) else { return };
    if let Err(e) = write_atomically(&path, &json) {
        // Without it the next run learns again; this one goes on.
        observer.on(Progress::Note(&format!("what was learned of the model is not kept: {e}")));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::llm::scripted::ScriptedModel;

    /// Keeps the notes.
    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Observer for Notes {
        fn on(&self, progress: Progress<'_>) {
            if let Progress::Note(note) = progress {
                self.0.lock().expect("notes").push(note.to_owned());
            }
        }
    }

    /// The probe of a scripted model, and whether it had to learn.
    fn probe_of(script: &str, cache: &std::path::Path) -> (Result<Option<Probe>, String>, bool) {
        let model = Arc::new(ScriptedModel::parse(script).expect("a script"));
        let models = Models::local(model.clone(), model, Some(cache.to_owned()));
        let notes = Notes::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let found = runtime.block_on(probe(&models, &notes, &Cancel::default()));
        let learned =
            notes.0.into_inner().expect("notes").iter().any(|note| note.contains("reads"));
        (found, learned)
    }

    #[test]
    fn a_model_learns_once_and_again_where_what_is_kept_is_of_no_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, learned) = probe_of("ok,states,hashed", folder.path());
        assert!(learned && first.as_ref().is_ok_and(Option::is_some), "{first:?}");
        assert_eq!(probe_of("ok,states,hashed", folder.path()), (first.clone(), false));
        let file =
            std::fs::read_dir(folder.path()).expect("files").next().expect("one").expect("it");
        let kept = std::fs::read_to_string(file.path()).expect("kept");
        let hash = leanings::lessons_hash();
        for useless in ["{", &kept[..kept.len() / 2], &kept.replace(&hash, "other lessons")] {
            std::fs::write(file.path(), useless).expect("written");
            assert_eq!(probe_of("ok,states,hashed", folder.path()), (first.clone(), true));
        }
        assert_eq!(probe_of("ok", folder.path()), (Ok(None), false), "no states, no probe");
    }

    #[test]
    fn the_shipped_probes_learned_from_the_lessons_of_today() {
        for json in SHIPPED {
            let kept: Kept = serde_json::from_str(json).expect("a shipped probe");
            assert_eq!(kept.lessons, leanings::lessons_hash(), "make them anew: see `SHIPPED`");
        }
    }
}
