//! JSON and JSON Lines: where the rows are, and how a nested object becomes cells.
//!
//! Owns finding the rows in a document and naming their cells; what rows mean is decided in
//! `table`. `serde_json` bounds the nesting at 128.

mod boards;
mod by_question;
mod chat_markup;
mod cut_off;
mod envelopes;
mod events;
mod item;
mod keyed;
mod message;
mod named_ids;
mod nested;
mod people;
mod quoted;
mod retold;
mod said_lists;
mod word_turns;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use self::keyed::Keyed;
use self::nested::Unfolded;
use crate::corpus::rows::Rows;
use crate::corpus::tables::table::{self, Table, TableRow};

/// Separator between the items of a list in one cell.
const LIST_SEPARATOR: &str = "; ";

/// Fewest words of a list item that is a statement and gets a line of its own in the cell.
const STATEMENT_WORDS: usize = 4;

/// Longest path like `answers.3.text`, in bytes. Paths repeat the keys above them, so long keys in
/// a deep document would multiply its size.
const MAX_PATH: usize = 1000;

/// Most lists named in a message.
const MAX_NAMED: usize = 5;

/// Name of the column of a row that is not an object.
const VALUE: &str = "value";

/// Reads one JSON document, or JSON Lines under the name of JSON.
pub(crate) fn read(text: &str, rows: &mut Rows) -> Result<(), String> {
    let text = repair_surrogates(text, rows);
    match serde_json::from_str(&text) {
        Ok(document) => read_document(document, rows),
        Err(error) => {
            let mut lines = text.lines().filter(|line| !line.trim().is_empty());
            let is_object = |line: &str| serde_json::from_str::<Map<String, Value>>(line).is_ok();
            if lines.next().is_some_and(is_object) && lines.next().is_some_and(is_object) {
                return read_line_values(&text, rows);
            }
            Err(format!(
                "it is not valid JSON: {error}\nhint: check it around that line, or give one \
                 object a line in a .jsonl file, where a bad line costs only itself"
            ))
        }
    }
}

/// Reads JSON Lines, or one JSON document under the name of JSON Lines.
pub(crate) fn read_lines(text: &str, rows: &mut Rows) -> Result<(), String> {
    let text = repair_surrogates(text, rows);
    // Text that is one list or object as a whole is a document, not one value per line.
    if let Ok(document @ (Value::Array(_) | Value::Object(_))) = serde_json::from_str(&text) {
        return read_document(document, rows);
    }
    read_line_values(&text, rows)
}

/// Whether text that begins like JSON really is, as a whole or line by line: a transcript may begin
/// with a bracket too.
pub(crate) fn looks_like_json(text: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    values.next().is_some_and(|value| value.is_ok())
}

/// Reads one value per line. A bad line becomes a finding; only a file of nothing else is refused.
fn read_line_values(text: &str, rows: &mut Rows) -> Result<(), String> {
    let mut values: Vec<Value> = Vec::new();
    let mut numbers = Vec::new();
    let mut first_error = None;
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(value) => {
                values.push(value);
                numbers.push(i + 1);
            }
            Err(error) => {
                rows.findings.note("bad-line", i + 1, || {
                    format!("lines that are not valid JSON were left out; line {}: {error}", i + 1)
                });
                first_error.get_or_insert_with(|| format!("line {}: {error}", i + 1));
            }
        }
    }
    match first_error {
        Some(error) if values.is_empty() => Err(format!("no line of it is valid JSON: {error}")),
        _ => {
            let mut lines = Value::Array(values);
            let mut grid = Grid { repeated: prepare(&mut lines, rows), ..Grid::default() };
            let items = lines.as_array().map_or(&[][..], Vec::as_slice);
            let number = |item: usize| numbers.get(item - 1).copied().unwrap_or(item);
            grid.add_all(&[("", items)], number, rows);
            table::into_rows(grid.table, rows)
        }
    }
}

/// Takes from a document what services put around the words of people, and what is nobody's words.
/// Returns the paths of what was left out because something else says the same.
fn prepare(document: &mut Value, rows: &mut Rows) -> Vec<String> {
    envelopes::open(document);
    events::take_out(document, rows);
    boards::title(document);
    chat_markup::show(document);
    quoted::take_out(document, rows);
    cut_off::take_out(document, rows);
    named_ids::call_by_name(document);
    word_turns::put_together(document, rows)
}

