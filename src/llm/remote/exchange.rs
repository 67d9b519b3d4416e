//! What the vendors' requests and answers have in common.
//!
//! Owns the outline of a chat (instructions apart, turns that alternate, a schema in words where
//! none is enforced), the parameters that a request can do without, and when an answer counts as
//! one. Does not know any vendor's field names.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::llm::json_schema::{self, Dialect};
use crate::llm::{
    ChatRequest, Completion, Finish, NEVER, Output, Role, Shape, Timings, Usage, label_shape,
};

/// A parameter that a request can do without, when the service does not know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::llm) enum Param {
    /// `max_tokens`, in Chat Completions only; without it, `max_completion_tokens` is sent.
    MaxTokens,
    /// How random the answer is.
    Temperature,
    /// The seed of the randomness.
    Seed,
    /// A bound on how much the model thinks before the answer.
    Reasoning,
    /// A hint that helps the service to find a cached prompt.
    Cache,
    /// Lengths and counts in the schema, in Chat Completions only; without them, they are stated in
    /// words.
    Bounds,
    /// Every text that may be quoted, listed in the schema; without them, they are stated in words.
    Excerpts,
    /// A schema that the service enforces; without it, the prompt states the schema.
    Schema,
    /// A label read from the beginning of the answer, with nothing forced before it; without it,
    /// the label is asked for as JSON.
    FirstWords,
    /// As many of the likeliest tokens as a label is best read from; without them, a few.
    ManyLogprobs,
    /// How likely each label was; without it, the label that was written counts.
    Logprobs,
    /// Instructions as a message of a role of their own; without it, they begin the user's first
    /// turn.
    System,
}

/// Most likely tokens that are asked for at each position: as many as OpenAI and Ollama give.
const MOST_LOGPROBS: u32 = 20;
/// As [`MOST_LOGPROBS`], of a service that gives fewer: as many as vLLM allows where it is told to
/// allow few, and as text-generation-inference gives.
const FEW_LOGPROBS: u32 = 5;
/// Names by which servers mention how many of the likeliest tokens they were asked for.
pub(in crate::llm) const LOGPROBS: &[&str] =
    &["logprobs", "top_logprobs", "logprob", "max_logprobs", "top_n_tokens"];
/// Words in which chat templates without a system role refuse one.
pub(in crate::llm) const SYSTEM: &[&str] = &["system", "system role", "roles"];
/// Answer tokens among which a label is looked for: it is the first, or follows a mark or two.
const READ_TOKENS: usize = 4;
/// Least probability of all labels together at which the first words count as an answer.
const LEAST_LIKELY: f64 = 0.05;

/// The parameters that a service has shown not to know.
pub(in crate::llm) type Without = BTreeSet<Param>;

/// The names that a vendor gives to its optional parameters, in the order in which they are tried
/// when a refusal is unclear.
pub(in crate::llm) type Optional = &'static [(Param, &'static [&'static str])];

/// A piece of a message.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::llm) struct Block<'r> {
    /// The text of the piece.
    pub(in crate::llm) text: Cow<'r, str>,
    /// Whether other requests of the stage begin with this piece too.
    pub(in crate::llm) shared: bool,
}

/// What one side says before the other answers.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::llm) struct Turn<'r> {
    /// The side that speaks: user or assistant.
    pub(in crate::llm) role: Role,
    /// The pieces of the turn; never empty.
    pub(in crate::llm) blocks: Vec<Block<'r>>,
}

impl Turn<'_> {
    /// The turn as one text.
    pub(in crate::llm) fn text(&self) -> String {
        joined(&self.blocks)
    }
}

/// A chat in the form that vendors accept.
#[derive(Debug)]
pub(in crate::llm) struct Outline<'r> {
    /// The instructions, apart from the turns.
    pub(in crate::llm) system: Vec<Block<'r>>,
    /// The turns; neighbours differ in role.
    pub(in crate::llm) turns: Vec<Turn<'r>>,
    /// The shape that the service is asked to enforce.
    pub(in crate::llm) enforced: Option<Cow<'r, Shape>>,
}

