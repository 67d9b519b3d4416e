//! Forms that were filled in as text, one below the other: `Name: …`, questions with answers below
//! them, a rule after each form.
//!
//! Owns telling what is printed on the form from what was filled in. Forms that are rows of a table
//! are no different from other tables, and what is printed inside of cells belongs to `form`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::narration::NOTES;
use crate::corpus::asked_for::is_word_for_name;
use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::names::{normalise, participant_rank};
use crate::corpus::rows::Rows;
use crate::corpus::tables::staff;
use crate::corpus::talk::moderator;
use crate::corpus::values::spoken_words;

/// Labels at the beginning of a form among which its number stands.
const MOST_ABOVE: usize = 8;

/// Begins a page of printed text.
const NEW_PAGE: char = '\u{c}';

/// Fewest forms below each other.
const LEAST_FORMS: usize = 2;
/// Fewest labels that all forms share.
const LEAST_LABELS: usize = 3;
/// Fewest characters of a rule.
const LEAST_RULE: usize = 5;
/// Longest label, in characters.
const LONGEST_LABEL: usize = 50;
/// Words of a label's usual value from which on it is an answer, and not a fact.
const SENTENCE: usize = 4;

/// One form: its lines, each with its number in the file.
type Form<'t> = Vec<(usize, &'t str)>;

fn is_rule(line: &str) -> bool {
    let line = line.trim();
    let first = line.chars().next().unwrap_or_default();
    "-=_*~—#".contains(first)
        && line.chars().all(|c| c == first)
        && line.chars().nth(LEAST_RULE - 1).is_some()
}

/// Label and value of a line such as `Position: Picker`.
fn labelled(line: &str) -> Option<(&str, &str)> {
    let (label, value) = line.trim().split_once([':', '：'])?;
    let label = label.trim_end();
    let is_label = label.starts_with(char::is_alphabetic)
        && label.chars().count() <= LONGEST_LABEL
        && !label.contains(['?', '!', '.', '[', ';'])
        && (value.is_empty() || value.starts_with(char::is_whitespace) || line.contains('：'));
    is_label.then(|| (label, value.trim()))
}

