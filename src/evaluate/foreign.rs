//! Reads personas from any tool's JSON.
//!
//! Owns the names that tools give to the parts of a persona: ours, those of the original Python
//! project (`pain_points`, `behaviours`, `additional` keys beside them) and common ones of other
//! tools. Reads what is there, reports what it could not place, and invents nothing. Quotes are
//! checked in `evidence`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::schema::{Persona, RecordId, Statement};

/// Most personas of one file: far more than in any study, and few enough to stop a wrong file at
/// once.
const MAX_PERSONAS: usize = 1000;
/// How deep in a document a list of personas may lie.
const MAX_DEPTH: usize = 4;

/// A persona as a file claims it; nothing has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The persona without its quotes.
    pub persona: Persona,
    /// The quotes that the file claims.
    pub quotes: Vec<ClaimedQuote>,
    /// Keys that name no part of a persona that is known here.
    pub unread: Vec<String>,
}

/// A quote that a file claims somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedQuote {
    /// The words of the quote.
    pub text: String,
    /// The record that the quote names, where it names one.
    pub record: Option<RecordId>,
}

/// Why a file gave no personas. Maps to exit code 3.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ForeignError {
    /// The text is not JSON.
    #[error("it is not JSON: {0}\nhint: a personas.json, or any JSON file with personas in it")]
    NotJson(String),
    /// The JSON holds no persona.
    #[error(
        "there is no persona in it\nhint: a persona is an object with a name and, for example, goals or pain_points; a list of them may stand alone or under a key such as \"personas\""
    )]
    NoPersona,
    /// There are so many personas that the file must be something else.
    #[error("it holds {0} personas, and at most {MAX_PERSONAS} are read\nhint: give a part of it")]
    TooMany(usize),
}

/// Reads the personas of a JSON document, or of lines that are one JSON persona each.
pub fn parse(text: &str) -> Result<Vec<Claimed>, ForeignError> {
    let text = text.trim_start_matches('\u{feff}');
    let document: Value = serde_json::from_str(text).or_else(|error| {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let lines: Result<Vec<Value>, _> = lines.map(serde_json::from_str).collect();
        match lines {
            Ok(lines) if lines.len() > 1 => Ok(Value::Array(lines)),
            _ => Err(ForeignError::NotJson(error.to_string())),
        }
    })?;
    let found = personas_in(&document, 0).ok_or(ForeignError::NoPersona)?;
    if found.len() > MAX_PERSONAS {
        return Err(ForeignError::TooMany(found.len()));
    }
    Ok(found.into_iter().enumerate().map(|(at, fields)| read(at, fields)).collect())
}

/// The first list of personas in a document, or the document itself where it is a single persona.
fn personas_in(value: &Value, depth: usize) -> Option<Vec<&Map<String, Value>>> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Value::Array(items) => {
            let found: Vec<_> =
                items.iter().filter_map(Value::as_object).filter(|f| is_persona(f)).collect();
            if !found.is_empty() {
                return Some(found);
            }
            items.iter().find_map(|item| personas_in(item, depth + 1))
        }
        Value::Object(fields) if is_persona(fields) => Some(vec![fields]),
        Value::Object(fields) => {
            // A key with "persona" in its name comes before any other.
            let named = fields.iter().filter(|(key, _)| plain(key).contains("persona"));
            let others = fields.iter().filter(|(key, _)| !plain(key).contains("persona"));
            let inside = named.chain(others).find_map(|(_, v)| personas_in(v, depth + 1));
            let by_id: Vec<_> = fields.values().filter_map(Value::as_object).collect();
            let all_personas = by_id.len() > 1 && by_id.iter().all(|f| is_persona(f));
            if all_personas { Some(by_id) } else { inside }
        }
        _ => None,
    }
}

/// Whether an object looks like a persona: a name and something else to say, or two things to say.
fn is_persona(fields: &Map<String, Value>) -> bool {
    let parts: Vec<Part> = fields
        .iter()
        .filter(|(_, value)| !matches!(value, Value::Null))
        .filter_map(|(key, _)| part(key))
        .collect();
    let says = |part: &&Part| !matches!(part, Part::Id | Part::Name | Part::Ours);
    let named = parts.contains(&Part::Name);
    let says = parts.iter().filter(says).count();
    (named && says >= 1) || says >= 2
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Id,
    Name,
    Title,
    Summary,
    Goals,
    Pains,
    Behaviours,
    Motivations,
    Quotes,
    Demographics,
    /// A demographic fact with a key of its own.
    Fact,
    /// A part that our own files have besides the persona's words, and that is not read here.
    Ours,
}

