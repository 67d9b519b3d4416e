//! The demographics of a segment: who its people are, each fact with its count.
//!
//! Owns which of the columns that describe people hold figures, ratings or kinds, and how the values
//! of one column are summed up. Columns about the record are told by [`super::handling`]. What is
//! counted is read by [`super::traits`]; the columns that may hold facts are found by
//! [`super::columns`].

use std::collections::{BTreeMap, BTreeSet};

use super::columns::Columns;
use super::handling::is_about_handling;
use super::traits::{Answers, is_clear_majority, is_clearly_more, is_trait, lift};
use crate::corpus::{ColumnKind, Corpus, is_context, number, tells_who};
use crate::schema::Held;

/// Most answers of one column in a fact.
const NAMED: usize = 3;
/// Most facts of columns with one value for each person.
const FACTS: usize = 8;
/// Most facts of columns in which people could tick several answers.
const LISTS: usize = 4;
/// Longest question that may stand among the facts, in characters.
const LONG_NAME: usize = 90;
/// Most words of a column's name that is read as a label and not as a question.
const LABEL: usize = 5;
/// Words from which on average the options of a question are sentences.
const SENTENCE: usize = 6;
/// Fewest numbers that are all different because they number the people.
const NUMBERED: usize = 8;

/// The columns of a corpus that are about its people.
#[derive(Debug)]
pub(super) struct Facts<'c> {
    /// Columns with one value for each person.
    single: Vec<(Answers<'c>, Kind)>,
    /// Columns in which people could tick several answers.
    pub(super) lists: Vec<Answers<'c>>,
    closed: bool,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A number of years, people or things, which is always worth telling.
    Quantity,
    /// A number that tells something only by comparison.
    Rating,
    /// A value that tells who somebody is, whatever others are.
    Who,
    /// A value that is a fact of the segment where it is typical.
    Choice,
}

impl<'c> Facts<'c> {
    /// Of the columns that describe people, those that do.
    pub(super) fn of(corpus: &'c Corpus, columns: &Columns) -> Self {
        let place = |name: &str| columns.describing.iter().position(|column| column.name() == name);
        let (mut single, mut lists) = (Vec::new(), Vec::new());
        for answers in Answers::of(corpus, |name| !is_context(name)) {
            if answers.separator.is_some() {
                let is_ticked = !is_about_handling(answers.name) && !is_of_analysis(answers.name);
                lists.extend(is_ticked.then_some(answers));
            } else if let (Some(place), Some(kind)) = (place(answers.name), kind(&answers)) {
                single.push((place, (answers, kind)));
            }
        }
        single.sort_by_key(|(place, _)| *place);
        let single = single.into_iter().take(FACTS).map(|(_, fact)| fact).collect();
        Self { single, lists, closed: columns.closed }
    }

    /// The columns of which no sentence is made. In a closed study, an option of four words is one
    /// no more than an option of one, unless the options of its question are sentences.
    pub(super) fn ticked(&self, corpus: &Corpus) -> BTreeSet<String> {
        let single = self.single.iter().map(|(answers, _)| answers);
        let own = single.chain(&self.lists).map(|answers| answers.name.to_owned());
        let all = if self.closed { corpus.columns() } else { Vec::new() };
        let options = all.into_iter().filter(|column| column.kind != ColumnKind::FreeText);
        let options: BTreeSet<String> = options.map(|column| column.name).collect();
        let short = Answers::of(corpus, |name| options.contains(name));
        let short = short.into_iter().filter(|answers| {
            let distinct: BTreeSet<&str> = answers.cells.values().copied().collect();
            let words: usize = distinct.iter().map(|cell| cell.split_whitespace().count()).sum();
            words < SENTENCE * distinct.len()
        });
        own.chain(short.map(|answers| answers.name.to_owned())).collect()
    }

    /// What the columns say of some people: `nurse (7 of 9; 41 % of all)`. In a closed study, what
    /// they ticked is no fact but an answer.
    pub(super) fn sum_up(&self, speakers: &BTreeSet<String>) -> BTreeMap<String, String> {
        let of_one = |(answers, kind): &(Answers<'c>, Kind)| {
            let fact = match kind {
                Kind::Quantity | Kind::Rating => figure(answers, speakers, *kind),
                Kind::Who | Kind::Choice => choice(&answers.held(speakers), *kind),
            };
            Some((answers.name.to_owned(), fact?))
        };
        let mut facts: BTreeMap<String, String> = self.single.iter().filter_map(of_one).collect();
        let lists = self.lists.iter().filter(|list| !self.closed && list.name.len() <= LONG_NAME);
        let mut lists: Vec<_> = lists
            .filter_map(|list| {
                let mut held = list.held(speakers);
                held.retain(|(_, held)| is_trait(held));
                held.sort_by(|a, b| lift(&b.1).total_cmp(&lift(&a.1)));
                held.truncate(NAMED);
                let (_, first) = held.first()?;
                Some((lift(first), list.name.to_owned(), counted(&held)))
            })
            .collect();
        lists.sort_by(|a, b| b.0.total_cmp(&a.0));
        facts.extend(lists.into_iter().take(LISTS).map(|(_, name, fact)| (name, fact)));
        facts
    }

