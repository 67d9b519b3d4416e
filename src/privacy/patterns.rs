//! Personal data with a fixed form: addresses on the internet, numbers with a check digit, dates of
//! birth.
//!
//! Owns one table of shapes. A shape finds candidates by a regular expression and checks each in
//! code: check digits, ranges, and the words before it. It is given folded text; columns and names
//! are other layers' work.

mod check;
mod phone;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::entity::{Entity, Span};
use Entity::{
    Address, Age, CreditCard, DateOfBirth, DomainName, DriverLicense, EmailAddress, IbanCode,
    IpAddress, MacAddress, Passport, RecordId, UkNhs, UkNino, Url, UsSsn, UserHandle,
};

/// Score of a check digit or a syntax that hardly anything else has.
const CERTAIN: f32 = 1.0;
/// Score of a form that few other things have.
const LIKELY: f32 = 0.85;
/// Score of a form that other things have too.
const POSSIBLE: f32 = 0.6;

/// A piece of a text that may be personal.
struct Candidate<'t> {
    text: &'t str,
    range: Range<usize>,
}

impl<'t> Candidate<'t> {
    fn as_str(&self) -> &'t str {
        &self.text[self.range.clone()]
    }

    fn digits(&self) -> Vec<u8> {
        self.as_str().bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect()
    }

    fn span(&self, entity: Entity, score: f32) -> Span {
        Span { start: self.range.start, end: self.range.end, entity, score }
    }

    /// The candidate without characters at its end that belong to the sentence around it.
    fn trimmed(&self, end: &[char]) -> Self {
        let length = self.as_str().trim_end_matches(end).len();
        Self { text: self.text, range: self.range.start..self.range.start + length }
    }

    /// Whether letters or digits stand right before or after the candidate, making it part of a
    /// word.
    fn is_glued(&self) -> bool {
        self.text[..self.range.start].ends_with(char::is_alphanumeric)
            || self.text[self.range.end..].starts_with(char::is_alphanumeric)
    }

    /// Whether a word shortly before the candidate, in the same line, begins with one of `cues`.
    fn follows(&self, cues: &[&str]) -> bool {
        let window = self.before();
        cues.iter().any(|cue| {
            window.match_indices(cue).any(|(at, _)| !window[..at].ends_with(char::is_alphanumeric))
        })
    }

    /// The last bytes of the line before the candidate, at most `REACH`, in lower case.
    fn before(&self) -> String {
        const REACH: usize = 48;
        let mut start = self.range.start.saturating_sub(REACH);
        while !self.text.is_char_boundary(start) {
            start += 1;
        }
        let window = &self.text[start..self.range.start];
        window.rsplit('\n').next().unwrap_or_default().to_lowercase()
    }
}

