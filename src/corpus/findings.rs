//! Collecting what is odd in one file: said once per kind, with a count and the first row.
//!
//! Owns nothing of the wording; each reader says what happened and what was done about it. A
//! finding that stands for several things names them.

use std::collections::HashSet;

use super::Finding;

/// Most things that a finding names; those beyond them are counted.
const MOST_NAMED: usize = 5;

/// The findings of one file, in the order in which their kinds were first met.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Noted>,
}

#[derive(Debug)]
struct Noted {
    finding: Finding,
    names: Names,
    /// Makes the message from the list of names; without it, the message of `finding` stands.
    message: Option<fn(&str) -> String>,
}

/// The names of what a finding is about, each once: the first few are shown, the others counted.
#[derive(Debug, Default)]
struct Names {
    first: Vec<String>,
    others: HashSet<String>,
}

impl Names {
    fn add(&mut self, name: String) {
        if self.first.contains(&name) {
            return;
        }
        if self.first.len() < MOST_NAMED {
            self.first.push(name);
        } else {
            self.others.insert(name);
        }
    }

    fn listed(&self) -> String {
        let named: Vec<String> = self.first.iter().map(|name| format!("'{name}'")).collect();
        let named = named.join(", ");
        match self.others.len() {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }
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
        let noted = self.of_kind(kind, row.into());
        if noted.finding.count == 0 {
            noted.finding.message = message();
        }
        noted.finding.count += count;
    }

    /// Counts `count` cases of `kind` that are all about `name`; the message gets the list of what
    /// all cases of the kind are about.
    pub(super) fn name(
        &mut self,
        kind: &str,
        row: impl Into<Option<usize>>,
        count: usize,
        name: impl Into<String>,
        message: fn(&str) -> String,
    ) {
        let noted = self.of_kind(kind, row.into());
        noted.finding.count += count;
        noted.message = Some(message);
        noted.names.add(name.into());
    }

    /// The finding of this kind; a new one, with a count of 0, where there is none.
    fn of_kind(&mut self, kind: &str, row: Option<usize>) -> &mut Noted {
        let at = self.list.iter().position(|noted| noted.finding.kind == kind);
        let at = at.unwrap_or_else(|| {
            let (file, message, kind) = (String::new(), String::new(), kind.to_owned());
            let finding = Finding { file, row, kind, message, count: 0 };
            self.list.push(Noted { finding, names: Names::default(), message: None });
            self.list.len() - 1
        });
        &mut self.list[at]
    }

    /// The findings, with the name of the file they are about.
    pub(super) fn of_file(self, name: &str) -> impl Iterator<Item = Finding> {
        self.list.into_iter().map(move |noted| {
            let message = noted.message.map(|message| message(&noted.names.listed()));
            Finding {
                file: name.to_owned(),
                message: message.unwrap_or(noted.finding.message),
                ..noted.finding
            }
        })
    }
}

#[cfg(test)]
impl Findings {
    /// `(kind, first row, count)` of each finding.
    pub(super) fn kinds(&self) -> Vec<(&str, Option<usize>, usize)> {
        let found = self.list.iter().map(|noted| &noted.finding);
        found.map(|f| (f.kind.as_str(), f.row, f.count)).collect()
    }

    /// The message of the finding of this kind.
    pub(super) fn message(self, kind: &str) -> String {
        let found = self.of_file("").find(|finding| finding.kind == kind);
        found.map(|finding| finding.message).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_the_first_few_it_is_about_and_counts_the_others() {
        let list = |names: &[&str]| {
            let mut findings = Findings::default();
            for name in names {
                findings.name("kind", 3, 2, *name, |list| format!("left out: {list}"));
            }
            assert_eq!(findings.kinds(), [("kind", Some(3), 2 * names.len())]);
            findings.message("kind")
        };
        assert_eq!(list(&["a", "b", "a"]), "left out: 'a', 'b'");
        let many = list(&["a", "b", "c", "d", "e", "f", "g", "f"]);
        assert_eq!(many, "left out: 'a', 'b', 'c', 'd', 'e' and 2 more");
    }
}
