//! Notes, minutes and reports: a researcher tells, and participants speak between quotation marks
//! or in block quotes.
//!
//! Owns what becomes of them: the quoted words are said, by whoever is named beside them, and the
//! rest describes. Which documents are of this kind is `form`'s; marks, verbs and attributions
//! belong to `told`. Conversations with labels never come here.

mod form;

use std::collections::HashSet;
use std::ops::Range;

pub(crate) use self::form::Form;
use super::name_words::sentences;
use super::researchers;
use super::told_people::{People, Spoken};
use super::unnamed::{self, NEAR, Place};
use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::findings::Findings;
use crate::corpus::looks::Look;
use crate::corpus::names::normalise;
use crate::corpus::rows::Rows;
use crate::corpus::talk::header_lines::sole_participant;
use crate::corpus::talk::speakers::is_numbered;
use crate::corpus::told;
use crate::corpus::values::spoken_words;

/// Name of the cell with what the researcher tells, which is known as staff's by its name.
pub(crate) const NOTES: &str = "researcher notes";

/// Fewest words of a quotation inside a sentence; shorter ones only doubt a word.
const LEAST_WORDS: usize = 4;
/// Longest words before a quotation that lead to it: `On the app:`, in characters.
const LONGEST_LEAD: usize = 60;

/// Whether a character opens a quotation, or parts it from what stands before.
fn is_opening(c: char) -> bool {
    c.is_whitespace() || "“\"«„»'‘‚".contains(c)
}

fn text_of(block: &Block) -> String {
    block.lines().join("\n")
}

/// The last bytes of a text, which are near to what stands behind it.
fn end_of(text: &str) -> &str {
    &text[text.floor_char_boundary(text.len().saturating_sub(NEAR))..]
}

/// Whether a text is one quotation with at most a lead (`On the app:`) and an attribution.
fn is_whole(text: &str, spans: &[Range<usize>]) -> bool {
    let [span] = spans else { return false };
    let (before, after) = around(text, span);
    let is_lead = before.is_empty()
        || before.ends_with(':')
            && before.chars().count() <= LONGEST_LEAD
            && !before.contains(". ");
    is_lead && (!after.contains(char::is_alphanumeric) || told::attribution(after).is_some())
}

/// Whether a block quote has quotations and other words beside them: then it tells who says what.
fn is_in_part(block: &Block) -> bool {
    let text = text_of(block);
    let spans = told::spans(&text);
    let is_alone = || is_whole(&text, &spans) && around(&text, &spans[0]).0.is_empty();
    !spans.is_empty() && !is_alone()
}

/// What stands before and behind a span, without its marks.
fn around<'t>(text: &'t str, span: &Range<usize>) -> (&'t str, &'t str) {
    let before = text[..span.start].trim_end();
    let mark = before.chars().next_back().map_or(0, char::len_utf8);
    let after = &text[span.end..];
    let mark_behind = after.chars().next().map_or(0, char::len_utf8);
    (before[..before.len() - mark].trim(), after[mark_behind..].trim())
}

/// The blocks of a plain text with its block quotes apart, the look of each, and how participants'
/// words are set off in it: lines that begin with `> ` are quoted. `None` where nothing is, or the
/// text is not told by somebody else.
pub(crate) fn with_block_quotes(blocks: &[Block]) -> Option<(Vec<Block>, Vec<Look>, Form)> {
    let is_quoted = |line: &str| line.starts_with("> ") || line == ">";
    if !blocks.iter().flat_map(Block::lines).any(|line| is_quoted(line)) {
        return None;
    }
    let (mut parts, mut looks) = (Vec::new(), Vec::new());
    for block in blocks {
        let mut add = |line, body, look| {
            looks.push(look);
            parts.push(Block {
                line,
                section: block.section.clone(),
                participant: block.participant.clone(),
                facts: Facts::clone(&block.facts),
                body,
            });
        };
        let lines = match &block.body {
            Body::Paragraph(lines) => lines,
            Body::Item(lines) => {
                add(block.line, Body::Item(lines.clone()), Look::Plain);
                continue;
            }
            _ => return None,
        };
        let mut at = block.line;
        for run in lines.chunk_by(|a, b| is_quoted(a) == is_quoted(b)) {
            let bare = |line: &String| line.trim_start_matches('>').trim_start().to_owned();
            if is_quoted(&run[0]) {
                add(at, Body::Paragraph(run.iter().map(bare).collect()), Look::Quoted);
            } else {
                add(at, Body::Paragraph(run.to_vec()), Look::Plain);
            }
            at += run.len();
        }
    }
    let form = Form::find(&parts, &looks)?;
    Some((parts, looks, form))
}