impl<'r> Outline<'r> {
    /// Reads a request. Messages that are nothing but white space are left out, because vendors
    /// refuse them.
    pub(in crate::llm) fn of(request: &'r ChatRequest, without: &Without) -> Self {
        let mut outline = Self { system: Vec::new(), turns: Vec::new(), enforced: None };
        let shared = request.shared.iter().map(|message| (message, true));
        for (message, shared) in shared.chain(request.own.iter().map(|message| (message, false))) {
            let block = Block { text: Cow::Borrowed(message.content.as_str()), shared };
            let is_told = message.role == Role::System && without.contains(&Param::System);
            outline.push(if is_told { Role::User } else { message.role }, block);
        }
        if let Some(shape) = shape(request, without) {
            if is_enforced(&shape, without) {
                outline.enforced = Some(shape);
            } else {
                let schema = json_schema::schema(&shape, Dialect::Open);
                let text = format!("Answer with one JSON document of this schema: {schema}");
                outline.push(Role::User, Block { text: text.into(), shared: false });
            }
        }
        outline
    }

    fn push(&mut self, role: Role, block: Block<'r>) {
        if block.text.trim().is_empty() {
            return;
        }
        if role == Role::System {
            self.system.push(block);
            return;
        }
        match self.turns.last_mut().filter(|turn| turn.role == role) {
            Some(turn) => turn.blocks.push(block),
            None => self.turns.push(Turn { role, blocks: vec![block] }),
        }
    }

    /// The instructions as one text; `None` where there are none.
    pub(in crate::llm) fn instructions(&self) -> Option<String> {
        (!self.system.is_empty()).then(|| joined(&self.system))
    }
}

/// The shape of an answer; a request for a label has one where the label is not read among the
/// first words.
fn shape<'r>(request: &'r ChatRequest, without: &Without) -> Option<Cow<'r, Shape>> {
    match &request.output {
        Output::Json(shape) => Some(Cow::Borrowed(shape)),
        Output::Label(_) if reads_first_words(request, without) => None,
        Output::Label(labels) => Some(Cow::Owned(label_shape(labels))),
        Output::Text => None,
    }
}

/// Whether a label is read from the first words of the answer. After the opening of a JSON document
/// a model answers less like itself, and a small one always writes the same label; but a model that
/// begins with something else has no label to read there.
pub(in crate::llm) fn reads_first_words(request: &ChatRequest, without: &Without) -> bool {
    let known = [Param::Logprobs, Param::FirstWords];
    matches!(request.output, Output::Label(_)) && !known.iter().any(|p| without.contains(p))
}

/// Most answer tokens to ask for.
pub(in crate::llm) fn max_tokens(request: &ChatRequest, without: &Without) -> usize {
    let read = reads_first_words(request, without).then_some(READ_TOKENS);
    request.max_tokens.min(read.unwrap_or(usize::MAX))
}

/// Whether the service is asked to enforce a shape; vendors enforce only objects.
fn is_enforced(shape: &Shape, without: &Without) -> bool {
    matches!(shape, Shape::Object(_)) && !without.contains(&Param::Schema)
}

