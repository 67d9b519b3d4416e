//! Turns chat messages into tokens, by the model's own template.
//!
//! The template (Jinja, from the model file) never sees what the messages say: it is rendered with
//! a placeholder for each message, and the contents are inserted afterwards. So the template's own
//! control tokens can be told from text that merely looks like them, and nothing in a message can
//! end its turn. Contents are trimmed, because many templates do so themselves.
//!
//! A template is as untrusted as the file that it comes from. It runs in an interpreter that
//! reaches nothing outside (no files, no clock), within limits on steps and size
//! (`chat/interpreter.rs`).

mod interpreter;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::{Environment, ErrorKind, context};
use serde::Serialize;

use super::gguf::GgufFile;
use super::tokenizer::{Specials, Tokenizer};
use super::{EngineError, TokenId};

/// The template of a file that has none: ChatML, which most small chat models know.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + \
    message.content + '<|im_end|>\n' }}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// Marks around the number of a message in what the template renders. Both are private-use
/// characters, so no text has a meaning for them; contents are never searched for them.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// How many shapes of chats are remembered; a run has a handful.
const REMEMBERED: usize = 64;

/// One message of a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn<'a> {
    /// `system`, `user` or `assistant`.
    pub role: &'a str,
    /// What the message says; all of it is read as text, never as control tokens.
    pub content: &'a str,
}

/// Where a rendered chat ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// After the last message.
    LastMessage,
    /// After the header of the assistant's turn, ready for its answer.
    AssistantHeader,
}

/// A model's chat template.
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    origin: Origin,
    system: System,
    bos: String,
    eos: String,
    /// What the template rendered for each [`Shape`] so far.
    rendered: Mutex<HashMap<Shape, Arc<str>>>,
}

/// All that a template sees of a chat: for each message its role and whether it is empty, and where
/// the chat ends.
type Shape = (Vec<(String, bool)>, Ending);

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate")
            .field("origin", &self.origin)
            .field("system", &self.system)
            .finish_non_exhaustive()
    }
}

/// Where a template comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The model file, under `tokenizer.chat_template`.
    Model,
    /// ChatML, because the file has no template.
    Default,
}

/// What a template does with a system message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    /// It renders a system message in its own place.
    Own,
    /// It refuses or drops a system message, so the text is put before the first user message.
    InFirstUser,
}

/// A message as the template sees it.
#[derive(Debug, Serialize)]
struct Message<'a> {
    role: &'a str,
    content: String,
}

impl ChatTemplate {
    /// The template of a model file, tried out once.
    ///
    /// # Errors
    ///
    /// [`EngineError::Template`] when it cannot even render one question.
    pub fn from_gguf(file: &GgufFile, tokenizer: &Tokenizer) -> Result<Self, EngineError> {
        let source =
            file.metadata().text("tokenizer.chat_template").map_err(EngineError::Template)?;
        Self::new(source, tokenizer)
    }

    fn new(source: Option<&str>, tokenizer: &Tokenizer) -> Result<Self, EngineError> {
        let text = |token: Option<TokenId>| {
            let bytes = token.map_or(&[][..], |token| tokenizer.token_bytes(token));
            String::from_utf8_lossy(bytes).into_owned()
        };
        let mut this = Self {
            environment: environment(),
            source: without_generation_tags(source.unwrap_or(CHATML)),
            origin: if source.is_some() { Origin::Model } else { Origin::Default },
            system: System::Own,
            bos: text(tokenizer.bos()),
            eos: text(tokenizer.eos()),
            rendered: Mutex::default(),
        };
        let question = Turn { role: "user", content: "?" };
        let chat = [Turn { role: "system", content: "!" }, question];
        this.run(&[question], Ending::AssistantHeader)?;
        if this.run(&chat, Ending::AssistantHeader).is_err() {
            this.system = System::InFirstUser;
            this.run(&chat, Ending::AssistantHeader)?;
        }
        Ok(this)
    }