/// A line as it is printed on all forms, whatever their numbers.
fn printed(line: &str) -> String {
    line.chars()
        .filter(|c| !c.is_numeric())
        .flat_map(char::to_lowercase)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// What the forms of a text share.
struct Print {
    /// The labels that stand once in each form, normalised.
    labels: HashSet<String>,
    /// Lines that stand in each form, without their numbers.
    lines: HashSet<String>,
    /// Labels whose values are sentences, normalised.
    answers: HashSet<String>,
    /// The label before the number of a form, normalised, where no form says whose it is.
    reference: Option<String>,
}

impl Print {
    /// What forms share; `None` where they are no forms: a label comes back inside of one, as in a
    /// conversation, or they share too little.
    fn of(forms: &[Form<'_>]) -> Option<Self> {
        let mut labels: HashMap<String, (usize, usize)> = HashMap::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        let mut orders = Vec::new();
        for form in forms {
            let mut seen = HashSet::new();
            let mut order = Vec::new();
            for (label, value) in form.iter().filter_map(|(_, line)| labelled(line)) {
                let label = normalise(label);
                if !seen.insert(label.clone()) {
                    return None;
                }
                let (count, words) = labels.entry(label.clone()).or_default();
                *count += 1;
                *words += spoken_words(value);
                order.push(label);
            }
            orders.push(order);
            let own: HashSet<String> = form.iter().map(|(_, line)| printed(line)).collect();
            for line in own {
                *lines.entry(line).or_default() += 1;
            }
        }
        let answers = labels.iter().filter(|(_, (count, words))| *words >= count * SENTENCE);
        let answers = answers.map(|(label, _)| label.clone()).collect();
        labels.retain(|_, (count, _)| *count == forms.len());
        lines.retain(|line, count| *count == forms.len() && line.contains(char::is_alphabetic));
        let shared = |order: &Vec<String>| -> Vec<String> {
            order.iter().filter(|label| labels.contains_key(*label)).cloned().collect()
        };
        let first = shared(&orders[0]);
        let are_forms =
            first.len() >= LEAST_LABELS && orders.iter().all(|order| shared(order) == first);
        are_forms.then(|| Self {
            labels: labels.into_keys().collect(),
            lines: lines.into_keys().collect(),
            answers,
            reference: first.iter().take(MOST_ABOVE).find(|label| are_codes(label, forms)).cloned(),
        })
    }

    /// Whether a label stands before the name of whoever filled in the form, or the form's number.
    fn names_participant(&self, label: &str) -> bool {
        let has_name = self.labels.iter().any(|label| names_participant(label));
        names_participant(label) || !has_name && self.reference.as_ref() == Some(&normalise(label))
    }

    fn is_label(&self, label: &str) -> bool {
        self.labels.contains(&normalise(label))
    }
}

/// Whether the values behind a label are codes, another in each form: `Exit-2201`.
fn are_codes(label: &str, forms: &[Form<'_>]) -> bool {
    let lines = forms.iter().flatten().filter_map(|(_, line)| labelled(line));
    let values: Vec<&str> =
        lines.filter(|(own, _)| normalise(own) == label).map(|(_, value)| value).collect();
    let is_code = |value: &&str| {
        !value.contains(char::is_whitespace)
            && value.contains(char::is_alphabetic)
            && value.contains(|c: char| c.is_ascii_digit())
    };
    values.iter().all(is_code) && values.iter().collect::<HashSet<_>>().len() == forms.len()
}

/// Whether a label stands before the name of whoever filled in the form.
pub(crate) fn names_participant(label: &str) -> bool {
    const OTHERS: [&str; 3] = ["employee", "employeename", "nomprénom"];
    let is_other = || OTHERS.contains(&normalise(label).as_str());
    participant_rank(label).is_some() || is_word_for_name(label) || is_other()
}

/// Whether a label says that staff fill in what stands behind it: `HR comments`.
fn is_by_staff_name(label: &str) -> bool {
    static OFFICE: LazyLock<Regex> = LazyLock::new(|| {
        let who = "hr|rh|office|manager|supervisor|personalabteilung|vorgesetzter?|responsable\
            |gestor|capo|leidinggevende|hrm|p&o";
        let what = "comments?|notes?|remarks?|assessment|evaluation|use|kommentare?|notiz(?:en)?\
            |anmerkung(?:en)?|bemerkung(?:en)?|commentaires?|remarques?|avis|observations?\
            |comentarios?|comentários?|observaciones|observações|notas?|commenti?|commento\
            |osservazioni|opmerking(?:en)?|notities";
        Regex::new(&format!(
            r"(?i)\b(?:{who})\b.*\b(?:{what})\b|\b(?:{what})\b.*\b(?:{who})\b|\bhr-(?:{what})"
        ))
        .expect("the pattern is valid")
    });
    OFFICE.is_match(label) || staff::is_sheet(label)
}

/// Whether a line says that only staff fill in what stands below it: `FOR OFFICE USE ONLY`.
fn is_for_office(line: &str) -> bool {
    static OFFICE: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = "(?:for )?(?:office|official|internal|admin(?:istrative)?|staff|hr) use(?: only)?\
            |(?:nur )?(?:für|zum) (?:den )?(?:internen|dienst|amtlichen)[ -]*gebrauch\
            |(?:wird )?(?:vom|von der) .{1,30} auszufüllen|(?:cadre )?réservé (?:à|au) .{1,40}\
            |(?:para|de) uso (?:exclusivo|interno|oficial).{0,30}|(?:para )?uso (?:exclusivo|interno|oficial).{0,30}\
            |(?:spazio )?riservato (?:a|al|all).{1,40}|(?:alleen )?voor intern gebruik|in te vullen door .{1,40}";
        Regex::new(&format!(r"(?i)^[\W_]*(?:{pattern})[\W_]*$")).expect("the pattern is valid")
    });
    OFFICE.is_match(line)
}

/// The question before boxes to tick, and the options that were ticked.
fn ticked(line: &str) -> Option<(&str, String)> {
    static BOX: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\[\s*[xX✓✔]?\s*\]|[☐☑☒]").expect("the pattern is valid"));
    let boxes: Vec<_> = BOX.find_iter(line).collect();
    let question = line[..boxes.first()?.start()].trim();
    let end = |i: usize| boxes.get(i + 1).map_or(line.len(), regex::Match::start);
    let is_ticked = |mark: &str| mark.contains(['x', 'X', '✓', '✔', '☑', '☒']);
    let options = boxes.iter().enumerate().filter(|(_, found)| is_ticked(found.as_str()));
    let options: Vec<&str> = options.map(|(i, found)| line[found.end()..end(i)].trim()).collect();
    Some((question, options.join("; ")))
}

fn is_blank(value: &str) -> bool {
    !value.contains(char::is_alphanumeric)
}

/// Reads a text as forms, if it is several of the same, parted by rules. A record is an answer with
/// its question, beside the facts of its form.
pub(crate) fn read(lines: &[&str], rows: &mut Rows) -> Option<Vec<Block>> {
    let mut forms: Vec<Form<'_>> = vec![Vec::new()];
    // Where each form has a page of its own, rules part what stands on it.
    let has_pages = lines.iter().skip(1).any(|line| line.contains(NEW_PAGE));
    for (i, line) in lines.iter().enumerate() {
        if has_pages && line.contains(NEW_PAGE) {
            forms.push(Vec::new());
        }
        match forms.last_mut() {
            _ if has_pages && is_rule(line) => {}
            Some(form) if !is_rule(line) => form.push((i + 1, line)),
            _ => forms.push(Vec::new()),
        }
    }
    forms.retain(|form| form.iter().any(|(_, line)| !line.trim().is_empty()));
    if forms.len() < LEAST_FORMS {
        return None;
    }
    let print = Print::of(&forms)?;
    let names = |form: &Form<'_>| {
        let mut labels = form.iter().filter_map(|(_, line)| labelled(line));
        labels.any(|(label, _)| print.names_participant(label))
    };
    if !forms.iter().all(names) {
        return None;
    }
    Some(forms.iter().flat_map(|form| Filled::read(form, &print, rows).into_blocks(rows)).collect())
}