    /// Whether a clear majority of some people have this value in a column.
    pub(super) fn is_shared(&self, value: &str, speakers: &BTreeSet<String>) -> bool {
        let holds = |(answers, _): &(Answers<'c>, Kind)| {
            let mut held = answers.held(speakers).into_iter();
            held.any(|(other, held)| other == value && is_clear_majority(&held))
        };
        self.single.iter().any(holds)
    }
}

/// Whether a column is about people: not about the study, no code and no number of a row.
pub(super) fn is_about_people(answers: &Answers<'_>) -> bool {
    kind(answers).is_some()
}

fn kind(answers: &Answers<'_>) -> Option<Kind> {
    let name = answers.name;
    let distinct: BTreeSet<&str> = answers.cells.values().copied().collect();
    if is_about_handling(name) || distinct.len() <= 3 && is_permission(name) {
        return None;
    }
    let numbers: Option<Vec<f64>> = distinct.iter().map(|value| number(value)).collect();
    // In a question, such a word is what is asked about, not who is asked.
    let who = is_label(&parts(name), name) && tells_who(name);
    let Some(numbers) = numbers else {
        return Some(if who { Kind::Who } else { Kind::Choice });
    };
    if has_word(name, QUANTITIES) {
        return Some(Kind::Quantity);
    }
    // `gender: 2` is a code whose meaning stands elsewhere, as are `q7: 3` and `q7_code: 3`.
    let is_code = who || has_word(name, &["code", "coded", "codes", "flag", "dummy"]);
    let numbers_rows = numbers.len() == answers.cells.len() && number_rows(&numbers);
    (!is_code && !is_question_number(name) && !numbers_rows).then_some(Kind::Rating)
}

/// Whether numbers that are all different count rows or are keys: one after another, or of four
/// digits and more.
fn number_rows(numbers: &[f64]) -> bool {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    numbers.len() >= NUMBERED
        && numbers.iter().all(|number| number.fract() == 0.0)
        && ((most - least + 1.0 - numbers.len() as f64).abs() < 0.5 || least >= 1000.0)
}

/// Words for numbers of years, people and things.
const QUANTITIES: &[&str] = &[
    "age",
    "old",
    "years",
    "year",
    "months",
    "tenure",
    "experience",
    "size",
    "household",
    "people",
    "persons",
    "children",
    "kids",
    "dependents",
    "employees",
    "income",
    "salary",
    "alter",
    "alt",
    "jahre",
    "jahren",
    "einkommen",
    "haushaltsgröße",
    "kinder",
    "edad",
    "años",
    "ingresos",
    "hijos",
    "âge",
    "ans",
    "revenu",
    "enfants",
    "idade",
    "anos",
    "renda",
    "filhos",
    "età",
    "anni",
    "reddito",
    "figli",
    "leeftijd",
    "jaar",
    "inkomen",
    "kinderen",
    "ålder",
    "alder",
    "gammal",
    "gammel",
    "år",
    "barn",
    "ikä",
    "ikäsi",
    "vanha",
    "wiek",
    "lat",
    "věk",
    "let",
    "возраст",
    "лет",
    "дохода",
    "детей",
    "yaş",
    "yaşınız",
    "yaşındasınız",
    "年齢",
    "年龄",
    "年齡",
    "나이",
    "연령",
    "العمر",
    "आयु",
    "उम्र",
];

/// Whether a label asks for leave to record somebody, or to use what they say.
fn is_permission(name: &str) -> bool {
    const LEAVE: &[&str] =
        &["permission", "recording", "recorded", "agreement", "terms", "gdpr", "privacy", "nda"];
    is_label(&parts(name), name) && has_word(name, LEAVE)
}

/// Whether a label says that its column holds what a researcher filed the answers under.
fn is_of_analysis(name: &str) -> bool {
    const ANALYSIS: &[&str] = &["topic", "topics", "keyword", "keywords", "category", "categories"];
    is_label(&parts(name), name) && has_word(name, ANALYSIS)
}

