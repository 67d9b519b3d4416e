//! The XML of office files: elements and text, one after the other.
//!
//! Owns character references and faults in them. Builds no tree and defines no entities, so that
//! neither depth nor a billion laughs cost more than the file's size.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// A piece of a document.
pub(super) enum Node<'a> {
    /// An element begins.
    Start(Element<'a>),
    /// The element of this name (without its prefix) ends.
    End(String),
    /// Text.
    Text(String),
}

/// The start of an element.
pub(super) struct Element<'a> {
    tag: BytesStart<'a>,
}

impl Element<'_> {
    /// Its name without the prefix.
    pub(super) fn name(&self) -> String {
        self.tag.local_name().as_ref().to_owned()
    }

    /// The value of an attribute, by its name without the prefix.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let mut attributes = self.tag.attributes();
        // Looking for duplicates takes quadratic time.
        attributes.with_checks(false);
        let found =
            attributes.flatten().find(|attribute| attribute.key.local_name().as_ref() == name)?;
        let value = found.value.as_ref();
        Some(quick_xml::escape::unescape(value).map_or_else(|_| value.to_owned(), Into::into))
    }
}

/// The pieces of a document, in order; the first fault ends them.
pub(super) struct Nodes<'a> {
    reader: Reader<&'a [u8]>,
    done: bool,
}

impl<'a> Nodes<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, done: false }
    }
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Result<Node<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            match self.reader.read_event() {
                Ok(Event::Start(tag)) => return Some(Ok(Node::Start(Element { tag }))),
                Ok(Event::End(tag)) => {
                    return Some(Ok(Node::End(tag.local_name().as_ref().to_owned())));
                }
                Ok(Event::Text(text)) => return Some(Ok(Node::Text(text.xml10_content().into()))),
                Ok(Event::CData(text)) => return Some(Ok(Node::Text(text.xml10_content().into()))),
                Ok(Event::GeneralRef(reference)) => {
                    return Some(Ok(Node::Text(resolve(&reference))));
                }
                Ok(Event::Eof) => self.done = true,
                Ok(_) => {}
                Err(error) => {
                    self.done = true;
                    let at = self.reader.error_position();
                    return Some(Err(format!(
                        "its XML is broken at byte {at}: {error}\nhint: open it in the program it \
                         comes from and save it again"
                    )));
                }
            }
        }
        None
    }
}

/// The text that a reference stands for. Half of a surrogate pair is not a character and becomes
/// U+FFFD; a name that XML does not know stays as it was written.
fn resolve(reference: &BytesRef<'_>) -> String {
    let name: &str = reference.as_ref();
    match name {
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        "amp" => "&".to_owned(),
        "quot" => "\"".to_owned(),
        "apos" => "'".to_owned(),
        _ if name.starts_with('#') => match reference.resolve_char_ref() {
            Ok(Some(c)) => c.to_string(),
            _ => '\u{FFFD}'.to_string(),
        },
        _ => format!("&{name};"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(xml: &str) -> Result<String, String> {
        let mut text = String::new();
        for node in Nodes::of(xml) {
            if let Node::Text(more) = node? {
                text.push_str(&more);
            }
        }
        Ok(text)
    }

    #[test]
    fn references_are_resolved_and_entities_are_not_expanded() {
        let xml = "<!DOCTYPE a [<!ENTITY b \"c\">]><a>1 &lt; 2 &amp;amp; &b; &#xD83D; &#233;<![CDATA[<&]]></a>";
        assert_eq!(text(xml).unwrap(), "1 < 2 &amp; &b; \u{FFFD} é<&");
    }

    #[test]
    fn broken_xml_says_where() {
        let cause = text("<a>words</b>").unwrap_err();
        assert!(cause.contains("broken at byte"), "{cause}");
    }

    #[test]
    fn depth_costs_only_its_size() {
        assert_eq!(
            text(&format!("{}x{}", "<a>".repeat(200_000), "</a>".repeat(200_000))).unwrap(),
            "x"
        );
    }
}
