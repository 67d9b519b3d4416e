//! What `--quality-threshold auto` means for one judge on one user's data.
//!
//! Owns the file in which `persona calibrate` keeps it, beside the judge's own measurement. It is
//! found again by hashes of the judging model, of the data, and of the scales and weights that make
//! up the score, so that a threshold never outlives the scores it was read from.

use std::path::{Path, PathBuf};

use base16ct::lower::encode_string;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::PipelineError;
use crate::corpus::Corpus;
use crate::prompts::Wording;
use crate::store::{JudgeReport, write_atomically};

/// A threshold that the user had measured on their own data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnThreshold {
    /// The score from which a persona passes, 0..=1.
    pub threshold: f64,
    /// The share of personas that were to pass, 0..=1.
    pub pass: f64,
    /// How many personas it was read from.
    pub personas: usize,
    /// Hash of the judge's scales and weights.
    scale: String,
}

impl OwnThreshold {
    /// The highest threshold at which at least `pass` of these scores pass; `None` without scores.
    pub fn of(scores: &[f64], pass: f64, judge: &JudgeReport) -> Option<Self> {
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        // The share of personas is rounded up, but not because of the last bit of a product.
        let passing = ((scores.len() as f64 * pass - 1e-9).ceil() as usize).max(1);
        let threshold = *sorted.get(passing - 1)?;
        Some(Self { threshold, pass, personas: scores.len(), scale: scale(judge) })
    }

    /// Keeps the threshold for this judge and data. Returns the file, or `None` for a judge without
    /// a hash.
    pub fn save(
        &self,
        cache: &Path,
        judge: &JudgeReport,
        corpus: &Corpus,
        wording: Wording,
    ) -> Result<Option<PathBuf>, PipelineError> {
        let Some(path) = file(cache, judge, corpus, wording) else { return Ok(None) };
        let json = serde_json::to_vec_pretty(self)
            .map_err(|e| PipelineError::Model(format!("cannot write the threshold: {e}")))?;
        write_atomically(&path, &json)?;
        Ok(Some(path))
    }

    /// The threshold kept for this judge and data; one that was read from other scales does not
    /// count.
    pub fn find(
        cache: &Path,
        judge: &JudgeReport,
        corpus: &Corpus,
        wording: Wording,
    ) -> Option<Self> {
        let bytes = std::fs::read(file(cache, judge, corpus, wording)?).ok()?;
        let found: Self = serde_json::from_slice(&bytes).ok()?;
        let sound = (0.0..=1.0).contains(&found.threshold);
        (sound && found.scale == scale(judge)).then_some(found)
    }
}

/// The file of a threshold. The data is identified by the contents of its files, whatever their
/// names and order.
fn file(cache: &Path, judge: &JudgeReport, corpus: &Corpus, wording: Wording) -> Option<PathBuf> {
    let model = judge.identity()?;
    // Where a server runs the model, it also states the hash, which must not choose the path.
    let is_hash = model.len() == 64 && model.bytes().all(|b| b.is_ascii_hexdigit());
    let mut files: Vec<&str> = corpus.files.iter().map(|file| file.sha256.as_str()).collect();
    files.sort_unstable();
    let data = &digest(files.join("\n").as_bytes())[..32];
    let name = format!("threshold-{model}-{data}-{}.json", wording.as_str());
    is_hash.then(|| cache.join(name))
}

fn scale(judge: &JudgeReport) -> String {
    digest(serde_json::to_string(&judge.signals).unwrap_or_default().as_bytes())
}

fn digest(bytes: &[u8]) -> String {
    encode_string(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::SourceFile;
    use crate::store::SignalReport;

    fn judge(high: f64) -> JudgeReport {
        let signal = SignalReport { high, ..SignalReport::default() };
        JudgeReport {
            model_sha256: Some("a".repeat(64)),
            signals: [("record_gain".to_owned(), signal)].into(),
            ..JudgeReport::default()
        }
    }

    fn data(hashes: &[&str]) -> Corpus {
        let file = |hash: &&str| SourceFile {
            number: 1,
            name: "x.csv".into(),
            path: "x.csv".into(),
            format: "csv".into(),
            encoding: "UTF-8".into(),
            sha256: (*hash).to_owned(),
        };
        Corpus { files: hashes.iter().map(file).collect(), ..Corpus::default() }
    }

    #[test]
    fn the_share_that_was_asked_for_passes() {
        let scores = [0.9, 0.5, 0.7, 0.6, 0.8];
        for (pass, expected) in [(0.8, 0.6), (1.0, 0.5), (0.0, 0.9)] {
            let own = OwnThreshold::of(&scores, pass, &judge(1.0)).expect("scores");
            assert!((own.threshold - expected).abs() < 1e-9, "{pass}");
        }
        assert_eq!(OwnThreshold::of(&[], 0.8, &judge(1.0)), None);
    }

    #[test]
    fn it_is_found_for_the_same_judge_scale_and_data_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = OwnThreshold::of(&[0.6], 0.8, &judge(1.0)).expect("scores");
        let saved = own.save(folder.path(), &judge(1.0), &data(&["1", "2"]), Wording::Free);
        assert!(saved.expect("a file").is_some());
        let found = |judge: &JudgeReport, files: &[&str], wording| {
            OwnThreshold::find(folder.path(), judge, &data(files), wording)
        };
        assert_eq!(found(&judge(1.0), &["2", "1"], Wording::Free), Some(own));
        assert_eq!(found(&judge(2.0), &["1", "2"], Wording::Free), None);
        assert_eq!(found(&judge(1.0), &["1", "3"], Wording::Free), None);
        assert_eq!(found(&judge(1.0), &["1", "2"], Wording::Extractive), None);
        let hostile = JudgeReport { model_sha256: Some("../../x".into()), ..judge(1.0) };
        assert_eq!(found(&hostile, &["1", "2"], Wording::Free), None);
    }
}
