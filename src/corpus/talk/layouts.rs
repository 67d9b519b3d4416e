//! Speakers of transcripts whose labels have no colon: `00:04 Ana`, `Ana – text`, `[Ana] text`, or
//! `ANA` on a line above the words.
//!
//! Owns the test for whether such labels are a file's layout: a few names come back, they begin most
//! of the text, and somebody asks. The forms of the labels are known to `label_forms`; labels with a
//! colon belong to `speakers`.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::label_forms::{FORMS, Form, Label, Line, are_handles, candidates, is_known};
use super::moderator;
use crate::corpus::block::{Block, Body};
use crate::corpus::findings::Findings;

/// Most different names in one conversation; text with more is not read as a transcript.
const MOST_NAMES: usize = 12;

/// Fewest labels that make a layout where none of them is a role such as `Interviewer`; with a
/// role, two are enough.
const LEAST_LABELS: usize = 4;

/// Makes the text below or behind each label a turn of its speaker, if the blocks have such a
/// layout; else returns them as they are. What stands above the first label is left out, with a
/// finding.
pub(crate) fn apply(blocks: Vec<Block>, findings: &mut Findings) -> Vec<Block> {
    let found = find(&blocks);
    if found.is_empty() {
        return blocks;
    }
    let mut out = Vec::with_capacity(blocks.len());
    for (i, block) in blocks.into_iter().enumerate() {
        let own: Vec<&Owned> = found.iter().filter(|label| label.block == i).collect();
        let first = own.first().map_or(block.lines().len(), |label| label.at);
        let is_above = out.is_empty() && block.participant.is_none();
        if own.is_empty() && !is_above {
            out.push(block);
            continue;
        }
        let part = |line: usize, body: Body| Block {
            line: block.line + line,
            section: block.section.clone(),
            participant: block.participant.clone(),
            facts: block.facts.clone(),
            body,
        };
        if is_above && (first > 0 || block.lines().is_empty()) {
            findings.note("above-transcript", block.line, || {
                "what stands above the first turn of a transcript is nobody's words; left out"
                    .to_owned()
            });
        } else if first > 0 {
            out.push(part(0, Body::Paragraph(block.lines()[..first].to_vec())));
        }
        for (n, label) in own.iter().enumerate() {
            let end = own.get(n + 1).map_or(block.lines().len(), |next| next.at);
            let below = block.lines()[(label.at + label.fills).min(end)..end].iter();
            let words: Vec<&str> = std::iter::once(label.rest.as_str())
                .chain(below.map(|line| line.trim()))
                .filter(|words| !words.is_empty())
                .collect();
            let body = Body::Turn { speaker: label.name.clone(), lines: vec![words.join(" ")] };
            out.push(part(label.at, body));
        }
    }
    out
}

/// A label of the layout that was found, with its place in the blocks.
struct Owned {
    block: usize,
    at: usize,
    fills: usize,
    name: String,
    rest: String,
}

fn find(blocks: &[Block]) -> Vec<Owned> {
    let lines: Vec<Line> = blocks
        .iter()
        .enumerate()
        .flat_map(|(block, of)| {
            let lines = of.lines().iter().enumerate();
            lines.map(move |(at, text)| Line { block, at, text: text.trim() })
        })
        .filter(|line| !line.text.is_empty())
        .collect();
    let mut best: Vec<Label> = Vec::new();
    for form in FORMS {
        let labels = layout(form, candidates(form, &lines), &lines);
        if labels.len() > best.len() {
            best = labels;
        }
    }
    let owned = best.into_iter().map(|label| {
        let Line { block, at, .. } = lines[label.line];
        // A label of two lines may be split between two blocks; then it counts from its second
        // line.
        let last = lines[label.line + label.fills - 1];
        let (name, rest) = (label.name.to_owned(), label.rest.to_owned());
        if last.block == block {
            Owned { block, at, fills: label.fills, name, rest }
        } else {
            Owned { block: last.block, at: last.at, fills: 1, name, rest }
        }
    });
    owned.collect()
}

