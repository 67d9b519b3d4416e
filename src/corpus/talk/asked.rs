//! Questions that stand in a text without the name of who asks: in bold, in italics, or on a line of
//! their own.
//!
//! Owns which paragraphs and lines these are; they become turns of an interviewer, and what stands
//! below them answers. Questions with a label belong to `speakers`, and those in headings stay
//! sections.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::moderator;
use super::speakers::{Speakers, begins_turn};
use crate::corpus::block::{Block, Body};
use crate::corpus::findings::Findings;
use crate::corpus::looks::Look;

/// The label of whoever asked a question that has none.
const ASKER: &str = "Interviewer";

/// Fewest questions of one form that make it the form of the whole text.
const LEAST: usize = 3;

/// Most lines of a question.
const MOST_LINES: usize = 3;

/// Longest title above the first question, in characters.
const LONGEST_TITLE: usize = 80;

/// Fewest words of a bold sentence without a question mark that is a question all the same, and not
/// a heading.
const LEAST_WORDS: usize = 3;

/// Whether a text asks, with or without a question mark: `Tell me about your day.`
fn asks(text: &str) -> bool {
    moderator::ends_in_question(text) || is_request(text)
}

/// Whether a text begins as interviewers do when they ask for a story.
fn is_request(text: &str) -> bool {
    static REQUEST: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = "(?i)^(?:(?:please|bitte|por favor|per favore|s'il vous plaît|graag\
            |so|ok|okay|and|now|then|first|great|right|well|also|dann|und|gut|nun|alors|bon|et|puis\
            |entonces|bueno|y|então|bom|e|allora|bene|poi|dus|goed|en)[ ,.:…–-]+){0,3}\
            (?:tell (?:me|us)|describe|explain|walk (?:me|us)|talk (?:me|us)|show (?:me|us)\
            |imagine|think (?:of|about)|take (?:me|us)\
            |erzähl(?:e|en|t)?(?: sie)? (?:mir|uns|doch|bitte|von)|beschreib(?:e|en)|erklär(?:e\
            |en)|stellen sie sich|zeigen sie (?:mir|uns)\
            |(?:racontez|parlez|expliquez|dites|montrez)-(?:moi|nous)|décrivez|imaginez\
            |cu[ée]nt(?:e|a|ame|eme|anos|enos)|h[áa]bl(?:ame|eme|enos)|descr[ií]b(?:a|e|ame)\
            |expl[ií]qu(?:e|eme)|imag[ií]n(?:a|e)\
            |cont(?:e|a)(?:-me|-nos)|fal(?:e|a)(?:-me|-nos)|descrev(?:a|e)|expli(?:que|ca)\
            |(?:mi|ci) (?:racconti|parli|spieghi|descriva)|racconta(?:mi|ci)|raccont(?:i|ate)\
            |descriv(?:a|i)|immagini?\
            |vertel|beschrijf|leg (?:eens )?uit|stel je voor|laat (?:me|eens|ons))\\b";
        Regex::new(pattern).expect("the pattern is valid")
    });
    REQUEST.is_match(text.trim_start())
}

/// A line without the number that it begins with: `3. Why?`, `Q3) Why?`.
fn numbered(line: &str) -> Option<&str> {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\s*(?:[Qq]|No\.? ?)?[0-9]{1,3}\s*[.)]\s+").expect("the pattern is valid")
    });
    NUMBER.find(line).map(|number| &line[number.end()..])
}

/// Whether a text is nothing but the number of a question: `Q1.`, `3)`.
fn is_number(text: &str) -> bool {
    let text = text.trim();
    text.contains(|c: char| c.is_ascii_digit())
        && numbered(&format!("{text} ")).is_some_and(str::is_empty)
}

/// Lines that follow each other without a blank one between them.
struct Stretch<'t> {
    first: usize,
    lines: Vec<&'t str>,
}

