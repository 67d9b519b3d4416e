//! Cards of an affinity wall, typed up: a line of fields over the words on the card.
//!
//! Owns the form of that line, the kinds of cards, and headings over groups of them. Only cards
//! with somebody's words are said.

use super::narration::NOTES;
use crate::corpus::names::normalise;
use crate::corpus::rows::Rows;
use crate::corpus::talk::speakers::is_numbered;
use crate::corpus::talk::transcript::{Block, Body, Facts};

/// Fewest cards of a wall.
const LEAST: usize = 3;

/// Kinds of cards with somebody's own words, normalised.
const SAID: [&str; 12] = [
    "quote",
    "quotation",
    "verbatim",
    "zitat",
    "citation",
    "verbatims",
    "cita",
    "citação",
    "citazione",
    "citaat",
    "said",
    "aussage",
];

/// Kinds of cards with what researchers saw or thought, normalised.
const THEIRS: [&str; 30] = [
    "observation",
    "idea",
    "question",
    "insight",
    "note",
    "theme",
    "painpoint",
    "hypothesis",
    "beobachtung",
    "idee",
    "frage",
    "erkenntnis",
    "notiz",
    "observación",
    "pregunta",
    "nota",
    "hallazgo",
    "idée",
    "constat",
    "observação",
    "ideia",
    "pergunta",
    "osservazione",
    "domanda",
    "observatie",
    "vraag",
    "inzicht",
    "opportunity",
    "fact",
    "todo",
];

/// A card, or another stretch of lines.
struct Stretch<'t> {
    /// Its first line in the file, from 1.
    line: usize,
    lines: Vec<&'t str>,
}

fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split('|').map(str::trim)
}

/// What the fields say that the card is: somebody's words or not. `None` where none says it.
fn is_said(line: &str) -> Option<bool> {
    fields(line).skip(usize::from(line.contains('|'))).find_map(|field| match normalise(field) {
        field if SAID.contains(&field.as_str()) => Some(true),
        field if THEIRS.contains(&field.as_str()) => Some(false),
        _ => None,
    })
}

impl Stretch<'_> {
    /// Whether this is a card: fields that say its kind, and something below them.
    fn is_card(&self) -> bool {
        let first = self.lines[0];
        first.matches('|').count() >= 2
            && !first.trim().starts_with('|')
            && self.lines.len() > 1
            && !self.lines[1].contains('|')
            && is_said(first).is_some()
    }
}

fn stretches<'t>(lines: &[&'t str]) -> Vec<Stretch<'t>> {
    let mut all: Vec<Stretch<'t>> = Vec::new();
    let mut is_open = false;
    for (i, line) in lines.iter().enumerate() {
        match all.last_mut() {
            _ if line.trim().is_empty() => {}
            Some(last) if is_open => last.lines.push(line),
            _ => all.push(Stretch { line: i + 1, lines: vec![line] }),
        }
        is_open = !line.trim().is_empty();
    }
    all
}

/// The cluster that a line names: `CLUSTER: Words of the bank`.
fn cluster(line: &str) -> Option<&str> {
    const WORDS: [&str; 16] = [
        "cluster",
        "group",
        "theme",
        "topic",
        "category",
        "column",
        "gruppe",
        "thema",
        "groupe",
        "thème",
        "grupo",
        "tema",
        "gruppo",
        "groep",
        "catégorie",
        "categoría",
    ];
    let (word, name) = line.split_once(':')?;
    WORDS.contains(&normalise(word).as_str()).then(|| name.trim())
}

/// Reads a text as cards, if most of it is.
pub(crate) fn read(lines: &[&str], rows: &mut Rows) -> Option<Vec<Block>> {
    let stretches = stretches(lines);
    let cards = stretches.iter().filter(|stretch| stretch.is_card()).count();
    let quotes = |s: &&Stretch<'_>| s.is_card() && is_said(s.lines[0]) == Some(true);
    if cards < LEAST || cards * 2 < stretches.len() || !stretches.iter().any(|s| quotes(&s)) {
        return None;
    }
    let mut section = None;
    let mut blocks = Vec::new();
    for stretch in &stretches {
        let text =
            |lines: &[&str]| lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        if !stretch.is_card() {
            if let (Some(name), 1) = (cluster(stretch.lines[0]), stretch.lines.len()) {
                section = Some(rows.clean(stretch.line, name));
            } else {
                note(rows, stretch.line);
            }
            continue;
        }
        let head = stretch.lines[0];
        let participant = fields(head).skip(1).find(|field| is_numbered(field)).map(str::to_owned);
        let is_said = is_said(head) == Some(true);
        let words = rows.clean(stretch.line, &text(&stretch.lines[1..]));
        if !is_said {
            note(rows, stretch.line);
        }
        if words.is_empty() || !is_said && participant.is_none() {
            continue;
        }
        let name = if is_said { "text" } else { NOTES };
        let body = Body::Cells(vec![(name.to_owned(), words)]);
        let section = section.clone();
        let facts = Facts::default();
        blocks.push(Block { line: stretch.line, section, participant, facts, body });
    }
    Some(blocks)
}

fn note(rows: &mut Rows, line: usize) {
    rows.findings.note("cards", line, || {
        "only the cards of a wall that are quotes are the participants' words; observations beside \
         a participant are kept as notes, and ideas, questions and titles left out"
            .to_owned()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::formats::text;

    fn load(text: &str) -> Vec<(Option<String>, String)> {
        let mut rows = Rows::new(1);
        text::read(text, &mut rows).unwrap();
        rows.records.into_iter().map(|r| (r.participant, r.text)).collect()
    }

    #[test]
    fn only_cards_that_are_quotes_are_said() {
        let found = load(
            "Wall, typed by Jo\n\nCLUSTER: Checking\n\nCard 01 | yellow | quote | P1\nI get \
                paid\non Fridays.\n\n\
             Card 02 | blue | observation | P1\nOpens it 4x\n\nCard 03 | green | idea\nWhat if \
             we show a light?\n\n\
             Card 04 | yellow | quote | P2\nI split it.\n",
        );
        let own = |who: &str, text: &str| (Some(who.to_owned()), text.to_owned());
        let expected = [
            own("P1", "section: Checking\ntext: I get paid on Fridays."),
            own("P1", "section: Checking\nresearcher notes: Opens it 4x"),
            own("P2", "section: Checking\ntext: I split it."),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn bars_in_other_texts_are_no_cards() {
        for text in [
            "I press a | b | c\nand wait.\n\nThen | it | stops\nagain.\n\nAnd | so | on\nit \
                goes.\n",
            "Card 1 | red | quote\nOne only.\n\nSome text.\n\nMore text.\n",
        ] {
            assert!(load(text).iter().all(|(_, text)| !text.contains("text: ")), "{text}");
        }
    }
}