/// Turns notes into records: one for each quotation, with what is told before it. Notes without a
/// quotation stay beside the participant that a heading names, and are left out elsewhere if the
/// quotations name theirs.
pub(crate) fn told(
    mut blocks: Vec<Block>,
    looks: &[Look],
    form: Form,
    rows: &mut Rows,
) -> Vec<Block> {
    rows.has_one_writer = give_to_sole_participant(&mut blocks);
    let mut teller = Teller::new(&blocks, rows);
    for (i, block) in blocks.into_iter().enumerate() {
        let look = looks.get(i).cloned().unwrap_or_default();
        teller.enter(&block);
        let is_lead = std::mem::replace(&mut teller.is_lead, text_of(&block).ends_with(':'));
        if matches!(block.body, Body::Paragraph(_)) && teller.sign(&text_of(&block)) {
            continue;
        }
        match (&block.body, form) {
            (Body::Cells(cells), _) => match facts_in(&block, cells) {
                Some(facts) => teller.note(&block, &facts),
                None => teller.out.push(block),
            },
            (Body::Turn { .. }, _) => teller.out.push(block),
            (_, Form::Marks) if look == Look::Quoted && is_in_part(&block) => {
                teller.paragraph(&block);
            }
            _ if look == Look::Quoted => {
                let led = if is_lead { teller.last.clone() } else { Spoken::Nobody };
                teller.quotation(&block, led);
            }
            (_, Form::Quotes) => teller.note(&block, &text_of(&block).replace('\n', " ")),
            (_, Form::Marks) => teller.paragraph(&block),
        }
    }
    teller.finish()
}

/// Gives the notes to the one participant whom a line at their top names. What researchers tell each
/// other below headings of their own is left alone, save for what is quoted in it.
fn give_to_sole_participant(blocks: &mut [Block]) -> bool {
    let Some((who, facts)) = sole_participant(blocks) else { return false };
    for block in blocks {
        let is_theirs = block.section.as_deref().is_some_and(researchers::is_heading);
        let text = text_of(block);
        if !is_theirs || is_whole(&text, &told::spans(&text)) {
            block.participant = Some(who.clone());
            block.facts = Facts::clone(&facts);
        }
    }
    true
}

/// What a row of a researcher's table says, unless it may hold somebody's words: it names a
/// participant and has a sentence, or a column for quotations.
fn facts_in(block: &Block, cells: &[(String, String)]) -> Option<String> {
    const WORDS: [&str; 14] = [
        "quote",
        "quotes",
        "quotation",
        "verbatim",
        "answer",
        "said",
        "zitat",
        "zitate",
        "aussage",
        "citation",
        "cita",
        "citação",
        "citazione",
        "citaat",
    ];
    let is_theirs = |(name, cell): &(String, String)| {
        let is_sentence = spoken_words(cell) >= LEAST_WORDS;
        is_sentence && (block.participant.is_some() || WORDS.contains(&normalise(name).as_str()))
    };
    let facts = || cells.iter().map(|(name, cell)| format!("{name}: {cell}"));
    (!cells.iter().any(is_theirs)).then(|| facts().collect::<Vec<_>>().join("; "))
}

/// Who says a quotation.
enum Speaker {
    /// Whom its label, its attribution or the verb beside it names.
    Marked(String),
    /// Of whom the narration spoke last.
    Told(Spoken),
}

impl Speaker {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Marked(name) => Some(name),
            Self::Told(spoken) => spoken.name(),
        }
    }
}

struct Teller<'r> {
    rows: &'r mut Rows,
    out: Vec<Block>,
    people: People,
    /// Headings that name a person and what they do.
    headings: HashSet<String>,
    /// Who was named last in this section.
    last: Spoken,
    section: Option<String>,
    /// Index in `out` of the last quotation, for an attribution below it.
    open: Option<usize>,
    /// Whether that quotation itself, or the notes' structure, says whose it is.
    is_attributed: bool,
    /// Whether the block above ends in a colon.
    is_lead: bool,
}