/// Whether a name is nothing but the number of a question or variable: `q7`, `Q7_2`, `var12`.
fn is_question_number(name: &str) -> bool {
    let letters: String =
        name.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    let has_digit = name.contains(|c: char| c.is_ascii_digit());
    has_digit
        && !name.trim().contains(' ')
        && ["q", "v", "x", "var", "item", "question", "frage", "f", "p", "col"]
            .contains(&letters.as_str())
}

fn is_label(parts: &[String], name: &str) -> bool {
    parts.len() <= LABEL && !name.contains(['?', '？', '؟'])
}

fn has_word(name: &str, words: &[&str]) -> bool {
    parts(name).iter().any(|part| words.contains(&part.as_str()))
}

fn parts(name: &str) -> Vec<String> {
    let parts = name.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(str::to_lowercase).collect()
}

/// What is typical of a column, else, of who somebody is, the most frequent values.
fn choice(held: &[(&str, Held)], kind: Kind) -> Option<String> {
    let &(most, first) = held.first()?;
    if first.answered == 1 {
        return Some(most.to_owned());
    }
    let mut typical: Vec<_> = held.iter().copied().filter(|(_, held)| is_trait(held)).collect();
    typical.truncate(NAMED);
    if !typical.is_empty() {
        return Some(counted(&typical));
    }
    // Of many who all differ, any three would stand for nobody.
    if first.given == 1 && held.len() > NAMED {
        return None;
    }
    let named: Vec<String> =
        held.iter().take(NAMED).map(|(value, held)| format!("{value} ({})", held.given)).collect();
    (kind == Kind::Who).then(|| format!("{} of {}", named.join(", "), first.answered))
}