impl<'t> Stretch<'t> {
    fn all(lines: &[&'t str]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let mut is_open = false;
        for (i, line) in lines.iter().enumerate() {
            match all.last_mut() {
                _ if line.trim().is_empty() => {}
                Some(last) if is_open => last.lines.push(line),
                _ => all.push(Self { first: i, lines: vec![line] }),
            }
            is_open = !line.trim().is_empty();
        }
        all
    }

    /// Whether the first line asks and the second one answers.
    fn has_both(&self) -> bool {
        self.lines.len() > 1
            && moderator::ends_in_question(self.lines[0])
            && !moderator::ends_in_question(self.lines[1])
            && !begins_turn(self.lines[0])
    }

    /// Whether all of it is one question.
    fn only_asks(&self) -> bool {
        let (first, last) = (self.lines[0], self.lines[self.lines.len() - 1]);
        let (before, _) = self.lines.split_at(self.lines.len() - 1);
        let last = numbered(last).filter(|_| before.is_empty()).unwrap_or(last);
        self.lines.len() <= MOST_LINES
            && asks(last)
            && !before.iter().any(|line| asks(line))
            && !begins_turn(first)
    }
}

/// Whether lines are a single short one that ends without a mark.
fn is_title(first: &Stretch<'_>) -> bool {
    let line = first.lines[0].trim();
    first.lines.len() == 1
        && line.chars().count() <= LONGEST_TITLE
        && !line.ends_with(['.', '!', '?', ':', '…'])
}

/// The questions of a plain text, by the index of each of their lines: the text without its number,
/// and whether the line begins a question.
#[derive(Debug, Default)]
pub(crate) struct Asked<'t> {
    lines: HashMap<usize, &'t str>,
    title: Option<usize>,
}