impl<'r> Teller<'r> {
    fn new(blocks: &[Block], rows: &'r mut Rows) -> Self {
        let mut people = People::of(blocks);
        people.enter(None);
        Self {
            rows,
            out: Vec::new(),
            people,
            headings: named_headings(blocks),
            last: Spoken::Nobody,
            section: None,
            open: None,
            is_attributed: false,
            is_lead: false,
        }
    }

    /// Begins to read a block, which may be the first of its section.
    fn enter(&mut self, block: &Block) {
        if self.section != block.section {
            self.last = Spoken::Nobody;
            self.section.clone_from(&block.section);
            self.people.enter(block.section.as_ref());
        }
        if self.last == Spoken::Other {
            self.last = Spoken::Nobody;
        }
        let is_theirs = block.section.as_ref().is_some_and(|s| self.headings.contains(s));
        self.people.is_headed = is_theirs || block.participant.is_some();
    }

    fn push(&mut self, block: &Block, who: Option<String>, cells: Vec<(String, String)>) {
        self.out.push(Block {
            line: block.line,
            section: block.section.clone(),
            participant: who,
            facts: block.facts.clone(),
            body: Body::Cells(cells),
        });
    }

    /// Adds a quotation: what is told before it, its words and its attribution.
    fn say(&mut self, block: &Block, speaker: &Speaker, notes: &str, words: &str) {
        let who = speaker.name();
        let words = self.rows.clean(block.line, words);
        let notes = self.rows.clean(block.line, notes.trim_start_matches(['.', ',', ' ']));
        if words.is_empty() {
            return;
        }
        let mut cells = Vec::new();
        if let Some(who) = who.filter(|who| told::name_of(who) != *who) {
            cells.push(("speaker".to_owned(), self.rows.clean(block.line, who)));
        }
        // `What would help? "Let me do it on my phone."`
        let (notes, question) = asked_last(&notes);
        if let Some(question) = question {
            cells.push(("question".to_owned(), question.to_owned()));
        }
        if notes.contains(char::is_alphabetic) {
            cells.push((NOTES.to_owned(), notes.to_owned()));
        }
        cells.push(("text".to_owned(), words));
        let named = who.map(|who| self.people.known_as(told::name_of(who)));
        let heading = || block.section.clone().filter(|s| self.headings.contains(s));
        let participant = match speaker {
            Speaker::Told(Spoken::Other) => None,
            _ => block.participant.clone().or(named).or_else(heading),
        };
        self.push(block, participant, cells);
        self.open = Some(self.out.len() - 1);
        self.is_attributed = block.participant.is_some() || matches!(speaker, Speaker::Marked(_));
    }

    /// Names who said the quotation above, where a block does nothing else: `— Mrs D.`
    fn sign(&mut self, text: &str) -> bool {
        let is_dashed = text.trim_start().starts_with(['—', '–', '-', '―']);
        let open = self.open.filter(|open| open + 1 == self.out.len() && is_dashed);
        let who = told::attribution(text).filter(|who| told::is_signature(who));
        let (Some(who), Some(open)) = (who, open) else { return false };
        let name = self.people.known_as(told::name_of(who));
        let above = &mut self.out[open];
        // Who was only named before says less than a signature.
        if above.participant.is_none() || !self.is_attributed {
            above.participant = Some(name.clone());
        }
        self.last = Spoken::Named(name);
        self.open = None;
        if let Body::Cells(cells) = &mut above.body
            && told::name_of(who) != who
        {
            cells.insert(0, ("speaker".to_owned(), who.to_owned()));
        }
        true
    }

    /// Adds a block quote, said by whom it names, or by `led` to whom the words above it lead.
    fn quotation(&mut self, block: &Block, led: Spoken) {
        let text = text_of(block);
        if self.sign(&text) {
            return;
        }
        let (mut words, mut who) = told::parted(&text);
        let spans = told::spans(words);
        if is_whole(words, &spans)
            && let (before, behind) = around(words, &spans[0])
            && before.is_empty()
        {
            who = who.or_else(|| told::attribution(behind));
            words = &words[spans[0].clone()];
        }
        let speaker = who.map_or(Speaker::Told(led), |who| Speaker::Marked(who.to_owned()));
        if speaker.name().is_some_and(|who| self.people.is_team(who)) {
            return self.note(block, &text.replace('\n', " "));
        }
        self.say(block, &speaker, "", &words.replace('\n', " "));
    }

