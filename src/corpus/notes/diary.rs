//! Diaries in a plain text: entries below the day on which they were written.
//!
//! Owns what keepers of diary studies write between the entries. Which lines are days is known to
//! `dates`.
//! Whose entries follow is said by headings between rules, which belong to `frames`.

use std::sync::LazyLock;

use regex::Regex;

use super::researchers;
use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::dates::is_day;
use crate::corpus::names::participant_rank;
use crate::corpus::rows::Rows;
use crate::corpus::talk::bystanders::is_remark;
use crate::corpus::talk::frames::{self, Above};
use crate::corpus::talk::speakers::{Speakers, begins_turn, label_of};

/// Fewest days that make a text a diary.
const LEAST: usize = 3;

/// Whether a line stands where an entry or a picture would: `no entry (reminder sent)`, `[photo:
/// D1_3.jpg]`.
fn is_missing(line: &str) -> bool {
    static MISSING: LazyLock<Regex> = LazyLock::new(|| {
        let none = "no|kein|keine|aucune?|pas d'|sin|sem|nessuna?|geen";
        let entry = "entry|entries|submission|eintrag|einträge|entrée|entrada|registro|voce\
            |annotazione|invoer";
        let picture = "photos?|fotos?|images?|bild(?:er)?|imagen|imagem|immagine|picture|video\
            |vidéo|audio|file|afbeelding";
        Regex::new(&format!(
            r"(?i)^(?:[\[(]?(?:{none})\s*(?:{entry})(?:\s*\([^()]*\))?[\])]?\.?|\[(?:{picture})\b[^\[\]]*\])$"
        ))
        .expect("the pattern is valid")
    });
    MISSING.is_match(line.trim())
}

/// Reads a text as a diary, if it is one: each of several paragraphs begins with a day, and nobody
/// talks to anybody. A record has the day beside the words.
pub(crate) fn read(lines: &[&str], rows: &mut Rows) -> Option<Vec<Block>> {
    let begins = |i: usize| i == 0 || lines[i - 1].trim().is_empty();
    let days = (0..lines.len()).filter(|i| begins(*i) && is_day(lines[*i])).count();
    let starts = (0..lines.len()).filter(|i| begins(*i) && !lines[*i].trim().is_empty()).count();
    let turns = lines.iter().filter(|line| begins_turn(line)).count();
    if days < LEAST || days * 3 < starts || turns > days {
        return None;
    }
    let mut reader = Reader::default();
    let mut notes = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        reader.line(i, line, begins(i), &mut notes);
    }
    reader.end();
    if !Speakers::find(&reader.as_paragraphs()).is_empty() {
        return None;
    }
    for (line, kind, message) in notes {
        rows.findings.note(kind, line, || message.to_owned());
    }
    Some(reader.into_blocks(rows))
}

/// Who keeps the diary, if a line above the first day says so: `Travel diary – participant: Ana (47)`.
fn keeper(line: &str) -> Option<String> {
    let (label, name) = line.split_once([':', '：'])?;
    let word = label.split_whitespace().next_back()?;
    let name = name.split(['(', ',', ';']).next().unwrap_or(name).trim();
    let is_keeper = participant_rank(word).is_some() && name.starts_with(char::is_alphabetic);
    is_keeper.then(|| name.to_owned())
}

/// A finding: line, kind and message.
type Note = (usize, &'static str, &'static str);

/// An entry, or a paragraph of one.
struct Entry {
    line: usize,
    day: String,
    above: Above,
    lines: Vec<String>,
}

#[derive(Default)]
struct Reader {
    entries: Vec<Entry>,
    open: Vec<String>,
    /// Line on which the open paragraph begins, from 1.
    line: usize,
    day: Option<String>,
    above: Above,
    /// Whether what follows is what researchers wrote.
    is_theirs: bool,
    /// Whether the paragraph is a remark of theirs.
    in_remark: bool,
}

impl Reader {
    fn line(&mut self, i: usize, line: &str, begins: bool, notes: &mut Vec<Note>) {
        let line = line.trim();
        let heading = frames::between_rules(line).filter(|_| begins);
        self.in_remark &= !line.is_empty();
        self.in_remark |= begins && label_of(line).is_some_and(|(label, _)| is_remark(label));
        if line.is_empty() {
            self.end();
        } else if let Some(above) = heading {
            self.end();
            let title = above.section.as_deref().unwrap_or_default();
            self.is_theirs = researchers::is_heading(title);
            self.day = None;
            self.above = above;
        } else if begins && is_day(line) && !self.is_theirs {
            self.end();
            self.day = Some(line.trim_end_matches([':', '.']).to_owned());
        } else if is_missing(line) {
            notes.push((
                i + 1,
                "no-entry",
                "lines such as 'no entry' and '[photo]' are nobody's words; left out",
            ));
        } else if self.is_theirs || self.in_remark || self.day.is_none() {
            if self.day.is_none() && self.above.participant.is_none() {
                self.above.participant = keeper(line);
                if self.above.participant.is_some() {
                    return;
                }
            }
            let message = "what stands outside the days of a diary is the researchers'; left out";
            notes.push((i + 1, "outside-diary", message));
        } else {
            if self.open.is_empty() {
                self.line = i + 1;
            }
            self.open.push(line.to_owned());
        }
    }

