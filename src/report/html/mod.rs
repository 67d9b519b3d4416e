//! `report.html`: a run as one self-contained page.
//!
//! Owns the page's data, its template and its permissions. There are two steps, so that the last
//! check for personal values can stand between them: [`page`] collects every word that comes from
//! data or a model as JSON, [`render`] puts it on the page. There it is text and nothing else: the
//! template escapes it, control characters and direction overrides are removed before, and the
//! page's own policy (<https://www.w3.org/TR/CSP3/>) allows one style sheet and one script, each by
//! its hash, and no request at all.

mod avatar;
mod cards;
mod coverage;
mod figures;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, Value as Shown, context};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{View, counted, plain};

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// Number of hues for personas; further personas get the same hues again, and their numbers tell
/// them apart.
const COLOURS: usize = 8;

/// Everything on the page, as data. `report` is what [`super::report()`] returned for the same
/// view.
pub fn page(view: View<'_>, report: &Value) -> Value {
    let state = view.state;
    let personas = state.selected.as_deref().unwrap_or_default();
    let threshold = report["funnel"]["threshold"].as_f64();
    let quality = &report["set"];
    let coverage = coverage::coverage(view);
    let below = personas.iter().filter(|persona| persona.below_threshold).count();
    let mut page = json!({
        "title": format!("{} from {}", counted(personas.len(), "persona"), counted(view.corpus.records.len(), "record")),
        "finished": state.selected.is_some(),
        "drafts": state.drafts.len(),
        "below": below,
        "all_below": below > 0 && below == personas.len(),
        "partly_below": below > 0 && below < personas.len(),
        "inputs": report["inputs"],
        "input_names": names(report),
        "data_missing": view.corpus.records.is_empty() && state.plan.is_some(),
        "facts": facts(view, report),
        "notes": state.notes,
        "personas": cards::cards(view, threshold),
        "near_duplicates": duplicates(view, quality),
        "distance": quality["distance"]["min"].as_f64().map(|d| format!("{d:.2}")),
        "supported": quality["statements"]["share_supported"].as_f64().map(|s| format!("{:.0} %", s * 100.0)),
        "coverage": coverage,
        "judge": figures::judge(view, report),
        "funnel": figures::funnel(report),
        "drops": figures::drops(report),
        "stages": figures::stages(report),
        "money": figures::money(report),
        "egress": figures::egress(report),
        "provenance": provenance(view, report),
    });
    make_plain(&mut page);
    page
}

/// Renders the page from what [`page`] collected.
pub(super) fn render(page: &Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    // The `.html` of the name switches escaping on.
    environment.add_template("report.html", TEMPLATE)?;
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash_source(STYLE),
        hash_source(SCRIPT)
    );
    environment.get_template("report.html")?.render(context! {
        policy,
        style => Shown::from_safe_string(STYLE.to_owned()),
        script => Shown::from_safe_string(SCRIPT.to_owned()),
        ..Shown::from_serialize(page)
    })
}

