//! What stands above the turns of a transcript: a title, and lines such as `Interviewer: Hannah` and
//! `Age: 24`.
//!
//! Owns where they stand, and who below is bound by them. None of it is anybody's words. What a line
//! says is decided in `header_lines`. Headers that tools write around a chat are `chat_heads`'s, and
//! facts above the text of one writer `writer_sheet`'s.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::bystanders::{interprets, is_watching};
use super::header_lines::{
    Described, Line, all_names_in, facts_on, is_rule, label_of, names_in, parse,
};
use super::moderator;
use super::speakers::{Speakers, are_initials, code_of_interview, is_generic, is_short_for};
use super::time_marks::is_only_time;
use super::writer_sheet;
use crate::corpus::block::{Block, Body};
use crate::corpus::findings::Findings;
use crate::corpus::names::normalise;

/// Blocks below a header in which a conversation has to show.
const LOOKED_AT: usize = 40;

/// Most lines above the first turn that are searched for who asks.
const ABOVE: usize = 20;

/// Most paragraphs of a title, and most characters of each.
const TITLE_LINES: usize = 3;
const LONGEST_TITLE: usize = 200;

/// Fewest turns of a conversation below a title. Fewer may be a note with a dialogue in it.
const LEAST_TURNS: usize = 4;

/// What a header says of the people of a conversation.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// Names of those who ask or watch.
    pub(super) asking: Vec<String>,
    /// Whether one of them interviews, and does not help a customer.
    pub(super) interviews: bool,
    /// Whether there is no conversation, and the header describes who wrote the text.
    pub(super) is_of_writer: bool,
}

/// Removes the title and the header lines above each conversation of a document, and gives the
/// blocks below them the participant and the facts that the header names. Leaves everything as it is
/// where no conversation follows.
pub(super) fn take_out(blocks: &mut Vec<Block>, findings: &mut Findings) -> Header {
    let mut header = Header::default();
    part_facts(blocks);
    split_first(blocks);
    let runs = runs(blocks);
    let introduced = introduced(blocks);
    header.interviews |= !introduced.is_empty();
    header.asking.extend(introduced);
    if runs.is_empty() {
        header.is_of_writer = writer_sheet::take_out(blocks, findings);
    }
    let ends = runs.iter().skip(1).map(|run| run.start).chain([blocks.len()]).collect::<Vec<_>>();
    let mut gone: HashSet<usize> = HashSet::new();
    let speakers = if runs.is_empty() { HashSet::new() } else { speaking(blocks) };
    for (run, end) in runs.iter().zip(ends) {
        let mut described = Described::default();
        for line in blocks[run.clone()].iter().flat_map(Block::lines) {
            header.interviews |= label_of(line).is_some_and(moderator::is_asker);
            let Some(line) = parse(line) else { continue };
            if let Line::Asks(names) = line {
                let others = all_names_in(names).filter(|name| speakers.contains(name));
                header.asking.extend(names_in(names).chain(others));
            }
            described.add(&line);
        }
        described.give_to(&mut blocks[run.end..end]);
        gone.extend(run.clone());
    }
    let mut known = HashSet::new();
    header.asking.retain(|name| known.insert(name.clone()));
    let title = title(blocks, &gone);
    give_to_titled(blocks, &title);
    gone.extend(title);
    remove(blocks, &gone, findings);
    header
}