/// A row of the table: what to look for, and how to read it. The candidate is group 1 where the
/// expression has groups, else the whole match.
struct Shape {
    regex: Regex,
    read: fn(&Candidate<'_>) -> Option<Span>,
}

static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let shape = |pattern: &str, read| Shape {
        regex: Regex::new(pattern).unwrap_or_else(|error| unreachable!("{pattern}: {error}")),
        read,
    };
    vec![
        shape(r"[\p{L}\p{N}._%+'-]+@(?:[\p{L}\p{N}-]+\.)*[\p{L}\p{N}-]{2}[\p{L}\p{N}-]*", email),
        // Spelt out for people to read: "ana (at) example (dot) org", "ana [at] example.org".
        shape(
            r"(?i)[\w.+-]+ ?[(\[{] ?at ?[)\]}] ?[\w-]+(?:(?:\.| ?[(\[{] ?dot ?[)\]}] ?)[\w-]+)+",
            |c| Some(c.span(EmailAddress, LIKELY)),
        ),
        // One half of an address, the other half of which is in the next cell.
        shape(r"[\p{L}\p{N}._%+-]{3}[\p{L}\p{N}._%+-]*@(?:\s|$)", |c| {
            Some(c.trimmed(&['\n', ' ', '\t', '\r']).span(EmailAddress, POSSIBLE))
        }),
        shape(r#"(?i)(?:https?|ftps?)://[^\s<>"]+|www\.[^\s<>"]+"#, url),
        shape(r"(?i)(?:[a-z0-9](?:[a-z0-9-]{0,62})\.){1,5}[a-z]{2,24}(?:/[^\s<>]*)?", domain),
        shape(r"(?-u)[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", ipv4),
        shape(r"(?-u)[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}", ipv6),
        shape(
            r"(?-u)[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
            |c| (!c.is_glued()).then(|| c.span(MacAddress, CERTAIN)),
        ),
        shape(r"(?-u)[0-9](?:[ -]?[0-9]){12,22}", card),
        shape(
            r"(?-u)[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]{2,4}){3,8}(?:[ -]?[A-Za-z0-9]{1,3})?",
            iban,
        ),
        shape(r"(?-u)[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}", |c| ssn(c, LIKELY)),
        shape(
            r"(?i)(?:ssn|social security)[^\n.]{0,30}?\b([0-9]{3}[- .]?[0-9]{2}[- .]?[0-9]{4})\b",
            |c| ssn(c, CERTAIN),
        ),
        shape(r"(?-u)[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", nhs),
        shape(
            r"(?i-u)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
            nino,
        ),
        shape(r"(?i)passport[^\n.]{0,30}?\b([A-Z]{0,3}[0-9]{6,9}[A-Z]?[0-9]?)\b", |c| {
            Some(c.span(Passport, LIKELY))
        }),
        shape(
            r"(?-u)[A-Z0-9<]{9}[0-9][A-Z<]{3}[0-9]{7}[MFX<][0-9]{7}[A-Z0-9<]{14}[0-9<][0-9]",
            mrz,
        ),
        shape(
            r"(?i)(?:driv(?:er'?s?|ing)|dl)\W{1,3}licen[cs]e[^\n.]{0,30}?\b([A-Z]{0,5}[0-9][A-Z0-9]{5,17})\b",
            |c| (c.digits().len() >= 5).then(|| c.span(DriverLicense, LIKELY)),
        ),
        // Great Britain's form: surname, date of birth folded in, initials, check characters.
        shape(r"(?-u)[A-Z9]{5}[0-9][0156][0-9][0-3][0-9][0-9][A-Z9]{2}[A-Z0-9][A-Z]{2}", |c| {
            (!c.is_glued()).then(|| c.span(DriverLicense, LIKELY))
        }),
        shape(
            r"(?i)\d{1,4}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2}(?:st|nd|rd|th|\.)? (?:of )?\p{L}{3,9}\.?,? \d{4}|\p{L}{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}",
            date_of_birth,
        ),
        shape(
            r"(?i-u)(?:aged?:? (?:of )?|i am |i'm )((?:9[0-9]|1[0-2][0-9])(?:[ -]years?[ -](?:old|of age))?)\b",
            age,
        ),
        shape(
            r"(?i-u)(?:9[0-9]|1[0-2][0-9])(?:[ -]years?[ -](?:old|of age)| ?y/?o\b)|ninety(?:-(?:one|two|three|four|five|six|seven|eight|nine))?[ -]years?[ -]old",
            age,
        ),
        shape(r"(?:^|[^\p{L}\p{N}@._/-])(@[A-Za-z0-9_][A-Za-z0-9_.]{1,29})", |c| {
            Some(c.trimmed(&['.']).span(UserHandle, LIKELY))
        }),
        shape(r"(?i-u)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", |c| {
            Some(c.span(RecordId, CERTAIN))
        }),
        shape(
            r"(?i-u)\b(?:customer|client|patient|member(?:ship)?|employee|staff|student|account|acct|policy|case|ticket|order|booking|reservation|invoice|reference|ref|mrn|user|applicant|respondent)\b[ .:#]*(?:no|nr|number|num|id|code)?[ .:#=]*(?:is )?([A-Z0-9][A-Z0-9-]{3,24})\b",
            |c| (c.digits().len() >= 4).then(|| c.span(RecordId, LIKELY)),
        ),
        shape(r"(?-u)[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][ABD-HJLNP-UW-Z]{2}", |c| {
            (!c.is_glued()).then(|| c.span(Address, LIKELY))
        }),
        shape(r"(?-u)\+?\(?[0-9][0-9 ().\-/]{3,28}[0-9]", phone::phone),
    ]
});

/// Adds the spans in `text` that have one of the forms, in no order; spans may overlap.
pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    for shape in SHAPES.iter() {
        let in_group = shape.regex.captures_len() > 1;
        let mut read = |range: Range<usize>| {
            spans.extend((shape.read)(&Candidate { text, range }));
        };
        if in_group {
            let group = |found: Captures<'_>| found.get(1).map(|group| group.range());
            shape.regex.captures_iter(text).filter_map(group).for_each(&mut read);
        } else {
            shape.regex.find_iter(text).map(|found| found.range()).for_each(&mut read);
        }
    }
}