/// A hash in the form of the policy. It covers exactly what stands between the tags, so the
/// template must add nothing there.
fn hash_source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// Removes from every string what must not reach a screen.
fn make_plain(value: &mut Value) {
    match value {
        Value::String(text) => *text = plain(text),
        Value::Array(values) => values.iter_mut().for_each(make_plain),
        Value::Object(fields) => fields.values_mut().for_each(make_plain),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A share 0..=1 as the width of a bar, in per cent.
fn percent(share: f64) -> f64 {
    (share.clamp(0.0, 1.0) * 1000.0).round() / 10.0
}

fn names(report: &Value) -> String {
    let files = report["inputs"].as_array().into_iter().flatten();
    let names: Vec<&str> = files.filter_map(|file| file["name"].as_str()).collect();
    match names.as_slice() {
        [] => "data that could not be read again".to_owned(),
        [some @ .., last] if names.len() <= 4 => {
            if some.is_empty() {
                (*last).to_owned()
            } else {
                format!("{} and {last}", some.join(", "))
            }
        }
        all => format!("{} and {} more files", all[..3].join(", "), all.len() - 3),
    }
}

/// The figures at the top of the page.
fn facts(view: View<'_>, report: &Value) -> Value {
    let quality = &report["set"];
    let part = |name: &str| {
        let part = &quality[name];
        part["cited"].as_u64().map(|cited| format!("{cited} of {}", part["of"]))
    };
    let seconds: f64 = view.state.seconds.values().sum();
    let spent = figures::money(report)["spent"].clone();
    let left = match report["left_this_machine"].as_array().map_or(0, Vec::len) {
        0 => "nothing left this machine".to_owned(),
        hosts => format!("sent to {}", counted(hosts, "host")),
    };
    let supported = quality["statements"]["share_supported"].as_f64();
    let rows = [
        (
            "participants heard",
            part("participants"),
            "with a record that a persona cites".to_owned(),
        ),
        ("records cited", part("records"), "the map below shows which".to_owned()),
        (
            "statements with evidence",
            supported.map(|share| format!("{:.0} %", share * 100.0)),
            "the others are marked as inferred".to_owned(),
        ),
        ("time", Some(figures::duration(seconds)), "all stages".to_owned()),
        ("paid", spent.as_str().map(str::to_owned), left),
    ];
    let shown = rows.into_iter().filter_map(|(name, value, what)| Some((name, value?, what)));
    shown.map(|(name, value, what)| json!({ "name": name, "value": value, "what": what })).collect()
}

/// The names of pairs of personas that say much the same.
fn duplicates(view: View<'_>, quality: &Value) -> Value {
    let personas = view.state.selected.as_deref().unwrap_or_default();
    let name = |id: &Value| {
        personas.iter().find(|p| id == p.id.as_str()).map_or("?", |p| p.name.as_str()).to_owned()
    };
    let pairs = quality["near_duplicates"].as_array().into_iter().flatten();
    pairs.map(|pair| format!("{} and {}", name(&pair[0]), name(&pair[1]))).collect()
}

/// The rows on what it takes to repeat the run, and on what happened to personal data.
fn provenance(view: View<'_>, report: &Value) -> Value {
    let Some(started) = &view.state.started else { return json!({ "rows": [] }) };
    let model = &started.model;
    let millions = model.parameters.map(|n| format!("{} million", figures::grouped(n / 1_000_000)));
    // Taken from the document and not from `Process`: another process may be rendering the page.
    let privacy = &report["privacy"];
    let removed = privacy["removed"].as_object().map(|removed| {
        let parts: Vec<String> = removed.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
        if parts.is_empty() { "nothing found".to_owned() } else { parts.join(", ") }
    });
    let memory = report["peak_rss_bytes"]
        .as_u64()
        .map(|bytes| format!("{} MB", figures::grouped(bytes / 1_000_000)));
    let resumed = (view.state.resumed > 0).then(|| view.state.resumed.to_string());
    let clearance = match privacy["clearance"].as_str() {
        None | Some("") => None,
        Some("as_is") => Some("not anonymised".to_owned()),
        Some(strategy) => Some(format!("anonymised ({strategy})")),
    };
    let second = privacy["second_pass"].as_object().map(|second| {
        let said = |name: &str| second.get(name).and_then(Value::as_str).unwrap_or_default();
        let hash = second.get("sha256").and_then(Value::as_str);
        let hash = hash.map(|hash| format!(", SHA-256 {hash}")).unwrap_or_default();
        format!("{} ({}{hash})", said("name"), said("kind").replace('_', " "))
    });
    let rows = [
        ("model", Some(model.id.clone())),
        ("model file, SHA-256", model.sha256.clone()),
        ("parameters", millions),
        ("context", Some(format!("{} tokens", figures::grouped(model.context as u64)))),
        ("wording", view.state.plan.as_ref().map(|plan| plan.style.clone())),
        ("seed", Some(started.seed.to_string())),
        ("persona", Some(started.version.clone())),
        ("resumed, times", resumed),
        ("most memory", memory),
        ("personal data", clearance),
        ("replaced", removed),
        ("looked at once more by", second),
        ("network closed by", privacy["air_gap"].as_str().map(str::to_owned)),
    ];
    let shown = rows.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let rows: Value = shown.map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let settings = serde_json::to_string_pretty(&report["settings"]).unwrap_or_default();
    json!({ "rows": rows, "settings": settings })
}

#[cfg(test)]
mod tests;