fn joined(blocks: &[Block<'_>]) -> String {
    blocks.iter().map(|block| block.text.as_ref()).collect::<Vec<_>>().join("\n\n")
}

/// Whether a request carries the optional parameter `param`.
pub(in crate::llm) fn carries(request: &ChatRequest, without: &Without, param: Param) -> bool {
    let shape = || shape(request, without);
    match param {
        Param::Schema => shape().is_some_and(|shape| is_enforced(&shape, without)),
        Param::Bounds | Param::Excerpts => shape().is_some() && !without.contains(&param),
        Param::Logprobs => matches!(request.output, Output::Label(_)) && !without.contains(&param),
        Param::ManyLogprobs => {
            carries(request, without, Param::Logprobs) && !without.contains(&param)
        }
        Param::System => {
            let mut messages = request.shared.iter().chain(&request.own);
            messages.any(|message| message.role == Role::System) && !without.contains(&param)
        }
        _ => !without.contains(&param),
    }
}

/// How many of the likeliest tokens to ask for at each position; `None` where none are asked for.
pub(in crate::llm) fn logprobs(request: &ChatRequest, without: &Without) -> Option<u32> {
    let many = carries(request, without, Param::ManyLogprobs);
    carries(request, without, Param::Logprobs).then_some(if many {
        MOST_LOGPROBS
    } else {
        FEW_LOGPROBS
    })
}

/// A number with the decimals that were meant: 0.7 rather than 0.699999988079071.
pub(in crate::llm) fn decimal(number: f32) -> f64 {
    (f64::from(number) * 1000.0).round() / 1000.0
}

/// The request's temperature, cut to a vendor's limit and rounded.
pub(in crate::llm) fn temperature(request: &ChatRequest, max: f32) -> f64 {
    (f64::from(request.sampling.temperature.clamp(0.0, max)) * 100.0).round() / 100.0
}

/// An answer, or why it does not count as one. `finish` is `None` when the service names a reason
/// that is not known here: the answer then counts as complete, and the caller checks its text as it
/// does every text.
pub(in crate::llm) fn completion(
    text: String,
    finish: Option<Finish>,
    usage: Option<Usage>,
) -> Result<Completion, String> {
    let finish = match finish.unwrap_or(Finish::Complete) {
        Finish::Complete if text.is_empty() && usage.is_none() => {
            return Err("the answer holds no text".to_owned());
        }
        // The tokens of such an answer are paid for.
        Finish::Complete if text.is_empty() => Finish::Empty,
        finish => finish,
    };
    Ok(Completion { text, finish, usage, timings: Timings::default(), labels: None })
}

/// The fullest dialect of JSON Schema that the server has not refused.
pub(in crate::llm) fn dialect(request: &ChatRequest, without: &Without) -> Dialect {
    let carries = |param| carries(request, without, param);
    match (carries(Param::Bounds), carries(Param::Excerpts)) {
        (true, true) => Dialect::Listed,
        (true, false) => Dialect::Open,
        (false, _) => Dialect::Strict,
    }
}

/// How likely each label was, from the tokens of an answer as OpenAI and Ollama list them:
/// `[{token, logprob, top_logprobs: [{token, logprob}]}]`. The probabilities of spellings that
/// differ in white space and quotation marks are summed. With `first_words` they are read at the
/// place where the labels are likeliest together, whether or not one was written there; else at the
/// first token that is a label.
pub(in crate::llm) fn label_log_probs(
    tokens: &Value,
    labels: &[String],
    first_words: bool,
) -> Option<Vec<f32>> {
    let spells = |token: &Value, label: &String| {
        let around = |c: char| c.is_whitespace() || c == '"';
        token["token"].as_str().is_some_and(|text| text.trim_matches(around) == label)
    };
    let probability = |alternatives: &[Value], label: &String| -> f64 {
        let spelled = alternatives.iter().filter(|alternative| spells(alternative, label));
        // A probability is at most 1, whatever a server states.
        spelled.filter_map(|a| a["logprob"].as_f64()).map(|log| log.min(0.0).exp()).sum()
    };
    let places = tokens
        .as_array()?
        .iter()
        .filter(|token| first_words || labels.iter().any(|label| spells(token, label)));
    let mut read = places.filter_map(|token| {
        let alternatives = token["top_logprobs"].as_array().filter(|all| !all.is_empty())?;
        let each: Vec<f64> = labels.iter().map(|l| probability(alternatives, l)).collect();
        Some((each.iter().sum::<f64>(), each))
    });
    let (_, each) = if first_words {
        // Among equal places the first counts: later tokens follow from it.
        read.reduce(|best, other| if other.0 > best.0 { other } else { best })
            .filter(|(sum, _)| *sum >= LEAST_LIKELY)?
    } else {
        read.next()?
    };
    let log = |p: f64| if p > 0.0 { (p.ln() as f32).max(NEVER) } else { NEVER };
    Some(each.into_iter().map(log).collect())
}

/// The number of tokens at a JSON pointer.
pub(in crate::llm) fn count(body: &Value, pointer: &str) -> Option<u64> {
    body.pointer(pointer)?.as_u64()
}

/// A number of tokens that a service may leave out where it is 0. `None` where the value is not a
/// number, so that the usage as a whole cannot be read.
pub(in crate::llm) fn part(body: &Value, pointer: &str) -> Option<u64> {
    match body.pointer(pointer) {
        None | Some(Value::Null) => Some(0),
        Some(value) => value.as_u64(),
    }
}

/// Answer tokens that a total counts but its parts do not: some services leave reasoning out of the
/// parts.
pub(in crate::llm) fn beyond(body: &Value, total: &str, parts: u64) -> Option<u64> {
    Some(part(body, total)?.saturating_sub(parts))
}

/// The text at a JSON pointer.
pub(in crate::llm) fn text<'v>(body: &'v Value, pointer: &str) -> Option<&'v str> {
    body.pointer(pointer)?.as_str()
}