fn email(candidate: &Candidate<'_>) -> Option<Span> {
    let mut candidate = candidate.trimmed(&['-', '.', '\'']);
    let text = candidate.as_str();
    let start = text.len() - text.trim_start_matches(['.', '\'', '-', '%', '+']).len();
    candidate.range.start += start;
    let (local, domain) = candidate.as_str().split_once('@')?;
    if local.is_empty() || domain.is_empty() {
        return None;
    }
    // `ana@desk` may be an address inside a company; `3@ten` is not an address.
    let dotted =
        domain.rsplit_once('.').is_some_and(|(_, top)| top.chars().all(char::is_alphabetic));
    let score = if dotted { CERTAIN } else { POSSIBLE };
    (dotted || local.chars().filter(|c| c.is_alphabetic()).count() > 1)
        .then(|| candidate.span(EmailAddress, score))
}

/// Characters at the end of a match that end the sentence and not the address.
const SENTENCE: [char; 12] = ['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '"', '*'];

fn url(candidate: &Candidate<'_>) -> Option<Span> {
    let glued = candidate.text[..candidate.range.start].ends_with(char::is_alphanumeric);
    let candidate = candidate.trimmed(&SENTENCE);
    let long = candidate.as_str().len() > "www.".len() + 2 && !candidate.as_str().ends_with("//");
    (!glued && long).then(|| candidate.span(Url, CERTAIN))
}

/// Top-level domains seen without a scheme that are neither English words nor file extensions.
const TOP_LEVEL: [&str; 66] = [
    "ac", "ae", "app", "ar", "au", "bg", "biz", "blog", "br", "ca", "ch", "cl", "cloud", "cn",
    "co", "com", "cz", "de", "dev", "dk", "edu", "ee", "es", "eu", "fi", "fr", "gov", "gr",
    "health", "hk", "hr", "hu", "ie", "il", "info", "int", "io", "ir", "jp", "ke", "kr", "lt",
    "lu", "lv", "mil", "mx", "net", "ng", "nl", "nz", "online", "org", "pk", "pl", "pt", "ro",
    "ru", "se", "sg", "shop", "si", "sk", "tr", "tv", "ua", "uk",
];

fn domain(candidate: &Candidate<'_>) -> Option<Span> {
    let candidate = candidate.trimmed(&SENTENCE);
    let before = candidate.text[..candidate.range.start].chars().next_back();
    if candidate.is_glued() || before.is_some_and(|c| "@/.-_".contains(c)) {
        return None;
    }
    let name = candidate.as_str().split('/').next()?;
    let (head, top) = name.rsplit_once('.')?;
    // Where a space after a full stop is missing ("tired.Can"), there is a capital that no domain
    // has.
    let written_as_one = top.chars().all(|c| c.is_ascii_lowercase())
        || name.chars().all(|c| !c.is_ascii_lowercase());
    let known = TOP_LEVEL.contains(&top.to_ascii_lowercase().as_str());
    let real = head.len() > 2 && head.bytes().any(|b| b.is_ascii_alphabetic());
    (written_as_one && known && real).then(|| candidate.span(DomainName, POSSIBLE))
}

fn ipv4(candidate: &Candidate<'_>) -> Option<Span> {
    let after = &candidate.text[candidate.range.end..];
    let longer =
        after.strip_prefix('.').is_some_and(|a| a.starts_with(|c: char| c.is_ascii_digit()))
            || candidate.text[..candidate.range.start].ends_with('.');
    let parsed = candidate.as_str().parse::<Ipv4Addr>().is_ok();
    let is_version = candidate.follows(&["version", "release", "v."]);
    (parsed && !longer && !candidate.is_glued() && !is_version)
        .then(|| candidate.span(IpAddress, CERTAIN))
}

fn ipv6(candidate: &Candidate<'_>) -> Option<Span> {
    let text = candidate.as_str();
    let hex = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let meant = hex >= 4 && text.bytes().any(|b| b.is_ascii_digit()) || text == "::1";
    (meant && !candidate.is_glued() && text.parse::<Ipv6Addr>().is_ok())
        .then(|| candidate.span(IpAddress, CERTAIN))
}

fn card(candidate: &Candidate<'_>) -> Option<Span> {
    if candidate.is_glued() {
        return None;
    }
    // A year or an amount may stand beside the number, so every run of whole groups is tried, the
    // longest first.
    let groups = digit_groups(candidate);
    for length in (1..=groups.len()).rev() {
        for run in groups.windows(length) {
            let range = run[0].start..run[length - 1].end;
            let part = Candidate { text: candidate.text, range };
            let digits = part.digits();
            if (13..=19).contains(&digits.len()) && check::is_card(&digits) {
                return Some(part.span(CreditCard, CERTAIN));
            }
        }
    }
    let told = candidate.follows(&["card", "visa", "mastercard", "amex", "cc"]);
    // A typing error breaks the check digit, but the number may still be a real one.
    let plausible = told && (13..=19).contains(&candidate.digits().len());
    plausible.then(|| candidate.span(CreditCard, POSSIBLE))
}

fn digit_groups(candidate: &Candidate<'_>) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (i, byte) in candidate.as_str().bytes().enumerate() {
        let at = candidate.range.start + i;
        match groups.last_mut() {
            Some(group) if byte.is_ascii_digit() && group.end == at => group.end += 1,
            _ if byte.is_ascii_digit() => groups.push(at..at + 1),
            _ => {}
        }
    }
    groups
}

