//! A key for a service, which is never shown.
//!
//! Owns what a key may look like and the only two ways out of it: a request header, and the search
//! for the key in words that are to be repeated. Leaves to the settings where keys come from.

use std::fmt;

use reqwest::header::HeaderValue;

/// A key for a service, which is never shown in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Takes the text of a key, without the white space around it. `None` when nothing is left, or
    /// when the rest cannot be sent in a header: a key is printable ASCII without spaces.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let good = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| Self(text.to_owned()))
    }

    /// The secret itself.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// The secret as the value of a request header, marked so that it is not shown.
    pub(in crate::llm) fn header(&self, scheme: &str) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("{scheme}{}", self.0))
            .expect("a key is printable ASCII");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(redacted)")
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_word_that_can_stand_in_a_header() {
        assert_eq!(ApiKey::new(" sk-a \n"), ApiKey::new("sk-a"));
        assert!(ApiKey::new("sk-a").is_some());
        for bad in ["", " \n", "a b", "a\nb", "a\u{7f}", "schlüssel", "a\0"] {
            assert_eq!(ApiKey::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_key_in_a_header_is_marked_as_one() {
        let key = ApiKey::new("sk-a").unwrap();
        assert_eq!(key.header("Bearer ").to_str().unwrap(), "Bearer sk-a");
        assert!(key.header("").is_sensitive());
        assert!(!format!("{key} {key:?} {:?}", key.header("")).contains("sk-a"));
    }
}
