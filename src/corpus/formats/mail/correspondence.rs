//! Who writes to whom: which of the people in a file of messages are staff who answer the others,
//! and which of staff's messages the others answer.
//!
//! Owns threads and who is staff. How a message is written is known to `mail`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Letter;
use crate::corpus::rows::Rows;
use crate::corpus::talk::moderator::{self, Question};
use crate::corpus::talk::speakers::{is_generic, label_of};

/// Parts before the `@` of addresses that do not belong to a single person.
const SERVICES: [&str; 22] = [
    "support",
    "help",
    "helpdesk",
    "service",
    "services",
    "servicedesk",
    "team",
    "info",
    "contact",
    "kontakt",
    "office",
    "hello",
    "care",
    "customercare",
    "customerservice",
    "kundenservice",
    "feedback",
    "research",
    "study",
    "studie",
    "admin",
    "sales",
];

/// Domains in which anybody may have an address, so that it does not tell who they work for.
const WEBMAIL: [&str; 14] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "icloud.com",
    "aol.com",
    "gmx.de",
    "gmx.net",
    "web.de",
    "qq.com",
    "163.com",
    "mail.ru",
];

/// Beginnings of a subject that say that the message answers or forwards another.
const PREFIXES: [&str; 12] =
    ["re:", "aw:", "antw:", "sv:", "vs:", "rv:", "fw:", "fwd:", "wg:", "tr:", "res:", "enc:"];

/// Fewest questions with a label, and answers with one, that a message repeats.
const LEAST_ASKED: usize = 2;

/// Adds a record for each message that is not by staff or a program. What staff write is the
/// question that the next message of its thread answers.
pub(super) fn into_rows(letters: &[Letter], rows: &mut Rows) -> Result<(), String> {
    let people = People::of(letters);
    rows.other_names.extend(people.names_of_staff());
    let questions = questions(letters, &people, rows);
    for (letter, question) in letters.iter().zip(&questions) {
        if !people.is_by_staff(letter) {
            add_record(letter, question.as_deref(), people.name_of(letter), rows)?;
        }
    }
    Ok(())
}

/// Who wrote the messages.
struct People {
    /// Addresses of staff.
    staff: HashSet<String>,
    /// Names by address: some messages of a person may come without the name.
    names: HashMap<String, String>,
}

impl People {
    fn of(letters: &[Letter]) -> Self {
        let mut names: HashMap<String, String> = HashMap::new();
        for letter in letters {
            if let Some(name) = &letter.from.name {
                names.entry(letter.from.address.clone()).or_insert_with(|| name.clone());
            }
        }
        Self { staff: staff(letters), names }
    }

    fn names_of_staff(&self) -> BTreeSet<String> {
        self.staff.iter().filter_map(|address| self.names.get(address)).cloned().collect()
    }

    /// Whether a message is by staff or a program.
    fn is_by_staff(&self, letter: &Letter) -> bool {
        letter.is_automatic || self.staff.contains(&letter.from.address)
    }

    /// The name of a message's sender, or else the address.
    fn name_of(&self, letter: &Letter) -> Option<String> {
        let address = Some(&letter.from.address).filter(|address| !address.is_empty())?;
        Some(self.names.get(address).unwrap_or(address).clone())
    }
}

/// For each message, the question of its thread that it answers. Questions that nobody answers are
/// left out, with a finding.
fn questions(letters: &[Letter], people: &People, rows: &mut Rows) -> Vec<Option<String>> {
    let mut threads = Threads::default();
    let mut questions: Vec<Option<String>> = vec![None; letters.len()];
    for at in reading_order(letters) {
        let letter = &letters[at];
        let thread = threads.of(letter);
        let question = &mut threads.questions[thread];
        if people.is_by_staff(letter) {
            let mut ask = || question.ask(letter.line, &rows.clean(letter.line, &letter.own));
            // An automatic notice is about the mail itself, not about what people write.
            if letter.is_automatic || ask() {
                moderator::note_left_out(&mut rows.findings, letter.line);
            }
        } else {
            questions[at] = question.answer(people.name_of(letter).as_deref()).map(str::to_owned);
        }
    }
    for line in threads.questions.iter_mut().filter_map(Question::end) {
        moderator::note_left_out(&mut rows.findings, line);
    }
    questions
}