    /// Adds a paragraph or item: each of its quotations, with what is told before it.
    fn paragraph(&mut self, block: &Block) {
        let text = text_of(block).trim().replace('\n', " ");
        let spans = told::spans(&text);
        let is_whole = is_whole(&text, &spans);
        let is_researchers = block.section.as_deref().is_some_and(researchers::is_heading);
        let opening = match block.body {
            Body::Item(_) => Place::Item,
            _ => Place::Opening,
        };
        if let Some(label) = opening_label(&text) {
            self.last = Spoken::Named(told::name_of(label).to_owned());
        }
        let mut notes = String::new();
        // What stands before is in a record, and what was read for names; a short quotation ends
        // only the second.
        let (mut from, mut read) = (0, 0);
        let mut has_said = false;
        for span in spans {
            let words = text[span.clone()].trim();
            let (before, after) = around(&text, &span);
            let lead = text.get(read..before.len()).unwrap_or_default();
            let place = if read == 0 { opening } else { Place::Inside };
            self.people.read(lead, place, &mut self.last);
            read = text.len() - after.len();
            let who = if is_whole {
                self.whole_by(before, after)
            } else {
                let lead = text.get(from..before.len()).unwrap_or_default();
                self.said_by(lead, words, after)
            };
            // In what researchers plan, the words of a button stand between such marks as well.
            let is_planned = is_researchers && !is_whole && !told::has_verb(end_of(lead));
            let is_said = (is_whole || spoken_words(words) >= LEAST_WORDS)
                && !is_planned
                && !told::is_narrators(end_of(before))
                && !who.name().is_some_and(|who| self.people.is_team(who));
            if !is_said {
                continue;
            }
            if !self.is_label(before) {
                let told = text[from..span.start].trim_end_matches(is_opening);
                notes.push_str(told);
            }
            self.say(block, &who, &std::mem::take(&mut notes), words);
            has_said = true;
            if is_whole && told::attribution(after).is_some() {
                read = text.len();
            }
            from = read;
        }
        let place = if read == 0 { opening } else { Place::Inside };
        self.people.read(text.get(read..).unwrap_or_default(), place, &mut self.last);
        if has_said {
            self.add_to_last(text.get(from..).unwrap_or_default());
        } else {
            self.note(block, &text);
        }
    }

    /// Who says a quotation that stands alone: by its attribution, its label, or who was named
    /// last.
    fn whole_by(&self, before: &str, after: &str) -> Speaker {
        let label = self.is_label(before).then(|| before.trim_end_matches(':').trim());
        if let Some(who) = told::attribution(after).or(label) {
            return Speaker::Marked(who.to_owned());
        }
        if unnamed::is_signature(after) || unnamed::is_behind(after) {
            return Speaker::Told(Spoken::Nobody);
        }
        Speaker::Told(self.last.clone())
    }

    fn is_label(&self, before: &str) -> bool {
        let label = before.trim_end_matches(':').trim();
        let mut words = told::name_of(label).split_whitespace();
        // `Ana laughed: "…"` tells, and labels nothing.
        let is_name = words.all(|word| word.starts_with(char::is_uppercase));
        opening_label(before).is_some_and(|found| found == label)
            || is_numbered(label)
            || is_name && self.people.is_known(label)
    }

    /// Who says a quotation inside prose: the name beside the verb behind it, or who was named
    /// last.
    fn said_by(&mut self, lead: &str, words: &str, after: &str) -> Speaker {
        let clause = end_of(lead).rsplit(['.', '!', '?']).next().unwrap_or_default();
        let behind = told::named_behind(after).and_then(|name| self.people.named(name));
        // `Gwen asked, “Why?” Ana answered that …`: the second verb is not about the quotation, and
        // neither is one behind a full stop.
        let may_follow = !told::has_verb(clause) && !words.ends_with(['.', '…']);
        let is_unnamed = may_follow && unnamed::is_behind(after) || unnamed::is_signature(after);
        let described = self.people.described_behind(after).filter(|_| may_follow);
        if let Some(name) = behind.filter(|_| may_follow) {
            self.last = Spoken::Named(name);
            return Speaker::Marked(self.last.name().unwrap_or_default().to_owned());
        }
        if is_unnamed {
            self.last = Spoken::Nobody;
        } else if let Some(described) = described {
            self.last = described;
        } else if self.last == Spoken::Nobody
            && lead.trim().is_empty()
            && let Some(who) = told::attribution(after)
        {
            return Speaker::Marked(who.to_owned());
        }
        Speaker::Told(self.last.clone())
    }

