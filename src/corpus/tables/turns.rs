//! Tables whose rows are the turns of a conversation: who asks or helps in them, and who answers.
//!
//! Owns which rows are nobody's words and which question a row answers. Which columns say who speaks
//! is decided in `voices`.

use std::collections::HashSet;

use super::table::{self, Table, TableRow};
use super::voices::{self, Voices};
use crate::corpus::names::{
    is_anybody, is_context, is_publicity, is_question, is_speaker_column, is_word_for_participant,
};
use crate::corpus::rows::Rows;
use crate::corpus::talk::moderator::{self, Question};

/// Fewest rows by askers in a table that is a conversation.
const TALK_LEAST: usize = 2;
/// Most rows for each row by an asker in such a table.
const TALK_SHARE: usize = 20;

/// A table in which somebody may ask and the others answer.
pub(super) struct Talk<'t> {
    /// The column that says whose the row is.
    participant: usize,
    /// The column that says who speaks; the participant column where there is no other.
    speaker: usize,
    /// The column with the speaker's role in the conversation.
    role: Option<usize>,
    /// The column with what was said.
    words: Option<usize>,
    /// The column with the question, where the table has one.
    question: Option<usize>,
    /// The column that tells one conversation from another.
    conversation: Option<usize>,
    /// The column that says whether the customer could read a message.
    publicity: Option<usize>,
    /// Whether those called users work on what customers write.
    are_users_staff: bool,
    /// The speakers who ask.
    asking: HashSet<&'t str>,
    /// Whether those who ask are staff who help customers, not researchers.
    is_helping: bool,
    /// Whether the rows are the turns of a conversation, so that a question belongs to the rows
    /// after it. One row by a researcher among the rows of a survey does not make it a
    /// conversation.
    has_turns: bool,
}

impl<'t> Talk<'t> {
    /// Finds out who asks, and notes it in `rows`: their names, and a finding where they
    /// are guessed.
    pub(super) fn find_and_note(table: &'t Table, voices: Voices, rows: &mut Rows) -> Self {
        let named = |is: &dyn Fn(&str) -> bool| table.names.iter().position(|name| is(name));
        let Voices { participant, speaker, part } = voices;
        let words = most_words(table);
        let conversation = voices::conversation(table).filter(|column| Some(*column) != words);
        let by = speaker.unwrap_or(participant);
        let speakers: HashSet<&str> = table.rows.iter().filter_map(|row| row.get(by)).collect();
        let of = |is: fn(&str) -> bool| -> HashSet<&str> {
            speakers.iter().copied().filter(|who| is(who)).collect()
        };
        let mut asking = of(moderator::is_role);
        let mut is_helping = asking.is_empty();
        if asking.is_empty() && speaker.is_some() {
            asking = of(moderator::is_helper);
        }
        if asking.is_empty() && by != participant {
            asking = never_participants(table, participant, by);
        }
        // Where all speakers seem to ask, nobody does: there is no one left to answer.
        if asking.len() == speakers.len() {
            asking.clear();
        } else if asking.is_empty()
            && let Some(name) =
                speaker.and_then(|speaker| asker(table, speaker, words?, conversation))
        {
            moderator::note_guess(&mut rows.findings, name);
            rows.other_names.push(name.to_owned());
            asking.insert(name);
            is_helping = false;
        }
        let names = asking.iter().filter_map(|label| moderator::name_in(label));
        rows.other_names.extend(names.map(str::to_owned));
        let mut talk = Self {
            participant,
            speaker: by,
            role: part,
            words,
            question: named(&is_question),
            conversation,
            publicity: speaker.and_then(|_| named(&is_publicity)),
            are_users_staff: part.is_some_and(|part| has_customers(table, part)),
            asking,
            is_helping,
            has_turns: false,
        };
        let asked = table.rows.iter().filter(|row| talk.is_asking(row)).count();
        if asked == table.rows.len() {
            talk.role = None;
        }
        talk.has_turns = asked >= TALK_LEAST && asked * TALK_SHARE >= table.rows.len();
        talk
    }

    /// Whether a word such as `Guest` in the participant column may stand for several people. In a
    /// conversation, it is one of those who take part.
    fn names_anybody(&self, table: &Table) -> bool {
        let name = &table.names[self.participant];
        let is_conversation = self.conversation.is_some() || self.role.is_some();
        self.asking.is_empty()
            && !is_conversation
            && !is_speaker_column(name)
            && !is_word_for_participant(name)
    }