impl<'t> Asked<'t> {
    /// Finds the lines that ask: first lines of paragraphs whose other lines answer, or paragraphs
    /// that others answer. Either must be the form of the text, since people who are asked nothing
    /// may ask as well.
    pub(crate) fn find(lines: &[&'t str]) -> Self {
        let stretches = Stretch::all(lines);
        let mut asked = Self::default();
        asked.find_above_answers(&stretches);
        if asked.lines.is_empty() {
            asked.find_between_answers(&stretches);
        }
        if asked.lines.is_empty() {
            return asked;
        }
        let is_above =
            |first: &&Stretch<'_>| is_title(first) && !asked.lines.contains_key(&first.first);
        asked.title = stretches.first().filter(is_above).map(|first| first.first);
        asked
    }

    fn find_above_answers(&mut self, stretches: &[Stretch<'t>]) {
        let long = || stretches.iter().filter(|stretch| stretch.lines.len() > 1);
        let both: Vec<_> = long().filter(|stretch| stretch.has_both()).collect();
        if both.len() < LEAST || both.len() * 2 < long().count() {
            return;
        }
        let with_number = both.iter().filter(|one| numbered(one.lines[0]).is_some()).count();
        let are_numbered = with_number * 2 > both.len();
        for stretch in long() {
            let line = stretch.lines[0];
            let plain = numbered(line);
            let asks = stretch.has_both()
                || are_numbered && plain.is_some()
                || is_request(plain.unwrap_or(line)) && !begins_turn(line);
            if asks {
                self.lines.insert(stretch.first, plain.unwrap_or(line));
            }
        }
    }

    fn find_between_answers(&mut self, stretches: &[Stretch<'t>]) {
        for stretch in between_answers(stretches).iter().map(|i| &stretches[*i]) {
            for (i, line) in stretch.lines.iter().enumerate() {
                let plain = numbered(line).filter(|_| i == 0).unwrap_or(line);
                self.lines.insert(stretch.first + i, plain);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The question on the line with this index, from 0.
    pub(crate) fn question(&self, index: usize) -> Option<&'t str> {
        self.lines.get(&index).copied()
    }

    /// Whether the line with this index, from 0, is the title above the questions.
    pub(crate) fn is_title(&self, index: usize) -> bool {
        self.title == Some(index)
    }

    /// Makes the blocks below the questions their answers.
    pub(crate) fn answered(&self, blocks: &mut [Block]) {
        if !self.lines.is_empty() {
            let speakers = Speakers::find(blocks);
            answer(blocks, &speakers);
        }
    }
}

/// Indices of the stretches that ask and that others answer, if that is the form of a text.
fn between_answers(stretches: &[Stretch<'_>]) -> Vec<usize> {
    let is_answered = |i: usize| {
        stretches[i].only_asks() && stretches.get(i + 1).is_some_and(|next| !next.only_asks())
    };
    let all: Vec<usize> = (0..stretches.len()).filter(|i| stretches[*i].only_asks()).collect();
    let answered = all.iter().filter(|i| is_answered(**i)).count();
    let opens =
        all.first().is_some_and(|first| *first == 0 || *first == 1 && is_title(&stretches[0]));
    let are_numbered = || {
        let is_numbered = |i: &&usize| numbered(stretches[**i].lines[0]).is_some();
        all.iter().filter(is_numbered).count() * 4 >= all.len() * 3
    };
    let is_form = answered >= LEAST
        && answered * 4 >= all.len() * 3
        && (opens || are_numbered())
        && (all.len() * 3 >= stretches.len() || are_numbered());
    if is_form { all } else { Vec::new() }
}

/// The turn in which somebody asks.
pub(crate) fn turn(lines: Vec<String>) -> Body {
    Body::Turn { speaker: ASKER.to_owned(), lines }
}

fn is_question(body: &Body) -> bool {
    matches!(body, Body::Turn { speaker, .. } if speaker == ASKER)
}

/// Makes what stands below the first question somebody's words, as far as it has no label: a
/// paragraph would go on with the question.
fn answer(blocks: &mut [Block], speakers: &Speakers) {
    let below = blocks.iter_mut().skip_while(|block| !is_question(&block.body));
    for block in below {
        let is_labelled = block.lines().iter().any(|line| speakers.label(line).is_some());
        if let Body::Paragraph(lines) | Body::Item(lines) = &mut block.body
            && !is_labelled
        {
            let lines = std::mem::take(lines);
            block.body = Body::Turn { speaker: String::new(), lines: vec![lines.join(" ")] };
        }
    }
}

/// Makes the paragraphs in bold of a document questions, or else those in italics, if that is what
/// they mostly are. `looks` has the look of each block.
pub(crate) fn set_off(blocks: Vec<Block>, looks: &[Look], findings: &mut Findings) -> Vec<Block> {
    let texts: Vec<String> = blocks.iter().map(|block| block.lines().join("\n")).collect();
    let is_form = |part: &Part| {
        let parts: Vec<_> = texts.iter().zip(looks).map(|(text, look)| part(text, look)).collect();
        ask(&parts, &blocks)
    };
    let forms: [Part; 2] = [bold_part, italic_part];
    match forms.into_iter().find(is_form) {
        Some(part) => with_questions(blocks, &texts, looks, part, findings),
        None => numbered_in(blocks),
    }
}

/// The part of a block that is set off and what stands behind it.
type Part = for<'t> fn(&'t str, &Look) -> Option<(&'t str, &'t str)>;

/// Whether the parts of blocks that are set off are questions: at least three ask and have text below
/// them, or each of two does and the first of them opens the document.
fn ask(parts: &[Option<(&str, &str)>], blocks: &[Block]) -> bool {
    let is_answered = |i: usize, rest: &str| {
        let below = || blocks.get(i + 1).is_some_and(|below| !below.lines().is_empty());
        !rest.is_empty() || below() && parts[i + 1].is_none()
    };
    let set_off = || parts.iter().enumerate().filter_map(|(i, part)| Some((i, (*part)?)));
    let asking = || set_off().filter(|(i, (part, rest))| asks(part) && is_answered(*i, rest));
    let (questions, all) = (asking().count(), set_off().count());
    let opens = || set_off().next().is_some_and(|(first, _)| first == 0);
    let is_form =
        questions >= LEAST && questions * 2 >= all || questions == 2 && all == 2 && opens();
    is_form && asking().any(|(_, (part, _))| moderator::ends_in_question(part))
}

/// The blocks with turns of an interviewer in place of the parts that ask.
fn with_questions(
    blocks: Vec<Block>,
    texts: &[String],
    looks: &[Look],
    part: Part,
    findings: &mut Findings,
) -> Vec<Block> {
    let speakers = Speakers::find(&blocks);
    let is_sentence =
        |text: &str| text.ends_with(['.', '…']) && text.split_whitespace().count() >= LEAST_WORDS;
    let mut out = Vec::with_capacity(blocks.len() * 2);
    let mut looks_out = Vec::with_capacity(blocks.len() * 2);
    for (i, mut block) in blocks.into_iter().enumerate() {
        let part = part(&texts[i], &looks[i]).filter(|(bold, _)| asks(bold) || is_sentence(bold));
        let Some((bold, rest)) = part else {
            out.push(block);
            looks_out.push(&looks[i]);
            continue;
        };
        let own = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        block.body = turn(own(numbered(bold).unwrap_or(bold)));
        let below = (!rest.is_empty()).then(|| Block {
            line: block.line + bold.lines().count()
                - usize::from(!texts[i][bold.len()..].starts_with('\n')),
            section: block.section.clone(),
            participant: block.participant.clone(),
            facts: block.facts.clone(),
            body: Body::Paragraph(own(rest)),
        });
        for block in std::iter::once(block).chain(below) {
            out.push(block);
            looks_out.push(&Look::Plain);
        }
    }
    drop_frame(&mut out, &looks_out, findings);
    answer(&mut out, &speakers);
    out
}

/// Makes the paragraphs of a document that begin with the number of a question and ask it questions, if
/// others answer them.
fn numbered_in(mut blocks: Vec<Block>) -> Vec<Block> {
    fn of((first, block): (usize, &Block)) -> Stretch<'_> {
        Stretch { first, lines: block.lines().iter().map(|line| line.trim()).collect() }
    }
    let is_paragraph = |(_, block): &(usize, &Block)| {
        matches!(block.body, Body::Paragraph(_)) && !block.lines().is_empty()
    };
    let stretches: Vec<_> = blocks.iter().enumerate().filter(is_paragraph).map(of).collect();
    let asking = between_answers(&stretches);
    let asking = asking.into_iter().map(|at| &stretches[at]);
    let asking: Vec<(usize, Vec<String>)> = asking
        .filter_map(|stretch| {
            let mut lines: Vec<String> =
                stretch.lines.iter().map(|&line| line.to_owned()).collect();
            numbered(stretch.lines[0])?.clone_into(&mut lines[0]);
            Some((stretch.first, lines))
        })
        .collect();
    if asking.len() < LEAST {
        return blocks;
    }
    let speakers = Speakers::find(&blocks);
    for (at, lines) in asking {
        blocks[at].body = turn(lines);
    }
    answer(&mut blocks, &speakers);
    blocks
}

/// The bold beginning of a text and what stands behind it, unless the beginning is a label, or only
/// a word of a sentence.
fn bold_part<'t>(text: &'t str, look: &Look) -> Option<(&'t str, &'t str)> {
    let Look::Bold(bytes) = *look else { return None };
    part_of(text, bytes)
}

/// The same of a text that begins in italics, where the beginning asks: other words in italics are
/// remarks.
fn italic_part<'t>(text: &'t str, look: &Look) -> Option<(&'t str, &'t str)> {
    let bytes = match *look {
        Look::OpensItalic(bytes) => bytes,
        Look::Italic => text.len(),
        _ => return None,
    };
    let behind = text.get(bytes..)?.trim_start_matches([' ', '\t']);
    let is_line = behind.is_empty() || behind.starts_with('\n');
    part_of(text, bytes).filter(|(part, _)| is_line && asks(part))
}

fn part_of(text: &str, bytes: usize) -> Option<(&str, &str)> {
    let (mut bold, mut rest) = text.split_at_checked(bytes)?;
    // Only the number of the question may be in bold: `**Q1.** Why?`
    if is_number(bold) {
        let end = text.find('\n').unwrap_or(text.len());
        (bold, rest) = text.split_at(end);
    }
    let is_line = rest.trim().is_empty() || rest.trim_start_matches([' ', '\t']).starts_with('\n');
    let is_whole = is_line && !bold.trim_end().ends_with(':') || moderator::ends_in_question(bold);
    (is_whole && !begins_turn(bold)).then(|| (bold.trim(), rest.trim()))
}

/// Leaves out what frames an interview whose questions are in bold: paragraphs in italics above the
/// first question and below the last answer, and a line that says who asks.
fn drop_frame(blocks: &mut Vec<Block>, looks: &[&Look], findings: &mut Findings) {
    let first = blocks.iter().position(|block| is_question(&block.body)).unwrap_or(0);
    let after_last = looks.iter().rposition(|look| **look != Look::Italic).unwrap_or(0);
    let names_asker = |block: &Block| {
        let label = block.lines().first().and_then(|line| line.split_once(':'));
        block.participant.is_none() && label.is_some_and(|(label, _)| moderator::is_role(label))
    };
    let mut index = 0;
    blocks.retain(|block| {
        let i = index;
        index += 1;
        let is_frame =
            i > after_last || i < first && (*looks[i] == Look::Italic || names_asker(block));
        if is_frame {
            findings.note("interview-frame", block.line, || {
                "what stands in italics above the first question or below the last answer of an \
                 interview, and the line that says who asks, are the researchers' words; left out"
                    .to_owned()
            });
        }
        !is_frame
    });
}

#[cfg(test)]
mod tests {
    use crate::corpus::formats::{html, markdown, text};
    use crate::corpus::rows::Rows;

    type Reader = fn(&str, &mut Rows) -> Result<(), String>;

    fn read(reader: Reader, text: &str) -> Rows {
        let mut rows = Rows::new(1);
        reader(text, &mut rows).unwrap();
        rows
    }

    fn texts(rows: &Rows) -> Vec<&str> {
        rows.records.iter().map(|record| record.text.as_str()).collect()
    }

    #[test]
    fn the_number_of_a_question_may_be_all_that_is_bold() {
        has_read(markdown::read, &all(|i, q, a| format!("**Q{i}.** {q}\n\n{a}\n\n")));
        has_read(markdown::read, &all(|i, q, a| format!("**{i}.** {q}\n{a}\n\n")));
        let above = |text: String| format!("A driver, 12 March\n\n{text}");
        has_read(markdown::read, &above(all(|i, q, a| format!("Q{i}. {q}\n\n{a}\n\n"))));
    }

    #[test]
    fn an_answer_below_a_labelled_question_needs_no_label() {
        has_read(text::read, &all(|_, q, a| format!("Q: {q}\n\n{a}\n\n")));
        has_read(text::read, &all(|i, q, a| format!("Q{i}: {q}\n{a}\n\n")));
    }

    const ANSWERS: [(&str, &str); 4] = [
        ("How does it get here?", "By cable, on most days."),
        ("What do you order?", "I look at the sky and guess."),
        ("Would you charge them?", "I tried it once."),
        ("Tell me about a bad day.", "I had forty loaves and no guest."),
    ];

    fn all(form: impl Fn(usize, &str, &str) -> String) -> String {
        ANSWERS.iter().enumerate().map(|(i, (asked, said))| form(i + 1, asked, said)).collect()
    }

    fn has_read(reader: Reader, text: &str) {
        let rows = read(reader, text);
        let expected: Vec<_> =
            ANSWERS.map(|(asked, said)| format!("question: {asked}\ntext: {said}")).to_vec();
        assert_eq!(texts(&rows), expected, "{text}");
    }

    #[test]
    fn a_paragraph_in_bold_asks_what_the_next_one_answers() {
        has_read(markdown::read, &all(|_, q, a| format!("**{q}**\n\n{a}\n\n")));
        has_read(markdown::read, &all(|_, q, a| format!("**{q}**\n{a}\n\n")));
        has_read(
            markdown::read,
            &all(|_, q, a| format!("__{q}__ {a}\n\n")).replace("day.__ ", "day.__\n"),
        );
        has_read(html::read, &all(|_, q, a| format!("<p><strong>{q}</strong></p><p>{a}</p>")));
    }

    #[test]
    fn two_questions_and_requests_in_bold_or_italics_are_enough_between_answers() {
        let asked = ["How do you get to work?", "So tell me about the worst day."];
        let said = ["I take two trains.", "I walked, and I cried at the stop."];
        for (before, between) in [("**", "**\n\n"), ("**", "**\n"), ("*", "*\n\n"), ("_", "_\n")] {
            let turn = |i: usize| format!("{before}{}{between}{}\n\n", asked[i], said[i]);
            let rows = read(markdown::read, &format!("# P7\n\n{}{}", turn(0), turn(1)));
            let turn = |i: usize| format!("question: {}\ntext: {}", asked[i], said[i]);
            assert_eq!(texts(&rows), [turn(0), turn(1)], "{before:?} {between:?}");
        }
        has_read(markdown::read, &all(|_, q, a| format!("*{q}*\n{a}\n\n")));
        for own in [
            "**Why me?**\n\nI waited.\n\n**Never again.**\n\nI left.\n",
            "I waited.\n\n**Why me?**\n\nI left.\n\n**And now?**\n\nI rest.\n",
            "*Why me?* I asked.\n\n*What now?* I thought.\n\n*And then?* I left.\n",
            "*Imagine.*\n\nI waited.\n\n*Imagine that.*\n\nI left.\n",
        ] {
            let rows = read(markdown::read, own);
            assert!(rows.records.iter().all(|r| r.columns.is_empty()), "{own}: {:?}", texts(&rows));
        }
    }

    #[test]
    fn a_line_of_its_own_asks_what_stands_below_it() {
        has_read(text::read, &all(|_, q, a| format!("{q}\n{a}\n\n")));
        has_read(
            text::read,
            &format!("Hut, 2 August\n\n{}", all(|i, q, a| format!("{i}. {q}\n{a}\n\n"))),
        );
        has_read(text::read, &all(|_, q, a| format!("{q}\n\n{a}\n\n")));
    }

    #[test]
    fn later_paragraphs_of_an_answer_are_said_too() {
        let rows = read(markdown::read, &all(|_, q, a| format!("**{q}**\n\n{a}\n\nAnd more.\n\n")));
        assert_eq!(rows.records.len(), 8);
        assert_eq!(rows.records[1].text, "And more.");
    }

    #[test]
    fn italics_around_an_interview_are_the_researchers() {
        let inner = all(|_, q, a| format!("**{q}**\n\n{a}\n\n"));
        let text = format!("*We met on the terrace.*\n\n{inner}\n*I paid for my soup.*\n");
        let rows = read(markdown::read, &text);
        assert_eq!(rows.records.len(), 4);
        assert_eq!(rows.findings.kinds(), [("interview-frame", Some(1), 2)]);
        let rows = read(markdown::read, "*We met.*\n\nI wait.\n\n*I paid.*\n");
        assert_eq!(texts(&rows), ["We met.", "I wait.", "I paid."], "no interview");
    }

    #[test]
    fn bold_that_does_not_ask_is_said_as_before() {
        let text = "**Never again!**\n\nI waited.\n\n**Really slow.**\n\nI \
            left.\n\n**Why?**\n\nNo idea.\n";
        let rows = read(markdown::read, text);
        assert_eq!(rows.records.len(), 6, "{:?}", texts(&rows));
        let labels = all(|_, q, a| format!("**Ana:** {q}\n\n**Bo:** {a}\n\n"));
        let rows = read(markdown::read, &labels);
        assert!(texts(&rows).iter().all(|text| text.starts_with("question: ")));
        assert!(rows.records.iter().all(|r| r.participant.as_deref() == Some("Bo")));
    }

    #[test]
    fn questions_that_participants_ask_stay_theirs() {
        for text in [
            "Too slow.\nI like it!\nWhy so dear?\nNever again.\n",
            "Too slow.\n\nWhy so dear?\n\nI like it!\n\nWhere is the map?\n\nIt is fine.\n\nWhy \
                blue?\n\nNo.\n",
            "Why so dear?\nI left.\n\nToo slow and\nugly.\n\nWhere is it?\nGone.\n\nSo \
                so,\nreally.\n",
        ] {
            let rows = read(text::read, text);
            assert!(rows.records.iter().any(|r| r.text.contains("Why so dear?")), "{text}");
            assert!(rows.records.iter().all(|r| r.columns.is_empty()), "{text}");
        }
    }
}