/// The labels that count, if they make a layout: their names come back, they begin most of the
/// text, and somebody asks. Empty if they do not.
fn layout<'b>(form: Form, all: Vec<Label<'b>>, lines: &[Line<'_>]) -> Vec<Label<'b>> {
    let candidates = all.len();
    let has_asker = all.iter().any(|label| moderator::is_asker(label.name));
    let labels = with_words(recurring(form, all, has_asker), lines);
    let names = names(&labels);
    let least = if has_asker { 2 } else { LEAST_LABELS };
    let is_timed = labels.iter().all(|label| label.time.is_some());
    let is_layout = labels.len() >= least
        && (2..=MOST_NAMES).contains(&names.len())
        && are_handles(names.keys().copied())
        && labels.len() * 5 >= candidates * 3
        && take_turns(&labels)
        && unlabelled(&labels, lines) <= labels.len() * (1 + usize::from(is_timed))
        && (has_both_roles(&names) || somebody_asks(&labels, &names, lines, is_timed));
    if is_layout { labels } else { Vec::new() }
}

/// How many labels each name has.
fn names<'b>(labels: &[Label<'b>]) -> HashMap<&'b str, usize> {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for label in labels {
        *names.entry(label.name).or_default() += 1;
    }
    names
}

/// The labels whose names come back, or are roles beside that of one who asks; all labels where
/// most are like that and the form is clear.
fn recurring<'b>(form: Form, mut labels: Vec<Label<'b>>, has_asker: bool) -> Vec<Label<'b>> {
    let names = names(&labels);
    let comes_back =
        |label: &Label<'b>| names[label.name] >= 2 || has_asker && is_known(label.name);
    let repeated = labels.iter().filter(|label| comes_back(label)).count();
    if !form.is_strong() || repeated * 2 < labels.len() {
        labels.retain(comes_back);
    }
    labels
}