    /// Whether a row is by one of those who ask.
    fn is_asking(&self, row: &TableRow) -> bool {
        let is_staff = |role: &str| {
            moderator::is_staff(role) || self.are_users_staff && role.eq_ignore_ascii_case("user")
        };
        let has_role = |role| row.get(role).is_some_and(is_staff);
        row.get(self.speaker).is_some_and(|who| self.asking.contains(who))
            || self.role.is_some_and(has_role)
    }

    /// Whether a row is no part of what people say to each other: it sets up a chat with a machine,
    /// is what its tools gave back, was written by a program, or is between staff.
    fn is_setting(&self, row: &TableRow) -> bool {
        let is_setting = |column| row.get(column).is_some_and(moderator::is_setting);
        let is_private =
            |column| row.get(column).is_some_and(|it| it.eq_ignore_ascii_case("false"));
        self.role.is_some_and(is_setting)
            || self.speaker != self.participant && is_setting(self.speaker)
            || row.get(self.speaker).is_some_and(moderator::is_robot)
            || self.publicity.is_some_and(is_private)
    }

    pub(super) fn write(&self, table: &'t Table, rows: &mut Rows) -> Result<(), String> {
        let mut question = Question::default();
        // Rows of one item of a document bear its number.
        let are_nested = table.rows.windows(2).any(|pair| pair[0].number == pair[1].number);
        let conversation = |row: &'t TableRow| {
            let id = self.conversation.and_then(|column| row.get(column));
            (id, are_nested.then_some(row.number))
        };
        let named = table.rows.iter().filter(|row| row.get(self.participant).is_some()).count();
        let are_named = named * 2 > table.rows.len();
        let names_anybody = self.names_anybody(table);
        let mut last = None;
        let mut last_heard = None;
        for row in &table.rows {
            // A question is put to whoever takes part in the same conversation.
            if last.replace(conversation(row)).is_some_and(|last| last != conversation(row))
                && let Some(number) = question.end()
            {
                moderator::note_left_out(&mut rows.findings, number);
            }
            let named = || row.get(self.speaker).filter(|who| !moderator::is_anyone(who));
            let who = row.get(self.participant).or_else(named);
            if self.is_setting(row) {
                moderator::note_left_out(&mut rows.findings, row.number);
                continue;
            }
            if self.is_asking(row) {
                let said = self.words.and_then(|column| row.get(column)).unwrap_or_default();
                // Announcements by staff and machines do not ask anything.
                let asks = self.has_turns && (!self.is_helping || said.contains(['?', '？', '؟']));
                if !asks || question.ask(row.number, said) {
                    moderator::note_left_out(&mut rows.findings, row.number);
                }
                continue;
            }
            // Staff who help answer one customer, and the next one has a matter of their own.
            let is_other = who.is_some() && last_heard.replace(who).is_some_and(|last| last != who);
            if self.is_helping
                && is_other
                && let Some(number) = question.end()
            {
                moderator::note_left_out(&mut rows.findings, number);
            }
            if who.is_none() && are_named {
                rows.findings.note("no-participant", row.number, || {
                    "rows without a participant among rows that name theirs are nobody's in \
                     particular"
                        .to_owned()
                });
            }
            let has_own = self.question.is_some_and(|column| row.get(column).is_some());
            let question = if has_own { None } else { question.answer(who) };
            let who = who.filter(|who| !(names_anybody && is_anybody(who)));
            table::write(table, row, who, question, rows)?;
        }
        if let Some(number) = question.end() {
            moderator::note_left_out(&mut rows.findings, number);
        }
        Ok(())
    }
}

/// The speaker who asks, to judge by what all say. Tools that transcribe by themselves write a row for
/// each sentence: those that one speaker says in a row are one turn.
fn asker(table: &Table, speaker: usize, words: usize, conversation: Option<usize>) -> Option<&str> {
    let mut turns: Vec<(&str, String)> = Vec::new();
    let mut last = None;
    for row in &table.rows {
        let (Some(who), Some(said)) = (row.get(speaker), row.get(words)) else { continue };
        let within = conversation.and_then(|column| row.get(column));
        match turns.last_mut() {
            Some((_, turn)) if last == Some((who, within)) => {
                turn.push(' ');
                turn.push_str(said);
            }
            _ => turns.push((who, said.to_owned())),
        }
        last = Some((who, within));
    }
    let name = moderator::guess(turns.iter().map(|(who, said)| (*who, said.as_str())))?;
    turns.iter().map(|(who, _)| *who).find(|who| *who == name)
}

/// Whether some of the parts in a conversation are those of customers.
fn has_customers(table: &Table, part: usize) -> bool {
    let mut parts = table.rows.iter().filter_map(|row| row.get(part));
    parts.any(|part| part.eq_ignore_ascii_case("customer"))
}

