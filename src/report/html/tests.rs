//! The page, read back by an HTML5 parser: what it may load, and what hostile text becomes.

use std::collections::BTreeMap;

use html5gum::{Token, Tokenizer};

use super::*;
use crate::report::{Process, report, sample};
use crate::schema::{Persona, Verdict};
use crate::store::{CallCost, Draft, DraftId, Event, RunState, Started};

/// Text with every attack on pages and terminals that the tests know.
const HOSTILE: &str = "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>\
    \"'><svg/onload=alert(3)>{{7*7}}{% raw %}javascript:alert(4)\u{202e}desrever\u{2066}\u{1b}[2J\u{1b}]0;own\u{7}\u{0}";

fn rendered(state: &RunState) -> String {
    let (corpus, process) = (sample::corpus(), Process::default());
    let view = View { state, corpus: &corpus, process: &process };
    render(&page(view, &report(view))).unwrap()
}

/// A start tag: its name and its attributes.
type Tag = (String, BTreeMap<String, String>);

/// The start tags of a page, and the text between tags.
fn parsed(html: &str) -> (Vec<Tag>, String) {
    let (mut tags, mut text) = (Vec::new(), String::new());
    let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    for token in Tokenizer::new(html).flatten() {
        match token {
            Token::StartTag(tag) => {
                let attributes = tag.attributes.iter();
                let attributes = attributes.map(|(name, value)| (string(name), string(value)));
                tags.push((string(&tag.name), attributes.collect()));
            }
            Token::String(piece) => text.push_str(&string(&piece)),
            _ => {}
        }
    }
    (tags, text)
}

fn hostile_persona() -> Persona {
    let mut persona = sample::persona();
    for text in [&mut persona.name, &mut persona.title, &mut persona.summary] {
        HOSTILE.clone_into(text);
    }
    persona.goals[0].text = HOSTILE.into();
    persona.pains[0].text = "w".repeat(10_000);
    persona.motivations = vec![HOSTILE.into()];
    persona.demographics = BTreeMap::from([(HOSTILE.into(), HOSTILE.into())]);
    persona.quotes[0].text = HOSTILE.into();
    persona.provenance.model = HOSTILE.into();
    persona.scores.criteria = BTreeMap::from([(HOSTILE.into(), 0.5)]);
    persona
}

fn hostile_run() -> RunState {
    let id = DraftId { slot: 0, round: 0, index: 0 };
    let started: Started = serde_json::from_value(json!({
        "version": HOSTILE, "settings": { "said": HOSTILE }, "inputs": [], "input_hashes": [],
        "model": { "id": HOSTILE, "sha256": null, "parameters": 1, "context": 1, "logits": false },
        "model_ref": HOSTILE, "seed": 1,
    }))
    .unwrap();
    let verdict = (Verdict { score: 0.4, ..Verdict::default() }, CallCost::default());
    let draft =
        Draft { persona: hostile_persona(), cost: CallCost::default(), verdict: Some(verdict) };
    let mut state = RunState {
        drafts: [(id, draft)].into(),
        selected: Some(vec![hostile_persona(), sample::persona()]),
        notes: vec![HOSTILE.into()],
        ..RunState::default()
    };
    state.dropped.insert(DraftId { index: 1, ..id }, HOSTILE.into());
    state.apply(Event::Started(Box::new(started)));
    state
}

#[test]
fn the_page_asks_for_nothing_but_itself() {
    let html = rendered(&hostile_run());
    let (tags, _) = parsed(&html);
    assert!(tags.len() > 100, "only {} tags", tags.len());
    for (name, attributes) in &tags {
        for (attribute, value) in attributes {
            let loads = matches!(
                attribute.as_str(),
                "src"
                    | "srcset"
                    | "action"
                    | "data"
                    | "poster"
                    | "xlink:href"
                    | "background"
                    | "style"
            );
            assert!(!loads, "<{name} {attribute}={value:?}>");
            assert!(!attribute.starts_with("on"), "<{name} {attribute}={value:?}>");
            assert!(attribute != "href" || value.starts_with('#'), "<{name} href={value:?}>");
        }
        let foreign = ["link", "iframe", "object", "embed", "base", "img", "image", "use", "audio"];
        assert!(!foreign.contains(&name.as_str()), "<{name}>");
    }
    let loads = ["@import", "url(", "fetch(", "XMLHttpRequest", "innerHTML", "eval("];
    for what in loads {
        assert!(!STYLE.contains(what) && !SCRIPT.contains(what), "{what}");
    }
}

