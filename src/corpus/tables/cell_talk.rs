//! Conversations that stand whole in the cells of a table: `Interviewer: Why? Grace: It is late.`
//!
//! Owns which columns hold them, who asks in them and whose each turn is, and makes every answer a
//! row of its own beside the facts of its row. Which beginnings of lines are labels is decided in
//! `speakers`; a table whose rows are turns already belongs to `table`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use super::people;
use super::table::{Table, TableRow};
use crate::corpus::findings::Findings;
use crate::corpus::names::{self, normalise};
use crate::corpus::talk::moderator::{self, Question};
use crate::corpus::talk::speakers::{is_generic, is_numbered, label_of};

/// Fewest turns of a cell in which some speaker comes back.
const LEAST_TURNS: usize = 3;

/// Longest value, in bytes, of a column that goes along with each turn, such as an age or a place.
const FACT: usize = 60;

/// Most columns that go along with each turn: a wide table has a million of them.
const MOST_FACTS: usize = 60;

/// Names for the column of questions; the first one that the table does not have is taken.
const QUESTION: [&str; 3] = ["question", "question asked", "interview question"];

/// Name for the column that says whose a turn is, where the table has none.
const WHO: &str = "participant";

/// What one speaker of a cell says before the next one speaks.
#[derive(Debug)]
struct Turn {
    /// The label; empty above the first one.
    speaker: String,
    text: String,
    /// Whether a tool wrote a time beside the label.
    is_timed: bool,
}

/// The turns of the cells of one column, by the index of the row.
type Column = HashMap<usize, Vec<Turn>>;

/// The columns whose cells are conversations, and the labels of those who ask in them.
type Talks = BTreeMap<usize, (Column, HashSet<String>)>;

/// What the rows of a table become.
struct Unfolded<'r> {
    lines: Vec<TableRow>,
    findings: &'r mut Findings,
}

/// Makes a row of each answer in the columns whose cells are conversations. Names must be clean,
/// and no cell empty; `participant` is the column that says whose the row is.
pub(super) fn unfold(table: &mut Table, participant: Option<usize>, findings: &mut Findings) {
    let talks = talks(table, participant).into_iter();
    let talks = talks.filter_map(|(column, cells)| {
        let asking = asking(table, column, &cells)?;
        Some((column, (cells, asking)))
    });
    let talks: Talks = talks.collect();
    if talks.is_empty() {
        return;
    }
    for column in talks.keys() {
        findings.name("talk-in-cells", None, 1, table.names[*column].as_str(), |names| {
            format!("cells that hold a conversation are read turn by turn: {names}")
        });
    }
    let mut unfolding = Unfolding {
        participant,
        facts: facts(table, &talks, participant),
        id: table.names.iter().position(|name| people::is_id(name)),
        names: table.names.len(),
        is_new: false,
    };
    let lines = std::mem::take(&mut table.rows);
    let mut into = Unfolded { lines: Vec::with_capacity(lines.len()), findings };
    for (index, line) in lines.into_iter().enumerate() {
        unfolding.add(index, line, &talks, &mut into);
    }
    table.rows = into.lines;
    if unfolding.is_new {
        table.names.push(WHO.to_owned());
    }
    // The question comes first in a record, where a reader looks for it.
    let taken: HashSet<String> = table.names.iter().map(|name| normalise(name)).collect();
    let question = QUESTION.iter().find(|name| !taken.contains(&normalise(name)));
    table.names.insert(0, (*question.unwrap_or(&QUESTION[0])).to_owned());
}

/// How rows are taken apart.
struct Unfolding {
    participant: Option<usize>,
    /// The columns that go along with each turn.
    facts: HashSet<usize>,
    /// The column with the id of a row, where no column names the participant.
    id: Option<usize>,
    /// Number of columns before the new ones.
    names: usize,
    /// Whether a column for the participant is needed.
    is_new: bool,
}

/// A row in which somebody is interviewed, without its conversations.
struct Around {
    number: usize,
    /// The cells that go along with each turn.
    facts: Vec<(usize, String)>,
    /// Whose the row is.
    who: String,
}

