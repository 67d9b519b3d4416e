//! Transcripts by word, as services for speech recognition write them.
//!
//! Owns putting their words and sentences together into turns, and taking out what tells the same
//! transcript again without its speakers. What becomes of the turns is decided in `nested`.

use serde_json::{Map, Value, json};

use super::message::{self, Object, said_by, scalar};
use crate::corpus::names::normalise;
use crate::corpus::rows::Rows;

/// Fields with the speaker of a word or a turn.
const SPEAKER: [&str; 5] = ["speaker", "speakername", "speakerlabel", "speakerid", "speakertag"];
/// Fields with a word or a sentence, the best first.
const PIECE: [&str; 5] = ["punctuatedword", "word", "text", "value", "content"];
/// Fields with the time at which something is said.
const START: [&str; 5] = ["start", "starttime", "begin", "offset", "ts"];
const END: [&str; 3] = ["end", "endtime", "endts"];
/// Fields with a transcript as a whole.
const WHOLE: [&str; 2] = ["text", "transcript"];

/// Fewest words of a text that may be a transcript as a whole.
const LEAST_WORDS: usize = 6;
/// Letters of a stretch by which a text is looked for in another.
const STRETCH: usize = 12;
/// Most stretches that are looked for.
const SAMPLE: usize = 100;
/// Name of the list for turns that stood further in.
const TURNS: &str = "turns";

/// What a list of a transcript holds, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Turns,
    /// Speakers, each with a list of sentences or words.
    Paragraphs,
    Words,
}

/// A place of a document that tells a transcript.
struct Telling {
    /// JSON pointer to it.
    at: String,
    kind: Kind,
    /// Whether it holds nothing longer than words. Sentences are left to `nested`.
    is_by_word: bool,
    /// The turns that its words or paragraphs make.
    turns: Vec<Value>,
    /// Its letters and digits.
    plain: String,
}

/// A stretch of a recording in which one person speaks.
struct Segment {
    start: f64,
    end: f64,
    speaker: Value,
}

#[derive(Default)]
struct Survey {
    segments: Vec<Segment>,
    tellings: Vec<Telling>,
    /// Texts that may be the transcript as a whole: pointers, and letters and digits.
    texts: Vec<(String, String)>,
}

/// Calls the words of a turn `text`: a column `transcript` would tell one transcript from another.
fn call_text(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(call_text),
        Value::Object(fields) => {
            if speaker(fields).is_some()
                && !fields.contains_key("text")
                && fields.get("transcript").is_some_and(Value::is_string)
                && let Some(said) = fields.remove("transcript")
            {
                fields.insert("text".to_owned(), said);
            }
            fields.values_mut().for_each(call_text);
        }
        _ => {}
    }
}

/// Makes a list of turns of words that name their speakers, where no such list stands beside them.
/// Returns the paths of what was taken out because it says the same.
pub(super) fn put_together(document: &mut Value, rows: &mut Rows) -> Vec<String> {
    call_text(document);
    let mut survey = Survey::default();
    survey.find_segments(document);
    if let Value::Array(items) = document
        && telling(items, &survey.segments).is_none()
    {
        // Each is a recording of its own.
        return items.iter_mut().flat_map(|item| put_together(item, rows)).collect();
    }
    survey.visit(document, "");
    let Survey { mut tellings, texts, .. } = survey;
    if !tellings.iter().any(|telling| telling.is_by_word) {
        return Vec::new();
    }
    let lists = tellings.iter().map(|telling| telling.plain.len());
    let longest = lists.chain(texts.iter().map(|(_, plain)| plain.len())).max().unwrap_or(0);
    tellings.sort_by_key(|telling| telling.kind);
    let best = tellings.iter().position(|telling| telling.plain.len() * 10 >= longest * 9);
    let Some(best) = best.map(|best| tellings.remove(best)) else {
        if tellings.iter().all(|telling| telling.kind != Kind::Turns) {
            rows.findings.note("speakers-lost", None, || {
                "only some words of a transcript name their speaker, so the whole of it is nobody's"
                    .to_owned()
            });
        }
        return Vec::new();
    };
    // Other words are those of another recording.
    if !tellings.iter().all(|other| holds(&best.plain, &other.plain)) {
        return Vec::new();
    }
    let is_whole = |(_, plain): &(String, String)| {
        plain.len() * 3 >= best.plain.len() * 2 && holds(&best.plain, plain)
    };
    let again = tellings.into_iter().map(|telling| telling.at);
    let again: Vec<String> =
        again.chain(texts.into_iter().filter(is_whole).map(|(at, _)| at)).collect();
    for at in &again {
        remove(document, at, &best.at);
    }
    place(document, best);
    again.iter().map(|at| path_of(at)).collect()
}