/// `Email (7 of 9; 41 % of all), Phone (6 of 9; 50 % of all)`
fn counted(held: &[(&str, Held)]) -> String {
    let one = |(answer, held): &(&str, Held)| format!("{answer} ({held})");
    held.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// `median 38, 31 to 45 (n = 9; median of all 44)`. A rating is left out where it is much the same
/// as everybody's: a range over the whole scale is no fact.
fn figure(answers: &Answers<'_>, speakers: &BTreeSet<String>, kind: Kind) -> Option<String> {
    let values = |here: bool| {
        let own = answers.cells.iter().filter(|(who, _)| !here || speakers.contains(*who));
        let mut own: Vec<(f64, &str)> =
            own.filter_map(|(_, value)| Some((number(value)?, *value))).collect();
        own.sort_by(|a, b| a.0.total_cmp(&b.0));
        own
    };
    let (here, all) = (values(true), values(false));
    let (&(_, least), &(_, most)) = (here.first()?, here.last()?);
    if answers.held(speakers).is_empty() {
        return None;
    }
    let [own, of_all] = [&here, &all].map(|values| median(values));
    let held = |is: &dyn Fn(f64) -> bool| Held {
        given: here.iter().filter(|(value, _)| is(*value)).count(),
        answered: here.len(),
        given_by_all: all.iter().filter(|(value, _)| is(*value)).count(),
        answered_by_all: all.len(),
    };
    let differs = is_clearly_more(&held(&|value| value > of_all))
        || is_clearly_more(&held(&|value| value < of_all));
    if kind == Kind::Rating && !differs {
        return None;
    }
    if here.len() == 1 {
        return Some(least.to_owned());
    }
    let compared = if here.len() < all.len() {
        format!("; median of all {}", plain(of_all))
    } else {
        String::new()
    };
    Some(format!("median {}, {least} to {most} (n = {}{compared})", plain(own), here.len()))
}

/// The middle one of sorted values, or the mean of the two in the middle.
fn median(values: &[(f64, &str)]) -> f64 {
    let middle = values.len() / 2;
    let value = |at: usize| values.get(at).map_or(0.0, |(value, _)| *value);
    if values.len() % 2 == 1 {
        value(middle)
    } else {
        f64::midpoint(value(middle - 1), value(middle))
    }
}

/// A number with at most one decimal.
fn plain(number: f64) -> String {
    let one = format!("{number:.1}");
    one.strip_suffix(".0").map_or(one.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::segments::speaker;
    use crate::pipeline::tests::row;

    /// Twenty people in two groups of ten, with the value that `cell` gives each of them, and a free
    /// answer.
    fn facts(column: &str, cell: impl Fn(usize) -> String) -> Option<String> {
        let said = |at: usize| format!("I wait for the bus number {at} and it never comes.");
        let row = |at: usize| row(at, &format!("P{at}"), &[(column, cell(at)), ("why", said(at))]);
        let corpus = Corpus { records: (0..20).map(row).collect(), ..Corpus::default() };
        let first = corpus.records[..10].iter().map(|record| speaker(&corpus, record)).collect();
        let facts = Facts::of(&corpus, &Columns::of(&corpus)).sum_up(&first);
        assert!(facts.keys().all(|name| name == column), "{facts:?}");
        facts.into_values().next()
    }

    fn of(values: &'static [&str]) -> impl Fn(usize) -> String {
        move |at| values[at % values.len()].to_owned()
    }

    #[test]
    fn a_fact_is_counted_and_compared_with_everyone() {
        let tool = |at: usize| if at < 8 { "paper" } else { "phone" }.to_owned();
        assert_eq!(facts("tool", tool).as_deref(), Some("paper (8 of 10; 40 % of all)"));
        let cases = |at: usize| if at < 8 { ["paper", "Paper", "paper "][at % 3] } else { "phone" };
        let cases = facts("tool", |at| cases(at).to_owned());
        assert_eq!(cases.as_deref(), Some("paper (8 of 10; 40 % of all)"), "however it is written");
        let half = facts("tool", of(&["paper", "phone"]));
        assert_eq!(half, None, "half of them are as many as everywhere");
        let role = facts("role", of(&["nurse", "doctor"]));
        assert_eq!(role.as_deref(), Some("doctor (5), nurse (5) of 10"), "who they are is told");
    }

    #[test]
    fn of_who_they_are_no_few_stand_for_many_and_a_contradiction_is_nobodys() {
        let own = |at: usize| format!("trade {at}");
        assert_eq!(facts("occupation", own), None, "three of ten would stand for nobody");
        let said = |at: usize| format!("I wait for the bus number {at} and it never comes.");
        let row = |(at, (who, age)): (usize, &(&str, &str))| {
            row(at, who, &[("How old are you?", (*age).to_owned()), ("why", said(at))])
        };
        let rows = [("a", "34"), ("a", "35"), ("b", "50"), ("c", "20"), ("d", "22")];
        let corpus =
            Corpus { records: rows.iter().enumerate().map(row).collect(), ..Corpus::default() };
        let facts = Facts::of(&corpus, &Columns::of(&corpus));
        let of = |at: &[usize]| {
            let people = at.iter().map(|at| speaker(&corpus, &corpus.records[*at])).collect();
            facts.sum_up(&people).into_values().next()
        };
        assert_eq!(of(&[0]), None);
        assert_eq!(of(&[2]).as_deref(), Some("50"));
        assert_eq!(
            of(&[0, 3, 4]).as_deref(),
            Some("median 21, 20 to 22 (n = 2; median of all 22)")
        );
    }

    #[test]
    fn of_several_answers_in_a_cell_each_is_counted() {
        let ways = |at: usize| match at {
            0..8 => ["Phone; Mail", "Phone"][at % 2].to_owned(),
            _ => ["Mail", "Web; Mail", "Web"][at % 3].to_owned(),
        };
        assert_eq!(facts("ways", ways).as_deref(), Some("Phone (8 of 10; 40 % of all)"));
    }

    #[test]
    fn a_figure_has_its_median_and_a_rating_is_told_only_where_it_differs() {
        let age = facts("age", |at| (30 + at).to_string());
        let expected = "median 34.5, 30 to 39 (n = 10; median of all 39.5)";
        assert_eq!(age.as_deref(), Some(expected));
        assert_eq!(facts("nps", |at| (at % 10).to_string()), None);
        let high = facts("nps", |at| (if at < 10 { 8 + at % 3 } else { at % 8 }).to_string());
        assert_eq!(high.as_deref(), Some("median 9, 8 to 10 (n = 10; median of all 7.5)"));
    }

    #[test]
    fn codes_keys_leave_and_the_study_itself_are_no_facts_about_people() {
        let split = |one: &'static str, other: &'static str| {
            move |at: usize| if at < 9 { one } else { other }.to_owned()
        };
        for name in ["interviewer_name", "wave", "form_language", "survey version", "recording ok"]
        {
            assert_eq!(facts(name, split("a", "b")), None, "{name}");
        }
        for name in ["q7", "Q7_2", "q7_code", "gender", "Region"] {
            assert_eq!(facts(name, split("1", "2")), None, "{name}");
        }
        assert_eq!(facts("badge", |at| (40_000 + 7 * at).to_string()), None);
        assert_eq!(facts("row of sheet", |at| at.to_string()), None);
        assert!(facts("form of employment", split("a", "b")).is_some());
    }
}
