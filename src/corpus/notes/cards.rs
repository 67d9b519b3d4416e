//! Cards of an affinity wall, typed up: a line of fields over the words on the card, or a line of words
//! with the participant behind them.
//!
//! Owns these forms, the kinds of cards, and headings over groups of them. Only cards with somebody's
//! words are said.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::narration::NOTES;
use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::names::normalise;
use crate::corpus::rows::Rows;
use crate::corpus::talk::speakers::is_numbered;
use crate::corpus::told::is_about_us;

/// Fewest cards of a wall.
const LEAST: usize = 3;

/// Fewest cards of a wall that are lines of a text.
const LEAST_TAILED: usize = 5;

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

/// The words and the participant of a card on one line: `I leave them until my sister visits (P3)`.
fn tailed(line: &str) -> Option<(&str, &str)> {
    static TAIL: LazyLock<Regex> = LazyLock::new(|| {
        let code = r"(?:(?:Participant|User|Teilnehmer(?:in)?|Participante|Partecipante) ?\d{1,3}|\p{Lu}{1,2}-?\d{1,3})";
        let pattern = format!(
            r"^\s*(?:[-*•–]\s+)?(?P<words>.*\p{{L}}.*?)\s*(?:[(\[]\s*(?P<in>{code})\s*[)\]]|[—–-]\s*(?P<behind>{code}))\s*$"
        );
        Regex::new(&pattern).expect("the pattern is valid")
    });
    let found = TAIL.captures(line)?;
    let who = found.name("in").or_else(|| found.name("behind"))?;
    Some((found.name("words")?.as_str(), who.as_str()))
}

/// Reads a text as cards of one line, if most lines are: the others are titles of groups, and what
/// researchers think of them.
fn read_tailed(lines: &[&str], rows: &mut Rows) -> Option<Vec<Block>> {
    let filled: Vec<usize> = (0..lines.len()).filter(|at| !lines[*at].trim().is_empty()).collect();
    let cards: Vec<(&str, &str)> = lines.iter().filter_map(|line| tailed(line)).collect();
    let people: HashSet<&str> = cards.iter().map(|(_, who)| *who).collect();
    if cards.len() < LEAST_TAILED || people.len() < 2 || cards.len() * 2 < filled.len() {
        return None;
    }
    // Researchers who write down what they saw hardly say `I`.
    let own = cards.iter().filter(|(words, _)| is_about_us(words)).count();
    let name = if own * 4 >= cards.len() { "text" } else { NOTES };
    let mut section = None;
    let mut blocks = Vec::new();
    for at in filled {
        let Some((words, who)) = tailed(lines[at]) else {
            // A title stands above a card; what stands below the last one belongs to nobody.
            let is_title = lines.get(at + 1).is_some_and(|next| tailed(next).is_some());
            section = is_title.then(|| rows.clean(at + 1, lines[at]));
            note(rows, at + 1);
            continue;
        };
        let body = Body::Cells(vec![(name.to_owned(), rows.clean(at + 1, words))]);
        let (participant, section) = (Some(who.to_owned()), section.clone());
        blocks.push(Block { line: at + 1, section, participant, facts: Facts::default(), body });
    }
    Some(blocks)
}

/// Reads a text as cards, if most of it is.
pub(crate) fn read(lines: &[&str], rows: &mut Rows) -> Option<Vec<Block>> {
    read_fields(lines, rows).or_else(|| read_tailed(lines, rows))
}

fn read_fields(lines: &[&str], rows: &mut Rows) -> Option<Vec<Block>> {
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
    fn a_card_may_be_a_line_with_its_participant_behind_it() {
        let found = load(
            "Affinity wall, typed by Jo\n\nPOST IS SCARY\nI leave them until my sister visits (P3)\n\
             They write as if I'd done it (P1)\n\nWho reads it?\n- My neighbour, I pay her in eggs [P2]\n\
             Nobody. I don't want that – P3\nthe app said 'you are welcome' (P1)\nHMW make done feel done?\n",
        );
        let own = |who: &str, text: &str| (Some(who.to_owned()), text.to_owned());
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(
            found[0],
            own("P3", "section: POST IS SCARY\ntext: I leave them until my sister visits")
        );
        assert_eq!(
            found[2],
            own("P2", "section: Who reads it?\ntext: My neighbour, I pay her in eggs")
        );
        assert_eq!(found[3], own("P3", "section: Who reads it?\ntext: Nobody. I don't want that"));
        let seen = load(
            "Struggles with the menu (P1)\nTaps the logo twice (P2)\nGives up at the form (P1)\n\
             Reads aloud (P3)\nAsks for help (P2)\n",
        );
        assert!(seen[0].1.starts_with("researcher notes: Struggles"), "{seen:?}");
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