/// The indices of the messages, oldest first where all have a date: mail programs often have the
/// newest message on top, and what it answers below it.
fn reading_order(letters: &[Letter]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..letters.len()).collect();
    if letters.iter().all(|letter| letter.sent.is_some()) {
        order.sort_by_key(|at| letters[*at].sent);
    }
    order
}

/// Adds the record of a message, unless its sender wrote nothing.
fn add_record(
    letter: &Letter,
    question: Option<&str>,
    participant: Option<String>,
    rows: &mut Rows,
) -> Result<(), String> {
    let text = rows.clean(letter.line, &letter.own);
    if text.is_empty() {
        return Ok(());
    }
    let participant = participant.map(|name| rows.clean(letter.line, &name));
    let subject = rows.clean(letter.line, &letter.subject);
    for (asked, words) in answers(&text) {
        let cells = [
            ("subject", Some(subject.as_str()).filter(|subject| !subject.is_empty())),
            ("question", asked.as_deref().or(question)),
            ("text", Some(words.as_str())),
        ];
        let cells = cells.into_iter().filter_map(|(name, value)| Some((name, value?)));
        rows.push_cells(letter.line, participant.clone(), cells)?;
    }
    Ok(())
}

/// The questions that a message repeats with a label, each with what its sender answered to it:
/// `Q1: … A1: …`. Other messages are a single answer without a question.
fn answers(text: &str) -> Vec<(Option<String>, String)> {
    let label =
        |line: &'_ str| label_of(line).map(|(label, rest)| (label.to_owned(), rest.to_owned()));
    let labels: Vec<String> = text.lines().filter_map(|line| Some(label(line)?.0)).collect();
    let of = |is: fn(&str) -> bool| labels.iter().filter(|label| is(label)).count();
    if of(moderator::is_asker) < LEAST_ASKED || of(is_generic) < LEAST_ASKED {
        return vec![(None, text.to_owned())];
    }
    let mut found: Vec<(Option<String>, String)> = vec![(None, String::new())];
    let mut asks = false;
    for line in text.lines() {
        let (label, rest) = label(line).unwrap_or_default();
        let is_question = moderator::is_asker(&label);
        let is_answer = is_generic(&label);
        if is_question {
            found.push((Some(rest.clone()), String::new()));
        }
        asks = is_question || asks && !is_answer;
        let Some((question, words)) = found.last_mut() else { continue };
        match question {
            Some(question) if asks && !is_question => {
                question.push(' ');
                question.push_str(line.trim());
            }
            _ if asks => {}
            _ => {
                words.push_str(if is_answer { &rest } else { line });
                words.push('\n');
            }
        }
    }
    found
        .into_iter()
        .map(|(asked, words)| (asked, words.trim().to_owned()))
        .filter(|(_, words)| !words.is_empty())
        .collect()
}

/// The threads of the messages, with the last question in each.
#[derive(Default)]
struct Threads {
    by_id: HashMap<String, usize>,
    by_subject: HashMap<String, usize>,
    questions: Vec<Question>,
}

impl Threads {
    /// The thread of a message: that of a message before it, else the last one with its subject if
    /// the subject says that it is an answer, else a new one.
    fn of(&mut self, letter: &Letter) -> usize {
        let subject = bare_subject(&letter.subject);
        let is_answer = subject.len() < letter.subject.len();
        let subject = subject.to_lowercase();
        let by_id = letter.before.iter().rev().find_map(|id| self.by_id.get(id));
        let by_subject = || self.by_subject.get(&subject).filter(|_| is_answer);
        let thread = by_id.or_else(by_subject).copied().unwrap_or_else(|| {
            self.questions.push(Question::default());
            self.questions.len() - 1
        });
        self.by_subject.insert(subject, thread);
        self.by_id.extend(letter.id.clone().map(|id| (id, thread)));
        thread
    }
}