impl Unfolding {
    /// Adds what becomes of a row: itself where it holds no conversation, or else what else it
    /// says, and its answers. All columns move by one, to make room for the question.
    fn add(&mut self, index: usize, mut line: TableRow, columns: &Talks, into: &mut Unfolded<'_>) {
        let talks: Vec<_> = columns
            .iter()
            .filter_map(|(column, (cells, asking))| Some((*column, cells.get(&index)?, asking)))
            .collect();
        if talks.is_empty() {
            into.lines.push(moved(line.number, line.cells));
            return;
        }
        line.cells.retain(|(column, _)| !talks.iter().any(|(talk, ..)| talk == column));
        let is_fact = |(column, _): &&(usize, String)| self.facts.contains(column);
        let facts: Vec<(usize, String)> = line.cells.iter().filter(is_fact).cloned().collect();
        let has_more = facts.len() < line.cells.len();
        let around = Around { number: line.number, facts, who: self.whose(&line) };
        if has_more {
            let mut cells = line.cells;
            self.name(&mut cells, self.participant.is_none().then(|| around.who.clone()));
            into.lines.push(moved(around.number, cells));
        }
        for (column, turns, asking) in talks {
            self.add_talk(column, turns, asking, &around, into);
        }
    }

    fn add_talk(
        &mut self,
        column: usize,
        turns: &[Turn],
        asking: &HashSet<String>,
        around: &Around,
        into: &mut Unfolded<'_>,
    ) {
        let speakers = turns.iter().map(|turn| turn.speaker.as_str());
        let heard = speakers.filter(|who| !who.is_empty() && !asking.contains(*who));
        let is_alone = heard.collect::<HashSet<_>>().len() < 2;
        let mut question = Question::default();
        for turn in turns {
            if asking.contains(&turn.speaker) {
                if question.ask(around.number, &turn.text) {
                    moderator::note_left_out(into.findings, around.number);
                }
            } else if turn.speaker.is_empty() {
                note_above(into.findings, around.number);
            } else if !turn.text.is_empty() {
                let mut cells = around.facts.clone();
                cells.push((column, turn.text.clone()));
                self.name(&mut cells, self.speaker(&turn.speaker, is_alone, around));
                cells.sort_unstable_by_key(|(column, _)| *column);
                let mut row = moved(around.number, cells);
                if let Some(asked) = question.answer(Some(&turn.speaker)) {
                    row.cells.insert(0, (0, asked.to_owned()));
                }
                into.lines.push(row);
            }
        }
        if question.end().is_some() {
            moderator::note_left_out(into.findings, around.number);
        }
    }

    /// Sets whose the cells of a row are, if that is anybody else than they say.
    fn name(&mut self, cells: &mut Vec<(usize, String)>, who: Option<String>) {
        let Some(who) = who else { return };
        self.is_new |= self.participant.is_none();
        let at = self.participant.unwrap_or(self.names);
        cells.retain(|(column, _)| *column != at);
        cells.push((at, who));
    }

    /// Whose a row is: its participant, or else its id or its number.
    fn whose(&self, line: &TableRow) -> String {
        let named = self.participant.or(self.id).and_then(|column| line.get(column));
        named.map_or_else(|| format!("row {}", line.number), str::to_owned)
    }

    /// The name of the speaker to write into the row; `None` where it names them already.
    fn speaker(&self, label: &str, is_alone: bool, around: &Around) -> Option<String> {
        let is_row = self.participant.is_some();
        let is_known = || around.facts.iter().any(|(_, fact)| is_named(label, fact));
        if is_row && (is_alone || is_known()) {
            return None;
        }
        // `A` in every row is another person in each, and so is `P`.
        let who = if is_generic(label) { &around.who } else { label };
        Some(who.to_owned())
    }
}

fn moved(number: usize, cells: Vec<(usize, String)>) -> TableRow {
    TableRow { number, cells: cells.into_iter().map(|(column, cell)| (column + 1, cell)).collect() }
}

fn note_above(findings: &mut Findings, number: usize) {
    findings.note("above-transcript", number, || {
        "what stands above the first turn of a transcript is nobody's words; left out".to_owned()
    });
}

/// Whether a label is the name in a cell, or its first or last word, in whatever case.
fn is_named(label: &str, name: &str) -> bool {
    let label = label.to_lowercase();
    let name = name.to_lowercase();
    name == label || name.split(|c: char| !names::is_of_word(c)).any(|word| word == label)
}