/// The labels with words before the next one; without words, no turn begins.
fn with_words<'b>(mut labels: Vec<Label<'b>>, lines: &[Line<'_>]) -> Vec<Label<'b>> {
    let starts: Vec<usize> = labels.iter().map(|label| label.line).collect();
    labels.retain(|label| {
        let next = label.line + label.fills;
        !label.rest.is_empty() || next < lines.len() && starts.binary_search(&next).is_err()
    });
    labels
}

/// Whether the names change often, and the times hardly ever go back.
fn take_turns(labels: &[Label<'_>]) -> bool {
    let pairs = || labels.windows(2);
    let back =
        pairs().filter(|pair| matches!((pair[0].time, pair[1].time), (Some(a), Some(b)) if b < a));
    let changes = pairs().filter(|pair| pair[0].name != pair[1].name).count();
    back.count() * 10 <= labels.len() && changes * 2 >= labels.len() - 1
}

/// Number of blocks after the first label in which no turn begins, except those directly below a
/// label on a line of its own.
fn unlabelled(labels: &[Label<'_>], lines: &[Line<'_>]) -> usize {
    let mut blocks: Vec<usize> = lines[labels[0].line..].iter().map(|line| line.block).collect();
    blocks.dedup();
    let mut begun: Vec<usize> = Vec::new();
    for label in labels {
        begun.push(lines[label.line].block);
        if label.rest.is_empty() {
            begun.push(lines[label.line + label.fills].block);
        }
    }
    begun.dedup();
    blocks.iter().filter(|block| begun.binary_search(block).is_err()).count()
}

/// Whether one label is that of somebody who asks, and another is not: this makes a conversation,
/// whatever is said.
fn has_both_roles(names: &HashMap<&str, usize>) -> bool {
    names.keys().any(|name| moderator::is_asker(name))
        && names.keys().any(|name| !moderator::is_asker(name))
}

/// Whether a third of somebody's turns end in a question.
fn somebody_asks(
    labels: &[Label<'_>],
    names: &HashMap<&str, usize>,
    lines: &[Line<'_>],
    is_timed: bool,
) -> bool {
    let mut asked: HashMap<&str, usize> = HashMap::new();
    for (n, label) in labels.iter().enumerate() {
        let end = labels.get(n + 1).map_or(lines.len(), |next| next.line);
        let last = lines[label.line + label.fills..end].last().map_or(label.rest, |line| line.text);
        *asked.entry(label.name).or_default() += usize::from(moderator::ends_in_question(last));
    }
    // Times make it likely that this is a conversation, so that one question is enough.
    let least = if is_timed { 1 } else { 2 };
    asked.iter().any(|(name, asked)| *asked >= least && asked * 3 >= names[name])
}

/// Whether a line is nothing but a time and a name, as some tools head each turn.
pub(crate) fn heads_turn(line: &str) -> bool {
    let line = Line { block: 0, at: 0, text: line.trim() };
    [Form::TimeName, Form::NameTime].iter().any(|form| !candidates(*form, &[line]).is_empty())
}

/// Removes a last line that says who or what wrote the transcript: `Transcribed by …`.
pub(crate) fn drop_closing(blocks: &mut Vec<Block>, findings: &mut Findings) {
    static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
        let by = "transcribed (?:by|with|using)|transcript(?:ion)? (?:by|created|generated|provided)\
                  |transkribiert (?:von|mit|durch)|transcrit (?:par|avec)|transcrito (?:por|con|com)\
                  |trascritto (?:da|con)|getranscribeerd (?:door|met)|transkriberat av\
                  |.{2,50} (?:stopped transcription|hat die transkription beendet|a arrêté la transcription\
                  |detuvo la transcripción|interrompeu a transcrição|ha interrotto la trascrizione\
                  |heeft de transcriptie gestopt)|end of (?:the )?(?:transcript|recording|interview)\
                  |this editable transcript was computer generated|transcription ended after";
        let pattern = format!(r"(?i)^[\[(*_\s–-]*(?:{by})\b.{{0,80}}$");
        Regex::new(&pattern).expect("the pattern is valid")
    });
    // When it ended, in whatever language: `La transcription s'est terminée après 00:24:12`.
    static ENDED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)^[^:]{0,30}tra?n?s[ck]ri[^:]{0,50}\b\d{1,2}:\d{2}:\d{2}\.?$")
            .expect("the pattern is valid")
    });
    // Two lines at most: when it ended, and that a machine wrote it down.
    for _ in 0..2 {
        let Some(block) = blocks.last_mut() else { return };
        let line = block.line + block.lines().len().saturating_sub(1);
        let (Body::Paragraph(lines) | Body::Item(lines)) = &mut block.body else { return };
        let closes = |line: &String| CLOSING.is_match(line) || ENDED.is_match(line.trim());
        if !lines.last().is_some_and(closes) {
            return;
        }
        lines.pop();
        if lines.is_empty() {
            blocks.pop();
        }
        findings.note("below-transcript", line, || {
            "the line that says who wrote a transcript down is nobody's words; left out".to_owned()
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::corpus::rows::Rows;
    use crate::corpus::test_support::load_text;

    /// Name, time and words of two people who ask and answer three times.
    const TURNS: [(&str, &str, &str); 6] = [
        ("Ana Lee", "00:04", "Thanks for coming, how does your day begin?"),
        ("Bo de Wit", "00:11", "I unlock the store room and count what is missing."),
        ("Ana Lee", "00:40", "And what happens when something is missing?"),
        ("Bo de Wit", "00:52", "I borrow from the next ward and write it on my hand."),
        ("Ana Lee", "01:15", "How do you feel about that?"),
        ("Bo de Wit", "01:23", "Ashamed, because it looks like stealing."),
    ];

    fn who(rows: &Rows) -> Vec<Option<&str>> {
        rows.records.iter().map(|record| record.participant.as_deref()).collect()
    }

    #[test]
    fn labels_without_a_colon_are_learned_in_the_forms_that_tools_write() {
        for form in [
            "TIME NAME\nTEXT\n\n",
            "[TIME] NAME\nTEXT\n\n",
            "00:TIME NAME\nTEXT\n\n",
            "TIME - TIME NAME\nTEXT\n\n",
            "NAME (00:TIME - 00:TIME)\nTEXT\n\n",
            "NAME | TIME\nTEXT\n\n",
            "NAME - TIME\nTEXT\n\n",
            "@TIME - NAME\nTEXT\n\n",
            "TIME\nNAME\nTEXT\n\n",
            "0:TIME.0 --> 0:TIME.320\nNAME\nTEXT\n\n",
            "NAME\nTIME\nTEXT\n\n",
            "NAME 10:04 AM\nTEXT\n\n",
            "**NAME** *TIME*\nTEXT\n\n",
            "**NAME**\nTEXT\n\n",
            "NAME\nTEXT\n\n",
            "NAME\n\nTEXT\n\n",
            "NAME\tTIME\tTEXT\n",
            "TIME\tNAME\tTEXT\n",
            "NAME\tTEXT\n",
            "TIME | NAME | TEXT\n",
            "NAME – TEXT\n\n",
            "[NAME] TEXT\n\n",
            "[NAME] [TIME] TEXT\n",
            "<NAME> TEXT\n",
            "TIME NAME TEXT\n",
        ] {
            for (asks, answers) in [("Ana Lee", "Bo de Wit"), ("Interviewer", "Participant 3")] {
                let turn = |(name, time, text): &(&str, &str, &str)| {
                    let name = if *name == "Ana Lee" { asks } else { answers };
                    form.replace("NAME", name).replace("TIME", time).replace("TEXT", text)
                };
                let rows = load_text(&TURNS.iter().map(turn).collect::<String>());
                assert_eq!(who(&rows), [Some(answers); 3], "{form:?}");
                for (record, turn) in rows.records.iter().zip(TURNS.chunks(2)) {
                    let said = format!("question: {}\ntext: {}", turn[0].2, turn[1].2);
                    assert_eq!(record.text, said, "{form:?}");
                }
            }
        }
        let rows = load_text(
            "Q. Why?\n\nA. Habit, mostly.\n\nIt is so.\n\nQ. Since when?\n\nA. Always.\n",
        );
        assert_eq!(who(&rows), [Some("A"), Some("A")]);
        assert!(rows.records[0].text.ends_with("Habit, mostly.\nIt is so."));
    }

    #[test]
    fn times_of_single_digits_are_times() {
        let turn = |(at, (name, _, text)): (usize, &(&str, &str, &str))| {
            format!("0:0:{}.0 --> 0:0:{}.320\n{name}\n{text}\n\n", at * 3, at * 3 + 2)
        };
        let rows = load_text(&TURNS.iter().enumerate().map(turn).collect::<String>());
        assert_eq!(who(&rows), [Some("Bo de Wit"); 3]);
        assert!(rows.records.iter().all(|record| !record.text.contains("-->")));
    }

    #[test]
    fn letters_in_round_brackets_are_labels_where_one_of_them_asks() {
        let rows = load_text(
            "(I) How do you get there?\n(P) I take two trains.\n(laughs) And a bus.\n(I) And then?\n\
             (P) Then I walk.\n(I) Would you change that?\n(P) No, I love it.\n",
        );
        assert_eq!(rows.records.len(), 3, "{:?}", rows.records);
        assert!(rows.records.iter().all(|record| record.text.starts_with("question: ")));
        assert!(rows.records.iter().all(|record| !record.text.contains("(P)")));
        for text in [
            "(A) I wait.\n(B) I walk.\n(A) I ride.\n(B) I rest.\n",
            "(a) Who asks?\n(b) I do.\n(a) Who else?\n(b) Nobody.\n",
        ] {
            let rows = load_text(text);
            assert!(who(&rows).iter().all(Option::is_none), "{text:?} {:?}", who(&rows));
        }
    }

    #[test]
    fn names_of_a_chat_may_begin_with_small_letters() {
        let rows = load_text(
            "ana.k  10:02 AM\ndoes anyone else lose their draft?\nbo  10:03 AM\nevery day.\n\
             ana.k  10:05 AM\nsame here\ncy.li  10:20 AM\ni gave up\n",
        );
        assert_eq!(who(&rows), ["ana.k", "bo", "ana.k", "cy.li"].map(Some));
        let rows = load_text(
            "up 6:30 AM\ni took two, is that bad?\nbed 10:30 PM\ni slept.\nup 6:45 AM\nwhy?\n\
             bed 11:10 PM\nno.\n",
        );
        assert!(who(&rows).iter().all(Option::is_none), "{:?}", who(&rows));
    }

    #[test]
    fn what_stands_around_the_turns_is_nobodys_words() {
        let turn = |(name, time, text): &(&str, &str, &str)| format!("{time} {name}\n{text}\n\n");
        let turns = TURNS.iter().map(turn).collect::<String>();
        let text =
            format!("Talk with Bo\n\nSummary\nBo borrows.\n\n{turns}Transcribed by Otter.ai\n");
        let rows = load_text(&text);
        assert_eq!(who(&rows), [Some("Bo de Wit"); 3]);
        let left = [("above-transcript", Some(1), 2), ("below-transcript", Some(24), 1)];
        assert!(
            left.iter().all(|left| rows.findings.kinds().contains(left)),
            "{:?}",
            rows.findings.kinds()
        );
    }

    #[test]
    fn those_who_speak_once_in_a_round_are_heard() {
        let rows = load_text(
            "00:04 Ana\nHow do you get there?\n\n00:20 Sue\nBy bus.\n\n00:31 Dev\nI walk there.\n\n\
             00:50 Ana\nAnd in winter?\n\n01:02 Mia\nI stay.\n\n01:10 Sue\nSo do I.\n",
        );
        assert!(["Sue", "Dev", "Mia"].iter().all(|name| who(&rows).contains(&Some(name))));
    }

    #[test]
    fn what_is_no_conversation_has_no_labels() {
        for text in [
            "07:10 Bus\nLate again.\n\n12:30 Canteen\nCold, who makes this?\n\n17:40 Bus\nFull.\n\n\
             07:12 Bus\nLate. Why?\n\n12:25 Canteen\nNo soup.\n\n17:45 Bus\nI walked.\n",
            "Morning\nI took two, is that bad?\n\nEvening\nI slept.\n\nMorning\nWhy?\n\nEvening\nNo.\n",
            "Kitchen – she opened a drawer.\n\nHall – he waits.\n\nKitchen – she asked for tea.\n\nHall – he left.\n",
            "Up and down\nthe lift goes\nUp and down\nwho knows?\n\nUp and down\nno one stays?\n",
            "Milk\nBread\nEggs\nMilk\nBread\nButter\n",
            "Method\nWe asked them all.\n\nResults\nIt is slow, so what?\n\nDiscussion\nIs it?\n",
            "How does it begin?\n\nI unlock it.\n\nAnd then?\n\nI count it.\n\nAnd?\n\nNothing.\n",
            "[Pause] It was late, you know?\n\n[Laughs] I went.\n\n[Pause] Did I?\n\n[Laughs] I did.\n",
            "Yes\nNo\nYes\nNo\nNever\nWhy not?\nNo\n",
            "March 3 – I went.\n\nMarch 4 – I stayed, what else?\n\nMarch 3 – again?\n",
            "Moderator\nKarin Ek\n\nParticipants\nBo\nAhmed\n\nIt began at nine and all were tired.\n",
            "Ana\tBerlin\t34\nBo\tParis\t41\nAna\tRome\t22\nBo\tLima\t30\n",
        ] {
            let rows = load_text(text);
            assert!(who(&rows).iter().all(Option::is_none), "{text:?} {:?}", who(&rows));
            assert!(rows.findings.kinds().is_empty(), "{text:?}");
        }
    }

    #[test]
    fn a_notice_that_the_transcription_ended_is_nobodys_words() {
        for notice in [
            "Eva Roy stopped transcription",
            "Rafael Lima interrompeu a transcrição",
            "Transcription ended after 00:24:12",
            "Die Transkription endete nach 01:04:12",
            "Transcription ended after 00:24:12\n\nThis editable transcript was computer generated and \
             might contain errors. People can also change the text after it was created.",
        ] {
            let talk = "Moderator: Why?\nBo: I have to.\nModerator: And how often?\nBo: Daily.";
            let rows = load_text(&format!("{talk}\n\n{notice}\n"));
            let last = rows.records.last().map(|record| record.text.as_str());
            assert_eq!(last, Some("question: And how often?\ntext: Daily."));
        }
    }
}
