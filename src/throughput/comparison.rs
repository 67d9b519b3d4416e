//! Two calls side by side: which tests got faster, and what else changed between them.
//!
//! Owns the reading of earlier rows. Claims a difference only where the figures support it.

use serde::{Deserialize, Serialize};

use super::{Row, Setting};

/// The document that `--json` prints: all rows of a call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Document {
    /// The rows, one for each test.
    pub rows: Vec<Row>,
    /// The comparison with an earlier call, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// A comparison of this call with an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The tests that both calls have.
    pub tests: Vec<Change>,
    /// The settings that differ: name, earlier value, present value.
    pub settings: Vec<(String, String, String)>,
}

/// The figures of one test in both calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Name of the test.
    pub test: String,
    /// Median tokens per second in the earlier call.
    pub before: f64,
    /// Median tokens per second in this call.
    pub now: f64,
    /// `now` divided by `before`: above 1 is faster.
    pub ratio: f64,
    /// Whether the two differ beyond noise; `None` where there were too few repetitions to tell.
    pub differs: Option<bool>,
}

impl Comparison {
    /// Compares the rows of two calls by the tests' names.
    pub fn new(before: &[Row], now: &[Row]) -> Self {
        let pairs: Vec<(&Row, &Row)> = now
            .iter()
            .filter_map(|now| {
                before.iter().find(|before| before.test == now.test).map(|before| (before, now))
            })
            .collect();
        let tests = pairs.iter().map(|(before, now)| Change::new(before, now)).collect();
        let settings = pairs.first().map_or_else(Vec::new, |(before, now)| {
            let (before, now) = (before.setting.cells(), now.setting.cells());
            before
                .into_iter()
                .zip(now)
                .filter(|(before, now)| before.1 != now.1)
                .map(|(before, now)| (before.0.to_owned(), before.1, now.1))
                .collect()
        });
        Self { tests, settings }
    }
}

impl Change {
    fn new(before: &Row, now: &Row) -> Self {
        let (then, today) = (&before.tokens_per_s, &now.tokens_per_s);
        Self {
            test: now.test.clone(),
            before: then.median,
            now: today.median,
            ratio: today.median / then.median,
            differs: today.differs_from(then),
        }
    }

    /// The result in a word or two.
    pub fn verdict(&self) -> &'static str {
        match self.differs {
            None => "too few repetitions",
            Some(false) => "within noise",
            Some(true) if self.ratio > 1.0 => "faster",
            Some(true) => "slower",
        }
    }
}

impl Setting {
    /// The names and values of the setting, in the order in which they are shown.
    pub fn cells(&self) -> [(&'static str, String); 12] {
        [
            ("cpu", self.cpu.clone()),
            ("simd", self.simd.clone()),
            ("threads", self.threads.to_string()),
            ("device", self.device.clone()),
            ("version", self.version.clone()),
            ("profile", self.profile.clone()),
            ("model", self.model.clone()),
            ("sha256", self.sha256.clone()),
            ("parameters", self.parameters.to_string()),
            ("file_bytes", self.file_bytes.to_string()),
            ("batch", self.batch.to_string()),
            ("context", self.context.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use crate::throughput::{Sample, Test};

    use super::*;

    fn row(test: Test, threads: usize, seconds: &[f64]) -> Row {
        let sample = |&seconds: &f64| Sample { tokens: 100, seconds, ..Sample::default() };
        let setting = Setting { threads, ..Setting::default() };
        Row::new(test, &setting, seconds.iter().map(sample).collect())
    }

    const READ: Test = Test::Prefill { tokens: 100, depth: 0 };
    const WRITE: Test = Test::Decode { tokens: 100, depth: 0 };

    #[test]
    fn tests_are_paired_by_name_and_those_of_one_side_are_left_out() {
        let before = [row(READ, 1, &[2.0, 2.01, 1.99]), row(Test::Job, 1, &[1.0])];
        let now = [row(WRITE, 1, &[1.0]), row(READ, 1, &[1.0, 1.01, 0.99])];
        let comparison = Comparison::new(&before, &now);
        assert_eq!(comparison.tests.len(), 1);
        let change = &comparison.tests[0];
        assert_eq!((change.ratio, change.verdict()), (2.0, "faster"));
        assert_eq!(comparison.settings, []);
    }

    #[test]
    fn noise_is_no_change_and_one_repetition_no_proof() {
        let noisy = Comparison::new(&[row(READ, 1, &[1.0, 1.2])], &[row(READ, 1, &[1.1, 1.15])]);
        assert_eq!(noisy.tests[0].verdict(), "within noise");
        let single = Comparison::new(&[row(READ, 1, &[1.0])], &[row(READ, 1, &[2.0])]);
        assert_eq!(single.tests[0].verdict(), "too few repetitions");
        let slower = Comparison::new(&[row(READ, 1, &[1.0, 1.01])], &[row(READ, 1, &[2.0, 2.01])]);
        assert_eq!(slower.tests[0].verdict(), "slower");
    }

    #[test]
    fn another_setting_is_named() {
        let comparison = Comparison::new(&[row(READ, 1, &[1.0])], &[row(READ, 2, &[1.0])]);
        assert_eq!(comparison.settings, [("threads".into(), "1".into(), "2".into())]);
    }

    #[test]
    fn a_document_survives_json() {
        let rows = vec![row(READ, 1, &[1.0, 1.5])];
        let comparison = Some(Comparison::new(&rows, &rows));
        let text = serde_json::to_string(&Document { rows: rows.clone(), comparison }).unwrap();
        assert_eq!(serde_json::from_str::<Document>(&text).unwrap().rows, rows);
    }
}