/// What was filled in on a form.
#[derive(Default)]
struct Filled {
    participant: Option<String>,
    facts: Vec<(String, String)>,
    /// Line, question and answer.
    answers: Vec<(usize, Option<String>, String)>,
    /// Line and text of what staff filled in.
    notes: Vec<(usize, String)>,
}

/// Where the next line of a form belongs, if it has no label.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Fact,
    Answer,
    Note,
}

impl Filled {
    fn read(form: &Form<'_>, print: &Print, rows: &mut Rows) -> Self {
        let mut filled = Self::default();
        let mut question: Option<String> = None;
        let mut open = Open::Nothing;
        let mut is_in_office = false;
        for &(line, text) in form {
            let text = text.trim();
            let is_printed = print.lines.contains(&printed(text));
            if is_for_office(text) {
                note_printed(rows, line);
                is_in_office = true;
                continue;
            }
            let names = || labelled(text).is_some_and(|(label, _)| print.names_participant(label));
            // A box at the head of the form ends where the form asks.
            is_in_office &= !(names() || is_printed && moderator::ends_in_question(text));
            if is_in_office {
                if is_printed {
                    note_printed(rows, line);
                } else if !text.is_empty() {
                    filled.notes.push((line, rows.clean(line, text)));
                }
            } else if text.is_empty() {
                // An answer may go on in another paragraph, but does not begin there anew.
                open = if open == Open::Answer { open } else { Open::Nothing };
            } else if let Some((asked, options)) = ticked(text) {
                open = Open::Nothing;
                if !asked.is_empty() && !options.is_empty() {
                    filled.facts.push((rows.clean(line, asked), rows.clean(line, &options)));
                }
            } else if let Some((label, value)) =
                labelled(text).filter(|(label, _)| print.is_label(label))
            {
                open = filled.label(line, label, rows.clean(line, value), print, &mut question);
            } else if moderator::ends_in_question(text) && is_printed {
                question = Some(rows.clean(line, text));
                open = Open::Nothing;
            } else if is_printed {
                note_printed(rows, line);
                open = Open::Nothing;
            } else {
                open = filled.text(line, rows.clean(line, text), open, &mut question);
            }
        }
        filled
    }

