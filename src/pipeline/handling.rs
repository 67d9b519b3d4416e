//! Which columns tell how a record came about and is kept, and not what the person is like.
//!
//! Owns that judgement: by name, in the languages in which other names are read; by values that are
//! days or times; and by figures that only count the rows. Segments must not follow such columns.
//! What is context and no answer at all was told apart when the data was read.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::columns::asks;
use crate::corpus::{Corpus, asks_permission, is_moment, number, tells_who};

/// Most words of a name that is read as a label; in a longer one, such a word is what is asked about.
const LABEL: usize = 5;
/// Fewest letters of either half of a compound.
const LEAST_HALF: usize = 3;
/// Fewest steps from row to row that show whether figures count the rows, and the share of them that
/// must go the same way. In a table that somebody sorted by what people are like, equal figures stand
/// side by side.
const STEPS: usize = 8;
const SAME_WAY: f64 = 0.95;

/// Those who do a study: whatever a column says of them, it does not say of the participant.
const STAFF: &str = "\
    annotator assignee bearbeiter befrager encuestador encuestadora enquêteur enquêtrice \
    entrevistador entrevistadora enumerator facilitator fieldworker interviewer \
    interviewerin intervistatore moderador moderator moderatore moderatorin modérateur rater \
    recruiter surveyor transcriber";
/// Those who do a study or answer a ticket, or else take part in it: they count where nothing but
/// themselves is told, as in `agent` and `coder id`.
const PERHAPS_STAFF: &str = "agent coder developer";
/// What tells one of many.
const TELLS_ONE: &str = "id name no nr number";
/// Records, what they are part of, where they come from, what is done with them, when and how long.
const RECORD: &str = "\
    antwort archivo arquivo assigned aufnahme batch befragung bestand bron case closed \
    collection collector completed completion coverage created date datei datensatz datum \
    dauer duración durata duration duração durée duur elapsed encuesta end enquête \
    enregistrement entretien entrevista entry epoch export fecha fichier file fonte form \
    formulaire formular formulario formulier formulário fragebogen fuente import incentive \
    indagine interview intervista millis modified ola onda ondata opened panel pesquisa \
    quelle questionario questionnaire questionário quota reaction reactions received \
    record recorded recording recruitment registro reply resolution resolved response \
    resposta respuesta retweet retweets risposta row réponse sample sesión session \
    sessione sheet sitzung sondage source start status statut study submission submitted \
    survey ticket transcript umfrage updated upvote upvotes vague vragenlijst wave welle \
    zeile";
/// What can be said of a record.
const SAID_OF_RECORDS: &str = "\
    anno année ano art año beginn code codes codice código da data day de del der \
    des di do du ende estado first flag heure hora hours hrs id idioma in key kind la \
    label labels lang language langue last length lieu lingua link location lugar luogo \
    länge língua method min mins minuten minutes minutos mode month name no nr number \
    numero nummer número of ora order ort owner path place priority quality round sec \
    secondes seconds secs segundos sekunden severity sla sprache stage state stato taal \
    tag tags the theme tiempo tijd time tipo to type van version week weight year zeit";
/// Single words that are said of records wherever they are the whole name.
const ALONE: &str = "\
    assigned batch bron count coverage date datei datum dauer developer duración durata duration \
    duração durée duur elapsed end estado fecha fichier file filename flag fonte fuente \
    incentive index keyword keywords label labels no nr num number nummer onda ondata \
    owner panel priority quelle quota reactions replies retweets sample seq sequence \
    severity sla source start stato status statut tag tags theme themes type upvotes vague \
    version wave welle";
/// Last or first words of the names of columns that hold codes which analysts gave.
const CODES: &str = "code coded codes codice código kennung kürzel";
/// Words for a language, which alone may be what people speak or that of the form.
const LANGUAGE: &str = "idioma lang language langue lingua língua sprache taal";
/// What the values of a column have shown so far.
#[derive(Debug, Default)]
struct Values {
    filled: usize,
    moments: usize,
    language_codes: usize,
    /// The last row's figure, and how many figures were more, less or the same as the one before.
    last: Option<f64>,
    rises: usize,
    falls: usize,
    ties: usize,
}