/// The part of a persona for which a key stands.
fn part(key: &str) -> Option<Part> {
    Some(match plain(key).as_str() {
        "id" | "personaid" | "uuid" => Part::Id,
        "name" | "fullname" | "displayname" | "personaname" | "firstname" => Part::Name,
        "title" | "role" | "jobtitle" | "job" | "occupation" | "profession" | "archetype"
        | "tagline" | "headline" => Part::Title,
        "summary" | "bio" | "biography" | "background" | "description" | "about" | "overview"
        | "story" | "narrative" | "profile" | "personality" | "scenario" => Part::Summary,
        "goals" | "goal" | "needs" | "goalsandneeds" | "objectives" | "wants" | "desires"
        | "usergoals" | "aspirations" | "jobstobedone" => Part::Goals,
        "pains" | "painpoints" | "painpoint" | "frustrations" | "frustration" | "challenges"
        | "problems" | "obstacles" | "barriers" | "concerns" | "fears" | "struggles"
        | "worries" => Part::Pains,
        "behaviours" | "behaviour" | "behaviors" | "behavior" | "habits" | "activities"
        | "routines" | "dailyroutine" | "tasks" | "workflow" | "usagepatterns"
        | "technologyusage" | "techusage" => Part::Behaviours,
        "motivations" | "motivation" | "values" | "drivers" | "attitudes" | "beliefs" => {
            Part::Motivations
        }
        "quotes"
        | "quote"
        | "verbatim"
        | "verbatims"
        | "keyquotes"
        | "representativequotes"
        | "voice"
        | "intheirwords"
        | "intheirownwords" => Part::Quotes,
        "demographics" | "demographic" => Part::Demographics,
        "age" | "agerange" | "gender" | "location" | "country" | "city" | "education"
        | "income" | "family" | "familystatus" | "maritalstatus" | "ethnicity" | "industry"
        | "company" => Part::Fact,
        "segment" | "scores" | "belowthreshold" | "refined" | "provenance" => Part::Ours,
        _ => return None,
    })
}

/// A key in the form in which `Pain_Points`, `painPoints` and `pain points` are the same.
fn plain(key: &str) -> String {
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn read(at: usize, fields: &Map<String, Value>) -> Claimed {
    let mut persona = Persona::default();
    let (mut quotes, mut unread) = (Vec::new(), Vec::new());
    for (key, value) in fields {
        match part(key) {
            Some(Part::Id) => persona.id = one(value),
            Some(Part::Name) => join(&mut persona.name, &one(value), " "),
            Some(Part::Title) => join(&mut persona.title, &one(value), ", "),
            Some(Part::Summary) => join(&mut persona.summary, &one(value), " "),
            Some(Part::Goals) => persona.goals.extend(statements(value)),
            Some(Part::Pains) => persona.pains.extend(statements(value)),
            Some(Part::Behaviours) => persona.behaviours.extend(statements(value)),
            Some(Part::Motivations) => {
                persona.motivations.extend(statements(value).into_iter().map(|s| s.text));
            }
            Some(Part::Quotes) => quotes.extend(claims(value)),
            Some(Part::Demographics) => facts(&mut persona.demographics, key, value),
            Some(Part::Fact) => {
                persona.demographics.insert(key.clone(), one(value));
            }
            Some(Part::Ours) => {
                if plain(key) == "provenance"
                    && let Ok(provenance) = serde_json::from_value(value.clone())
                {
                    persona.provenance = provenance;
                }
            }
            None => unread.push(key.clone()),
        }
    }
    if persona.id.is_empty() {
        persona.id = format!("p{}", at + 1);
    }
    if persona.name.is_empty() {
        persona.name.clone_from(&persona.id);
    }
    Claimed { persona, quotes, unread }
}

fn join(text: &mut String, more: &str, between: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push_str(between);
    }
    text.push_str(more);
}