/// Those of the speakers whom what stands above the first turn introduces as asking, in whatever
/// sentence or line: `Hall, 3 June. Moderator: Judith (JM). Recorded.`, `Judith (moderator)`.
fn introduced(blocks: &[Block]) -> Vec<String> {
    static PARTS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[.;|·•,]\s+").expect("the pattern is valid"));
    static WITH_ROLE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\p{Lu}[\p{L}'’-]*(?: \p{Lu}[\p{L}'’.-]*){0,2} ?\([^()]{1,40}\)")
            .expect("the pattern is valid")
    });
    let speakers = Speakers::find(blocks);
    let above = blocks.iter().flat_map(Block::lines).take(ABOVE);
    let speak = |name: &String| speakers.names().any(|label| is_called(label, name));
    // Such a line has the form of a turn.
    let introduces = |line: &str| {
        let names = label_of(line).zip(parse(line)).map(|(label, line)| names_asker(label, &line));
        names.is_some_and(|names| names.iter().any(speak))
    };
    let is_above = |line: &&String| speakers.label(line).is_none() || introduces(line);
    let above: Vec<&String> = above.take_while(is_above).collect();
    let mut found = Vec::new();
    for line in above {
        for part in PARTS.split(line) {
            if label_of(part).is_some_and(moderator::is_role)
                && let Some(Line::Asks(names)) = parse(part)
            {
                found.extend(all_names_in(names).filter(speak));
            }
        }
        let with_role = WITH_ROLE.find_iter(line).map(|found| found.as_str());
        let names = with_role.filter(|name| moderator::is_role(name));
        found.extend(names.filter_map(moderator::name_in).map(str::to_owned).filter(speak));
    }
    found
}

/// Puts facts that stand on one line of the first blocks on a line each: `Date: 3 May. Place: Hut`.
fn part_facts(blocks: &mut [Block]) {
    for block in blocks.iter_mut().take(TITLE_LINES) {
        let Body::Paragraph(lines) = &mut block.body else { continue };
        if lines.iter().any(|line| facts_on(line).len() > 1) {
            *lines = lines.iter().flat_map(|line| facts_on(line)).map(str::to_owned).collect();
        }
    }
}

/// Parts the header lines of the first block from a title above them and from the turns below them,
/// where no blank line does.
fn split_first(blocks: &mut Vec<Block>) {
    let Some(Block { body: Body::Paragraph(lines), .. }) = blocks.first() else { return };
    let is_header = |text: &&String| {
        is_rule(text) || parse(text).is_some_and(|line| !matches!(line, Line::Other(_)))
    };
    let title = lines.iter().take(TITLE_LINES).take_while(|text| !is_header(text)).count();
    let head = title + lines[title..].iter().take_while(is_header).count();
    if head - title < 2 {
        return;
    }
    let whole = lines.len();
    for at in [head, title].into_iter().filter(|at| (1..whole).contains(at)) {
        let first = &mut blocks[0];
        let Body::Paragraph(lines) = &mut first.body else { return };
        let below = Block {
            line: first.line + at,
            section: first.section.clone(),
            participant: first.participant.clone(),
            facts: first.facts.clone(),
            body: Body::Paragraph(lines.split_off(at)),
        };
        blocks.insert(1, below);
    }
}

/// Gives a conversation to the participant whose code its title tells, where the only one who answers
/// has no name: `Interview TN1` above `I:` and `B:`.
fn give_to_titled(blocks: &mut [Block], title: &[usize]) {
    let code = title.iter().flat_map(|at| blocks[*at].lines()).find_map(|l| code_of_interview(l));
    let Some(code) = code.map(str::to_owned) else { return };
    let speakers = speaking(blocks);
    let mut others = speakers.iter().filter(|label| !moderator::is_asker(label));
    let is_nameless = |label: &String| is_generic(label) || label.chars().count() == 1;
    let is_one = others.next().is_some_and(is_nameless) && others.next().is_none();
    if !is_one || speakers.len() < 2 {
        return;
    }
    let below = title.last().map_or(0, |last| last + 1);
    for block in &mut blocks[below..] {
        block.participant.get_or_insert_with(|| code.clone());
    }
}

fn remove(blocks: &mut Vec<Block>, gone: &HashSet<usize>, findings: &mut Findings) {
    let mut at = 0;
    blocks.retain(|block| {
        at += 1;
        let is_gone = gone.contains(&(at - 1));
        if is_gone {
            findings.note("above-transcript", block.line, || {
                "the title and the facts above the first turn of a transcript are nobody's words; left out"
                    .to_owned()
            });
        }
        !is_gone
    });
}