/// The columns most of whose cells are conversations, with the turns of these.
fn talks(table: &Table, participant: Option<usize>) -> Vec<(usize, Column)> {
    let mut filled: HashMap<usize, usize> = HashMap::new();
    let mut found: BTreeMap<usize, Column> = BTreeMap::new();
    let mut short: BTreeMap<usize, Column> = BTreeMap::new();
    for (index, row) in table.rows.iter().enumerate() {
        for (column, cell) in &row.cells {
            if Some(*column) == participant || names::is_question(&table.names[*column]) {
                continue;
            }
            *filled.entry(*column).or_default() += 1;
            let Some(turns) = turns(cell) else { continue };
            let of_kind = if is_talk(&turns) { &mut found } else { &mut short };
            if is_talk(&turns) || is_exchange(&turns) {
                of_kind.entry(*column).or_default().insert(index, turns);
            }
        }
    }
    for (column, short) in short {
        let others = found.entry(column).or_default();
        let known = known_speakers(others, &short);
        let is_known = |turns: &[Turn]| {
            turns.iter().any(|turn| known.contains(&turn.speaker))
                && (!others.is_empty() || turns.iter().all(|turn| turn.is_timed))
        };
        let added: Column = short.into_iter().filter(|(_, turns)| is_known(turns)).collect();
        others.extend(added);
    }
    found.into_iter().filter(|(column, cells)| cells.len() * 2 > filled[column]).collect()
}

/// Whether a cell is nothing but one exchange between two speakers, as far as it shows: what the other
/// cells of its column are must say whether it is one.
fn is_exchange(turns: &[Turn]) -> bool {
    turns.len() == 2
        && turns.iter().all(|turn| !turn.speaker.is_empty() && !turn.text.is_empty())
        && turns[0].speaker != turns[1].speaker
}

/// The speakers of a column who come back: within its long conversations, or else, one at most, in
/// several of the `short` ones, each time with another one.
fn known_speakers(long: &Column, short: &Column) -> HashSet<String> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    let cells = if long.is_empty() { short } else { long };
    for turn in cells.values().flatten().filter(|turn| !turn.speaker.is_empty()) {
        *times.entry(&turn.speaker).or_default() += 1;
    }
    let known = times.iter().filter(|(_, times)| **times > 1).map(|(who, _)| (*who).to_owned());
    let known: HashSet<String> = known.collect();
    if long.is_empty() && known.len() > 1 { HashSet::new() } else { known }
}

/// The turns of a cell in which some lines have labels.
fn turns(cell: &str) -> Option<Vec<Turn>> {
    if !cell.contains([':', '：']) {
        return None;
    }
    let cell = on_lines(cell);
    let mut turns: Vec<Turn> = Vec::new();
    let mut is_new_paragraph = false;
    for line in cell.lines().map(str::trim) {
        if line.is_empty() {
            is_new_paragraph = true;
            continue;
        }
        let (speaker, text) = label_of(line).map_or((None, line), |(who, rest)| (Some(who), rest));
        let is_timed = speaker.is_some() && has_time(line.strip_suffix(text).unwrap_or(line));
        match turns.last_mut() {
            Some(turn) if speaker.is_none_or(|speaker| speaker == turn.speaker) => {
                let separator = if is_new_paragraph { "\n" } else { " " };
                if !turn.text.is_empty() && !text.is_empty() {
                    turn.text.push_str(separator);
                }
                turn.text.push_str(text);
            }
            _ => turns.push(Turn {
                speaker: speaker.unwrap_or_default().to_owned(),
                text: text.to_owned(),
                is_timed,
            }),
        }
        is_new_paragraph = false;
    }
    turns.iter().any(|turn| !turn.speaker.is_empty()).then_some(turns)
}

/// Whether the time of a recording stands in a label: `**Ana** 0:09`.
fn has_time(label: &str) -> bool {
    let parts = label.split(':').collect::<Vec<_>>();
    parts.windows(2).any(|pair| {
        pair[0].ends_with(|c: char| c.is_ascii_digit())
            && pair[1].starts_with(|c: char| c.is_ascii_digit())
    })
}

/// Whether a cell is a conversation by itself: speakers take turns, and one of them comes back, or
/// somebody whose label says that they ask is answered once.
fn is_talk(turns: &[Turn]) -> bool {
    let labels: Vec<&str> =
        turns.iter().map(|turn| &*turn.speaker).filter(|label| !label.is_empty()).collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    for label in &labels {
        *times.entry(label).or_default() += 1;
    }
    let back: usize = times.values().filter(|times| **times > 1).sum();
    let is_pair = labels.len() == 2 && moderator::is_asker(labels[0]) && is_generic(labels[1]);
    // A talk of three turns has one speaker that comes back; a long one hardly any that do not.
    labels.len() >= LEAST_TURNS && back * 2 > labels.len() || is_pair
}