#[test]
fn the_policy_allows_one_style_and_one_script_by_the_hashes_of_what_stands_on_the_page() {
    let html = rendered(&hostile_run());
    let (tags, _) = parsed(&html);
    let (_, meta) = tags
        .iter()
        .find(|(_, a)| a.get("http-equiv").is_some_and(|n| n == "Content-Security-Policy"))
        .expect("a policy");
    let policy = &meta["content"];
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
        assert_eq!(html.matches(open).count(), 1, "{open}");
        let (_, rest) = html.split_once(open).unwrap();
        let (inside, _) = rest.split_once(close).unwrap();
        assert!(policy.contains(&hash_source(inside)), "{open} is not what the policy allows");
    }
}

#[test]
fn hostile_text_is_shown_and_does_nothing() {
    let html = rendered(&hostile_run());
    let (tags, text) = parsed(&html);
    assert_eq!(tags.iter().filter(|(name, _)| name == "script").count(), 1);
    assert!(text.contains("<img src=http://evil.example/x onerror=alert(2)>"));
    assert!(text.contains("{{7*7}}{% raw %}"), "a template in the data is text");
    assert!(text.contains(&"w".repeat(10_000)));
    for hidden in ['\u{202e}', '\u{2066}', '\u{1b}', '\u{7}', '\u{0}'] {
        assert!(!html.contains(hidden), "{hidden:?}");
    }
}

#[test]
fn a_card_shows_quotes_in_their_record_and_what_is_inferred() {
    let state = RunState { selected: Some(vec![sample::persona()]), ..RunState::default() };
    let html = rendered(&state);
    let (tags, text) = parsed(&html);
    assert!(text.contains("role: nurse\nanswer: I *never* trust the <b>schedule</b>"), "{text}");
    assert!(html.contains("<mark>I *never* trust the &lt;b&gt;schedule&lt;&#x2f;b&gt;</mark>"));
    let inferred = tags.iter().filter(|(_, a)| a.get("class").is_some_and(|c| c == "inferred"));
    assert_eq!(inferred.count(), 2, "one pain and one motivation");
    assert!(text.contains("inferred: no record says it"));
    assert!(text.contains("thin"), "one participant is thin evidence");
    assert!(html.contains("interviews.csv, row 1, p01"));
}

#[test]
fn every_control_has_a_label_and_headings_leave_out_no_level() {
    let (tags, _) = parsed(&rendered(&hostile_run()));
    let fors: Vec<&String> = tags.iter().filter_map(|(_, a)| a.get("for")).collect();
    let mut level = 0;
    for (at, (name, attributes)) in tags.iter().enumerate() {
        if matches!(name.as_str(), "input" | "select") {
            let labelled = attributes.get("id").is_some_and(|id| fors.contains(&id));
            assert!(labelled || tags[at - 1].0 == "label", "{attributes:?}");
        }
        if let Some(found) = name.strip_prefix('h').and_then(|n| n.parse::<usize>().ok()) {
            assert!(found <= level + 1, "<{name}> after <h{level}>");
            level = found;
        }
    }
    let mut ids: Vec<&String> = tags.iter().filter_map(|(_, a)| a.get("id")).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id stands twice");
}

#[test]
fn a_run_that_died_at_once_and_one_without_its_data_have_a_page() {
    let html = rendered(&RunState::default());
    assert!(html.contains("This run did not finish."));
    let state = hostile_run();
    let (corpus, process) = (crate::corpus::Corpus::default(), Process::default());
    let view = View { state: &state, corpus: &corpus, process: &process };
    let html = render(&page(view, &report(view))).unwrap();
    assert!(html.contains("the record is not at hand"));
}
