//! One persona as a Markdown page.
//!
//! Owns the layout and the escaping: text of a model or participant can neither format the page nor
//! bring HTML or links into it.

use std::fmt::Write;

use super::{counted, file_name, plain_line};
use crate::corpus::Corpus;
use crate::schema::{Persona, Quote, Statement};

/// The page of a persona. Quotes name their record and its place in the source.
pub fn persona(persona: &Persona, corpus: &Corpus) -> String {
    let mut page = format!("# {}\n\n", escaped(&persona.name));
    let _ = writeln!(page, "**{}**\n\n{}\n", escaped(&persona.title), escaped(&persona.summary));
    let _ = writeln!(page, "{}\n", standing(persona));
    if !persona.demographics.is_empty() {
        page.push_str("| Demographics | |\n| --- | --- |\n");
        for (name, value) in &persona.demographics {
            let _ = writeln!(page, "| {} | {} |", escaped(name), escaped(value));
        }
        page.push('\n');
    }
    statements(&mut page, "Goals", &persona.goals);
    statements(&mut page, "Pains", &persona.pains);
    statements(&mut page, "Behaviours", &persona.behaviours);
    section(&mut page, "Motivations", persona.motivations.iter().map(|text| escaped(text)));
    if !persona.quotes.is_empty() {
        page.push_str("## Quotes\n\n");
        for quote in &persona.quotes {
            let _ =
                writeln!(page, "> {}\n>\n> — {}\n", escaped(&quote.text), source(quote, corpus));
        }
    }
    page.push_str(&provenance(persona));
    page
}

/// The persona's share of the data and its score, in one line.
fn standing(persona: &Persona) -> String {
    let segment = &persona.segment;
    let mut line = format!(
        "{}, {}, {} of the data",
        counted(segment.participants, "participant"),
        counted(segment.records, "record"),
        segment.percent()
    );
    if let Some(score) = persona.scores.judge {
        let _ = write!(line, " · judge score {score:.2}");
    }
    if persona.below_threshold {
        line.push_str(" · **below the quality threshold**");
    }
    line
}

fn statements(page: &mut String, title: &str, statements: &[Statement]) {
    let line = |statement: &Statement| {
        let records: Vec<String> =
            statement.records.iter().map(|id| escaped(id.as_str())).collect();
        let evidence = if statement.inferred { "inferred".to_owned() } else { records.join(", ") };
        format!("{} ({evidence})", escaped(&statement.counted()))
    };
    section(page, title, statements.iter().map(line));
}

fn section(page: &mut String, title: &str, lines: impl ExactSizeIterator<Item = String>) {
    if lines.len() == 0 {
        return;
    }
    let _ = writeln!(page, "## {title}\n");
    for line in lines {
        let _ = writeln!(page, "- {line}");
    }
    page.push('\n');
}

/// Where a quote comes from: `f1#7, interviews.csv row 8, participant p03`.
fn source(quote: &Quote, corpus: &Corpus) -> String {
    let mut source = escaped(quote.record.as_str());
    if let Some(record) = corpus.records.iter().find(|record| record.id == quote.record) {
        let _ = write!(source, ", {} row {}", escaped(file_name(corpus, record.file)), record.row);
        if let Some(participant) = &record.participant {
            let _ = write!(source, ", participant {}", escaped(participant));
        }
    }
    source
}

fn provenance(persona: &Persona) -> String {
    let from = &persona.provenance;
    let model = escaped(&from.model);
    let mut text =
        format!("---\n\nDrafted by {model}, style {}, seed {}", escaped(&from.style), from.seed);
    if let Some(hash) = &from.model_sha256 {
        let _ = write!(text, ", model file SHA-256 `{hash}`");
    }
    text.push_str(
        ".\nA generated summary of research data: check it against the records before use.\n",
    );
    text
}

/// Text on one line that Markdown shows unchanged. Characters that are markup anywhere are escaped
/// everywhere; characters that are markup only at the start of a line are escaped there
/// (<https://spec.commonmark.org/0.31.2/#backslash-escapes>).
fn escaped(text: &str) -> String {
    let line = plain_line(text);
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let mut safe = String::with_capacity(line.len());
    for (at, c) in line.char_indices() {
        let begins_block = match c {
            '#' | '+' | '-' | '=' | ':' => at == 0,
            '.' | ')' => at == digits && digits > 0,
            _ => false,
        };
        // Some dialects turn bare addresses into links, unless a character in them is escaped.
        let begins_link =
            c == '@' || (c == '/' && safe.ends_with(':')) || (c == '.' && safe.ends_with("www"));
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '{' | '|' | '~' | '$' | '^' => {
                safe.extend(['\\', c]);
            }
            c if begins_block || begins_link => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;
    use crate::report::sample;

    #[test]
    fn a_page_shows_what_the_persona_rests_on() {
        insta::assert_snapshot!(persona(&sample::persona(), &sample::corpus()), @r"
        # Ada

        **Night \*nurse\***

        Plans around &lt;script&gt;gaps&lt;/script&gt;.

        1 participant, 1 record, 100 % of the data · judge score 0.80

        | Demographics | |
        | --- | --- |
        | role | nurse |

        ## Goals

        - a schedule to trust (f1#0)

        ## Pains

        - late changes (inferred)

        ## Motivations

        - rest

        ## Quotes

        > I \*never\* trust the &lt;b&gt;schedule&lt;/b&gt;
        >
        > — f1#0, interviews.csv row 1, participant p01

        ---

        Drafted by tiny, style free, seed 0.
        A generated summary of research data: check it against the records before use.
        ");
    }

    proptest! {
        #[test]
        fn text_of_a_model_can_not_format_the_page(text in r"[ -~\n\t<>*_`#\[\]()!|-]{0,60}") {
            let page = format!("- {}\n", escaped(&text));
            let mut shown = String::new();
            // Typographic quotes are not markup.
            let dialect = Options::all() - Options::ENABLE_SMART_PUNCTUATION;
            for event in Parser::new_ext(&page, dialect) {
                match event {
                    Event::Start(Tag::List(_) | Tag::Item) | Event::End(_) => {}
                    Event::Text(piece) => shown.push_str(&piece),
                    other => prop_assert!(false, "{other:?} from {text:?}"),
                }
            }
            let expected = plain_line(&text);
            prop_assert_eq!(shown.trim(), expected.as_str());
        }
    }
}