/// A cell with a line for each turn. Where a conversation stands on one line, labels come after the
/// end of a sentence; those that are no words for a role or a number must come back.
fn on_lines(cell: &str) -> Cow<'_, str> {
    static INSIDE: LazyLock<Regex> = LazyLock::new(|| {
        let end = r#"[.?!…;|。？！"”»’')\]]"#;
        let label = r"\p{L}[\p{L}\p{M}\p{N}'’.-]{0,20}(?: [\p{Lu}\p{N}][\p{L}\p{N}.]{0,20})?";
        Regex::new(&format!(r"{end}\s*[/|]?[ \t]+(?P<label>{label})(?::[ \t]|：)"))
            .expect("the pattern is valid")
    });
    if label_of(cell.lines().next().unwrap_or_default()).is_none() || cell.lines().nth(1).is_some()
    {
        return Cow::Borrowed(cell);
    }
    let first = label_of(cell).map(|(label, _)| label);
    let places: Vec<_> =
        INSIDE.captures_iter(cell).filter_map(|found| found.name("label")).collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    for label in first.into_iter().chain(places.iter().map(regex::Match::as_str)) {
        *times.entry(label).or_default() += 1;
    }
    let is_label = |label: &str| {
        times[label] > 1
            || moderator::is_asker(label)
            || moderator::is_helper(label)
            || is_generic(label)
            || is_numbered(label)
    };
    let mut lines = String::with_capacity(cell.len() + places.len());
    let mut copied = 0;
    for place in places.into_iter().filter(|place| is_label(place.as_str())) {
        lines.push_str(cell[copied..place.start()].trim_end_matches([' ', '\t', '/', '|', ';']));
        lines.push('\n');
        copied = place.start();
    }
    lines.push_str(&cell[copied..]);
    Cow::Owned(lines)
}

/// The labels of those who ask in the cells of a column. `None` where nobody does and no label is
/// the name of its row's participant: such lines may be the headings of notes.
fn asking(table: &Table, column: usize, cells: &Column) -> Option<HashSet<String>> {
    let mut order: Vec<(&usize, &Vec<Turn>)> = cells.iter().collect();
    order.sort_unstable_by_key(|(index, _)| **index);
    let mut labels: HashMap<&str, usize> = HashMap::new();
    let mut asking = HashSet::new();
    let mut are_named = 0;
    for (index, turns) in &order {
        let speakers: HashSet<&str> = turns.iter().map(|turn| &*turn.speaker).collect();
        let row = &table.rows[**index];
        let of_row = |label: &str, is: fn(&str) -> bool| {
            let cells = row.cells.iter().filter(|(other, _)| *other != column).take(MOST_FACTS);
            let mut cells =
                cells.filter(|(column, cell)| cell.len() <= FACT && is(&table.names[*column]));
            cells.any(|(_, cell)| is_named(label, cell))
        };
        let speakers = speakers.into_iter().filter(|label| !label.is_empty());
        let mut has_name = false;
        for label in speakers {
            *labels.entry(label).or_default() += 1;
            if of_row(label, moderator::is_role) {
                asking.insert(label.to_owned());
            }
            has_name |= of_row(label, |name| !moderator::is_role(name));
        }
        are_named += usize::from(has_name);
    }
    let of = |is: fn(&str) -> bool| labels.keys().copied().filter(move |label| is(label));
    asking.extend(of(moderator::is_asker).map(str::to_owned));
    if asking.is_empty() {
        asking.extend(of(moderator::is_helper).map(str::to_owned));
    }
    if asking.is_empty() {
        let turns = order.iter().flat_map(|(_, turns)| turns.iter());
        let turns = turns.map(|turn| (&*turn.speaker, &*turn.text));
        asking
            .extend(moderator::guess(turns.filter(|(who, _)| !who.is_empty())).map(str::to_owned));
    }
    if asking.is_empty() {
        asking.extend(opener(&order).map(str::to_owned));
    }
    if asking.len() == labels.len() {
        asking.clear();
    }
    (!asking.is_empty() || are_named * 2 > order.len()).then_some(asking)
}