    /// Takes a label and its value, and says where lines below them belong.
    fn label(
        &mut self,
        line: usize,
        label: &str,
        value: String,
        print: &Print,
        question: &mut Option<String>,
    ) -> Open {
        if is_by_staff_name(label) {
            self.notes.push((line, value));
            return Open::Note;
        }
        if value.starts_with("__") {
            // A place to sign, perhaps with a date behind it.
            return Open::Nothing;
        }
        if is_blank(&value) {
            // What stands below the label may answer it.
            *question = Some(label.to_owned());
            return Open::Nothing;
        }
        if print.names_participant(label) && self.participant.is_none() {
            self.participant = Some(value);
            return Open::Nothing;
        }
        if print.answers.contains(&normalise(label)) {
            self.answers.push((line, Some(label.to_owned()), value));
            return Open::Answer;
        }
        self.facts.push((label.to_owned(), value));
        Open::Fact
    }

    /// Takes a line without a label.
    fn text(
        &mut self,
        line: usize,
        text: String,
        open: Open,
        question: &mut Option<String>,
    ) -> Open {
        let last = match open {
            Open::Answer if question.is_none() => {
                self.answers.last_mut().map(|(.., answer)| answer)
            }
            Open::Note => self.notes.last_mut().map(|(_, note)| note),
            Open::Fact => self.facts.last_mut().map(|(_, value)| value),
            _ => None,
        };
        let Some(last) = last else {
            self.answers.push((line, question.take(), text));
            return Open::Answer;
        };
        last.push(' ');
        last.push_str(&text);
        open
    }

    fn into_blocks(self, rows: &mut Rows) -> Vec<Block> {
        let Self { participant, facts, answers, notes } = self;
        let facts: Facts = facts.into();
        let block = |line: usize, cells: Vec<(String, String)>| Block {
            line,
            section: None,
            participant: participant.clone(),
            facts: Arc::clone(&facts),
            body: Body::Cells(cells),
        };
        let said = answers.into_iter().map(|(line, question, text)| {
            let question = question.map(|question| ("question".to_owned(), question));
            block(line, question.into_iter().chain([("text".to_owned(), text)]).collect())
        });
        let mut blocks: Vec<Block> = said.collect();
        for (line, note) in notes.into_iter().filter(|(_, note)| !is_blank(note)) {
            rows.findings.note("form-notes", line, || {
                "what staff wrote on a form is kept as notes and not quoted".to_owned()
            });
            blocks.push(block(line, vec![(NOTES.to_owned(), note)]));
        }
        blocks
    }
}

