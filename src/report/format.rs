//! Personas in the formats of other tools: a CSV for spreadsheets, and agents for TinyTroupe.
//!
//! Owns the list of formats that can be asked for. JSON and HTML are always written, so they are
//! not among the files here.

use serde_json::{Map, Value, json};

use super::{RunFile, markdown, plain_line, pretty};
use crate::corpus::Corpus;
use crate::schema::{Persona, Statement};

/// A format that can be written in addition to `personas.json` and `report.html`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One page per persona.
    Markdown,
    /// One table with a row per persona.
    Csv,
    /// One agent per persona, for simulations with TinyTroupe.
    TinyTroupe,
}

/// Names that a user can give. `json` and `html` are accepted, but are always written anyway.
const NAMES: [(&str, Option<Format>); 5] = [
    ("json", None),
    ("html", None),
    ("markdown", Some(Format::Markdown)),
    ("csv", Some(Format::Csv)),
    ("tinytroupe", Some(Format::TinyTroupe)),
];

impl Format {
    /// The formats that are written unless the user names others.
    pub const USUAL: &'static [Self] = &[Self::Markdown];

    /// Reads names separated by commas or blanks.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let mut formats = Vec::new();
        for name in text.split([',', ' ']).filter(|name| !name.is_empty()) {
            let Some((_, format)) = NAMES.iter().find(|(known, _)| *known == name) else {
                let known: Vec<&str> = NAMES.iter().map(|(known, _)| *known).collect();
                return Err(format!("expected some of {}, joined by commas", known.join(", ")));
            };
            formats.extend(format.filter(|format| !formats.contains(format)));
        }
        Ok(formats)
    }

    /// The files of all personas in this format. They are numbered, not named: text that a model
    /// wrote never becomes part of a path.
    pub(super) fn files(
        self,
        personas: &[Persona],
        corpus: &Corpus,
    ) -> Result<Vec<RunFile>, serde_json::Error> {
        let numbered = personas.iter().enumerate().map(|(at, persona)| (at + 1, persona));
        match self {
            Self::Markdown => Ok(numbered
                .map(|(n, persona)| (format!("persona-{n}.md"), markdown(persona, corpus).into()))
                .collect()),
            Self::Csv => Ok(vec![("personas.csv".to_owned(), csv(personas))]),
            Self::TinyTroupe => numbered
                .map(|(n, persona)| {
                    Ok((format!("tinytroupe-{n}.agent.json"), pretty(&tiny_person(persona))?))
                })
                .collect(),
        }
    }
}

/// A table with a row per persona; where a persona has several items of a kind, they are lines of
/// one cell.
fn csv(personas: &[Persona]) -> Vec<u8> {
    let header = [
        "id",
        "name",
        "title",
        "summary",
        "goals",
        "pains",
        "behaviours",
        "motivations",
        "quotes",
        "demographics",
        "participants",
        "records",
        "share",
        "judge_score",
        "below_threshold",
        "refined",
        "records_cited",
    ];
    let lines = |texts: Vec<String>| cell(&texts.join("\n"));
    let statements = |list: &[Statement]| {
        let shown = |s: &Statement| {
            let inferred = if s.inferred { " (inferred)" } else { "" };
            format!("{}{inferred}", plain_line(&s.counted()))
        };
        lines(list.iter().map(shown).collect())
    };
    let row = |persona: &Persona| {
        let quotes =
            persona.quotes.iter().map(|q| format!("{} ({})", plain_line(&q.text), q.record));
        let demographics = persona
            .demographics
            .iter()
            .map(|(k, v)| format!("{}: {}", plain_line(k), plain_line(v)));
        let cited: Vec<String> = persona.cited().iter().map(ToString::to_string).collect();
        [
            cell(&persona.id),
            cell(&plain_line(&persona.name)),
            cell(&plain_line(&persona.title)),
            cell(&plain_line(&persona.summary)),
            statements(&persona.goals),
            statements(&persona.pains),
            statements(&persona.behaviours),
            lines(persona.motivations.iter().map(|text| plain_line(text)).collect()),
            lines(quotes.collect()),
            lines(demographics.collect()),
            persona.segment.participants.to_string(),
            persona.segment.records.to_string(),
            format!("{:.4}", persona.segment.share),
            persona.scores.judge.map_or_else(String::new, |score| format!("{score:.4}")),
            persona.below_threshold.to_string(),
            persona.refined.to_string(),
            cited.join(" "),
        ]
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer
        .write_record(header)
        .and_then(|()| personas.iter().try_for_each(|persona| writer.write_record(row(persona))));
    written.expect("rows of equal length go into memory");
    writer.into_inner().expect("memory can be flushed")
}

/// A cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe in
/// front (<https://owasp.org/www-community/attacks/CSV_Injection>).
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{text}") } else { text.to_owned() }
}