#[cfg(test)]
pub(in crate::llm) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::llm::{Message, Sampling};

    /// A request with every kind of message: two instructions, an example, a corpus, and a
    /// question.
    pub(in crate::llm) fn request(output: Output) -> ChatRequest {
        ChatRequest {
            shared: Arc::from([
                Message::system("You edit."),
                Message::system("Be brief."),
                Message::user("an example"),
                Message::assistant("its answer"),
                Message::user("the corpus"),
            ]),
            own: vec![Message::user("the question")],
            output,
            sampling: Sampling { temperature: 0.7, seed: u64::MAX, ..Sampling::default() },
            max_tokens: 300,
        }
    }

    /// The shape of an object with one key, whose value is a text.
    pub(in crate::llm) fn shape() -> Output {
        let text = Shape::Text { min: 1, max: 20 };
        Output::Json(Arc::new(Shape::Object(vec![("title".to_owned(), text)])))
    }

    #[test]
    fn neighbours_of_one_role_are_one_turn() {
        let request = request(Output::Text);
        let outline = Outline::of(&request, &Without::new());
        assert_eq!(outline.instructions().as_deref(), Some("You edit.\n\nBe brief."));
        let turns: Vec<(Role, String)> = outline.turns.iter().map(|t| (t.role, t.text())).collect();
        assert_eq!(
            turns,
            [
                (Role::User, "an example".to_owned()),
                (Role::Assistant, "its answer".to_owned()),
                (Role::User, "the corpus\n\nthe question".to_owned()),
            ]
        );
        let last = &outline.turns[2].blocks;
        assert_eq!((last[0].shared, last[1].shared), (true, false));
    }

    #[test]
    fn instructions_begin_the_first_turn_where_they_have_no_role_of_their_own() {
        let request = request(Output::Text);
        let outline = Outline::of(&request, &Without::from([Param::System]));
        assert_eq!(outline.instructions(), None);
        assert_eq!(outline.turns.len(), 3);
        assert_eq!(outline.turns[0].text(), "You edit.\n\nBe brief.\n\nan example");
        let carried = |without| carries(&request, &without, Param::System);
        assert!(carried(Without::new()) && !carried(Without::from([Param::System])));
    }

    #[test]
    fn a_blank_message_is_left_out() {
        let mut request = request(Output::Text);
        request.own = vec![Message::user(" \n"), Message::system("")];
        let outline = Outline::of(&request, &Without::new());
        assert_eq!(outline.system.len(), 2);
        assert_eq!(outline.turns.last().unwrap().text(), "the corpus");
    }

    #[test]
    fn a_schema_is_enforced_or_stands_in_the_prompt_but_not_both() {
        let request = request(shape());
        let enforced = Outline::of(&request, &Without::new());
        assert!(enforced.enforced.is_some());
        assert!(!enforced.turns.last().unwrap().text().contains("schema"));
        let told = Outline::of(&request, &Without::from([Param::Schema]));
        assert!(told.enforced.is_none());
        let text = told.turns.last().unwrap().text();
        let (_, schema) =
            text.split_once("Answer with one JSON document of this schema: ").unwrap();
        let schema: Value = serde_json::from_str(schema).unwrap();
        assert_eq!(schema["required"], serde_json::json!(["title"]));
    }

    #[test]
    fn a_shape_that_is_no_object_is_told_in_words() {
        let list =
            Shape::Array { item: Box::new(Shape::Integer { min: 1, max: 5 }), min: 1, max: 2 };
        let request = request(Output::Json(Arc::new(list)));
        let outline = Outline::of(&request, &Without::new());
        assert!(outline.enforced.is_none());
        assert!(outline.turns.last().unwrap().text().contains("this schema"));
        assert!(!carries(&request, &Without::new(), Param::Schema));
        assert!(carries(&request, &Without::new(), Param::Seed));
    }

    #[test]
    fn a_request_for_plain_text_carries_no_schema() {
        let with = |output| carries(&request(output), &Without::new(), Param::Schema);
        assert!(with(shape()) && !with(Output::Text));
    }

    #[test]
    fn a_label_is_read_where_it_is_likeliest_or_where_it_was_written() {
        let token = |text: &str, all: &[(&str, f64)]| {
            let all: Vec<Value> = all
                .iter()
                .map(|(text, p)| serde_json::json!({ "token": text, "logprob": p.ln() }))
                .collect();
            serde_json::json!({ "token": text, "logprob": -0.1, "top_logprobs": all })
        };
        let labels = ["1", "2"].map(str::to_owned);
        let read = |tokens: &[Value], first_words: bool| {
            let read = label_log_probs(&Value::from(tokens.to_vec()), &labels, first_words)?;
            Some(read.into_iter().map(f32::exp).collect::<Vec<f32>>())
        };
        let near = |read: Option<Vec<f32>>, [one, two]: [f32; 2]| {
            let read = read.expect("labels");
            assert!((read[0] - one).abs() < 1e-5 && (read[1] - two).abs() < 1e-5, "{read:?}");
        };
        let talker = [
            token("Sure", &[("Sure", 0.5), ("1", 0.1), (" 2", 0.2), ("\"2", 0.1)]),
            token("!", &[("!", 0.9), ("1", 0.01)]),
        ];
        near(read(&talker, true), [0.1, 0.3]);
        assert_eq!(read(&talker, false), None, "none was written");
        let document = [
            token("{\"", &[("1", 0.3), ("2", 0.1)]),
            token("1", &[("1", 0.9), ("2", 0.05)]),
            token("\"}", &[("\"}", 1.0)]),
        ];
        near(read(&document, false), [0.9, 0.05]);
        assert_eq!(read(&[token("I", &[("I", 0.9), ("1", 0.01)])], true), None, "hardly a label");
        assert_eq!((read(&[], true), read(&[token("1", &[])], false)), (None, None));
    }

    #[test]
    fn an_empty_answer_is_one_only_when_it_was_cut_or_refused() {
        let of = |text: &str, finish| completion(text.to_owned(), finish, None);
        assert_eq!(of("", Some(Finish::Refused)).unwrap().finish, Finish::Refused);
        assert_eq!(of("", Some(Finish::Length)).unwrap().finish, Finish::Length);
        assert_eq!(of("hm", None).unwrap().finish, Finish::Complete);
        assert!(of("", Some(Finish::Complete)).is_err() && of("", None).is_err());
        let billed = completion(String::new(), None, Some(Usage::default())).unwrap();
        assert_eq!(billed.finish, Finish::Empty, "its tokens are counted");
    }

    #[test]
    fn a_temperature_is_written_as_it_was_meant() {
        let mut request = request(Output::Text);
        assert_eq!(serde_json::json!(temperature(&request, 2.0)).to_string(), "0.7");
        request.sampling.temperature = 1.5;
        assert_eq!(serde_json::json!(temperature(&request, 1.0)).to_string(), "1.0");
    }
}