/// The path of keys that a JSON pointer stands for.
fn path_of(at: &str) -> String {
    let keys = at.split('/').filter(|key| !key.is_empty() && key.parse::<usize>().is_err());
    keys.collect::<Vec<_>>().join(".")
}

/// Puts the turns into the document: where they stood, or at its top if they stood in a list.
fn place(document: &mut Value, best: Telling) {
    let Some(list) = document.pointer_mut(&best.at) else { return };
    if best.kind != Kind::Turns {
        *list = Value::Array(best.turns);
    }
    // Numbers of words in a list of all words.
    let are_numbers =
        |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_number));
    for turn in list.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        turn.retain(|_, value| !are_numbers(value));
    }
    let is_in_list = best.at.split('/').any(|key| key.parse::<usize>().is_ok());
    let turns = list.clone();
    if let Value::Object(fields) = document
        && is_in_list
        && !fields.contains_key(TURNS)
    {
        fields.insert(TURNS.to_owned(), turns);
        remove(document, &best.at, "/turns");
    }
}

impl Survey {
    fn find_segments(&mut self, value: &Value) {
        match value {
            Value::Array(items) => {
                let segments: Option<Vec<Segment>> = items.iter().map(segment).collect();
                match segments {
                    Some(segments) => self.segments.extend(segments),
                    None => items.iter().for_each(|item| self.find_segments(item)),
                }
            }
            Value::Object(fields) => fields.values().for_each(|field| self.find_segments(field)),
            _ => {}
        }
    }

    fn visit(&mut self, value: &Value, at: &str) {
        match value {
            Value::Array(items) => match telling(items, &self.segments) {
                Some((kind, turns)) => {
                    let all = if kind == Kind::Turns { items } else { &turns };
                    let said = all.iter().filter_map(Value::as_object).filter_map(said_by);
                    let plain = said.map(|said| plain(&said)).collect();
                    let is_by_word = kind == Kind::Words
                        || kind == Kind::Paragraphs && !items.iter().any(has_words);
                    let at = at.to_owned();
                    self.tellings.push(Telling { at, kind, is_by_word, turns, plain });
                }
                None => {
                    for (i, item) in items.iter().enumerate() {
                        self.visit(item, &format!("{at}/{i}"));
                    }
                }
            },
            Value::Object(fields) => {
                for (key, field) in fields {
                    let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                    match field.as_str().filter(|_| WHOLE.contains(&&*normalise(key))) {
                        Some(text) if text.split_whitespace().count() >= LEAST_WORDS => {
                            self.texts.push((at, plain(&without_labels(text))));
                        }
                        _ => self.visit(field, &at),
                    }
                }
            }
            _ => {}
        }
    }
}

fn named<'v>(object: &'v Object, names: &[&str]) -> Option<&'v Value> {
    names.iter().find_map(|name| Some(object.iter().find(|(key, _)| normalise(key) == **name)?.1))
}

fn speaker(object: &Object) -> Option<&Value> {
    named(object, &SPEAKER).filter(|value| scalar(value).is_some())
}

fn time(object: &Object, names: &[&str]) -> Option<f64> {
    scalar(named(object, names)?)?.trim_end_matches('s').parse().ok()
}

fn segment(item: &Value) -> Option<Segment> {
    let object = item.as_object().filter(|object| piece(object).is_none())?;
    let speaker = speaker(object)?.clone();
    Some(Segment { start: time(object, &START)?, end: time(object, &END)?, speaker })
}

/// The word or sentence that an object stands for, of several alternatives the first.
fn piece(object: &Object) -> Option<&str> {
    let own = named(object, &PIECE).and_then(Value::as_str);
    let first = || object.get("alternatives")?.get(0)?.as_object().and_then(piece);
    own.or_else(first)
}