/// Adds the rows that a document holds.
pub(crate) fn read_document(mut document: Value, rows: &mut Rows) -> Result<(), String> {
    let repeated = prepare(&mut document, rows);
    by_question::part_lists(&mut document);
    let mut grid = Grid { repeated, ..Grid::default() };
    match document {
        Value::Array(items) => grid.add_all(&[("", &items)], |item| item, rows),
        Value::Object(fields) => {
            let lists = lists_of_objects(&fields);
            if let Some(Keyed { items, beside }) = keyed::people(&fields) {
                for field in beside {
                    rows.findings.name("outside-rows", None, 1, field, outside_rows);
                }
                rows.findings.note("people-as-keys", None, || {
                    "the keys of an object are its participants, each with a row".to_owned()
                });
                grid.add_all(&[("", &items)], |item| item, rows);
            } else if lists.is_empty() || is_thread(&fields, &lists) {
                grid.add_all(&[("", &[Value::Object(fields)])], |item| item, rows);
            } else {
                note_fields_beside(&fields, &lists, rows);
                let several = lists.len() > 1;
                let name =
                    |list: &List<'_>| if several { list.path.clone() } else { String::new() };
                let named: Vec<_> = lists.iter().map(|list| (name(list), list.items)).collect();
                let named: Vec<_> = named.iter().map(|(name, items)| (&**name, *items)).collect();
                grid.add_all(&named, |item| item, rows);
            }
        }
        _ => return Err("it holds a single value\nhint: give a list of objects".to_owned()),
    }
    table::into_rows(grid.table, rows)
}

/// A list of objects in a document.
struct List<'a> {
    /// The keys that lead to it, joined by dots.
    path: String,
    /// The first of these keys.
    top: &'a str,
    items: &'a [Value],
}

/// The lists of objects nearest to the top: those of the object itself, else those of the objects
/// in it. Lists that say nothing do not hide those further in with messages of several authors.
fn lists_of_objects(fields: &Map<String, Value>) -> Vec<List<'_>> {
    let mut level = vec![(String::new(), None, fields)];
    let mut nearest = Vec::new();
    while !level.is_empty() {
        let mut lists = Vec::new();
        let mut below = Vec::new();
        for (path, top, fields) in level {
            for (key, value) in fields {
                let top = top.unwrap_or(key.as_str());
                match value {
                    Value::Array(items) if items.iter().any(Value::is_object) => {
                        lists.push(List { path: join(&path, key), top, items });
                    }
                    Value::Object(inner) => below.push((join(&path, key), Some(top), inner)),
                    _ => {}
                }
            }
        }
        if lists.iter().any(|list| said_lists::has_authors(list.items)) && !nearest.is_empty() {
            return lists;
        }
        let say_nothing = lists.iter().all(|list| said_lists::are_titles(list.items));
        if nearest.is_empty() {
            nearest = lists;
        }
        if !nearest.is_empty() && !say_nothing {
            return nearest;
        }
        level = below;
    }
    nearest
}