/// The speakers who are never a participant, where both columns hold the same kind of id: a ticket
/// is its customer's, and anyone else who writes in it works on it. Empty where the columns share
/// too few ids.
fn never_participants(table: &Table, participant: usize, speaker: usize) -> HashSet<&str> {
    let own: HashSet<&str> = table.rows.iter().filter_map(|row| row.get(participant)).collect();
    let of: HashSet<&str> = table.rows.iter().filter_map(|row| row.get(speaker)).collect();
    let are_same_kind = of.iter().filter(|who| own.contains(*who)).count() * 2 > own.len();
    if are_same_kind { of.difference(&own).copied().collect() } else { HashSet::new() }
}

/// The column with the most text, of those that do not hold context such as dates and ids.
fn most_words(table: &Table) -> Option<usize> {
    let mut bytes = vec![0usize; table.names.len()];
    for (column, value) in table.rows.iter().flat_map(|row| &row.cells) {
        bytes[*column] += value.len();
    }
    let spoken = (0..bytes.len()).filter(|&column| !is_context(&table.names[column]));
    // Reversed, so that the first of equals wins.
    spoken.rev().max_by_key(|&column| bytes[column])
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::load_table as read;

    /// A table of help desk messages: ticket, requester, author, role, public, comment.
    const MESSAGES: [&[&str]; 7] = [
        &["1", "Amelia", "Amelia", "end-user", "true", "The jar of honey broke."],
        &["1", "Amelia", "Jess", "agent", "true", "Could you send a photo?"],
        &["2", "Omar", "Omar", "end-user", "true", "My plan was changed overnight."],
        &["2", "Omar", "Jess", "agent", "false", "Is he on the old plan?"],
        &["2", "Omar", "Omar", "end-user", "true", "I only looked at the prices."],
        &["2", "Omar", "Jess", "agent", "true", "Which plan was it before?"],
        &["2", "Omar", "Omar", "end-user", "true", "The smallest one."],
    ];

    #[test]
    fn a_message_is_its_authors_and_a_question_stays_in_its_ticket() {
        let names =
            ["Ticket ID", "Requester", "Comment Author", "Author Role", "Public", "Comment"];
        let rows = read(&names, &MESSAGES);
        let all: Vec<_> =
            rows.records.iter().map(|r| (r.participant.as_deref(), r.question())).collect();
        assert_eq!(
            all,
            [
                (Some("Amelia"), None),
                (Some("Omar"), None),
                (Some("Omar"), None),
                (Some("Omar"), Some("Which plan was it before?")),
            ]
        );
    }

    #[test]
    fn who_asks_is_found_where_each_sentence_is_a_row_and_whatever_the_words_are_called() {
        let talk: [(&str, &[&str]); 9] = [
            ("Priya", &["Okay, I think we are recording now.", "How do you pay the suppliers?"]),
            ("Lindiwe", &["I type each one into the bank again.", "It takes me all of Friday."]),
            ("Oskar", &["Same for us.", "And I check every number twice because I paid too much."]),
            ("Priya", &["Oh no, really.", "What did you do then?"]),
            ("Oskar", &["I called him.", "He was kind about it, but I didn't sleep that night."]),
            ("Priya", &["I see what you mean.", "And who else may approve a payment?"]),
            ("Lindiwe", &["Nobody at all.", "If he is ill then nobody gets paid, me included."]),
            ("Priya", &["That is hard for you.", "What would be different with a wand?"]),
            ("Oskar", &["I want one list and one button.", "And a text when it has gone through."]),
        ];
        let by_sentence: Vec<[&str; 2]> =
            talk.iter().flat_map(|(who, said)| said.iter().map(|s| [*who, *s])).collect();
        let by_turn: Vec<(&str, String)> =
            talk.iter().map(|(who, said)| (*who, said.join(" "))).collect();
        let by_turn: Vec<[&str; 2]> = by_turn.iter().map(|(who, s)| [*who, s.as_str()]).collect();
        for (lines, column) in
            [(&by_sentence, "Sentence"), (&by_turn, "Sentence"), (&by_turn, "transcript")]
        {
            let lines: Vec<&[&str]> = lines.iter().map(<[&str; 2]>::as_slice).collect();
            let rows = read(&["Speaker", column], &lines);
            let who: Vec<_> =
                rows.records.iter().filter_map(|r| r.participant.as_deref()).collect();
            assert!(!who.contains(&"Priya"), "{column}: {who:?}");
            assert_eq!(rows.other_names, ["Priya"]);
            let asked = rows.records.iter().filter(|record| record.question().is_some());
            assert!(asked.count() >= 4, "{column}");
        }
    }

    #[test]
    fn a_row_without_a_participant_among_others_is_nobodys_and_counted() {
        let names = ["participant", "day", "entry"];
        let lines: [&[&str]; 4] = [
            &["P1", "1", "I woke at five."],
            &["P1", "2", "I skipped lunch."],
            &["", "3", "I went for a walk."],
            &["P2", "1", "I cycled in."],
        ];
        let rows = read(&names, &lines);
        assert_eq!(rows.records[2].participant, None);
        assert_eq!(rows.findings.kinds(), [("no-participant", Some(3), 1)]);
    }

    #[test]
    fn a_question_by_staff_goes_to_no_other_customer() {
        let names = ["author", "author_role", "text"];
        let lines: [&[&str]; 6] = [
            &["Dana", "customer", "My order never came."],
            &["Kim", "agent", "Could you share your order number?"],
            &["Dana", "customer", "It is 5521, and I need it."],
            &["Ravi", "customer", "How do I change my address?"],
            &["Jo", "agent", "Which address is it?"],
            &["Mia", "customer", "It crashes all day."],
        ];
        let rows = read(&names, &lines);
        let asked: Vec<_> = rows.records.iter().map(crate::corpus::Record::question).collect();
        assert_eq!(asked, [None, Some("Could you share your order number?"), None, None]);
        assert_eq!(rows.findings.kinds(), [("moderator-turn", Some(5), 1)]);
    }

    #[test]
    fn a_user_beside_customers_works_on_what_they_write() {
        let rows = read(
            &["thread", "speaker", "speaker_role", "body"],
            &[
                &["1", "Gloria", "customer", "The barcode is cut off on every label."],
                &["1", "Carol", "user", "Which printer do you have?"],
                &["1", "Gloria", "customer", "The one that your blog recommends."],
                &["2", "Wim", "customer", "The till makes no sound any more."],
                &["2", "Carol", "user", "Check the volume."],
            ],
        );
        let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, [Some("Gloria"), Some("Gloria"), Some("Wim")]);
    }

    #[test]
    fn programs_and_lost_accounts_are_no_participants() {
        let rows = read(
            &["id", "author", "body"],
            &[
                &["a", "tofu_tuesday", "I meal prep on Sundays."],
                &["b", "AutoModerator", "Please read the rules of this community."],
                &["c", "[deleted]", "The scanner is why I still open it."],
                &["d", "RemindMeBot", "I will message you in a year."],
                &["e", "abbot", "I stopped when I weighed a grape."],
            ],
        );
        let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, [Some("tofu_tuesday"), None, Some("abbot")]);
    }

    #[test]
    fn strangers_whom_a_platform_calls_alike_are_no_participant() {
        let names = [
            "Guest",
            "Gast",
            "Invité",
            "Amazon Customer",
            "Kindle Customer",
            "Anonymous User",
            "anon",
            "Ein Google-Nutzer",
            "A Google user",
            "Un usuario de Google",
            "Googleユーザー",
            "Deleted User",
            "Prefer not to say",
            "keine Angabe",
            "k. A.",
            "-",
            "None",
            "N/A",
            "LinkedIn Member",
            "Verified Buyer",
        ];
        let line = |who: &'static str| [who, "I wait for my parcel since monday."];
        let lines: Vec<[&str; 2]> = names.into_iter().map(line).collect();
        let lines: Vec<&[&str]> = lines.iter().map(<[&str; 2]>::as_slice).collect();
        for record in read(&["name", "review"], &lines).records {
            assert_eq!(record.participant, None, "{}", record.text);
        }
        let names = [
            "Guest 4",
            "anon123",
            "Anonymous 2",
            "Ana",
            "Amazon",
            "Nurse",
            "Google Fan",
            "Nona",
            "User7",
            "Mr Guest",
            "Günther Gast",
        ];
        let lines: Vec<[&str; 2]> = names.into_iter().map(line).collect();
        let lines: Vec<&[&str]> = lines.iter().map(<[&str; 2]>::as_slice).collect();
        for record in read(&["name", "review"], &lines).records {
            assert!(record.participant.is_some(), "{}", record.text);
        }
        let talk =
            [&["Host", "How do you start?"][..], &["Guest", "With coffee, and then the list."]];
        let rows = read(&["speaker", "text"], &talk);
        assert!(rows.records.iter().any(|record| record.participant.as_deref() == Some("Guest")));
    }

    #[test]
    fn the_interviewer_of_a_tabular_transcript_asks_and_is_no_participant() {
        let rows = read(
            &["speaker", "time", "text"],
            &[
                &["Interviewer", "0:01", "Why?"],
                &["Ana", "0:02", "It is late."],
                &["Bo", "0:03", "It always is."],
                &["Interviewer", "0:04", "And?"],
            ],
        );
        let said: Vec<_> = rows.records.iter().map(|record| record.text.as_str()).collect();
        let answers = [
            "question: Why?\nspeaker: Ana\ntime: 0:02\ntext: It is late.",
            "question: Why?\nspeaker: Bo\ntime: 0:03\ntext: It always is.",
        ];
        assert_eq!(said, answers);
        assert_eq!(rows.findings.kinds(), [("moderator-turn", Some(4), 1)]);
        let alone = read(&["speaker", "text"], &[&["Interviewer", "They wait."]]);
        assert_eq!(alone.records.len(), 1);
    }

    #[test]
    fn a_question_of_its_own_is_not_doubled_and_words_that_go_nowhere_are_counted() {
        let header = ["speaker", "start", "question", "text"];
        let own = ["Ana", "2", "Why, then?", "It is late in the evening."];
        let rows = read(&header, &[&["Interviewer", "00:00:01.250", "", "Why?"], &own]);
        let text = "speaker: Ana\nstart: 2\nquestion: Why, then?\ntext: It is late in the evening.";
        assert_eq!(rows.records[0].text, text);
        assert_eq!(rows.findings.kinds(), [("moderator-turn", Some(1), 1)]);
        // The longest cell of a row need not be its words.
        let asks: &[&str] = &["Interviewer", "00:00:01.250", "", "Why?"];
        let without = ["Bo", "4", "", "Because the bus was late again."];
        let rows = read(&header, &[asks, &own, asks, &without]);
        assert!(rows.records[1].text.starts_with("question: Why?\n"), "{}", rows.records[1].text);
    }

    #[test]
    fn one_researcher_among_the_rows_of_a_survey_asks_nobody() {
        let mut lines: Vec<Vec<String>> = vec![vec!["Researcher (pilot)".into(), "A test.".into()]];
        lines.extend((0..50).map(|i| vec![format!("P{i}"), format!("I wait {i} minutes.")]));
        let lines: Vec<Vec<&str>> =
            lines.iter().map(|line| line.iter().map(String::as_str).collect()).collect();
        let lines: Vec<&[&str]> = lines.iter().map(Vec::as_slice).collect();
        let rows = read(&["participant", "answer"], &lines);
        assert_eq!(rows.records.len(), 50);
        assert!(rows.records.iter().all(|record| !record.text.contains("question")));
        assert_eq!(rows.findings.kinds(), [("moderator-turn", Some(1), 1)]);
    }

    #[test]
    fn a_speaker_beside_a_participant_says_who_asks() {
        let rows = read(
            &["participant_id", "speaker", "text"],
            &[
                &["P01", "Interviewer", "How do you start?"],
                &["P01", "Participant", "With coffee, and then the list."],
                &["P02", "Interviewer", ""],
                &["P02", "Interviewer", "And you?"],
                &["P02", "Participant", "I check the tyres."],
            ],
        );
        let said: Vec<_> =
            rows.records.iter().map(|r| (r.participant.as_deref(), r.text.as_str())).collect();
        let expected = [
            (
                Some("P01"),
                "question: How do you start?\nparticipant_id: P01\nspeaker: Participant\ntext: With coffee, and then the list.",
            ),
            (
                Some("P02"),
                "question: And you?\nparticipant_id: P02\nspeaker: Participant\ntext: I check the tyres.",
            ),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn whoever_asks_in_a_column_of_speakers_is_the_interviewer() {
        let long = "I wait for the lift with the whole ward until somebody comes down to us.";
        let turns = [["Eva", "How do you start?"], ["Ana", long]].repeat(3);
        let lines: Vec<&[&str]> = turns.iter().map(<[&str; 2]>::as_slice).collect();
        let rows = read(&["speaker", "text"], &lines);
        let who: Vec<_> = rows.records.iter().filter_map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, ["Ana", "Ana", "Ana"]);
        assert_eq!(rows.findings.kinds(), [("moderator-guessed", None, 1)]);
        // In a column of users, one who asks a lot is still a user.
        let rows = read(&["user", "text"], &lines);
        assert!(rows.records.iter().any(|r| r.participant.as_deref() == Some("Eva")));
    }
}
