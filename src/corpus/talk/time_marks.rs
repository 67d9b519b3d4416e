//! Times that transcription tools write inside turns: `[00:03:42]` behind a label, `#00:02:11-4#`
//! or `(00:12)` at the end.
//!
//! Owns which of them are marks and not words. Times before a name are part of the label, which
//! belongs to `speakers`.

use std::sync::LazyLock;

use regex::Regex;

use crate::corpus::findings::Findings;

/// A turn without the marks that it begins with.
pub(super) fn after_start(turn: &str) -> &str {
    static STARTS: LazyLock<Regex> = LazyLock::new(|| {
        let time = r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,-]\d{1,3})?";
        let mark = format!(r"(?:#{time}#|\[{time}\]|\({time}\)|（{time}）|【{time}】)");
        Regex::new(&format!(r"^\s*(?:{mark}[\s:–-]*)+")).expect("the pattern is valid")
    });
    STARTS.find(turn).map_or(turn, |marks| &turn[marks.end()..])
}

/// A turn without the marks that it ends with. People put the hour of the day in round brackets,
/// too: only a time there that begins with a zero or has seconds is that of a recording.
pub(super) fn before_end(turn: &str) -> &str {
    static ENDS: LazyLock<Regex> = LazyLock::new(|| {
        let time = r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,-]\d{1,3})?";
        let recorded = r"(?:\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,3})?|0\d?:\d{2})";
        let mark = format!(r"(?:#{time}#|\[{time}\]|\({recorded}\)|（{recorded}）|【{time}】)");
        Regex::new(&format!(r"(?:\s*{mark})+\s*$")).expect("the pattern is valid")
    });
    ENDS.find(turn).map_or(turn, |marks| &turn[..marks.start()])
}

/// Whether a line is nothing but a time of a recording: one with seconds, or that begins with a zero.
pub(super) fn is_only_time(line: &str) -> bool {
    static TIME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[\[(#*_\s]*(?:\d{1,2}:\d{2}:\d{2}(?:[.,-]\d{1,3})?|0\d?:\d{2})[\])#*_\s]*$")
            .expect("the pattern is valid")
    });
    TIME.is_match(line)
}

/// Counts the marks that were taken off in this line.
pub(super) fn note(findings: &mut Findings, line: usize) {
    findings.note("time-mark", line, || {
        "times that a tool wrote at the beginning or end of what somebody said are left out"
            .to_owned()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_told_from_words() {
        for (turn, bare) in [
            ("[00:03:42] WhatsApp.", "WhatsApp."),
            ("(0:12) - Yes.", "Yes."),
            ("#00:00:11-0# Wie?", "Wie?"),
            ("At 10:30 I go.", "At 10:30 I go."),
            ("[laughs] Yes.", "[laughs] Yes."),
        ] {
            assert_eq!(after_start(turn), bare);
        }
        for (turn, bare) in [
            ("Und dann? #00:01:11-2#", "Und dann?"),
            ("Yes. [01:11] (00:12)", "Yes."),
            ("I leave early (10:30)", "I leave early (10:30)"),
            ("I leave at 10:30", "I leave at 10:30"),
            ("sixty [inaudible 00:00:14]", "sixty [inaudible 00:00:14]"),
            ("#00:04:11-4#", ""),
        ] {
            assert_eq!(before_end(turn), bare);
        }
        assert!(["00:05:00", "**00:05**", "[1:02:03]"].into_iter().all(is_only_time));
        assert!(!["10:30", "At 10:30:00", "5", ""].into_iter().any(is_only_time));
    }
}