/// The one speaker who opens each of several conversations, each with somebody else.
fn opener<'c>(order: &[(&usize, &'c Vec<Turn>)]) -> Option<&'c str> {
    let first = |turns: &'c Vec<Turn>| {
        turns.iter().map(|turn| turn.speaker.as_str()).find(|who| !who.is_empty())
    };
    let who = first(order.first()?.1)?;
    let mut others = HashSet::new();
    let mut meets_another = |turns: &'c Vec<Turn>| {
        let of_cell: HashSet<&str> = turns.iter().map(|turn| turn.speaker.as_str()).collect();
        let mut of_cell = of_cell.into_iter().filter(|other| *other != who && !other.is_empty());
        first(turns) == Some(who) && of_cell.all(|other| others.insert(other))
    };
    (order.len() > 1 && order.iter().all(|(_, turns)| meets_another(turns))).then_some(who)
}

/// The columns that go along with each turn: the participant's, and those whose values are short.
fn facts(table: &Table, talks: &Talks, participant: Option<usize>) -> HashSet<usize> {
    let mut is_short = vec![true; table.names.len()];
    for (column, cell) in table.rows.iter().flat_map(|row| &row.cells) {
        is_short[*column] &= cell.len() <= FACT && !cell.ends_with(['.', '!', '…', '。']);
    }
    let columns = (0..table.names.len()).filter(|column| !talks.contains_key(column));
    let short = columns.filter(|column| is_short[*column] && Some(*column) != participant);
    short.take(MOST_FACTS).chain(participant).collect()
}

#[cfg(test)]
mod tests {
    use crate::corpus::formats::csv;
    use crate::corpus::rows::Rows;

    fn load(text: &str) -> Rows {
        let mut rows = Rows::new(1);
        csv::read(text, None, &mut rows).unwrap();
        rows
    }

    fn said(rows: &Rows) -> Vec<(&str, &str)> {
        let records = rows.records.iter();
        records.map(|r| (r.participant.as_deref().unwrap_or("-"), r.text.as_str())).collect()
    }

    #[test]
    fn each_answer_in_a_cell_is_a_row_with_its_question_and_the_facts_of_its_row() {
        let rows = load(
            "pid,name,job,transcript,remark\n\
             1,Ines,teacher,\"INT: Hi Ines. How do you start?\nINES: I come at seven,\nby bike.\n\n\
             INT: Why?\nINES: The bus is late.\",She was tired and we stopped.\n\
             2,Gustav,cook,\"INT: Who decides?\nGUSTAV: I do.\nINT: And then?\nGUSTAV: I shop.\",",
        );
        let expected = [
            ("1", "pid: 1\nname: Ines\njob: teacher\nremark: She was tired and we stopped."),
            (
                "1",
                "question: Hi Ines. How do you start?\npid: 1\nname: Ines\njob: teacher\n\
                 transcript: I come at seven, by bike.",
            ),
            ("1", "question: Why?\npid: 1\nname: Ines\njob: teacher\ntranscript: The bus is late."),
            ("2", "question: Who decides?\npid: 2\nname: Gustav\njob: cook\ntranscript: I do."),
            ("2", "question: And then?\npid: 2\nname: Gustav\njob: cook\ntranscript: I shop."),
        ];
        assert_eq!(said(&rows), expected);
        assert!(rows.findings.kinds().contains(&("talk-in-cells", None, 1)));
    }

    #[test]
    fn a_short_conversation_is_one_where_other_cells_of_its_column_show_the_form() {
        let rows = load(
            "Title,Content\n\
             Nadia,\"**Sofie Lund** 0:00\nHow do you plan the routes?\n\n**Nadia Rahmani** 0:09\n\
             I drag the stops around.\"\n\
             Kwabena,\"**Sofie Lund** 0:00\nTell me about your day.\n\n**Kwabena Osei** 0:04\n\
             I check the van first.\"\n",
        );
        assert_eq!(
            said(&rows),
            [
                (
                    "Nadia Rahmani",
                    "question: How do you plan the routes?\nTitle: Nadia\n\
                     Content: I drag the stops around.\nparticipant: Nadia Rahmani"
                ),
                (
                    "Kwabena Osei",
                    "question: Tell me about your day.\nTitle: Kwabena\n\
                     Content: I check the van first.\nparticipant: Kwabena Osei"
                ),
            ]
        );
        let rows = load(
            "Nr,Content\n\
             1,\"Sofie: How do you plan?\nNadia: I drag the stops.\nSofie: And then?\nNadia: I call.\"\n\
             2,\"Sofie: And you?\nBo: I look at the map.\"\n",
        );
        assert_eq!(said(&rows).last().unwrap().0, "Bo");
        assert_eq!(rows.records.len(), 3);
        let rows = load(
            "Nr,Content\n1,\"Pros: It is quick.\nCons: It is loud.\"\n\
             2,\"Pros: It is small.\nCons: It is dear.\"\n3,\"Pros: It works.\nBut: It is old.\"\n",
        );
        assert_eq!(rows.records.len(), 3, "headings of notes");
    }

