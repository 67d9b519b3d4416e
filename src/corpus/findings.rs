//! Collecting what is odd in one file: said once per kind, with a count and the first row.
//!
//! Owns nothing of the wording; each reader says what happened and what was done about it.

use super::Finding;

/// The findings of one file, in the order in which their kinds were first met.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    /// Counts one case of `kind`; the message of the first case is kept.
    pub(super) fn note(
        &mut self,
        kind: &str,
        row: impl Into<Option<usize>>,
        message: impl FnOnce() -> String,
    ) {
        self.add(kind, row, 1, message);
    }

    /// Counts `count` cases of `kind`; nothing when there are none.
    pub(super) fn add(
        &mut self,
        kind: &str,
        row: impl Into<Option<usize>>,
        count: usize,
        message: impl FnOnce() -> String,
    ) {
        if count == 0 {
            return;
        }
        if let Some(known) = self.list.iter_mut().find(|f| f.kind == kind) {
            known.count += count;
        } else {
            self.list.push(Finding {
                file: String::new(),
                row: row.into(),
                kind: kind.to_owned(),
                message: message(),
                count,
            });
        }
    }

    /// The findings, with the name of the file they are about.
    pub(super) fn of_file(self, name: &str) -> impl Iterator<Item = Finding> {
        self.list.into_iter().map(move |finding| Finding { file: name.to_owned(), ..finding })
    }
}

#[cfg(test)]
impl Findings {
    /// `(kind, first row, count)` of each finding.
    pub(super) fn kinds(&self) -> Vec<(&str, Option<usize>, usize)> {
        self.list.iter().map(|f| (f.kind.as_str(), f.row, f.count)).collect()
    }
}