impl Values {
    fn add(&mut self, value: &str) {
        self.filled += 1;
        self.moments += usize::from(is_moment(value));
        self.language_codes += usize::from(is_language_code(value));
        let figure = number(value);
        if let (Some(last), Some(figure)) = (self.last, figure) {
            let step = match figure.total_cmp(&last) {
                Ordering::Greater => &mut self.rises,
                Ordering::Less => &mut self.falls,
                Ordering::Equal => &mut self.ties,
            };
            *step += 1;
        }
        self.last = figure;
    }

    /// Whether figures go up, or down, from nearly every row to the next.
    fn count_rows(&self) -> bool {
        let steps = self.rises + self.falls + self.ties;
        steps >= STEPS && self.rises.max(self.falls) as f64 >= SAME_WAY * steps as f64
    }
}

/// The names of the columns that say nothing of the person.
pub(super) fn of_handling(corpus: &Corpus) -> HashSet<String> {
    let mut columns: HashMap<&str, Values> = HashMap::new();
    // A participant whose records all repeat a value counts once.
    let mut before: HashMap<&str, (&Option<String>, &str)> = HashMap::new();
    for record in &corpus.records {
        for span in &record.columns {
            let value = record.text[span.start..span.end].trim();
            let own = (&record.participant, value);
            let last = before.insert(&span.name, own);
            if record.participant.is_none() || last != Some(own) {
                columns.entry(&span.name).or_default().add(value);
            }
        }
    }
    let says_nothing = |(name, values): &(&str, Values)| {
        let is_label = !asks(name);
        let is_of_form =
            is_in(LANGUAGE, &name.to_lowercase()) && values.language_codes == values.filled;
        is_about_handling(name)
            || is_of_form
            || is_label && values.moments * 2 > values.filled
            || is_label && !tells_who(name) && values.count_rows()
    };
    columns.into_iter().filter(says_nothing).map(|(name, _)| name.to_owned()).collect()
}

/// Whether a column's name says that it is about the record, its handling or its analysis, or asks
/// for leave to handle it.
pub(super) fn is_about_handling(name: &str) -> bool {
    let words = parts(name);
    let is_of_record = |word: &String| is_in(RECORD, word) || is_in(SAID_OF_RECORDS, word);
    let Some((first, rest)) = words.split_first() else { return false };
    let last = rest.last().unwrap_or(first);
    asks_permission(name)
        || !asks(name)
            && words.len() <= LABEL
            && (rest.is_empty() && is_in(ALONE, first)
                || words.iter().any(|word| is_in(STAFF, word))
                || is_in(PERHAPS_STAFF, first) && rest.iter().all(|word| is_in(TELLS_ONE, word))
                || is_in(CODES, first) && rest.iter().all(is_of_record)
                || is_in(CODES, last) && !tells_who(name)
                || words.iter().any(|word| is_in(RECORD, word))
                    && !rest.is_empty()
                    && words.iter().all(is_of_record))
}