    /// Adds what is told behind a quotation to its notes.
    fn add_to_last(&mut self, rest: &str) {
        let rest = self.rows.clean(0, rest.trim_start_matches(['.', ',', ' ']));
        let Some(Block { body: Body::Cells(cells), .. }) = self.out.last_mut() else { return };
        if !rest.contains(char::is_alphabetic) {
            return;
        }
        if let Some((_, notes)) = cells.iter_mut().find(|(name, _)| name == NOTES) {
            notes.push_str(" […] ");
            notes.push_str(&rest);
        } else {
            let at = cells.len() - 1;
            cells.insert(at, (NOTES.to_owned(), rest));
        }
    }

    fn note(&mut self, block: &Block, text: &str) {
        let text = self.rows.clean(block.line, text);
        if !text.is_empty() {
            self.push(block, block.participant.clone(), vec![(NOTES.to_owned(), text)]);
        }
    }

    fn finish(self) -> Vec<Block> {
        let Self { rows, mut out, .. } = self;
        let is_note = |block: &Block| match &block.body {
            Body::Cells(cells) => cells.len() == 1 && cells[0].0 == NOTES,
            _ => false,
        };
        let are_named = out.iter().any(|block| block.participant.is_some() && !is_note(block));
        out.retain(|block| {
            let is_note = is_note(block);
            let is_kept = !(is_note && are_named && block.participant.is_none());
            if is_note {
                rows.findings.note("narration", block.line, || {
                    "only the words in quotation marks or block quotes are the participants' here; \
                     what is told around them is not quoted, and left out where it names no \
                     participant"
                        .to_owned()
                });
            }
            is_kept
        });
        out
    }
}

/// The number of a participant before a colon, with which a paragraph begins: `P1 – nurse`.
pub(super) fn opening_label(text: &str) -> Option<&str> {
    let (label, _) = text.split_once(':')?;
    let label = label.trim();
    (label.len() <= LONGEST_LEAD && is_numbered(told::name_of(label))).then_some(label)
}

/// What is told before a quotation, and the question that stands right before it.
fn asked_last(notes: &str) -> (&str, Option<&str>) {
    let notes = notes.trim_end();
    match sentences(notes).last() {
        Some(last) if last.ends_with(['?', '？']) => {
            // `I asked, "Why?" "It is late."`
            let asked = last.rsplit(['"', '“', '„', '«']).next().unwrap_or(last);
            (notes[..notes.len() - last.len()].trim_end(), Some(asked.trim_start()))
        }
        _ => (notes, None),
    }
}

/// Headings such as `Halvor, father`, if there are several.
fn named_headings(blocks: &[Block]) -> HashSet<String> {
    let is_named = |heading: &&String| {
        let Some((name, role)) = heading.split_once(", ") else { return false };
        name.starts_with(char::is_uppercase)
            && name.split_whitespace().count() <= 2
            && name.chars().all(|c| c.is_alphabetic() || c == ' ' || c == '-')
            && role.starts_with(char::is_lowercase)
    };
    let sections = blocks.iter().filter_map(|block| block.section.as_ref());
    let found: HashSet<String> = sections.filter(is_named).cloned().collect();
    if found.len() > 1 { found } else { HashSet::new() }
}

/// Fewest list items of notes that only describe participants.
const LEAST_NOTES: usize = 3;

/// Says that a document reads like notes about participants, which are quoted since nothing in it
/// is set off as their own words.
pub(crate) fn note_third_person(blocks: &[Block], findings: &mut Findings) {
    let is_item = |block: &&Block| matches!(block.body, Body::Item(_));
    let items: Vec<_> = blocks.iter().filter(is_item).map(text_of).collect();
    let about_others = items.iter().filter(|item| told::is_about_others(item)).count();
    let about_self = items.iter().any(|item| told::is_about_self(item));
    let are_notes = items.len() >= LEAST_NOTES
        && items.len() * 4 >= blocks.len() * 3
        && about_others * 4 >= items.len() * 3
        && !about_self;
    if are_notes {
        findings.note("third-person-notes", blocks[0].line, || {
            "the list items read like notes about participants, and are quoted since nothing else \
             is in anybody's own words; to have only words quoted, put them between quotation marks"
                .to_owned()
        });
    }
}

#[cfg(test)]
mod tests;
