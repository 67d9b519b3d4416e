//! What counts as personal, and where in a text it stands.
//!
//! Owns the kinds of entity, under Microsoft Presidio's names, spans, and the choice between
//! overlapping spans. Detects nothing itself.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A kind of personal data. Serialised under Presidio's name: `EMAIL_ADDRESS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Entity {
    /// A person's name, or a part of one.
    Person,
    /// An e-mail address.
    EmailAddress,
    /// A telephone number.
    PhoneNumber,
    /// A postal address or a part of one: house number, street, flat, postcode.
    Address,
    /// A city, region or country.
    Location,
    /// A company, an authority or a school.
    Organization,
    /// A payment card's number (Luhn).
    CreditCard,
    /// A bank account's number (ISO 13616).
    IbanCode,
    /// A US social security number.
    UsSsn,
    /// A UK National Health Service number (modulus 11).
    UkNhs,
    /// A UK national insurance number.
    UkNino,
    /// A passport's number.
    Passport,
    /// A driving licence's number.
    DriverLicense,
    /// A date of birth, recognised by the words around it.
    DateOfBirth,
    /// An age over 89; an age below tells few people apart.
    Age,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// A network card's address.
    MacAddress,
    /// A web address.
    Url,
    /// A domain name without a scheme.
    DomainName,
    /// A user's name on some service: `@ana_82`.
    UserHandle,
    /// A number or code that stands for a person, such as a customer's or a patient's.
    RecordId,
}

impl Entity {
    /// All kinds, in the order of [`Entity`].
    pub const ALL: [Self; 21] = [
        Self::Person,
        Self::EmailAddress,
        Self::PhoneNumber,
        Self::Address,
        Self::Location,
        Self::Organization,
        Self::CreditCard,
        Self::IbanCode,
        Self::UsSsn,
        Self::UkNhs,
        Self::UkNino,
        Self::Passport,
        Self::DriverLicense,
        Self::DateOfBirth,
        Self::Age,
        Self::IpAddress,
        Self::MacAddress,
        Self::Url,
        Self::DomainName,
        Self::UserHandle,
        Self::RecordId,
    ];

    /// The kind under Presidio's name, such as `EMAIL_ADDRESS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "PERSON",
            Self::EmailAddress => "EMAIL_ADDRESS",
            Self::PhoneNumber => "PHONE_NUMBER",
            Self::Address => "ADDRESS",
            Self::Location => "LOCATION",
            Self::Organization => "ORGANIZATION",
            Self::CreditCard => "CREDIT_CARD",
            Self::IbanCode => "IBAN_CODE",
            Self::UsSsn => "US_SSN",
            Self::UkNhs => "UK_NHS",
            Self::UkNino => "UK_NINO",
            Self::Passport => "PASSPORT",
            Self::DriverLicense => "DRIVER_LICENSE",
            Self::DateOfBirth => "DATE_OF_BIRTH",
            Self::Age => "AGE",
            Self::IpAddress => "IP_ADDRESS",
            Self::MacAddress => "MAC_ADDRESS",
            Self::Url => "URL",
            Self::DomainName => "DOMAIN_NAME",
            Self::UserHandle => "USER_HANDLE",
            Self::RecordId => "RECORD_ID",
        }
    }
}

/// A piece of a text that is personal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The kind of data.
    pub entity: Entity,
    /// How sure the detector is, 0 to 1.
    pub score: f32,
}

/// Resolves overlaps: the surer span stays; of equally sure ones the longer, then the earlier. The
/// result is in order of position.
pub(in crate::privacy) fn resolve(mut spans: Vec<Span>) -> Vec<Span> {
    let length = |span: &Span| span.end - span.start;
    spans.retain(|span| span.start < span.end);
    spans.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| length(b).cmp(&length(a)))
            .then_with(|| (a.start, a.entity).cmp(&(b.start, b.entity)))
    });
    // `kept` is keyed by start: a new span can only overlap the last one that starts before its
    // end.
    let mut kept = std::collections::BTreeMap::<usize, Span>::new();
    for span in spans {
        let before = kept.range(..span.end).next_back();
        if before.is_none_or(|(_, other)| other.end <= span.start) {
            kept.insert(span.start, span);
        }
    }
    kept.into_values().collect()
}

/// Kinds with their counts, for people: `PERSON 12, EMAIL_ADDRESS 3`.
pub fn tally(counts: &BTreeMap<Entity, usize>) -> String {
    let parts: Vec<String> =
        counts.iter().map(|(entity, count)| format!("{} {count}", entity.name())).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(start: usize, end: usize, score: f32) -> Span {
        Span { start, end, entity: Entity::Person, score }
    }

    #[test]
    fn the_surer_then_the_longer_span_stays() {
        let spans = vec![span(0, 4, 0.5), span(3, 9, 0.8), span(3, 6, 0.8), span(9, 12, 0.1)];
        assert_eq!(resolve(spans), [span(3, 9, 0.8), span(9, 12, 0.1)]);
    }

    #[test]
    fn of_equally_sure_spans_the_longer_and_then_the_earlier_stays() {
        assert_eq!(resolve(vec![span(4, 9, 0.8), span(0, 6, 0.8)]), [span(0, 6, 0.8)]);
        assert_eq!(resolve(vec![span(3, 7, 0.8), span(0, 4, 0.8)]), [span(0, 4, 0.8)]);
        let touching = [span(0, 4, 0.8), span(4, 8, 0.8)];
        assert_eq!(resolve(touching.to_vec()), touching);
        assert_eq!(resolve(vec![span(5, 5, 0.9)]), [], "nothing stands there");
    }

    #[test]
    fn names_are_the_serialised_ones() {
        for entity in Entity::ALL {
            assert_eq!(serde_json::to_value(entity).unwrap(), entity.name());
        }
    }

    proptest! {
        #[test]
        fn what_stays_is_in_order_and_apart_and_everything_else_meets_it(
            spans in prop::collection::vec((0usize..40, 0usize..9, 0u8..4), 0..30)
        ) {
            let spans: Vec<Span> = spans
                .into_iter()
                .map(|(start, length, score)| span(start, start + length, f32::from(score)))
                .collect();
            let kept = resolve(spans.clone());
            prop_assert!(kept.windows(2).all(|pair| pair[0].end <= pair[1].start));
            for span in spans.iter().filter(|span| span.start < span.end) {
                prop_assert!(kept.iter().any(|k| k.start < span.end && span.start < k.end));
            }
        }
    }
}
