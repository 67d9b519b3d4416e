//! Markup of Slack's messages: `<https://x.io|the wiki>`, `<@U02>`, `<!here>`.
//!
//! Owns showing the words that a reader of the chat sees.
//! <https://docs.slack.dev/messaging/formatting-message-text>

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

/// Shows the visible words in the messages of a chat by Slack.
pub(super) fn show(document: &mut Value) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(show),
        Value::Object(fields) => {
            let is_message = fields.contains_key("ts") && fields.contains_key("user");
            if let Some(Value::String(text)) = fields.get_mut("text").filter(|_| is_message)
                && text.contains('<')
            {
                *text = visible(text);
            }
            fields.values_mut().for_each(show);
        }
        _ => {}
    }
}

fn visible(text: &str) -> String {
    static MARKUP: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"<([@#!]|https?://|mailto:|tel:)([^<>|\s]*)(?:\|([^<>]*))?>";
        Regex::new(pattern).expect("the pattern is valid")
    });
    let shown = |found: &Captures<'_>| {
        let label = found.get(3).map(|label| label.as_str()).filter(|label| !label.is_empty());
        let (kind, target) = (&found[1], &found[2]);
        match (kind, label) {
            ("@" | "#", label) => format!("{kind}{}", label.unwrap_or(target)),
            ("!", label) => format!("@{}", label.unwrap_or(target).trim_start_matches('@')),
            ("mailto:" | "tel:", label) => label.unwrap_or(target).to_owned(),
            (_, Some(label)) => label.to_owned(),
            (_, None) => format!("{kind}{target}"),
        }
    };
    MARKUP.replace_all(text, shown).into_owned()
}

#[cfg(test)]
mod tests {
    use super::visible;
    use crate::corpus::test_support::{load_json, texts};

    #[test]
    fn the_words_that_a_reader_of_the_chat_sees_are_read() {
        let rows = load_json(
            r#"[{"type": "message", "user": "U03", "text": "I print it &amp; hang it up, see <https://wiki.x.io/rota|the wiki>. Ask <@U02> or <#C02|ward>.", "ts": "1.1"},
                {"type": "message", "user": "U02", "text": "<!here> I swapped with three people", "ts": "1.2"}]"#,
        );
        let all = texts(&rows).join("\n");
        assert!(all.contains("I print it & hang it up, see the wiki. Ask @U02 or #ward."), "{all}");
        assert!(all.contains("@here I swapped with three people"), "{all}");
    }

    #[test]
    fn other_angles_stay() {
        assert_eq!(visible("a <b> c, <3 and <mailto:a@x.io|a@x.io>"), "a <b> c, <3 and a@x.io");
        assert_eq!(visible("<!subteam^S1|@nurses> at <https://x.io>"), "@nurses at https://x.io");
    }
}