/// The turns of a list, if it tells a transcript by speaker.
fn telling(items: &[Value], segments: &[Segment]) -> Option<(Kind, Vec<Value>)> {
    let objects: Vec<&Object> = items.iter().map(Value::as_object).collect::<Option<_>>()?;
    if objects.is_empty() {
        return None;
    }
    if are_words(&objects) {
        return Some((Kind::Words, turns_of_words(&objects, segments)?));
    }
    let most = |some: usize| some * 2 > objects.len();
    if !most(objects.iter().filter(|object| speaker(object).is_some()).count()) {
        return None;
    }
    if most(objects.iter().filter(|object| said_by(object).is_some()).count()) {
        return Some((Kind::Turns, Vec::new()));
    }
    let turns: Option<Vec<Value>> = objects.iter().map(|object| paragraph(object)).collect();
    turns.map(|turns| (Kind::Paragraphs, turns))
}

/// Whether objects are the single words of a recording.
fn are_words(objects: &[&Object]) -> bool {
    let is_word = |object: &&&Object| {
        piece(object).is_some_and(|word| !word.trim().contains(char::is_whitespace))
    };
    let timed = objects.iter().filter(|object| time(object, &START).is_some()).count();
    objects.len() > 1
        && objects.iter().filter(is_word).count() == objects.len()
        && timed * 2 >= objects.len()
}

/// The turns that words make; `None` where most of them have no speaker.
fn turns_of_words(words: &[&Object], segments: &[Segment]) -> Option<Vec<Value>> {
    let by_time = |word: &Object| {
        let start = time(word, &START)?;
        let mut around = segments.iter().filter(|of| of.start <= start && start < of.end);
        around.next().map(|segment| &segment.speaker)
    };
    let mut runs: Vec<(Option<&Value>, Vec<&Object>)> = Vec::new();
    for &word in words {
        // Punctuation has no time of its own.
        let is_mark = !piece(word)?.contains(char::is_alphanumeric);
        let who = speaker(word).or_else(|| by_time(word));
        match runs.last_mut() {
            Some((last, run)) if is_mark && who.is_none() || *last == who => run.push(word),
            _ => runs.push((who, vec![word])),
        }
    }
    let named = runs.iter().filter(|(who, _)| who.is_some()).map(|(_, run)| run.len());
    if named.sum::<usize>() * 10 < words.len() * 9 {
        return None;
    }
    let turn = |(who, run): (Option<&Value>, Vec<&Object>)| {
        let mut turn = Map::new();
        turn.extend(who.map(|who| ("speaker".to_owned(), who.clone())));
        turn.extend(
            run.first()
                .and_then(|word| time(word, &START))
                .map(|at| ("start".to_owned(), json!(at))),
        );
        turn.insert("text".to_owned(), Value::String(join(run.iter().copied())));
        Value::Object(turn)
    };
    Some(runs.into_iter().map(turn).collect())
}

/// A speaker with a list of sentences or words as a turn.
fn paragraph(object: &Object) -> Option<Value> {
    if said_by(object).is_some() {
        return Some(Value::Object(object.clone()));
    }
    let is_list = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
    let mut lists = object.iter().filter(|(_, value)| is_list(value));
    let (key, list) =
        lists.next().filter(|_| object.values().filter(|v| is_list(v)).count() == 1)?;
    let pieces: Vec<&Object> =
        list.as_array()?.iter().map(Value::as_object).collect::<Option<_>>()?;
    let are_pieces =
        pieces.iter().all(|of| piece(of).is_some() && message::speaker_of(of).is_none());
    if !are_pieces {
        return None;
    }
    let text = join(pieces.iter().copied());
    let others = object.iter().filter(|(name, _)| *name != key);
    let mut turn: Object = others.map(|(name, value)| (name.clone(), value.clone())).collect();
    turn.insert("text".to_owned(), Value::String(text));
    Some(Value::Object(turn))
}

