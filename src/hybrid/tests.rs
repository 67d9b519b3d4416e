//! Tests of the library's way through a run: that it ends as the parts promise.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::corpus;
use crate::llm::scripted::ScriptedModel;
use crate::pipeline::Threshold;
use crate::privacy::{FinderError, FinderId, FinderKind, Key, Span, SpanFinder, Strategy};

fn corpus_of(csv: &str) -> Corpus {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("interviews.csv");
    fs::write(&path, csv).unwrap();
    corpus::load(&[path]).unwrap()
}

fn pipeline() -> HybridPipeline {
    let model = Arc::new(ScriptedModel::parse("ok").unwrap());
    HybridPipeline::new(model).personas(3).threshold(Threshold::Fixed(0.0)).seed(7)
}

/// An observer that cancels the run after a number of units.
struct Impatient {
    left: AtomicUsize,
    cancel: Cancel,
}

impl Observer for Impatient {
    fn on(&self, progress: Progress<'_>) {
        if matches!(progress, Progress::UnitDone) && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.cancel.cancel();
        }
    }
}

#[test]
fn a_run_that_was_stopped_is_resumed_to_the_personas_of_one_that_was_not() {
    let (corpus, runs) = (
        Cleared::as_is(corpus_of(include_str!("../../examples/interviews.csv"))),
        tempfile::tempdir().unwrap(),
    );
    let whole = pipeline().run(&corpus, runs.path()).unwrap();
    assert_eq!((whole.outcome, whole.personas.len()), (Outcome::Complete, 3));
    let cancel = Cancel::default();
    let observer = Impatient { left: AtomicUsize::new(4), cancel: cancel.clone() };
    let stopped = pipeline().cancel(&cancel).observer(Arc::new(observer));
    let stopped = stopped.run(&corpus, runs.path()).unwrap();
    assert_eq!((stopped.outcome, stopped.personas.len()), (Outcome::Interrupted, 0));
    let folder = stopped.run.dir.clone();
    drop(stopped);
    let resumed = pipeline().resume(&corpus, &folder).unwrap();
    assert_eq!(resumed.personas, whole.personas);
    for file in ["personas.json", "report.json", "report.html", "persona-1.md"] {
        assert!(folder.join(file).exists(), "{file}");
    }
}

/// A finder that reads every text and finds nothing.
struct Blind(FinderId);

impl SpanFinder for Blind {
    fn identity(&self) -> &FinderId {
        &self.0
    }

    fn find(&self, texts: &[&str]) -> Result<Vec<Vec<Span>>, FinderError> {
        Ok(vec![Vec::new(); texts.len()])
    }
}

#[test]
fn what_was_anonymised_stands_in_no_file_of_the_run() {
    let rows = (0..12).map(|row| {
        format!(
            "P{row},I plan week {row} of every month by hand and then I lose the list. \
             Write to rosalind.quillfeather@example.org about it.\n"
        )
    });
    let corpus = corpus_of(&format!("participant,answer\n{}", rows.collect::<String>()));
    let blind = Blind(FinderId {
        name: "blind".to_owned(),
        kind: FinderKind::LanguageModel,
        sha256: None,
        settings_sha256: None,
    });
    let key = Key::of_seed(7);
    let corpus = Cleared::anonymise(&corpus, Strategy::Redact, key, Some(&blind)).unwrap();
    let runs = tempfile::tempdir().unwrap();
    let finished = pipeline().run(&corpus, runs.path()).unwrap();
    let privacy = &finished.report["privacy"];
    assert_eq!(
        (&privacy["final_scan"]["masked"], &privacy["removed"]["EMAIL_ADDRESS"]),
        (&0.into(), &12.into())
    );
    assert_eq!(privacy["second_pass"]["name"], "blind");
    let mut files = 0;
    for entry in fs::read_dir(&finished.run.dir).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(!text.contains("quillfeather"));
        files += 1;
    }
    assert!(files > 5, "{files}");
}
