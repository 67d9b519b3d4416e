//! Questions with several answers, written as one column per option.
//!
//! Owns recognising such columns by their names and values, and joining them into one readable
//! value: `Which tools? - Phone`, `Which tools? - Paper` become `Which tools?: Phone; Paper`. What
//! somebody wrote beside `Other` stays a column of its own, and what only looks like options is
//! left alone with a finding.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::table::Table;
use crate::corpus::names::normalise;
use crate::corpus::rows::Rows;

/// Separator between the options in one cell; the same as between the items of a list in JSON.
const SEPARATOR: &str = "; ";

/// What tools write into the column of an option that was chosen, besides the option's own name.
const CHOSEN: [&str; 6] = ["1", "x", "true", "selected", "checked", "✓"];

/// What tools write into the column of an option that was not chosen, where it is not empty.
const NOT_CHOSEN: [&str; 5] = ["0", "false", "unselected", "notselected", "unchecked"];

/// Yes and no, which tools write beside options in brackets.
const YES: [&str; 13] =
    ["yes", "y", "ja", "oui", "sí", "si", "sim", "sì", "tak", "ano", "kyllä", "да", "evet"];
const NO: [&str; 13] =
    ["no", "n", "nein", "non", "não", "nee", "nej", "nei", "nie", "ne", "ei", "нет", "hayır"];

/// Longest value, in bytes, that may be one of these marks; there is no need to normalise another.
const LONGEST_MARK: usize = 16;

/// Names of the option that asks for an answer in the participant's own words.
const OTHER: [&str; 17] = [
    "other",
    "andere",
    "sonstige",
    "otro",
    "otra",
    "autre",
    "outro",
    "outra",
    "altro",
    "altra",
    "anders",
    "annat",
    "andet",
    "annet",
    "другое",
    "その他",
    "其他",
];

/// Longest answer, in bytes, that is searched for the options that were chosen: each of the options
/// searches it again.
const LONGEST_ANSWER: usize = 1 << 12;

/// Joins the columns of each such question. Names must be clean, and values not empty.
pub(super) fn join(table: &mut Table, rows: &mut Rows) {
    let filled = filled(table);
    name_by_question(table, &filled);
    let mut groups = groups(&table.names, &filled);
    if groups.is_empty() {
        return;
    }
    let member = members(&groups, table.names.len());
    judge(table, &mut groups, &member);
    for group in &groups {
        note(group, rows);
    }
    for row in &mut table.rows {
        row.cells = joined(std::mem::take(&mut row.cells), &groups, &member);
    }
    drop_empty(table, rows);
    for group in groups.into_iter().filter(|group| group.verdict == Verdict::Joined) {
        name_joined(&mut table.names, group);
    }
}

/// The number of values in each column.
fn filled(table: &Table) -> Vec<usize> {
    let mut filled = vec![0; table.names.len()];
    for (column, _) in table.rows.iter().flat_map(|row| &row.cells) {
        filled[*column] += 1;
    }
    filled
}

/// Renames columns that some tools head by an option alone, after an empty column that holds the
/// question: each gets both, `Which tools? - Phone`, as other tools write it.
fn name_by_question(table: &mut Table, filled: &[usize]) {
    let mut same = vec![0usize; table.names.len()];
    for (column, value) in table.rows.iter().flat_map(|row| &row.cells) {
        same[*column] += usize::from(is_same(&table.names[*column], value));
    }
    // The column of an option that nobody chose is empty too, but its name does not ask.
    let asks = |name: &str| name.trim_end_matches(['*', ' ']).ends_with(['?', ':', '？']);
    let mut question: Option<usize> = None;
    let mut named: Vec<(usize, usize)> = Vec::new();
    for (column, name) in table.names.iter().enumerate() {
        let is_empty = filled[column] == 0 && !name.is_empty();
        if filled[column] != same[column] || name.is_empty() {
            question = None;
        } else if is_empty && (question.is_none() || asks(name)) {
            question = Some(column);
        } else if let Some(question) = question {
            named.push((question, column));
        }
    }
    for of_one in named.chunk_by(|a, b| a.0 == b.0) {
        // Empty columns after the last chosen option may be questions of their own.
        let chosen = |(_, option): &(usize, usize)| filled[*option] > 0;
        let last = of_one.iter().rposition(chosen).unwrap_or(0);
        if of_one.iter().filter(|named| chosen(named)).count() >= 2 {
            for &(question, option) in &of_one[..=last] {
                table.names[option] =
                    format!("{} - {}", table.names[question], table.names[option]);
            }
        }
    }
}