/// Words or sentences as one text.
fn join<'v>(pieces: impl Iterator<Item = &'v Object> + Clone) -> String {
    let pieces = pieces.filter_map(piece);
    let have_spaces = pieces.clone().any(|piece| piece.starts_with(' ') || piece.ends_with(' '));
    let mut text = String::new();
    for piece in pieces {
        let is_mark =
            !piece.contains(char::is_alphanumeric) && !piece.starts_with(['(', '[', '¿', '¡']);
        let is_dense = |c: Option<char>| c.is_none_or(|c| matches!(c, '\u{3000}'..='\u{9fff}'));
        let is_close = is_dense(text.chars().last()) && is_dense(piece.chars().next());
        if !(have_spaces || is_mark || is_close || text.is_empty()) {
            text.push(' ');
        }
        text.push_str(piece);
    }
    text.trim().to_owned()
}

/// A text without the numbered speakers at the heads of its lines: `Speaker 0: …`.
fn without_labels(text: &str) -> String {
    let said = |line: &str| {
        let label = line.split_once(": ").filter(|(who, _)| who.ends_with(char::is_numeric));
        label.map_or(line, |(_, said)| said).to_owned()
    };
    text.lines().map(said).collect::<Vec<_>>().join("\n")
}

/// The letters and digits of a text, in small letters.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether most stretches of another text stand in a text.
fn holds(text: &str, other: &str) -> bool {
    let letters: Vec<char> = other.chars().collect();
    let stretches = letters.chunks_exact(STRETCH);
    let step = stretches.len().div_ceil(SAMPLE).max(1);
    let stretches: Vec<String> = stretches.step_by(step).map(String::from_iter).collect();
    let found = stretches.iter().filter(|stretch| text.contains(stretch.as_str())).count();
    found * 4 >= stretches.len() * 3
}

/// Takes out what a pointer points to, and what around it then holds no words, unless `kept` is
/// inside.
fn remove(document: &mut Value, at: &str, kept: &str) {
    let mut at = at;
    while let Some((parent, key)) = at.rsplit_once('/') {
        let Some(container) = document.pointer_mut(parent) else { return };
        match container {
            Value::Object(fields) => {
                fields.remove(&key.replace("~1", "/").replace("~0", "~"));
            }
            Value::Array(items) => {
                if let Some(item) = key.parse().ok().and_then(|i: usize| items.get_mut(i)) {
                    *item = Value::Null;
                }
            }
            _ => return,
        }
        let is_around = kept == parent || kept.starts_with(&format!("{parent}/"));
        if parent.is_empty() || is_around || has_words(container) {
            return;
        }
        at = parent;
    }
}