/// The runs of blocks that are headers of a conversation, in order. The first may be anything that
/// looks like one; others begin with the same label.
fn runs(blocks: &[Block]) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    let mut first_label: Option<String> = None;
    let mut at = 0;
    while at < blocks.len() {
        let mut length = blocks[at..].iter().take_while(|block| is_header_block(block)).count();
        let is_lone = |at: usize| is_header(&blocks[at..=at], below(blocks, at + 1));
        if length > 1
            && !is_header(&blocks[at..at + length], below(blocks, at + length))
            && is_lone(at)
        {
            length = 1;
        }
        if length == 0 {
            // A title may stand above the first header, but no conversation.
            if runs.is_empty() && at >= TITLE_LINES {
                break;
            }
            at += 1;
            continue;
        }
        let run = at..at + length;
        let label = blocks[at].lines().first().and_then(|line| label_of(line)).map(normalise);
        let is_again = first_label.is_none() || first_label == label;
        if is_again && is_header(&blocks[run.clone()], below(blocks, run.end)) {
            first_label = label;
            runs.push(run.clone());
        }
        at = run.end;
    }
    runs
}

/// The first blocks of what stands below a header. A file may hold thousands of headers, and reading
/// to its end for each would be quadratic.
fn below(blocks: &[Block], start: usize) -> &[Block] {
    &blocks[start..blocks.len().min(start + LOOKED_AT)]
}

fn is_header_block(block: &Block) -> bool {
    matches!(block.body, Body::Paragraph(_) | Body::Item(_))
        && block.lines().iter().any(|line| parse(line).is_some())
        && block.lines().iter().all(|line| is_rule(line) || parse(line).is_some())
}