/// Neighbouring columns that ask the same question.
struct Group {
    question: String,
    first: usize,
    /// The options, one per column, in column order.
    options: Vec<Choice>,
    /// The column that is named by the question alone and already holds what was chosen.
    answer: Option<usize>,
    /// The column of the `Other` option, where it holds words of the participants' own.
    own_words: Option<usize>,
    /// What the values say; `Other` until they are looked at.
    verdict: Verdict,
}

impl Group {
    fn columns(&self) -> Range<usize> {
        self.first..self.first + self.options.len()
    }

    /// The column into which the options are joined.
    fn target(&self) -> usize {
        self.columns().find(|column| self.own_words != Some(*column)).unwrap_or(self.first)
    }
}

/// The option that a column stands for, by the column's name.
enum Choice {
    /// The option with this name.
    Named(String),
    /// An option with this name in square brackets behind the question, beside which some tools write
    /// yes and no.
    Bracketed(String),
    /// An option with only a number, as in `Q3_2`; the values of the column must say which it is.
    Numbered,
}

impl Choice {
    /// The option, if this value says that it was chosen.
    fn chosen<'a>(&'a self, value: &'a str) -> Option<&'a str> {
        match self {
            Self::Numbered => Some(value),
            Self::Bracketed(option) if is_one_of(&YES, value) => Some(option),
            Self::Named(option) | Self::Bracketed(option)
                if is_one_of(&CHOSEN, value) || is_same(option, value) =>
            {
                Some(option)
            }
            Self::Named(_) | Self::Bracketed(_) => None,
        }
    }

    /// Whether this value says that the option was not chosen.
    fn is_left(&self, value: &str) -> bool {
        is_one_of(&NOT_CHOSEN, value) || matches!(self, Self::Bracketed(_)) && is_one_of(&NO, value)
    }

    /// The option's name, if it has one.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Named(option) | Self::Bracketed(option) => Some(option),
            Self::Numbered => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The values say what was chosen and nothing else.
    Joined,
    /// The values repeat what the column of the question says.
    Repeats,
    /// The values say that something was chosen, and nothing says what.
    Nameless,
    /// Most columns say that something was chosen, and some hold something else.
    Doubtful,
    /// The values say something else: ratings, texts, yes and no.
    Other,
}

fn groups(names: &[String], filled: &[usize]) -> Vec<Group> {
    let parts: Vec<_> = names.iter().map(|name| part(name)).collect();
    let mut groups: Vec<Group> = Vec::new();
    let mut open: Option<Group> = None;
    for (column, part) in parts.into_iter().enumerate() {
        let Some((question, option)) = part else {
            groups.extend(open.take());
            continue;
        };
        match &mut open {
            Some(group) if group.question == question => group.options.push(option),
            _ => {
                groups.extend(open.take());
                open = Some(Group {
                    question,
                    first: column,
                    options: vec![option],
                    answer: None,
                    own_words: None,
                    verdict: Verdict::Other,
                });
            }
        }
    }
    groups.extend(open);
    groups.retain(|group| group.options.len() >= 2);
    let named = names.iter().enumerate().filter(|(column, _)| filled[*column] > 0);
    let named: HashMap<&str, usize> = named.map(|(i, name)| (name.as_str(), i)).collect();
    for group in &mut groups {
        group.answer = named.get(group.question.as_str()).copied();
    }
    groups
}