fn iban(candidate: &Candidate<'_>) -> Option<Span> {
    if candidate.text[..candidate.range.start].ends_with(char::is_alphanumeric) {
        return None;
    }
    // The groups of four may run on into the next words; the country says how long the number is.
    let compact = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
    };
    let whole = candidate.as_str();
    let length = check::iban_length(compact(whole).get(..2)?)?;
    let mut seen = 0;
    let end = whole.char_indices().find_map(|(i, c)| {
        seen += usize::from(c.is_ascii_alphanumeric());
        (seen == length).then_some(i + 1)
    })?;
    let part = Candidate {
        text: candidate.text,
        range: candidate.range.start..candidate.range.start + end,
    };
    let valid = compact(part.as_str()).parse::<iban::Iban>().is_ok();
    let digits = part.digits().len() * 2 >= length;
    match (part.is_glued(), valid) {
        (false, true) => Some(part.span(IbanCode, CERTAIN)),
        (false, false) if digits => Some(part.span(IbanCode, POSSIBLE)),
        _ => None,
    }
}

fn ssn(candidate: &Candidate<'_>, score: f32) -> Option<Span> {
    let digits = candidate.digits();
    (!candidate.is_glued() && check::is_ssn(&digits)).then(|| candidate.span(UsSsn, score))
}

fn nhs(candidate: &Candidate<'_>) -> Option<Span> {
    if candidate.is_glued() || !check::is_nhs(&candidate.digits()) {
        return None;
    }
    let told = candidate.follows(&["nhs", "health service", "patient"]);
    let spaced = candidate.as_str().len() > 10;
    // One number in eleven passes the check; where no word announces it, only its usual spacing
    // counts.
    match (told, spaced) {
        (true, _) => Some(candidate.span(UkNhs, CERTAIN)),
        (false, true) => Some(candidate.span(UkNhs, POSSIBLE)),
        (false, false) => None,
    }
}

fn nino(candidate: &Candidate<'_>) -> Option<Span> {
    let prefix = candidate.as_str().get(..2)?.to_ascii_uppercase();
    let unused = ["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].contains(&prefix.as_str());
    (!candidate.is_glued() && !unused).then(|| candidate.span(UkNino, LIKELY))
}

fn mrz(candidate: &Candidate<'_>) -> Option<Span> {
    check::is_mrz(candidate.as_str().as_bytes()).then(|| candidate.span(Passport, CERTAIN))
}

fn date_of_birth(candidate: &Candidate<'_>) -> Option<Span> {
    let born = ["born", "birth", "dob", "d.o.b", "geb", "né ", "née", "nacid", "nato ", "nata "];
    let told = candidate.follows(&born) && !candidate.is_glued();
    (told && birth_year(candidate.as_str()).is_some()).then(|| candidate.span(DateOfBirth, LIKELY))
}

/// Last two-digit year that is read as 20xx; later ones are read as 19xx.
const TWO_DIGITS: u16 = 35;

/// The year of a date, if it may be a year of birth.
pub(super) fn birth_year(date: &str) -> Option<u16> {
    let numbers: Vec<&str> =
        date.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty()).collect();
    let ends = [numbers.last()?, numbers.first()?];
    let long = ends.iter().find(|number| number.len() == 4).and_then(|year| year.parse().ok());
    let year = match long {
        Some(year) => year,
        // Two digits are of this century up to `TWO_DIGITS`: few participants are near a hundred
        // years old.
        None => numbers
            .last()
            .filter(|n| n.len() == 2)?
            .parse::<u16>()
            .map(|year| if year > TWO_DIGITS { 1900 + year } else { 2000 + year })
            .ok()?,
    };
    (1880..=2035).contains(&year).then_some(year)
}

fn age(candidate: &Candidate<'_>) -> Option<Span> {
    let after = candidate.text[candidate.range.end..].trim_start();
    let other = ["%", "percent", "per cent", "min", "km", "mile", "euro", "dollar", "pound", "kg"];
    let counts = other.iter().any(|unit| after.starts_with(unit));
    (!candidate.is_glued() && !counts).then(|| candidate.span(Age, LIKELY))
}

#[cfg(test)]
mod tests;