fn note_printed(rows: &mut Rows, line: usize) {
    rows.findings.note("form-print", line, || {
        "lines that stand on each of the forms are printed there; left out".to_owned()
    });
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::load_text as load;

    fn form(name: &str, why: &str, note: &str) -> String {
        format!(
            "EXIT FORM   No. 1\nEmployee name: {name}\nPosition: Picker\nDate: 01/03/2024\n\n1. \
                Why do you leave?\n{why}\n\n\
             Would you come back?  [x] Yes  [ ] No\nHR comments: {note}\nSignature: \
             ______\n----------------\n\n"
        )
    }

    #[test]
    fn forms_below_each_other_are_answers_by_those_who_filled_them_in() {
        let text = form("Holly Marsh", "My back.\nI asked for a lift.", "Good worker.")
            + &form("Emeka Obi", "The nights.", "");
        let rows = load(&text);
        let facts = "Position: Picker\nDate: 01/03/2024\nWould you come back?: Yes\n";
        let found: Vec<_> = rows
            .records
            .iter()
            .map(|r| (r.participant.as_deref(), r.text.replace(facts, "")))
            .collect();
        let question = "question: 1. Why do you leave?\ntext: ";
        let expected = [
            (Some("Holly Marsh"), format!("{question}My back. I asked for a lift.")),
            (Some("Holly Marsh"), "researcher notes: Good worker.".to_owned()),
            (Some("Emeka Obi"), format!("{question}The nights.")),
        ];
        assert_eq!(found, expected);
        assert_eq!(
            rows.findings.kinds(),
            [("form-print", Some(1), 2), ("form-notes", Some(11), 1)]
        );
    }

    #[test]
    fn a_box_for_the_office_ends_where_the_form_asks() {
        let form = |name: &str, why: &str, got: &str| {
            format!(
                "EXIT FORM\nFOR OFFICE USE ONLY\nReceived by: {got}\n\nEmployee name: {name}\n\
                 Position: Picker\nDate: 01/03/2024\n\n1. Why do you leave?\n{why}\n\
                 ----------------\n\n"
            )
        };
        let rows = load(
            &(form("Holly Marsh", "My back.", "kt") + &form("Emeka Obi", "The nights.", "lm")),
        );
        let texts: Vec<&str> = rows.records.iter().map(|record| record.text.as_str()).collect();
        for (who, why) in [("Holly Marsh", "My back."), ("Emeka Obi", "The nights.")] {
            let own =
                rows.records.iter().filter(|record| record.participant.as_deref() == Some(who));
            assert!(own.into_iter().any(|record| record.text.ends_with(why)), "{texts:?}");
        }
        assert!(!texts.iter().any(|text| text.contains("text: kt")), "{texts:?}");
    }

    #[test]
    fn a_form_may_have_a_page_and_a_number_instead_of_a_name() {
        let form = |code: &str, said: &str| {
            format!(
                "EXIT FORM\nPlease use capitals.\nReference:  {code}\nPosition: Cook\nMain reason: Pay\n\
                 Would you come back?   [ ] Yes  [x] No\n\n1. Why do you leave?\n   {said}\n\n\
                 Employee signature:  ______   Date: 12/04/2024\n-------------\nFOR OFFICE USE ONLY\n\
                 Received by:  D. Platt   Rehire:  [x]  Notes: standard leaver\n"
            )
        };
        let rows =
            load(&[form("Exit-2201", "The rota."), form("Exit-2207", "My back.")].join("\u{c}"));
        let facts = "Position: Cook\nMain reason: Pay\nWould you come back?: No\nquestion: 1. Why do you leave?\n";
        let found: Vec<_> = rows
            .records
            .iter()
            .map(|r| (r.participant.as_deref(), r.text.replace(facts, "")))
            .collect();
        let own = |text: &str| text.to_owned();
        let expected = [
            (Some("Exit-2201"), own("text: The rota.")),
            (Some("Exit-2207"), own("text: My back.")),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_answer_behind_its_label_is_said() {
        let form = |name: &str, why: &str| {
            format!("Name: {name}\nTeam: Yard\nReason for leaving: {why}\n=========\n")
        };
        let rows =
            load(&(form("Ana", "I cannot do the nights") + &form("Bo", "It is too far for me")));
        assert_eq!(
            rows.records[1].text,
            "Team: Yard\nquestion: Reason for leaving\ntext: It is too far for me"
        );
    }

    #[test]
    fn conversations_parted_by_rules_are_no_forms() {
        let talk = |name: &str| {
            format!(
                "Name: {name}\nDate: 1 May\nPlace: Hut\n\nQ: How is it?\nA: Fine.\nQ: And \
                    now?\nA: Late.\n---------\n"
            )
        };
        let rows = load(&(talk("Ana") + &talk("Bo")));
        assert!(rows.records.iter().any(|r| r.text.contains("question: And now?\ntext: Late.")));
    }
}