/// The question and the option in the name of a column.
fn part(name: &str) -> Option<(String, Choice)> {
    if let Some((option, question)) = option_first(name) {
        return Some((question.to_owned(), Choice::Named(option.to_owned())));
    }
    let bracketed = name.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    let marks = [" - ", " – ", " — ", ": ", "/"];
    let (question, option) = bracketed
        .or_else(|| marks.iter().find_map(|mark| name.rsplit_once(mark)))
        .or_else(|| {
            let (question, number) = name.rsplit_once('_')?;
            number.bytes().all(|b| b.is_ascii_digit()).then_some((question, ""))
        })?;
    let is_bracketed = bracketed.is_some();
    let question = question.trim();
    let question = question.strip_suffix("- Selected Choice").unwrap_or(question).trim();
    let choice = match option.trim() {
        "" => Choice::Numbered,
        option if is_bracketed => Choice::Bracketed(option.to_owned()),
        option => Choice::Named(option.to_owned()),
    };
    (!question.is_empty()).then(|| (question.to_owned(), choice))
}

/// The option and the question in a name that begins with the option, as Alchemer writes it:
/// `Wifi:What do you come for?`.
fn option_first(name: &str) -> Option<(&str, &str)> {
    let (option, question) = name.split_once(':')?;
    let is_question = question.starts_with(|c: char| c.is_alphabetic() || "¿\"“«".contains(c))
        && question.ends_with(['?', '？', '؟'])
        && question.contains(char::is_whitespace);
    let option = option.trim();
    (is_question && !option.is_empty() && !option.ends_with('?')).then_some((option, question))
}

/// For each column, the index of the group that it belongs to.
fn members(groups: &[Group], columns: usize) -> Vec<Option<usize>> {
    let mut member = vec![None; columns];
    for (index, group) in groups.iter().enumerate() {
        member[group.columns()].fill(Some(index));
    }
    member
}

/// What one column's values have shown so far.
#[derive(Default)]
struct Seen {
    chosen: bool,
    other: bool,
    /// The first value; `several` tells whether another one came after it.
    value: Option<String>,
    several: bool,
    filled: usize,
}

/// Finds out what the values of each group say.
fn judge(table: &Table, groups: &mut [Group], member: &[Option<usize>]) {
    let mut seen: Vec<Seen> = Vec::new();
    seen.resize_with(table.names.len(), Seen::default);
    let mut repeats: Vec<bool> = groups.iter().map(|group| group.answer.is_some()).collect();
    for row in &table.rows {
        for (column, value) in &row.cells {
            let Some(index) = member[*column] else { continue };
            let seen = &mut seen[*column];
            seen.filled += 1;
            match &seen.value {
                Some(known) => seen.several |= known != value,
                None => seen.value = Some(value.clone()),
            }
            let group = &groups[index];
            let choice = &group.options[column - group.first];
            let chosen = choice.chosen(value);
            let marked = match choice {
                Choice::Named(_) | Choice::Bracketed(_) => chosen.is_some(),
                Choice::Numbered => is_one_of(&CHOSEN, value),
            };
            seen.chosen |= marked;
            seen.other |= !marked && !choice.is_left(value);
            if repeats[index] && marked {
                let answer = group.answer.and_then(|column| row.get(column)).unwrap_or_default();
                repeats[index] = chosen.is_some_and(|option| is_in(answer, option));
            }
        }
    }
    for (group, repeats) in groups.iter_mut().zip(repeats) {
        group.own_words = group.columns().find(|column| {
            let option = &group.options[column - group.first];
            seen[*column].other && option.name().is_some_and(is_other)
        });
        group.verdict = verdict(group, repeats, &seen);
    }
}

fn verdict(group: &Group, repeats: bool, seen: &[Seen]) -> Verdict {
    let options = || group.columns().filter(|column| group.own_words != Some(*column));
    let seen = || options().map(|column| &seen[column]);
    let chosen = seen().any(|column| column.chosen);
    let other = seen().any(|column| column.other);
    if group.answer.is_some() {
        return if repeats && chosen && !other { Verdict::Repeats } else { Verdict::Other };
    }
    if group.options.iter().all(|option| option.name().is_some()) {
        let pure = seen().filter(|column| column.chosen && !column.other).count();
        let filled = seen().filter(|column| column.filled > 0).count();
        return match (chosen, other) {
            (true, false) if options().nth(1).is_some() => Verdict::Joined,
            (true, true) if pure >= 2 && pure * 2 > filled => Verdict::Doubtful,
            _ => Verdict::Other,
        };
    }
    if chosen && !other {
        return Verdict::Nameless;
    }
    // Each column holds the name of its own option or nothing, and on average holds it at least
    // twice: in a single row of texts, all columns would look like this.
    let values: HashSet<_> = seen().filter_map(|column| column.value.as_deref()).collect();
    let filled = seen().filter(|column| column.value.is_some()).count();
    let cells: usize = seen().map(|column| column.filled).sum();
    let own = filled >= 2
        && values.len() == filled
        && values.iter().all(|value| value.contains(char::is_alphabetic))
        && seen().all(|column| !column.several)
        && cells >= 2 * filled;
    if own && !chosen { Verdict::Joined } else { Verdict::Other }
}