    fn end(&mut self) {
        let lines = std::mem::take(&mut self.open);
        if let (Some(day), false) = (&self.day, lines.is_empty()) {
            let (day, above) = (day.clone(), self.above.clone());
            self.entries.push(Entry { line: self.line, day, above, lines });
        }
    }

    fn as_paragraphs(&self) -> Vec<Block> {
        let block = |entry: &Entry| Block {
            line: entry.line,
            section: None,
            participant: None,
            facts: Facts::default(),
            body: Body::Paragraph(entry.lines.clone()),
        };
        self.entries.iter().map(block).collect()
    }

    fn into_blocks(self, rows: &mut Rows) -> Vec<Block> {
        let entries = self.entries.into_iter();
        let block = |Entry { line, day, above, lines }: Entry| {
            let Above { section, participant } = above;
            let section = section.filter(|_| participant.is_none());
            let day = rows.clean(line, &day);
            let text = rows.clean(line, &lines.join(" "));
            let body = Body::Cells(vec![("date".to_owned(), day), ("text".to_owned(), text)]);
            Block { line, section, participant, facts: Facts::default(), body }
        };
        entries.map(block).filter(has_text).collect()
    }
}

fn has_text(block: &Block) -> bool {
    matches!(&block.body, Body::Cells(cells) if cells.iter().all(|(_, cell)| !cell.is_empty()))
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::load_text as load;

    #[test]
    fn an_entry_is_what_stands_below_its_day_and_its_heading_says_whose_it_is() {
        let rows = load(
            "DIARY STUDY\nPrompt sent each evening.\n\n=== Participant D1 (f, 29) ===\n\nDay 1 \
                - Mon 6 May\nIt beeped\nin the meeting.\n[photo: D1.jpg]\n\n\
             Day 2 - Tue 7 May\nno entry (reminder sent)\n\n=== Participant D2 ===\n\nDay 1 - \
             Mon 6 May\nfine\n\n--- Researcher summary ---\nAll hide it.\n",
        );
        let found: Vec<_> =
            rows.records.iter().map(|r| (r.participant.as_deref(), r.text.as_str())).collect();
        let expected = [
            (
                Some("Participant D1 (f, 29)"),
                "date: Day 1 - Mon 6 May\ntext: It beeped in the meeting.",
            ),
            (Some("Participant D2"), "date: Day 1 - Mon 6 May\ntext: fine"),
        ];
        assert_eq!(found, expected);
        assert_eq!(
            rows.findings.kinds(),
            [("outside-diary", Some(1), 3), ("no-entry", Some(9), 2)]
        );
    }

    #[test]
    fn the_keeper_is_named_above_and_remarks_of_researchers_are_no_entries() {
        let rows = load(
            "Diario – partecipante: Loredana (47 anni)\nConsegna: scriva ogni sera.\n\nLunedì 4 marzo\n\
             Treno soppresso.\n\nMartedì 5 marzo\nTutto in orario.\n\nMercoledì 6 marzo\nBinario 3.\n\n\
             Nota della ricercatrice: richiamare.\n",
        );
        let found: Vec<_> =
            rows.records.iter().map(|r| (r.participant.as_deref(), r.text.as_str())).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[2], (Some("Loredana"), "date: Mercoledì 6 marzo\ntext: Binario 3."));
        assert_eq!(rows.findings.kinds(), [("outside-diary", Some(2), 2)], "whose it is is used");
    }

    #[test]
    fn days_between_turns_are_no_diary() {
        let rows = load(
            "6 May 2024\nAna: I wait.\nBo: I queue.\n\n7 May 2024\nAna: Yes.\nBo: No.\n\n8 May \
                2024\nAna: And?\nBo: So.\n",
        );
        assert!(rows.records.iter().any(|r| r.participant.as_deref() == Some("Bo")));
        let rows = load("6 May 2024\nI wait.\n\nI queue.\n");
        assert!(rows.records[0].text.contains("6 May"), "one day is part of a text");
    }
}