fn has_words(value: &Value) -> bool {
    match value {
        Value::String(text) => text.trim().contains(char::is_whitespace),
        Value::Array(items) => items.iter().any(has_words),
        Value::Object(fields) => fields.values().any(has_words),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_json, said};

    const TOLD: &str = "How do you pay? I type each one of them again. And who approves it?";

    /// The words of [`TOLD`], each as `word` writes it of its number, speaker and text.
    fn words(word: impl Fn(usize, usize, &str) -> String) -> String {
        let speakers = [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0];
        let words = TOLD.split(' ').enumerate().map(|(i, text)| word(i, speakers[i], text));
        words.collect::<Vec<_>>().join(",")
    }

    fn is_told_once_by_speaker(json: &str) {
        let rows = load_json(json);
        let all: Vec<&str> = rows.records.iter().map(|r| r.text.as_str()).collect();
        let all = all.join("\n");
        assert_eq!(all.matches("I type each one of them again.").count(), 1, "{all}");
        assert_eq!(all.matches("How do you pay?").count(), 1, "{all}");
        let typing = said(&rows).into_iter().find(|(_, text)| text.contains("I type"));
        assert!(typing.is_some_and(|(who, _)| who.is_some_and(|who| who.ends_with('1'))), "{all}");
    }

    #[test]
    fn words_with_speakers_are_turns_and_told_once() {
        let deepgram = words(|i, who, word| {
            format!(
                r#"{{"word": "{}", "start": {i}, "end": {i}.5, "speaker": {who}, "punctuated_word": "{word}"}}"#,
                word.to_lowercase()
            )
        });
        let sentences = |who: usize, text: &str| {
            format!(
                r#"{{"sentences": [{{"text": "{text}", "start": 1}}], "speaker": {who}, "num_words": 4}}"#
            )
        };
        let paragraphs = [
            sentences(0, "How do you pay?"),
            sentences(1, "I type each one of them again."),
            sentences(0, "And who approves it?"),
        ]
        .join(",");
        let channel = |paragraphs: &str| {
            format!(
                r#""channels": [{{"alternatives": [{{"transcript": "{TOLD}", "confidence": 0.9, "words": [{deepgram}] {paragraphs}}}]}}]"#
            )
        };
        let by_paragraph = format!(
            r#", "paragraphs": {{"transcript": "\nSpeaker 0: How do you pay?\n\nSpeaker 1: I type each one of them again.", "paragraphs": [{paragraphs}]}}"#
        );
        let utterances = r#""utterances": [{"speaker": 0, "transcript": "How do you pay?"},
            {"speaker": 1, "transcript": "I type each one of them again."},
            {"speaker": 0, "transcript": "And who approves it?"}]"#;
        is_told_once_by_speaker(&format!(r#"{{"results": {{{}}}}}"#, channel("")));
        is_told_once_by_speaker(&format!(r#"{{"results": {{{}}}}}"#, channel(&by_paragraph)));
        is_told_once_by_speaker(&format!(
            r#"{{"results": {{{}, {utterances}}}}}"#,
            channel(&by_paragraph)
        ));
    }

    #[test]
    fn words_are_their_speakers_whether_by_a_label_or_by_time() {
        let item = |label: bool| {
            words(|i, who, word| {
                let label = if label {
                    format!(r#", "speaker_label": "spk_{who}""#)
                } else {
                    String::new()
                };
                format!(
                    r#"{{"type": "pronunciation", "alternatives": [{{"content": "{word}"}}], "start_time": "{i}.0", "end_time": "{i}.5"{label}}}"#
                )
            })
        };
        let segments = r#""speaker_labels": {"segments": [
            {"start_time": "0.0", "end_time": "3.9", "speaker_label": "spk_0", "items": []},
            {"start_time": "4.0", "end_time": "10.9", "speaker_label": "spk_1", "items": []},
            {"start_time": "11.0", "end_time": "20.0", "speaker_label": "spk_0", "items": []}]}"#;
        let whole = format!(r#""transcripts": [{{"transcript": "{TOLD}"}}]"#);
        is_told_once_by_speaker(&format!(
            r#"{{"results": {{{whole}, "items": [{}]}}}}"#,
            item(true)
        ));
        is_told_once_by_speaker(&format!(
            r#"{{"results": {{{whole}, {segments}, "items": [{}]}}}}"#,
            item(false)
        ));
    }

    #[test]
    fn a_transcript_of_which_only_some_words_have_speakers_is_nobodys() {
        let rows = load_json(
            r#"{"results": {"transcripts": [{"transcript": "How do you pay? I type each one again."}],
                "items": [{"speaker_label": "spk_0", "start_time": "0.0", "alternatives": [{"content": "How"}]},
                    {"speaker_label": "spk_1", "start_time": "3.0", "alternatives": [{"content": "I"}]}]}}"#,
        );
        assert_eq!(rows.records.len(), 1);
        assert_eq!(rows.records[0].participant, None);
        assert!(rows.findings.kinds().iter().any(|(kind, ..)| *kind == "speakers-lost"));
    }

    #[test]
    fn elements_of_a_turn_are_its_words_and_its_speaker_is_called_by_name() {
        let element = |(i, word): (usize, &str)| {
            format!(
                r#"{{"type": "text", "value": "{word}", "ts": {i}.1, "end_ts": {i}.2}}, {{"type": "punct", "value": " "}}"#
            )
        };
        let elements =
            |text: &str| text.split(' ').enumerate().map(element).collect::<Vec<_>>().join(",");
        let rows = load_json(&format!(
            r#"{{"speakers": [{{"id": 0, "name": "Interviewer"}}, {{"id": 1, "name": "Aroha Ngata"}}],
                "monologues": [{{"speaker": 0, "elements": [{}]}}, {{"speaker": 1, "elements": [{}]}}]}}"#,
            elements("How do you book them?"),
            elements("I ring the same gang, and hope.")
        ));
        assert_eq!(rows.records.len(), 1);
        assert_eq!(rows.records[0].participant.as_deref(), Some("Aroha Ngata"));
        let text = &rows.records[0].text;
        assert!(text.contains("I ring the same gang, and hope."), "{text}");
    }
}