/// Whether the answer to a question contains this option.
fn is_in(answer: &str, option: &str) -> bool {
    answer.len() <= LONGEST_ANSWER
        && (answer.contains(option) || normalise(answer).contains(&normalise(option)))
}

/// Whether an option asks for words of one's own: `Other (please specify)`, but not
/// `Other people's noise in the evening`.
fn is_other(option: &str) -> bool {
    const LONGEST: usize = 60;
    let first = option.split([' ', '(', ',', ':', '-', '–', '/']).next().unwrap_or_default();
    let first = normalise(first);
    let asks = |word: &&str| {
        first
            .strip_prefix(*word)
            .is_some_and(|rest| matches!(rest, "" | "s" | "r" | "rs" | "es" | "n"))
    };
    let is_alone = option.chars().filter(|c| c.is_alphanumeric()).count() == first.chars().count();
    option.len() <= LONGEST
        && OTHER.iter().any(asks)
        && (is_alone || option.contains(['(', ',', ':', '-', '–', '/']))
}

fn note(group: &Group, rows: &mut Rows) {
    let count = group.options.len() - usize::from(group.own_words.is_some());
    let question = &group.question;
    match group.verdict {
        Verdict::Joined => rows.findings.note("multi-select", None, || {
            format!(
                "columns that are the options of one question, as the {count} of '{question}', were \
                 joined into one; options that were not chosen are not in it"
            )
        }),
        Verdict::Nameless => rows.findings.note("options-without-names", None, || {
            format!(
                "the {count} columns of '{question}' look like the options of one question and do \
                 not say which; left alone. To have them joined, name them as in '{question} - Phone'"
            )
        }),
        Verdict::Repeats => {
            rows.findings.name("repeated-options", None, 1, question, |questions| {
                format!(
                    "columns that say option by option what the column of the question says as well \
                     were left out: those of {questions}"
                )
            });
        }
        Verdict::Doubtful => {
            rows.findings.name("options-left-alone", None, 1, question, |questions| {
                format!(
                    "columns look like the options of one question, but some hold something else; left \
                     alone: those of {questions}"
                )
            });
        }
        Verdict::Other => {}
    }
}

/// The cells of a row with the options of each question joined. A cell that repeats what the column
/// of its question says is left out.
fn joined(
    cells: Vec<(usize, String)>,
    groups: &[Group],
    member: &[Option<usize>],
) -> Vec<(usize, String)> {
    let mut joined = Vec::with_capacity(cells.len());
    for (column, value) in cells {
        let group = member[column].map(|index| &groups[index]);
        match group.filter(|group| group.own_words != Some(column)) {
            Some(group) if group.verdict == Verdict::Joined => {
                if let Some(option) = group.options[column - group.first].chosen(&value) {
                    add_option(&mut joined, group.target(), option);
                }
            }
            Some(group) if group.verdict == Verdict::Repeats => {}
            _ => joined.push((column, value)),
        }
    }
    joined
}

/// Adds a chosen option to the cell of a column.
fn add_option(cells: &mut Vec<(usize, String)>, column: usize, option: &str) {
    // The column of `Other` may stand between two options.
    let at = cells.partition_point(|(known, _)| *known < column);
    match cells.get_mut(at) {
        Some((known, text)) if *known == column => {
            text.push_str(SEPARATOR);
            text.push_str(option);
        }
        _ => cells.insert(at, (column, option.to_owned())),
    }
}

fn drop_empty(table: &mut Table, rows: &mut Rows) {
    table.rows.retain(|row| {
        if row.cells.is_empty() {
            rows.findings.note("nothing-chosen", row.number, || {
                "rows in which no option was chosen hold nothing else; left out".to_owned()
            });
        }
        !row.cells.is_empty()
    });
}