/// Whether a document is a message and a list holds the answers to it: both name their authors and
/// their words in the same fields.
fn is_thread(fields: &Map<String, Value>, lists: &[List<'_>]) -> bool {
    let [list] = lists else { return false };
    let author = message::speaker_of(fields).filter(|author| author.field != "name");
    let (Some(author), Some(said)) = (author, message::said_field(fields)) else { return false };
    let is_answer = |item: &Value| item.get(author.field).is_some() && item.get(said).is_some();
    let mut items = list.items.iter().filter(|item| item.is_object());
    items.all(is_answer) && said_lists::has_messages(list.items)
}

fn note_fields_beside(fields: &Map<String, Value>, lists: &[List<'_>], rows: &mut Rows) {
    let read: HashSet<_> = lists.iter().map(|list| list.top).collect();
    for field in fields.keys().filter(|key| !read.contains(key.as_str())) {
        rows.findings.name("outside-rows", None, 1, field, outside_rows);
    }
}

fn outside_rows(names: &str) -> String {
    format!("fields beside the lists that hold the rows were left out: {names}")
}

/// A table that grows a column whenever a row brings a new key.
#[derive(Default)]
struct Grid {
    table: Table,
    columns: HashMap<String, usize>,
    /// Number of lists left out because they hold the single words of a recording.
    timed_words: usize,
    /// Paths of what was left out because something else says the same.
    repeated: Vec<String>,
}

impl Grid {
    /// Adds the rows of some lists, each under its name where there are several. `number` maps the
    /// number of an item in its list, from 1, to its number in the file.
    fn add_all(
        &mut self,
        lists: &[(&str, &[Value])],
        number: impl Fn(usize) -> usize,
        rows: &mut Rows,
    ) {
        let Unfolded { items, lists, repeated, beside } = nested::unfold(lists);
        if !lists.is_empty() {
            rows.findings.note("nested-rows", None, || {
                format!(
                    "each item of '{}' is a row of its own, with the fields around it",
                    lists[..lists.len().min(MAX_NAMED)].join("', '")
                )
            });
        }
        let mut again = std::mem::take(&mut self.repeated);
        again.extend(repeated);
        if !again.is_empty() {
            rows.findings.note("repeated-text", None, || {
                format!("left out, as other fields say the same: '{}'", again.join("', '"))
            });
        }
        for list in beside {
            rows.findings.name("outside-rows", None, 1, list, outside_rows);
        }
        for item in items {
            let mut cells = HashMap::new();
            for (name, value) in &item.fields {
                let path = if name.is_empty() && !value.is_object() { VALUE } else { name };
                self.flatten(&mut cells, path, value);
            }
            let mut cells: Vec<_> = cells.into_iter().collect();
            cells.sort_unstable_by_key(|(column, _)| *column);
            self.table.rows.push(TableRow { number: number(item.number), cells });
        }
        rows.findings.add("timed-words", None, self.timed_words, || {
            "lists of single words with their times in a recording are not read: the texts around \
             them say the same"
                .to_owned()
        });
    }

    fn flatten(&mut self, cells: &mut HashMap<usize, String>, path: &str, value: &Value) {
        if let Some(text) = message::rich_text(value) {
            return self.put(cells, path, &text);
        }
        match value {
            Value::Null => {}
            Value::Bool(yes) => self.put(cells, path, if *yes { "true" } else { "false" }),
            Value::Number(number) => self.put(cells, path, &number.to_string()),
            Value::String(text) => self.put(cells, path, text),
            Value::Object(fields) => {
                for (key, inner) in fields {
                    self.flatten(cells, &join(path, key), inner);
                }
            }
            Value::Array(items) if message::are_timed_words(items) => self.timed_words += 1,
            Value::Array(items) if items.iter().any(|i| i.is_object() || i.is_array()) => {
                for (i, item) in items.iter().enumerate() {
                    self.flatten(cells, &join(path, &(i + 1).to_string()), item);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.flatten(cells, path, item);
                }
            }
        }
    }

    /// Writes a cell; a second value under the same path is added as an item of a list.
    fn put(&mut self, cells: &mut HashMap<usize, String>, path: &str, value: &str) {
        let column = self.columns.get(path).copied().unwrap_or_else(|| {
            self.table.names.push(path.to_owned());
            self.columns.insert(path.to_owned(), self.table.names.len() - 1);
            self.table.names.len() - 1
        });
        let cell = cells.entry(column).or_default();
        if !cell.is_empty() {
            let is_statement = value.split_whitespace().nth(STATEMENT_WORDS - 1).is_some();
            cell.push_str(if is_statement { "\n" } else { LIST_SEPARATOR });
        }
        cell.push_str(value);
    }
}

pub(crate) fn join(path: &str, key: &str) -> String {
    let mut path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    path.truncate(path.floor_char_boundary(MAX_PATH));
    path
}

/// Replaces each half of a surrogate pair by U+FFFD. JSON can spell one (`\ud83d` alone), which is
/// not a character, and one such cut emoji must not cost the whole file.
pub(crate) fn repair_surrogates<'a>(text: &'a str, rows: &mut Rows) -> Cow<'a, str> {
    let mut repaired = String::new();
    let mut halves = 0;
    let mut first_line = 0;
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        let start = at + found;
        at = start + 2;
        match escape_at(text, start) {
            Some(0xD800..=0xDBFF)
                if matches!(escape_at(text, start + 6), Some(0xDC00..=0xDFFF)) =>
            {
                at = start + 12;
            }
            Some(0xD800..=0xDFFF) => {
                repaired.push_str(&text[copied..start]);
                repaired.push_str("\\ufffd");
                at = start + 6;
                copied = at;
                halves += 1;
                if halves == 1 {
                    first_line = 1 + text[..start].matches('\n').count();
                }
            }
            _ => at = text.ceil_char_boundary(at.min(text.len())),
        }
    }
    if halves == 0 {
        return Cow::Borrowed(text);
    }
    rows.findings.add("lone-surrogate", first_line, halves, || {
        "halves of a surrogate pair (cut emoji) were replaced by U+FFFD".to_owned()
    });
    repaired.push_str(&text[copied..]);
    Cow::Owned(repaired)
}

