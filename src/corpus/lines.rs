//! Lines of a text: which one a byte is in, and which only part others.
//!
//! The former is for readers whose parsers count bytes, where findings and records count lines. Which
//! marks a rule is made of depends on what wrote the text, so that each reader says it.

/// The bytes at which the lines of a text begin.
pub(super) struct LineStarts(Vec<usize>);

impl LineStarts {
    pub(super) fn of(text: &str) -> Self {
        let after_ends = text.match_indices('\n').map(|(end, _)| end + 1);
        Self(std::iter::once(0).chain(after_ends).collect())
    }

    /// The number of the line, from 1, that holds this byte.
    pub(super) fn line_of(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte)
    }
}

/// Whether a line is a rule: nothing but these marks, at least so many of them.
pub(super) fn is_rule(line: &str, marks: &str, least: usize) -> bool {
    line.chars().count() >= least && line.chars().all(|c| marks.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reaches_up_to_and_including_its_end() {
        let starts = LineStarts::of("ab\n\nc");
        let lines: Vec<usize> = (0..5).map(|byte| starts.line_of(byte)).collect();
        assert_eq!(lines, [1, 1, 1, 2, 3]);
    }
}