/// A subject without prefixes such as `Re:`.
fn bare_subject(subject: &str) -> &str {
    let mut bare = subject.trim();
    loop {
        let cut = PREFIXES.iter().find_map(|prefix| {
            let (start, rest) = bare.split_at_checked(prefix.len())?;
            start.eq_ignore_ascii_case(prefix).then_some(rest.trim_start())
        });
        match cut {
            Some(rest) => bare = rest,
            None => return bare,
        }
    }
}

/// What is known of a sender.
#[derive(Default)]
struct Sender<'l> {
    /// Addresses of the other senders who wrote to them.
    written_by: HashSet<&'l str>,
    /// Whether some message of theirs answers another.
    answers: bool,
    name: Option<&'l str>,
}

/// The addresses of staff: most of the others write to them, or the address or the name is that of
/// a service. Empty where nobody else would be left.
fn staff(letters: &[Letter]) -> HashSet<String> {
    let mut senders: BTreeMap<&str, Sender<'_>> = BTreeMap::new();
    let written = letters.iter().filter(|letter| !letter.is_automatic);
    let written: Vec<&Letter> = written.filter(|letter| !letter.from.address.is_empty()).collect();
    for letter in &written {
        let sender = senders.entry(&letter.from.address).or_default();
        sender.name = sender.name.or(letter.from.name.as_deref());
        sender.answers |=
            !letter.before.is_empty() || bare_subject(&letter.subject) != letter.subject.trim();
    }
    for letter in &written {
        for to in letter.to.iter().filter(|to| **to != letter.from.address) {
            if let Some(sender) = senders.get_mut(to.as_str()) {
                sender.written_by.insert(&letter.from.address);
            }
        }
    }
    let others = senders.len().saturating_sub(1);
    let is_service = |address: &str, sender: &Sender<'_>| {
        let local = address.split('@').next().unwrap_or_default();
        let local: String = local.chars().filter(|c| c.is_alphanumeric()).collect();
        let is_named = SERVICES.contains(&local.as_str())
            || sender
                .name
                .is_some_and(|name| moderator::is_helper(name) || moderator::is_role(name));
        is_named && (sender.answers || !sender.written_by.is_empty())
    };
    let is_asked =
        |sender: &Sender<'_>| sender.written_by.len() >= 2 && sender.written_by.len() * 2 > others;
    let services = senders.iter().filter(|(address, sender)| is_service(address, sender));
    let services: BTreeSet<&str> = services.map(|(address, _)| *address).collect();
    let asked = senders.iter().filter(|(_, sender)| is_asked(sender));
    let mut asked: BTreeSet<&str> = asked.map(|(address, _)| *address).collect();
    // Where most people are written to by most others, none of them is staff.
    if asked.len() * 2 > senders.len() {
        asked.clear();
    }
    let mut staff: HashSet<&str> = services.union(&asked).copied().collect();
    // Colleagues of a service write from addresses of their own. In a study inside a company all
    // have the same domain.
    for service in &services {
        let Some((_, domain)) = service.split_once('@') else { continue };
        let is_there =
            |address: &&&str| address.split_once('@').is_some_and(|(_, other)| other == domain);
        let colleagues: Vec<&str> = senders.keys().filter(is_there).copied().collect();
        if !WEBMAIL.contains(&domain) && colleagues.len() * 2 <= senders.len() {
            staff.extend(colleagues);
        }
    }
    // A file of a single message may hold one of staff's: the other messages are in other files.
    if staff.len() == senders.len() && written.len() > 1 {
        staff.clear();
    }
    staff.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_mail, said};

    fn letter(from: &str, to: &str, subject: &str, text: &str) -> String {
        format!(
            "From x@y.example Mon Jun  3 08:10:00 2024\nFrom: {from}\nTo: {to}\nSubject: {subject}\n\n{text}\n\n"
        )
    }

    #[test]
    fn what_staff_answer_is_the_question_of_the_next_message_of_the_thread() {
        let team = "Shop Team <team@shop.example>";
        let rows = load_mail(
            &[
                letter("Ana <ana@a.example>", team, "Chair", "I cannot stand so long."),
                letter("Bo <bo@b.example>", team, "Delivery", "The box is wet."),
                letter(team, "ana@a.example", "Re: Chair", "Have you seen the yellow button?"),
                letter("Ana <ana@a.example>", team, "Re: Re: Chair", "It is at knee height."),
                letter(team, "bo@b.example", "Re: Delivery", "We are sorry to hear that."),
            ]
            .concat(),
        );
        assert_eq!(
            said(&rows),
            [
                (Some("Ana"), "subject: Chair\ntext: I cannot stand so long."),
                (Some("Bo"), "subject: Delivery\ntext: The box is wet."),
                (
                    Some("Ana"),
                    "subject: Re: Re: Chair\nquestion: Have you seen the yellow button?\n\
                     text: It is at knee height."
                ),
            ]
        );
        assert_eq!(
            rows.findings.kinds(),
            [("mail-headers", Some(2), 5), ("moderator-turn", Some(30), 1)]
        );
        assert_eq!(rows.other_names, ["Shop Team"]);
    }

    #[test]
    fn whoever_most_write_to_answers_and_programs_are_nobody() {
        let lisa = "Lisa Lind <lisa@study.example>";
        let rows = load_mail(
            &[
                letter(lisa, "ana@a.example, bo@b.example", "Day 1", "What did you cook?"),
                letter("Ana <ana@a.example>", lisa, "Re: Day 1", "Soup."),
                letter("Bo <bo@b.example>", lisa, "Re: Day 1", "I had no time to cook."),
                letter("noreply@mx.example", lisa, "Undelivered", "It did not arrive."),
            ]
            .concat(),
        );
        let question = "question: What did you cook?";
        assert_eq!(
            said(&rows),
            [
                (Some("Ana"), format!("subject: Re: Day 1\n{question}\ntext: Soup.").as_str()),
                (
                    Some("Bo"),
                    format!("subject: Re: Day 1\n{question}\ntext: I had no time to cook.")
                        .as_str()
                ),
            ]
        );
        assert_eq!(rows.findings.kinds()[1], ("moderator-turn", Some(23), 1));
    }

    #[test]
    fn the_newest_message_may_come_first() {
        let team = "Shop Team <team@shop.example>";
        let dated = |day: u32, from: &str, to: &str, text: &str| {
            format!(
                "From: {from}\nTo: {to}\nDate: {day} Jun 2024 08:00:00 +0200\nSubject: Re: Chair\n\n{text}\n\n"
            )
        };
        let rows = load_mail(
            &[
                dated(5, "Ana <ana@a.example>", team, "At knee height."),
                dated(4, team, "ana@a.example", "Have you seen the button?"),
            ]
            .concat(),
        );
        let text = "subject: Re: Chair\nquestion: Have you seen the button?\ntext: At knee height.";
        assert_eq!(said(&rows), [(Some("Ana"), text)]);
    }

    #[test]
    fn where_all_write_to_all_everybody_is_heard() {
        let people = ["Ana <ana@a.example>", "Bo <bo@b.example>", "Cy <cy@c.example>"];
        let all = people.join(", ");
        let letters = people.map(|from| letter(from, &all, "Lift", "It is slow in the morning."));
        assert_eq!(load_mail(&letters.concat()).records.len(), 3);
        let alone = letter("Help Team <help@a.example>", "x@y.example", "Re: Lift", "Please wait.");
        assert!(load_mail(&alone).records.is_empty(), "one of many files");
    }
}