/// The value of the `\uXXXX` at byte `start`, if one stands there.
fn escape_at(text: &str, start: usize) -> Option<u32> {
    let digits = text.get(start..start + 6)?.strip_prefix("\\u")?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::corpus::test_support::{load_json, texts};

    #[test]
    fn a_list_of_objects_is_flattened_in_the_order_of_its_keys() {
        let rows = load_json(
            r#"[{"b": 1, "a": {"x": true, "y": null}, "tags": ["p", "q"]},
                {"a": {"x": false}, "b": 2.5, "who": [{"n": "Ana"}, {"n": "Bo"}]}]"#,
        );
        assert_eq!(
            texts(&rows),
            ["b: 1\na.x: true\ntags: p; q", "b: 2.5\na.x: false\nwho.1.n: Ana\nwho.2.n: Bo"]
        );
    }

    #[test]
    fn sentences_in_a_list_stand_on_lines_of_their_own() {
        let rows =
            load_json(r#"[{"pains": ["I come two days early.", "I never find the door."]}]"#);
        assert_eq!(texts(&rows), ["pains: I come two days early.\nI never find the door."]);
    }

    #[test]
    fn the_list_inside_an_object_holds_the_rows_and_the_rest_is_reported() {
        let rows =
            load_json(r#"{"title": "Survey", "data": {"n": 2, "rows": [{"a": 1}, {"a": 2}]}}"#);
        assert_eq!(texts(&rows), ["a: 1", "a: 2"]);
        assert_eq!(rows.findings.kinds(), [("outside-rows", None, 1)]);
    }

    #[test]
    fn several_lists_are_told_apart() {
        let rows = load_json(r#"{"staff": [{"a": 1}], "guests": [{"a": 2}]}"#);
        assert_eq!(texts(&rows), ["section: staff\na: 1", "section: guests\na: 2"]);
    }

    #[test]
    fn plain_values_and_a_single_object_are_rows_too() {
        assert_eq!(texts(&load_json(r#"["slow", "dear"]"#)), ["value: slow", "value: dear"]);
        assert_eq!(texts(&load_json(r#"{"a": {"b": "c"}}"#)), ["a.b: c"]);
    }

    #[test]
    fn json_lines_are_read_under_either_name_and_bad_lines_counted() {
        let text = "{\"a\": 1}\n\n{\"a\": 2}\n{\"a\": \n{\"a\": 3}";
        let mut rows = Rows::new(1);
        read_lines(text, &mut rows).unwrap();
        for rows in [rows, load_json(text)] {
            let found: Vec<_> = rows.records.iter().map(|r| (r.row, r.text.as_str())).collect();
            assert_eq!(found, [(1, "a: 1"), (3, "a: 2"), (5, "a: 3")]);
            assert_eq!(rows.findings.kinds(), [("bad-line", Some(4), 1)]);
        }
        let cause = read_lines("not json\nat all\n", &mut Rows::new(1)).unwrap_err();
        assert!(cause.contains("line 1"), "{cause}");
    }

    #[test]
    fn broken_json_names_line_and_column() {
        let cause = read("[{\"a\": 1},\n {\"a\" 2}]", &mut Rows::new(1)).unwrap_err();
        assert!(cause.contains("line 2 column"), "{cause}");
    }

    #[test]
    fn half_an_emoji_is_replaced_and_a_whole_one_kept() {
        let rows = load_json(r#"[{"a": "cut \ud83d here"}, {"a": "\ud83d\ude00 \\ud800 \udc00"}]"#);
        assert_eq!(texts(&rows), ["a: cut \u{FFFD} here", "a: \u{1F600} \\ud800 \u{FFFD}"]);
        assert_eq!(rows.findings.kinds(), [("lone-surrogate", Some(1), 2)]);
    }

    #[test]
    fn a_nul_escape_is_stripped() {
        let rows = load_json(r#"[{"a": "x\u0000y"}]"#);
        assert_eq!(texts(&rows), ["a: xy"]);
        assert_eq!(rows.findings.kinds(), [("control-character", Some(1), 1)]);
    }

    #[test]
    fn endless_nesting_is_refused_not_followed() {
        let deep = "[".repeat(1_000_000);
        assert!(read(&deep, &mut Rows::new(1)).unwrap_err().contains("recursion limit"));
        let keys = format!("{}1{}", "{\"k\":".repeat(120), "}".repeat(120));
        assert!(load_json(&keys).records[0].text.starts_with("k.k.k."));
    }

    #[test]
    fn objects_that_share_no_key_cost_no_more_than_their_size() {
        let many: Vec<_> = (0..20_000).map(|i| format!("{{\"k{i}\": {i}}}")).collect();
        let rows = load_json(&format!("[{}]", many.join(",")));
        assert_eq!(rows.records[19_999].text, "k19999: 19999");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"[\[\]{}:,"\\u0-9d8-f \n é]{0,120}"#) {
            let mut rows = Rows::new(1);
            let _ = read(&text, &mut rows);
            let _ = read_lines(&text, &mut rows);
        }

        #[test]
        fn strings_survive_the_way_through_a_cell(value in "[a-z\\\\\"/é😀]{1,30}") {
            let rows = load_json(&serde_json::json!([{ "a": value }]).to_string());
            prop_assert_eq!(&rows.records[0].text[3..], value);
        }
    }
}