/// An agent in the form that TinyTroupe loads (`TinyPerson.load_specification`,
/// <https://github.com/microsoft/TinyTroupe>). It holds only what the persona says: no age, gender
/// or temperament is made up to fill other fields.
fn tiny_person(persona: &Persona) -> Value {
    let texts = |list: &[Statement]| -> Value {
        list.iter().map(|s| Value::from(plain_line(&s.text))).collect()
    };
    let mut facts: Vec<String> = persona
        .demographics
        .iter()
        .map(|(name, value)| format!("{}: {}", plain_line(name), plain_line(value)))
        .collect();
    facts.extend(
        persona.quotes.iter().map(|quote| format!("You said: “{}”", plain_line(&quote.text))),
    );
    let mut person = Map::new();
    person.insert("name".into(), plain_line(&persona.name).into());
    let age = persona.demographics.iter().find(|(name, _)| name.eq_ignore_ascii_case("age"));
    // A range such as `31 to 45` is not one person's age, and stays a fact.
    if let Some(age) = age.and_then(|(_, value)| value.trim().parse::<u32>().ok()) {
        person.insert("age".into(), age.into());
    }
    // A title may be, or end in, what somebody said or ticked, which is nobody's occupation. Where it
    // was put together and quotes nobody, it is an answer.
    let is_answer = persona.provenance.is_extractive() && !persona.title.contains('“');
    let role = persona.title.split('“').next().filter(|_| !is_answer).unwrap_or_default();
    let role = role.trim_end_matches([' ', ':']);
    let role = if role.is_empty() { "participant of a study" } else { role };
    let occupation = json!({
        "title": plain_line(role), "description": plain_line(&persona.summary),
    });
    person.insert("occupation".into(), occupation);
    person.insert("long_term_goals".into(), texts(&persona.goals));
    person.insert("preferences".into(), json!({ "dislikes": texts(&persona.pains) }));
    person.insert("behaviors".into(), json!({ "general": texts(&persona.behaviours) }));
    let beliefs = persona.motivations.iter().map(|text| Value::from(plain_line(text)));
    person.insert("beliefs".into(), beliefs.collect());
    person.insert("other_facts".into(), facts.into());
    json!({ "type": "TinyPerson", "persona": person })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn names_are_read_and_others_refused() {
        assert_eq!(Format::parse_list("csv,markdown,csv"), Ok(vec![Format::Csv, Format::Markdown]));
        assert_eq!(Format::parse_list("html"), Ok(vec![]), "written always");
        assert_eq!(
            Format::parse_list("pdf").unwrap_err(),
            "expected some of json, html, markdown, csv, tinytroupe, joined by commas"
        );
    }

    #[test]
    fn a_spreadsheet_gets_a_row_a_persona_and_no_formula() {
        let mut persona = sample::persona();
        persona.title = "=HYPERLINK(\"http://evil.example\")".into();
        let bytes = csv(&[persona, sample::persona()]);
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let header = reader.headers().unwrap().clone();
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        let of = |row: usize, name: &str| {
            rows[row][header.iter().position(|h| h == name).unwrap()].to_owned()
        };
        assert_eq!(rows.len(), 2);
        assert_eq!(of(0, "title"), "'=HYPERLINK(\"http://evil.example\")");
        assert_eq!(of(1, "name"), "Ada");
        assert_eq!(of(1, "pains"), "late changes (inferred)");
        assert_eq!(of(1, "quotes"), "I *never* trust the <b>schedule</b> (f1#0)");
    }

    #[test]
    fn an_agent_says_what_the_persona_says() {
        let person = tiny_person(&sample::persona());
        assert_eq!(person["type"], "TinyPerson");
        let persona = &person["persona"];
        assert_eq!(persona["name"], "Ada");
        assert_eq!(persona["age"], Value::Null, "none is made up");
        assert_eq!(persona["long_term_goals"], json!(["a schedule to trust"]));
        assert_eq!(persona["preferences"]["dislikes"], json!(["late changes"]));
        assert_eq!(persona["other_facts"][0], "role: nurse");
        let of = |title: &str| {
            let mut persona = sample::persona();
            (persona.title, persona.provenance.style) = (title.into(), "extractive".into());
            tiny_person(&persona)["persona"]["occupation"]["title"].clone()
        };
        assert_eq!(of("Nurse: “I run”"), "Nurse");
        assert_eq!(of("How likely are you to recommend us?: 10"), "participant of a study");
    }
}