    /// Where the template comes from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The tokens of a chat, with the begin token where the model wants one.
    ///
    /// # Errors
    ///
    /// [`EngineError::Template`] when the template refuses the chat, drops a message, or does not
    /// come to an end.
    pub fn encode(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Turn<'_>],
        ending: Ending,
    ) -> Result<Vec<TokenId>, EngineError> {
        let rendered = self.render(messages, ending)?;
        let contents: Vec<&str> = messages.iter().map(|turn| turn.content.trim()).collect();
        let mut tokens = tokenizer.encode_pieces(pieces(&rendered, &contents))?;
        if let Some(bos) = tokenizer.bos().filter(|_| tokenizer.add_bos())
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
        }
        Ok(tokens)
    }

    /// The chat as the template renders it, with placeholders for the contents. Each shape of chat
    /// is rendered once: hundreds of judge's questions differ in nothing that the template sees.
    fn render(&self, messages: &[Turn<'_>], ending: Ending) -> Result<Arc<str>, EngineError> {
        let part = |turn: &Turn<'_>| (turn.role.to_owned(), turn.content.trim().is_empty());
        let shape: Shape = (messages.iter().map(part).collect(), ending);
        let known = || self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rendered) = known().get(&shape) {
            return Ok(Arc::clone(rendered));
        }
        let rendered: Arc<str> = self.run(messages, ending)?.into();
        let mut known = known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(shape, Arc::clone(&rendered));
        Ok(rendered)
    }

    fn run(&self, messages: &[Turn<'_>], ending: Ending) -> Result<String, EngineError> {
        let chat = self.placeholders(messages);
        let context = context! {
            messages => chat,
            add_generation_prompt => ending == Ending::AssistantHeader,
            bos_token => self.bos,
            eos_token => self.eos,
            enable_thinking => false,
        };
        let rendered = interpreter::render(self.environment.clone(), &self.source, context)
            .map_err(EngineError::Template)?;
        for (index, turn) in messages.iter().enumerate() {
            if !turn.content.trim().is_empty() && !rendered.contains(&placeholder(index)) {
                return Err(EngineError::Template(format!(
                    "it drops message {} of {} ({})",
                    index + 1,
                    messages.len(),
                    turn.role
                )));
            }
        }
        Ok(rendered)
    }

    /// The messages as the template gets them, with a placeholder for every content that is not
    /// empty. A system message stays where the template takes one, else it is put before the first
    /// user message.
    fn placeholders<'a>(&self, messages: &[Turn<'a>]) -> Vec<Message<'a>> {
        let mut chat: Vec<Message<'a>> = Vec::with_capacity(messages.len());
        let mut instructions = String::new();
        for (index, turn) in messages.iter().enumerate() {
            let empty = turn.content.trim().is_empty();
            let content = if empty { String::new() } else { placeholder(index) };
            match (self.system, turn.role) {
                (System::InFirstUser, "system") => {
                    instructions.push_str(&content);
                    instructions.push_str("\n\n");
                }
                (System::InFirstUser, "user") => {
                    let content = std::mem::take(&mut instructions) + &content;
                    chat.push(Message { role: "user", content });
                }
                _ => chat.push(Message { role: turn.role, content }),
            }
        }
        chat
    }
}

/// The text that stands for the content of message `index` while the template runs.
fn placeholder(index: usize) -> String {
    format!("{OPEN}{index}{CLOSE}")
}

/// The template's own text and the contents, in order. Text that looks like a placeholder, but
/// whose number is not that of a message, is left as the template's own.
fn pieces<'t>(rendered: &'t str, contents: &[&'t str]) -> Vec<(&'t str, Specials)> {
    let mut pieces = Vec::new();
    let mut start = 0; // of the template's text not yet taken
    for (open, _) in rendered.match_indices(OPEN) {
        let number = open + OPEN.len_utf8();
        let Some(length) = rendered[number..].find(CLOSE) else {
            break;
        };
        let index = rendered[number..number + length].parse::<usize>().ok();
        let Some(content) = index.and_then(|index| contents.get(index)) else {
            continue;
        };
        pieces.push((&rendered[start..open], Specials::Parse));
        pieces.push((*content, Specials::AsText));
        start = number + length + CLOSE.len_utf8();
    }
    pieces.push((&rendered[start..], Specials::Parse));
    pieces
}

/// An interpreter with the functions and methods that `transformers` gives its own.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function(
        "raise_exception",
        |reason: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, reason))
        },
    );
    environment.add_function("strftime_now", |format: &str| fixed_date(format));
    environment
}

/// Formats the day that templates see. The same chat must give the same tokens tomorrow, so the day
/// is always the one that Llama's templates fall back to: Friday, 26 July 2024.
fn fixed_date(format: &str) -> String {
    let parts = [
        ("%d", "26"),
        ("%b", "Jul"),
        ("%B", "July"),
        ("%m", "07"),
        ("%Y", "2024"),
        ("%y", "24"),
        ("%a", "Fri"),
        ("%A", "Friday"),
        ("%H", "00"),
        ("%M", "00"),
        ("%S", "00"),
    ];
    parts.iter().fold(format.to_owned(), |date, (code, value)| date.replace(code, value))
}

/// Removes `{% generation %}` tags, which mark what a trainer may learn from: each becomes a
/// condition that always holds.
fn without_generation_tags(source: &str) -> String {
    let mut plain = source.to_owned();
    for dash in ["-", ""] {
        plain = plain
            .replace(&format!("{{%{dash} generation "), &format!("{{%{dash} if true "))
            .replace(&format!("{{%{dash} endgeneration "), &format!("{{%{dash} endif "));
    }
    plain
}

#[cfg(test)]
mod tests;