/// Whether a value is the code of a language, as in BCP 47: `de`, `pt-BR`.
fn is_language_code(value: &str) -> bool {
    let mut parts = value.split(['-', '_']);
    let is_of = |part: &str, most| {
        (2..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let has_one_case = |part: &str| part == part.to_lowercase() || part == part.to_uppercase();
    let is_language = parts.next().is_some_and(|part| is_of(part, 3) && has_one_case(part));
    is_language && parts.next().is_none_or(|part| is_of(part, 4)) && parts.next().is_none()
}

/// The words of a name, in small letters and without numbers, and compounds in two: `wave`, `start`
/// and `date` of `wave2_startdate`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphabetic() || c.is_uppercase() && was_lower {
            parts.push(String::new());
        }
        if let (true, Some(part)) = (c.is_alphabetic(), parts.last_mut()) {
            part.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    parts.retain(|part| !part.is_empty());
    parts.into_iter().flat_map(halves).collect()
}

/// A compound of two words on records in its halves, perhaps joined by an `s`, as in
/// `Erhebungsdatum`; any other word whole.
fn halves(word: String) -> Vec<String> {
    let is_known = |word: &str| [RECORD, SAID_OF_RECORDS].iter().any(|list| is_in(list, word));
    let halves = word.char_indices().skip(LEAST_HALF).map(|(at, _)| word.split_at(at));
    let both = |(head, tail): &(&str, &str)| {
        let heads = [*head, head.strip_suffix('s').unwrap_or(head)];
        tail.chars().count() >= LEAST_HALF && is_known(tail) && heads.into_iter().any(is_known)
    };
    match halves.into_iter().find(both) {
        Some((head, tail)) if !is_known(&word) => vec![head.to_owned(), tail.to_owned()],
        _ => vec![word],
    }
}

fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|other| other == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::row;

    #[test]
    fn a_name_tells_what_is_about_the_record_from_what_is_about_the_person() {
        for name in [
            "theme_code",
            "code 2",
            "coder",
            "agent_name",
            "assigned",
            "interviewer",
            "Interviewer gender",
            "wave",
            "survey_wave",
            "row_status",
            "source file",
            "form_language",
            "surveyLanguage",
            "duration_sec",
            "durationSeconds",
            "Interviewdauer",
            "interview location",
            "first reply hours",
            "fecha de la entrevista",
            "May we contact you again?",
        ] {
            assert!(is_about_handling(name), "{name}");
        }
        for name in [
            "role",
            "employment status",
            "native language",
            "language",
            "number of children",
            "hours per week",
            "source of income",
            "duration of illness",
            "ticket price",
            "first visit",
            "year of birth",
            "update",
            "What is your marital status?",
            "How long did the interview with the bank take?",
            "session_count",
            "Sex assigned at birth",
            "developer_type",
            "agent tenure",
            "code_editor",
            "code review frequency",
        ] {
            assert!(!is_about_handling(name), "{name}");
        }
    }

    /// The columns left out of a table of one row for each list of values.
    fn left_out(columns: &[(&str, &[&str])]) -> Vec<String> {
        let of_row = |at: usize| {
            let cells: Vec<(&str, String)> =
                columns.iter().map(|(name, values)| (*name, values[at].to_owned())).collect();
            row(at, &format!("P{at}"), &cells)
        };
        let records = (0..columns[0].1.len()).map(of_row).collect();
        let found = of_handling(&Corpus { records, ..Corpus::default() });
        let names = columns.iter().map(|(name, _)| (*name).to_owned());
        names.filter(|name| found.contains(name)).collect()
    }

    #[test]
    fn days_and_codes_of_languages_and_figures_that_count_rows_are_told_by_their_values() {
        let found = left_out(&[
            (
                "taken",
                &[
                    "Mon 3 June",
                    "4 June",
                    "4 June",
                    "5 June",
                    "",
                    "7 June",
                    "7 June",
                    "8 June",
                    "9 June",
                ],
            ),
            (
                "from",
                &[
                    "09:15", "10:20", "9:00 am", "11:45", "12:10", "08:30", "14:00", "15:30",
                    "16:10",
                ],
            ),
            (
                "When do you get up?",
                &["06:15", "07:20", "07:00", "06:45", "05:10", "06:30", "08:00", "07:30", "07:10"],
            ),
            ("language", &["de", "en", "en", "de", "fr", "en", "en", "de", "de"]),
            (
                "Sprache",
                &["Deutsch", "Urdu", "Deutsch", "Tamil", "Urdu", "Urdu", "Tamil", "Urdu", "Urdu"],
            ),
            (
                "idioma",
                &["Urdu", "Thai", "Urdu", "Tamil", "Urdu", "Hindi", "Tamil", "Urdu", "Urdu"],
            ),
            ("lfd", &["3", "4", "5", "6", "8", "9", "10", "11", "12"]),
            ("age", &["23", "24", "25", "26", "38", "39", "40", "51", "62"]),
            ("children", &["0", "0", "0", "1", "1", "2", "2", "3", "3"]),
        ]);
        assert_eq!(found, ["taken", "from", "language", "lfd"]);
    }
}