/// Whether blocks are the header of the conversation below them: at least two lines, no label
/// twice, and two thirds of them bind a person or state a fact that only a header states. Where
/// they only bind people, one of these has to speak below, so that a round of short answers is not
/// taken for a header.
fn is_header(blocks: &[Block], below: &[Block]) -> bool {
    let lines: Vec<(&str, Line<'_>)> = blocks
        .iter()
        .flat_map(Block::lines)
        .filter_map(|line| Some((label_of(line)?, parse(line)?)))
        .collect();
    let mut labels = HashSet::new();
    let are_once = lines.iter().all(|(label, _)| labels.insert(normalise(label)));
    let known = lines.iter().filter(|(_, line)| !matches!(line, Line::Other(_))).count();
    if let [(label, line)] = &lines[..] {
        let speakers = speaking(below);
        return !speakers.contains(*label)
            && names_asker(label, line).iter().any(|name| is_among(name, &speakers));
    }
    if !are_once || lines.len() < 2 || known * 3 < lines.len() * 2 {
        return false;
    }
    let speakers = speaking(below);
    let speaks = |names: &str| {
        all_names_in(names).any(|name| {
            speakers.contains(&name) || name.split_whitespace().any(|word| speakers.contains(word))
        })
    };
    !speakers.is_empty()
        && lines.iter().any(|(label, line)| match line {
            Line::Tells | Line::Describes(..) => true,
            Line::Asks(names) | Line::Heard(names) => {
                is_watching(label) || interprets(label) || speaks(names)
            }
            Line::Other(_) => false,
        })
}

/// The names in a line that says who asks: `Moderator: Priya Nair (PN)`.
fn names_asker(label: &str, line: &Line<'_>) -> Vec<String> {
    match line {
        Line::Asks(names) if moderator::is_role(label) => all_names_in(names).collect(),
        _ => Vec::new(),
    }
}

/// Whether one of the speakers is called so, in full or in short.
fn is_among(name: &str, speakers: &HashSet<String>) -> bool {
    speakers.iter().any(|label| is_called(label, name))
}

/// Whether a label is a name in full or in short: `PN` of `Priya Nair`.
fn is_called(label: &str, name: &str) -> bool {
    label == name || is_short_for(label, name) || are_initials(label, name)
}

/// The labels of those who speak in blocks.
fn speaking(blocks: &[Block]) -> HashSet<String> {
    let labels = Speakers::find(blocks);
    let turns = blocks.iter().filter_map(|block| match &block.body {
        Body::Turn { speaker, .. } => Some(speaker.as_str()),
        _ => None,
    });
    labels.names().chain(turns).map(str::to_owned).collect()
}

/// The blocks of a title above the first turn of a conversation.
fn title(blocks: &[Block], gone: &HashSet<usize>) -> Vec<usize> {
    let kept = |at: &usize| !gone.contains(at);
    let rest: Vec<usize> = (0..blocks.len()).filter(kept).collect();
    let speakers = Speakers::find(blocks);
    let begins =
        |at: usize| blocks[at].lines().first().is_some_and(|l| speakers.label(l).is_some());
    let is_turn = |at: usize| begins(at) || matches!(blocks[at].body, Body::Turn { .. });
    let above: Vec<usize> = rest.iter().copied().take_while(|at| !is_turn(*at)).collect();
    let turns = |at: &usize| match &blocks[*at].body {
        Body::Turn { .. } => 1,
        _ => blocks[*at].lines().iter().filter(|line| speakers.label(line).is_some()).count(),
    };
    let asks = |at: &usize| {
        let lines = blocks[*at].lines().iter();
        lines.filter_map(|line| speakers.label(line)).any(|label| {
            moderator::is_asker(label.speaker) || moderator::ends_in_question(label.rest)
        })
    };
    let is_conversation =
        rest.iter().map(turns).sum::<usize>() >= LEAST_TURNS && rest.iter().any(asks);
    let is_title = |at: &usize| {
        let block = &blocks[*at];
        let text: usize = block.lines().iter().map(|line| line.chars().count()).sum();
        // Several facts in a row are the header of a tool.
        let facts = block.lines().iter().filter(|line| parse(line).is_some()).count();
        matches!(block.body, Body::Paragraph(_)) && text <= LONGEST_TITLE && facts <= 1
    };
    let is_above = !above.is_empty() && above.len() < rest.len() && is_conversation;
    // Above the first time that stands alone, a tool says what it is and who was there.
    let is_tools = above.len() <= ABOVE
        && above.last().is_some_and(|at| {
            let lines = blocks[*at].lines();
            !lines.is_empty() && lines.iter().all(|line| is_only_time(line))
        });
    let is_short = above.len() <= TITLE_LINES && above.iter().all(is_title);
    if is_above && (is_tools || is_short) { above } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use crate::corpus::formats::markdown;
    use crate::corpus::rows::Rows;
    use crate::corpus::test_support::{load_text as load, said};

    #[test]
    fn a_header_binds_names_and_is_nobodys_words() {
        let rows = load(
            "Interviewer: Hannah Cole\nParticipant: Vex\nDate: 3 May 2024\n\n\
             Hannah: How does your week begin?\nVex: I sit in the van.\n\
             Hannah: I would like to hear more on that.\nVex: Paper blows away.\n",
        );
        assert_eq!(
            said(&rows),
            [
                (Some("Vex"), "question: How does your week begin?\ntext: I sit in the van."),
                (
                    Some("Vex"),
                    "question: I would like to hear more on that.\ntext: Paper blows away."
                ),
            ]
        );
        assert_eq!(rows.findings.kinds(), [("above-transcript", Some(1), 1)]);
        assert_eq!(rows.other_names, ["Hannah Cole", "Vex"]);
    }

    #[test]
    fn facts_about_the_one_interviewed_go_along_with_what_they_say() {
        let turns = "Interviewer: How was it?\nInterviewee: I sat there for forty minutes.\n\
                     Interviewer: And then?\nInterviewee: I went home.\n";
        for (header, who) in [
            ("Participant ID: P1\nAge: 24\nLocation: Ottawa\n\n", "P1"),
            ("Interviewer: Hannah\nInterviewee: Vex, 24, student\nDuration: 51 min\n\n", "Vex"),
            ("Interviewee: Vex\nDuration: 51 min\nAge: 24\n-------\n", "Vex"),
            ("Interview no. 4\nInterviewee: Vex\nAge: 24\n", "Vex"),
        ] {
            let rows = load(&format!("{header}{turns}"));
            let found = said(&rows);
            assert_eq!(found.len(), 2, "{header}: {found:?}");
            assert!(found.iter().all(|(name, _)| *name == Some(who)), "{header}: {found:?}");
            assert_eq!(found[0].1.contains("Age: 24"), header.contains("Age: 24"), "{found:?}");
            assert!(found[0].1.ends_with("text: I sat there for forty minutes."));
        }
    }

    #[test]
    fn a_header_may_stand_in_a_table() {
        let mut rows = Rows::new(1);
        let text = "# Interview\n\n|  |  |\n|--|--|\n| Participant | P12 (Agnieszka), seller |\n\
                    | Interviewer | Luca Ferri |\n| Date / length | 9 April 2024, 41 min |\n\n\
                    LF: What do you sell?\n\nP12: Chairs, mostly.\n\nLF: And then?\n\nP12: I wait.\n";
        markdown::read(text, &mut rows).unwrap();
        assert!(said(&rows).iter().all(|(who, _)| *who == Some("P12")), "{:?}", said(&rows));
        assert_eq!(rows.records.len(), 2);
    }

    #[test]
    fn a_short_name_in_brackets_is_that_of_the_turns() {
        let rows = load(
            "Participant: P01 (Ana)\nInterviewer: Farah (F)\n\nF: How do you pay?\n\
             P: At the shop.\nF: Tell me more.\nP: There is a queue.\n",
        );
        assert_eq!(rows.records.len(), 2, "{:?}", said(&rows));
        assert!(said(&rows).iter().all(|(who, _)| *who == Some("P01")), "{:?}", said(&rows));
    }

    #[test]
    fn facts_on_one_line_name_all_who_ask() {
        let talk = "Anne Roy: Why?\nMme Petit: Je monte à pied.\nKarim B.: Merci.\nMme Petit: De rien, au revoir.\n\
                    Anne Roy: Et la fuite ?\nMme Petit: Trois fois.\nKarim B.: Ah.\n";
        let rows = load(&format!(
            "Durée : 48 minutes. Lieu : domicile. Enquêteurs : Anne Roy, Karim B.\n\n{talk}"
        ));
        assert!(said(&rows).iter().all(|(who, _)| *who == Some("Mme Petit")), "{:?}", said(&rows));
        let rows = load(&format!("Datum: 14.11.2023, Ort: Hütte\nRegeln: einfach\n\n{talk}"));
        assert!(
            !rows.records.iter().any(|record| record.text.contains("Ort")),
            "{:?}",
            said(&rows)
        );
    }

    #[test]
    fn a_moderator_introduced_in_a_sentence_is_no_participant() {
        let talk = "JM: Welcome, all. Who rides?\nOlu: I do, until ten.\nStan: I walk the round.\n\
                    JM: I see.\nOlu: The battery dies.\nStan: They lie across the pavement.\n";
        for above in [
            "Focus group in Northgate\nDate: 3 June, hall. Moderator: Judith (JM). Typed by Quick Ltd. Two \
             participants, names changed.\nTranscript\n",
            "Focus group\n\nPresent were Judith Meyer (moderator), Olu and Stan, who know each other.\n\n",
        ] {
            let rows = load(&format!("{above}{talk}"));
            let who: Vec<_> = said(&rows).iter().filter_map(|(who, _)| *who).collect();
            assert_eq!(who, ["Olu", "Stan", "Olu", "Stan"], "{:?}", said(&rows));
        }
    }

    #[test]
    fn the_title_above_a_round_of_labels_is_no_turn() {
        let turns = "Moderator: Who rides?\nOlu: I do, until ten.\nStan: I walk the round.\n\
                     Moderator: Why?\nOlu: The battery dies.\nMoira: I count the kerbs.\n";
        let rows = load(&format!("Focus group: shared bikes in Northgate\n{turns}"));
        let who: Vec<_> = said(&rows).iter().filter_map(|(who, _)| *who).collect();
        assert_eq!(who, ["Olu", "Stan", "Olu", "Moira"]);
        let rows = load(&format!("Ana: I came by bike today.\n{turns}"));
        assert_eq!(said(&rows)[0].0, Some("Ana"), "a sentence");
    }

    #[test]
    fn initials_of_the_interviewer_are_theirs() {
        let rows = load(
            "Interview - P12\nInterviewer: Luca Ferri\nParticipant: P12, seller\nDate: 9 April\n\n\
             LF: What do you sell?\nP12: Chairs, mostly.\nLF: Walk me through it.\nP12: I find them.\n",
        );
        assert!(said(&rows).iter().all(|(who, _)| *who == Some("P12")), "{:?}", said(&rows));
    }

    #[test]
    fn a_single_line_may_say_who_asks() {
        let turns = "RW: What does your practice do?\n\nW: We are five, and I do payroll.\n\n\
                     RW: Walk me through a run.\n\nW: I have a list on the wall.\n\nRW: What is hardest?\n\n\
                     W: They change the hours after I have filed.\n";
        for head in [
            "Interviewer: Rob Winters",
            "Moderator: Rob Winters (RW)",
            "Researchers: Rob Winters (RW), Tom Lee (TL)",
        ] {
            let rows = load(&format!("Interview\n\n{head}\n\n{turns}"));
            assert!(
                said(&rows).iter().all(|(who, _)| *who == Some("W")),
                "{head}: {:?}",
                said(&rows)
            );
            assert_eq!(rows.records.len(), 3, "{head}");
            assert!(said(&rows)[1].1.starts_with("question: Walk me through a run."), "{head}");
        }
        let rows = load(&format!("Interviewer: Nora Field\n\n{turns}"));
        assert!(said(&rows).iter().any(|(_, text)| text.contains("Walk me")), "she is not RW");
        let group = "Focus group 2\nModerator: Priya Nair (PN)\n\nPN: So how do you get around?\n\
                     Liam (17): My mum. Or I cycle.\nDev (24): I work at the warehouse.\nPN: Tell me more.\n\
                     Liam (17): I had to turn down a job.\nDev (24): I lost two shifts.\n";
        let rows = load(group);
        let who: Vec<_> = said(&rows).iter().filter_map(|(who, _)| *who).collect();
        assert_eq!(who, ["Liam", "Dev", "Liam", "Dev"], "{:?}", said(&rows));
        assert!(said(&rows)[0].1.starts_with("question: So how"), "{:?}", said(&rows));
    }

    #[test]
    fn a_code_in_the_title_is_that_of_the_nameless_one_who_answers() {
        let talk = |asks: &str, answers: &str| {
            format!(
                "Interview TN1\n\n{asks}: Was machen Sie?\n{answers}: Ich leite den Dienst.\n\
                 {asks}: Was ist daran schwer?\n{answers}: Ich suche Handzeichen.\n"
            )
        };
        for (asks, answers) in
            [("I", "B"), ("Frage", "Antwort"), ("Interviewer", "Participant"), ("Q", "A")]
        {
            let rows = load(&talk(asks, answers));
            let expected = [
                "question: Was machen Sie?\ntext: Ich leite den Dienst.",
                "question: Was ist daran schwer?\ntext: Ich suche Handzeichen.",
            ];
            assert_eq!(said(&rows), expected.map(|text| (Some("TN1"), text)), "{asks} {answers}");
        }
        let rows = load(&talk("Interviewer", "Karin"));
        assert!(said(&rows).iter().all(|(who, _)| *who == Some("Karin")), "she has a name");
        let both = load(&format!("{}C: Ich auch, jeden Tag.\nC: Und du?\n", talk("I", "B")));
        assert!(!said(&both).iter().any(|(who, _)| *who == Some("TN1")), "{:?}", said(&both));
    }

    #[test]
    fn what_a_meeting_tool_writes_around_the_turns_is_nobodys_words() {
        let notice = "This editable transcript was computer generated and might contain errors. People can \
                      also change the text after it was created.";
        let head = format!(
            "Allotments (2026-03-04 10:02 GMT+1) - Transcript\nAttendees\nBronagh Kelly, Ravi S, Zofia W, \
             Zofia W's Presentation\nTranscript\n{notice}\n\n00:00:00\n\n"
        );
        let turns = "Bronagh Kelly: How did you hear about it?\nRavi S: There is a paper at the gate.\n\
                     Bronagh Kelly: And then?\nRavi S: I forgot it.\n\n00:05:00\n\n\
                     Bronagh Kelly: What about water?\nRavi S: I come at\n10:30\nand carry it.\n\n";
        for text in [
            format!("{head}{turns}Transcription ended after 00:24:12\n"),
            format!("{}{turns}", head.replace('\n', "\n\n")),
        ] {
            let rows = load(&text);
            let expected = [
                "question: How did you hear about it?\ntext: There is a paper at the gate.",
                "question: And then?\ntext: I forgot it.",
                "question: What about water?\ntext: I come at 10:30 and carry it.",
            ];
            assert_eq!(said(&rows), expected.map(|text| (Some("Ravi S"), text)));
        }
    }

    #[test]
    fn each_conversation_of_a_file_has_its_header() {
        let one = |who: &str, words: &str| {
            format!(
                "Participant: {who}\nDate: 3 May 2024\n\nInterviewer: How was it?\nParticipant: {words}\n\n"
            )
        };
        let rows = load(&format!("{}{}", one("Vex", "Too slow for me."), one("Ida", "I gave up.")));
        let who: Vec<_> = said(&rows).into_iter().map(|(who, _)| who.unwrap()).collect();
        assert_eq!(who, ["Vex", "Ida"]);
    }

    #[test]
    fn a_title_above_a_conversation_is_nobodys_words() {
        let turns = "Sarah: Shall we start?\nTom: Yes, mind the dog.\nSarah: How do you keep records?\n\
                     Tom: I have a notebook for each hive.\nSarah: Do you use the app?\nTom: In winter I do.\n";
        let rows =
            load(&format!("Interview with Tom Adler, beekeeper\nBy Sarah, 9 March\n\n{turns}"));
        let found = said(&rows);
        assert!(found.iter().all(|(who, _)| *who == Some("Tom")), "{found:?}");
        let story = "My farm is small and it has been in the family for ninety years. ".repeat(4);
        let rows = load(&format!("{story}\n\n{turns}"));
        assert!(said(&rows)[0].1.starts_with("My farm"), "a longer text is not a title");
    }

    #[test]
    fn short_answers_and_notes_are_no_header() {
        let rows = load(
            "Interviewer: Name\nParticipant: Ana Silva\n\nInterviewer: Town\nParticipant: Porto\n\n\
             Interviewer: Bus\nParticipant: Number 5\n",
        );
        assert_eq!(rows.records.len(), 3, "{:?}", said(&rows));
        let rows = load("Participant: P1\nAge: 24\n\nShe waits a lot.\n\nShe goes by bus.\n");
        assert!(said(&rows).iter().any(|(_, text)| text.contains("24")), "nobody speaks");
    }

    #[test]
    fn remarks_in_brackets_and_observers_are_not_evidence() {
        let rows = load(
            "Moderator: What now?\nP1: (opens a second screen)\nNote-taker: she is lost\n\
             P1: I am lost [laughs] again.\n[00:02:50] [crosstalk]\nObserver: can we ask about invoices\nP1: I never see one.\n",
        );
        let texts: Vec<_> = said(&rows).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].ends_with("text: I am lost [laughs] again."), "{texts:?}");
    }
}