    #[test]
    fn a_conversation_on_one_line_is_taken_apart_too() {
        let rows = load(
            "name,talk\nAna,Interviewer: Where do you eat? Ana: At home: always. Interviewer: Why? \
             Ana: It is cheap.\nBo,\"Interviewer: And you? Bo: Out, with friends.\"",
        );
        assert_eq!(rows.records.len(), 2, "the second cell has too few turns");
        let rows = load(
            "name,talk\nAna,Q: Where do you eat? A: At home: always. Q: Why? A: It is cheap.\n\
             Bo,\"Q: And you? A: Out, with friends.\"",
        );
        let expected = [
            ("Ana", "question: Where do you eat?\nname: Ana\ntalk: At home: always."),
            ("Ana", "question: Why?\nname: Ana\ntalk: It is cheap."),
            ("Bo", "question: And you?\nname: Bo\ntalk: Out, with friends."),
        ];
        assert_eq!(said(&rows), expected);
    }

    #[test]
    fn an_interviewer_with_a_name_is_found_over_all_rows() {
        let rows = load(
            "id,interviewer,talk\n7,Mia Lind,\"Mia: So?\nAna: I wait.\nMia: Long?\nAna: Very.\"\n\
             8,Mia Lind,\"Mia: And you?\nBo: I call.\nMia: Whom?\nBo: My son.\"",
        );
        let who: Vec<_> = said(&rows).into_iter().map(|(who, _)| who).collect();
        assert_eq!(who, ["Ana", "Ana", "Bo", "Bo"]);
        assert!(rows.records[0].text.ends_with("talk: I wait.\nparticipant: Ana"));
    }

    #[test]
    fn answers_without_a_name_are_those_of_the_row() {
        let rows = load("id,talk\nk3,\"Q: Why?\nA: I wait.\"\nk4,\"Q: How?\nA: I call.\"");
        let who: Vec<_> = said(&rows).into_iter().map(|(who, _)| who).collect();
        assert_eq!(who, ["k3", "k4"]);
    }

    #[test]
    fn several_who_answer_in_a_row_are_several_participants() {
        let rows = load(
            "name,talk\nHall,\"Moderator: So?\nP1: I wait.\nP2: Me too.\nModerator: Long?\nP1: Yes.\n\
             P2: No.\"",
        );
        let who: Vec<_> = said(&rows).into_iter().map(|(who, _)| who).collect();
        assert_eq!(who, ["P1", "P2", "P1", "P2"]);
    }

    #[test]
    fn cells_with_headings_and_single_conversations_among_prose_stay_whole() {
        for (text, records) in [
            (
                "who,said\nAna,\"Likes: tea\nHates: rain\nWants: a roof\"\nBo,\"Likes: air\nHates: bus\"",
                2,
            ),
            ("who,said\nAna,\"Plus: tea\nMinus: rain\nPlus: a roof\"", 1),
            ("who,said\nAna,I said: no.\nBo,\"Q: Why?\nA: Late.\"\nCy,It rains.", 3),
            ("who,said\nAna,\"Monday: tea. Tuesday: rain. Monday: a roof.\"", 1),
        ] {
            let rows = load(text);
            assert_eq!(rows.records.len(), records, "{text}");
            assert_eq!(rows.findings.kinds(), [], "{text}");
        }
    }

    #[test]
    fn many_facts_and_turns_cost_no_more_than_their_number() {
        let names: Vec<String> = (0..5000).map(|i| format!("c{i}")).collect();
        let cells = vec!["x"; 5000].join(",");
        let talk = "Q: Why?\nA: Late.\n".repeat(3000);
        let rows = load(&format!("talk,{}\n\"{talk}\",{cells}", names.join(",")));
        assert_eq!(rows.records.len(), 3001);
        assert!(rows.records.iter().skip(1).all(|record| record.columns.len() < 70));
    }
}