/// Everything that a value says, as one text.
fn one(value: &Value) -> String {
    let parts: Vec<String> = claims(value).into_iter().map(|claim| claim.text).collect();
    parts.join(" ")
}

fn facts(demographics: &mut BTreeMap<String, String>, key: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            demographics.extend(fields.iter().map(|(key, value)| (key.clone(), one(value))));
        }
        other => _ = demographics.insert(key.to_owned(), one(other)),
    }
}

fn statements(value: &Value) -> Vec<Statement> {
    let cited = |item: &Value| -> Vec<RecordId> {
        let Some(fields) = item.as_object() else { return Vec::new() };
        let named = fields.iter().filter(|(key, _)| is_citation(key));
        named.flat_map(|(_, value)| strings(value)).map(RecordId).collect()
    };
    let items = match value {
        Value::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut found = Vec::new();
    for item in items {
        let records = cited(item);
        for claim in claims(item) {
            let inferred = records.is_empty();
            found.push(Statement {
                text: claim.text,
                records: records.clone(),
                inferred,
                held: None,
            });
        }
    }
    found
}

fn is_citation(key: &str) -> bool {
    matches!(
        plain(key).as_str(),
        "record" | "records" | "source" | "sources" | "evidence" | "citation" | "citations"
    )
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// The texts that a value holds: a string (its lines, where they are a list), a list, or an object,
/// whose text has a usual key or consists of all its values.
fn claims(value: &Value) -> Vec<ClaimedQuote> {
    let plain_text = |text: String| ClaimedQuote { text, record: None };
    match value {
        Value::String(text) => {
            let lines: Vec<String> = text
                .lines()
                .map(|line| line.trim().trim_start_matches(['-', '*', '•']).trim().to_owned())
                .filter(|line| !line.is_empty())
                .collect();
            let is_list = text.lines().filter(|l| l.trim().starts_with(['-', '*', '•'])).count();
            if is_list > 1 {
                lines.into_iter().map(plain_text).collect()
            } else {
                let text = lines.join(" ");
                if text.is_empty() { Vec::new() } else { vec![plain_text(text)] }
            }
        }
        Value::Number(number) => vec![plain_text(number.to_string())],
        Value::Bool(yes) => vec![plain_text(if *yes { "yes" } else { "no" }.to_owned())],
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().flat_map(claims).collect(),
        Value::Object(fields) => object_claims(fields),
    }
}

fn object_claims(fields: &Map<String, Value>) -> Vec<ClaimedQuote> {
    const TEXT: [&str; 12] = [
        "text",
        "quote",
        "statement",
        "description",
        "content",
        "goal",
        "pain",
        "painpoint",
        "behaviour",
        "behavior",
        "value",
        "name",
    ];
    let record = fields
        .iter()
        .find(|(key, _)| is_citation(key))
        .and_then(|(_, value)| strings(value).into_iter().next().map(RecordId));
    let under = |wanted: &str| fields.iter().find(|(key, _)| plain(key) == wanted);
    if let Some((_, value)) = TEXT.iter().find_map(|key| under(key)) {
        return claims(value)
            .into_iter()
            .map(|claim| ClaimedQuote { record: record.clone(), ..claim })
            .collect();
    }
    // Facts by name, as in `{"primary": "save time", "secondary": "save money"}`.
    let others = fields.iter().filter(|(key, _)| !is_citation(key));
    others.flat_map(|(_, value)| claims(value)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn first(json: &str) -> Claimed {
        parse(json).expect("a persona").remove(0)
    }

    fn texts(statements: &[Statement]) -> Vec<&str> {
        statements.iter().map(|s| s.text.as_str()).collect()
    }

    #[test]
    fn the_original_project_is_read() {
        let claimed = first(
            r#"{"personas": [{"id": "persona-001", "name": "Sarah Chen",
                "demographics": {"age": 34, "occupation": "Nurse"},
                "goals": ["Save time"], "pain_points": ["Slow forms"], "behaviours": ["Prints it"],
                "quotes": ["I just want it to work."], "mood": "tired"}], "reasoning": "none"}"#,
        );
        let persona = &claimed.persona;
        assert_eq!((persona.id.as_str(), persona.name.as_str()), ("persona-001", "Sarah Chen"));
        assert_eq!(persona.demographics["age"], "34");
        assert_eq!(texts(&persona.goals), ["Save time"]);
        assert_eq!(texts(&persona.pains), ["Slow forms"]);
        assert_eq!(texts(&persona.behaviours), ["Prints it"]);
        assert_eq!(claimed.quotes[0].text, "I just want it to work.");
        assert_eq!(claimed.unread, ["mood"]);
    }

    #[test]
    fn names_of_other_tools_are_read() {
        let claimed = first(
            r#"[{"fullName": "Max", "jobTitle": "Baker", "bio": "Bakes.", "Background": "Since 1999.",
                "needs": "- sleep\n- flour", "frustrations": [{"description": "Early rising"}],
                "painPoints": {"main": "Heat"}, "behaviors": ["Naps"], "age": 51,
                "quote": {"text": "I am up at two.", "source": "f1#3"}}]"#,
        );
        let persona = &claimed.persona;
        assert_eq!((persona.title.as_str(), persona.name.as_str()), ("Baker", "Max"));
        assert!(persona.summary.contains("Bakes.") && persona.summary.contains("Since 1999."));
        assert_eq!(texts(&persona.goals), ["sleep", "flour"]);
        assert_eq!(texts(&persona.pains), ["Early rising", "Heat"]);
        assert_eq!(claimed.quotes[0].record, Some(RecordId::new(1, 3)));
        assert!(claimed.unread.is_empty(), "{:?}", claimed.unread);
    }

    #[test]
    fn our_own_file_is_read_with_its_citations() {
        let own = crate::prompts::controls::load(crate::prompts::Wording::Free);
        let own = own.all[0].persona.clone();
        let claimed = first(&serde_json::to_string(&vec![&own]).expect("plain data"));
        assert_eq!(claimed.persona.goals, own.goals);
        assert_eq!(claimed.persona.pains, own.pains);
        let claimed: Vec<_> = claimed.quotes.iter().map(|q| (&q.text, q.record.as_ref())).collect();
        let own: Vec<_> = own.quotes.iter().map(|q| (&q.text, Some(&q.record))).collect();
        assert_eq!(claimed, own);
    }

    #[test]
    fn personas_are_found_wherever_they_lie() {
        let names = |json: &str| -> Vec<String> {
            parse(json).expect("personas").into_iter().map(|c| c.persona.name).collect()
        };
        let one = r#"{"name": "A", "goals": ["x"]}"#;
        let two = r#"{"name": "B", "goals": ["y"]}"#;
        assert_eq!(names(one), ["A"]);
        assert_eq!(names(&format!("[{one},{two}]")), ["A", "B"]);
        assert_eq!(names(&format!("{one}\n{two}\n")), ["A", "B"]);
        assert_eq!(names(&format!(r#"{{"data": {{"results": [{one}]}}}}"#)), ["A"]);
        assert_eq!(names(&format!(r#"{{"p1": {one}, "p2": {two}}}"#)), ["A", "B"]);
    }

    #[test]
    fn what_holds_no_persona_is_refused_by_its_reason() {
        assert!(matches!(parse("not json"), Err(ForeignError::NotJson(_))));
        assert!(matches!(parse(""), Err(ForeignError::NotJson(_))));
        for none in ["[]", "{}", "null", "3", r#"[{"price": 3}]"#, r#"{"name": "only"}"#] {
            assert_eq!(parse(none), Err(ForeignError::NoPersona), "{none}");
        }
        let many = vec![r#"{"name": "A", "goals": ["x"]}"#; MAX_PERSONAS + 1].join(",");
        assert_eq!(parse(&format!("[{many}]")), Err(ForeignError::TooMany(MAX_PERSONAS + 1)));
    }

    proptest! {
        #[test]
        fn no_json_breaks_the_reader(keys in prop::collection::vec("name|goals|quotes|pain_points|demographics|x", 0..6), which in 0usize..7) {
            let values = ["null", "3", "true", "\"a\\n- b\\n- c\"", "[[[]]]", "{\"text\": [1, {}]}", "[{\"records\": 3}]"];
            let fields: Vec<String> = keys.iter().map(|k| format!("\"{k}\": {}", values[which])).collect();
            let _ = parse(&format!("{{{}}}", fields.join(",")));
        }
    }
}