/// Gives the column into which a group was joined the name of the question.
fn name_joined(names: &mut [String], group: Group) {
    let target = group.target();
    // An empty column that held the question gives up its name.
    if let Some(empty) = group.first.checked_sub(1)
        && names[empty] == group.question
    {
        names.swap(empty, target);
    } else {
        names[target] = group.question;
    }
}

fn is_one_of(words: &[&str], value: &str) -> bool {
    value.len() <= LONGEST_MARK
        && (words.contains(&value) || words.contains(&normalise(value).as_str()))
}

fn is_same(option: &str, value: &str) -> bool {
    option == value || option.len() == value.len() && normalise(option) == normalise(value)
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_csv, texts};

    #[test]
    fn options_headed_by_themselves_belong_to_the_empty_column_before_them() {
        let rows = load_csv(
            "id,Which tools?,Phone,\"Paper, mostly\",Other,why\n\
             7,,Phone,\"Paper, mostly\",,late\n8,,,\"Paper, mostly\",,early\n",
        );
        let expected = [
            "id: 7\nWhich tools?: Phone; Paper, mostly\nwhy: late",
            "id: 8\nWhich tools?: Paper, mostly\nwhy: early",
        ];
        assert_eq!(texts(&rows), expected);
        // A single column that repeats its name is not a choice among several.
        let rows = load_csv("id,notes,Phone,why\n7,,Phone,late\n8,,,early\n");
        assert_eq!(texts(&rows)[0], "id: 7\nPhone: Phone\nwhy: late");
    }

    #[test]
    fn the_options_of_a_question_are_joined_however_they_are_marked() {
        for [phone, paper, none] in [
            ["Phone", "Paper", ""],
            ["1", "1", "0"],
            ["x", "X", ""],
            ["TRUE", "true", "FALSE"],
            ["Checked", "Checked", "Unchecked"],
        ] {
            for (open, close) in
                [(" - ", ""), (": ", ""), (" [", "]"), (" - Selected Choice - ", "")]
            {
                let rows = load_csv(&format!(
                    "id,Which tools?{open}Phone{close},Which tools?{open}Paper{close},why\n\
                     7,{phone},{paper},late\n8,{none},{paper},early\n9,{none},{none},never\n"
                ));
                assert_eq!(
                    texts(&rows),
                    [
                        "id: 7\nWhich tools?: Phone; Paper\nwhy: late",
                        "id: 8\nWhich tools?: Paper\nwhy: early",
                        "id: 9\nwhy: never",
                    ],
                    "{phone} {open}"
                );
                assert_eq!(rows.findings.kinds(), [("multi-select", None, 1)]);
            }
        }
    }

    #[test]
    fn options_before_their_question_and_yes_beside_options_in_brackets_are_joined() {
        let rows = load_csv(
            "id,Printing:What do you come for?,Wifi:What do you come for?,\
             Other - Write In:What do you come for?,why\n\
             1,Printing,Wifi,,late\n2,,Wifi,,early\n3,,,the heating,never\n",
        );
        assert_eq!(
            texts(&rows),
            [
                "id: 1\nWhat do you come for?: Printing; Wifi\nwhy: late",
                "id: 2\nWhat do you come for?: Wifi\nwhy: early",
                "id: 3\nOther - Write In:What do you come for?: the heating\nwhy: never",
            ]
        );
        let rows = load_csv(
            "id,Tiere? [Rinder],Tiere? [Schweine],Tiere? [Sonstiges]\n\
             1,Ja,Nein,\n2,Ja,Ja,Ziegen\n3,Nein,Nein,\n",
        );
        let expected = [
            "id: 1\nTiere?: Rinder",
            "id: 2\nTiere?: Rinder; Schweine\nTiere? [Sonstiges]: Ziegen",
            "id: 3",
        ];
        assert_eq!(texts(&rows), expected);
        let rows = load_csv("id,Ok? [Bus],Ok? [Bahn]\n1,Ja,Nein\n2,Nein,Egal\n3,Nein,Nein\n");
        assert_eq!(texts(&rows)[0], "id: 1\nOk? [Bus]: Ja\nOk? [Bahn]: Nein");
    }

    #[test]
    fn ratings_yes_and_no_and_texts_are_left_alone() {
        for [first, second] in [["5", "4"], ["yes", "no"], ["Yes", "Phone"], ["a text", "1"]] {
            let rows = load_csv(&format!(
                "id,How good? - Phone,How good? - Paper\n7,{first},{second}\n8,{second},1\n"
            ));
            let expected =
                format!("id: 7\nHow good? - Phone: {first}\nHow good? - Paper: {second}");
            assert_eq!(texts(&rows)[0], expected);
            assert!(rows.findings.kinds().is_empty());
        }
    }

    #[test]
    fn numbered_columns_are_joined_when_their_values_name_the_options() {
        let rows =
            load_csv("id,Q3_1,Q3_2,Q3_3\n1,Phone,,Radio\n2,,Paper,\n3,Phone,Paper,\n4,,,Radio\n");
        assert_eq!(texts(&rows)[0], "id: 1\nQ3: Phone; Radio");
        let rows = load_csv("id,Q3_1,Q3_2\n1,1,\n2,,1\n");
        assert_eq!(texts(&rows), ["id: 1\nQ3_1: 1", "id: 2\nQ3_2: 1"]);
        assert_eq!(rows.findings.kinds(), [("options-without-names", None, 1)]);
        let rows = load_csv("id,item_1,item_2\n1,5,2\n2,4,3\n");
        assert_eq!(texts(&rows)[0], "id: 1\nitem_1: 5\nitem_2: 2");
        assert!(rows.findings.kinds().is_empty());
    }

    #[test]
    fn options_beside_a_column_that_holds_them_are_left_out() {
        let rows = load_csv("g/tools,g/tools/phone,g/tools/paper\nphone paper,1,1\npaper,0,1\n");
        assert_eq!(texts(&rows), ["g/tools: phone paper", "g/tools: paper"]);
        assert_eq!(rows.findings.kinds(), [("repeated-options", None, 1)]);
        let rows = load_csv("tools,tools/phone,tools/paper\nphone,1,0\nphone,0,1\n");
        assert_eq!(texts(&rows)[0], "tools: phone\ntools/phone: 1\ntools/paper: 0");
        assert!(rows.findings.kinds().is_empty());
    }

    #[test]
    fn what_is_written_beside_other_stays_a_column_of_its_own() {
        for other in ["Other (please specify)", "Sonstiges", "Otro (especifique)", "Autre :"] {
            let rows = load_csv(&format!(
                "id,T - Phone,T - {other},T - Paper,why\n\
                 1,Phone,,Paper,late\n2,,a board in the hall,Paper,so\n3,,my son,,no\n"
            ));
            let expected = [
                "id: 1\nT: Phone; Paper\nwhy: late".to_owned(),
                format!("id: 2\nT: Paper\nT - {other}: a board in the hall\nwhy: so"),
                format!("id: 3\nT - {other}: my son\nwhy: no"),
            ];
            assert_eq!(texts(&rows), expected);
            assert_eq!(rows.findings.kinds(), [("multi-select", None, 1)]);
        }
        let rows = load_csv("T - Other,T - Phone\nhers,1\nhis,0\n");
        assert_eq!(texts(&rows)[0], "T - Other: hers\nT - Phone: 1");
    }

    #[test]
    fn what_looks_like_options_and_holds_something_else_is_reported() {
        let rows = load_csv("id,T - a,T - b,T - c\n1,x,,maybe\n2,,x,no\n");
        assert_eq!(texts(&rows)[0], "id: 1\nT - a: x\nT - c: maybe");
        assert_eq!(rows.findings.kinds(), [("options-left-alone", None, 1)]);
    }

    #[test]
    fn a_row_in_which_nothing_was_chosen_is_no_record() {
        let rows = load_csv("T - a,T - b\n1,0\n0,0\n0,1\n");
        assert_eq!(texts(&rows), ["T: a", "T: b"]);
        assert_eq!(
            rows.findings.kinds(),
            [("multi-select", None, 1), ("nothing-chosen", Some(2), 1)]
        );
    }
}
