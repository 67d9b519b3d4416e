//! Made-up values that look like what they replace and belong to nobody.
//!
//! Owns the lists, and the ranges set aside for examples: documentation networks (RFC 5737, RFC
//! 3849, RFC 7042), example domains (RFC 2606), telephone numbers for fiction, the test prefix of
//! payment cards, and social security areas that are never assigned.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::entity::Entity;
use super::people::Part;

const GIVEN: [&str; 48] = [
    "Adina", "Alban", "Astrid", "Bastian", "Belinda", "Callum", "Celeste", "Conrad", "Dagmar",
    "Darian", "Edda", "Emeric", "Fabia", "Fergus", "Gisela", "Gordian", "Halina", "Hector",
    "Idris", "Ilona", "Jarek", "Jolanda", "Kasimir", "Keziah", "Leopold", "Livia", "Magnus",
    "Marit", "Nestor", "Ninian", "Odette", "Orson", "Pascal", "Petronel", "Quentin", "Ramona",
    "Roland", "Sabine", "Severin", "Tamsin", "Tobias", "Ursula", "Valentin", "Verity", "Willem",
    "Xenia", "Yorick", "Zelda",
];
const SURNAMES: [&str; 48] = [
    "Abernethy",
    "Ashdown",
    "Bellweather",
    "Birkwood",
    "Brackenbury",
    "Castellan",
    "Corvin",
    "Dunmore",
    "Eastlake",
    "Elderfield",
    "Fairholm",
    "Fenwright",
    "Garlandson",
    "Greyfell",
    "Hallowell",
    "Harrowgate",
    "Ivesdale",
    "Juniper",
    "Kestrelman",
    "Kingsmere",
    "Larkspur",
    "Lindqvale",
    "Marlowe",
    "Merriden",
    "Northbrook",
    "Oakhurst",
    "Orchardson",
    "Pemberly",
    "Quillfeather",
    "Ravensworth",
    "Redfern",
    "Rowanson",
    "Silverdale",
    "Sorrell",
    "Stonebridge",
    "Tamarack",
    "Thistlewood",
    "Underhill",
    "Valebrook",
    "Vantongeren",
    "Wainscott",
    "Westering",
    "Whitlock",
    "Winterbourne",
    "Wrenfield",
    "Yarrowby",
    "Yewtree",
    "Zephyrin",
];
const PLACES: [&str; 24] = [
    "Northfield",
    "Millbrook",
    "Eastmere",
    "Stonehaven",
    "Oakvale",
    "Ferncliff",
    "Harborough",
    "Lakeside",
    "Willowdale",
    "Redhill",
    "Ashbourne",
    "Brightwater",
    "Cedarton",
    "Dunwick",
    "Elmsford",
    "Foxholt",
    "Greenhythe",
    "Hazelbury",
    "Ivywell",
    "Juniper Bay",
    "Kestrel Point",
    "Larkhill",
    "Marshgate",
    "Newbridge",
];
const COMPANIES: [&str; 20] = [
    "Alder & Finch",
    "Brightstone Ltd",
    "Cobalt Works",
    "Driftwood Group",
    "Evenfall Partners",
    "Fernway",
    "Glasshouse Labs",
    "Hearthside Services",
    "Ironleaf",
    "Juniper & Co",
    "Kitewind",
    "Lanternfield",
    "Millrace Systems",
    "Nightjar Media",
    "Openwater Trust",
    "Plumtree Foods",
    "Quarrystone",
    "Rookery Press",
    "Saltmarsh Energy",
    "Tidewright",
];
const STREETS: [&str; 16] = [
    "Alder Lane",
    "Birch Road",
    "Chapel Street",
    "Dove Close",
    "Elm Avenue",
    "Foundry Street",
    "Garden Row",
    "Hazel Way",
    "Ivy Lane",
    "Juniper Road",
    "Kiln Street",
    "Linden Avenue",
    "Mill Lane",
    "Orchard Road",
    "Poplar Street",
    "Quarry Lane",
];

/// Makes values from a seed: the same number gives the same value.
#[derive(Debug)]
pub(super) struct Fakes {
    seed: u64,
}

impl Fakes {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The name of a person, or a part of it.
    pub(super) fn person(&self, person: usize, part: Part) -> String {
        let (given, surname) = self.names(person);
        match part {
            Part::First => given,
            Part::Last => surname,
            Part::Full => format!("{given} {surname}"),
        }
    }

    /// An e-mail address for a person.
    pub(super) fn email_of(&self, person: usize) -> String {
        let (given, surname) = self.names(person);
        format!("{given}.{surname}@example.org").to_lowercase().replace(' ', "-")
    }

    /// A user name for a person.
    pub(super) fn handle_of(&self, person: usize) -> String {
        let (given, surname) = self.names(person);
        format!("@{given}_{surname}").to_lowercase().replace(' ', "_")
    }

    /// Given name and surname of a person. No two people get the same pair, and a surname comes
    /// again only after all others were given.
    fn names(&self, person: usize) -> (String, String) {
        let (n, m) = (GIVEN.len(), SURNAMES.len());
        let surname = SURNAMES[(person + self.seed as usize % m) % m];
        let given = GIVEN[(person * 5 + person / m + (self.seed >> 8) as usize % n) % n];
        // After all pairs are given, a double surname tells people apart.
        match person / (n * m) {
            0 => (given.to_owned(), surname.to_owned()),
            turn => (given.to_owned(), format!("{surname} {}", SURNAMES[turn % m])),
        }
    }

    /// The made-up value number `number` (from 1) of a kind, in the form of `value`.
    pub(super) fn thing(&self, entity: Entity, number: usize, value: &str) -> String {
        let n = number - 1;
        let turned = n + (self.seed % 1000) as usize;
        match entity {
            Entity::Person | Entity::UserHandle => format!("@user_{number}"),
            Entity::EmailAddress => format!("contact{number}@example.org"),
            // Numbers 555-0100 to 555-0199 are reserved for fiction in every North American area.
            Entity::PhoneNumber => {
                format!("+1 {}-555-{:04}", 201 + turned / 100 % 700, 100 + n % 100)
            }
            Entity::Address => format!("{} {}", 1 + turned % 180, listed(&STREETS, turned)),
            Entity::Location => numbered(&PLACES, n, turned),
            Entity::Organization => numbered(&COMPANIES, n, turned),
            Entity::CreditCard => card(number),
            Entity::IbanCode => iban(number),
            Entity::UsSsn => {
                format!("9{:02}-{:02}-{:04}", turned % 100, 1 + n / 9999 % 99, 1 + n % 9999)
            }
            Entity::UkNhs => nhs(number),
            Entity::UkNino => format!("QQ{:06}C", n % 1_000_000),
            Entity::IpAddress if value.contains(':') => format!("2001:db8::{number:x}"),
            // First the documentation networks (RFC 5737), then the class that was never assigned.
            Entity::IpAddress => match ["192.0.2", "198.51.100", "203.0.113"].get(n / 254) {
                Some(network) => format!("{network}.{}", 1 + n % 254),
                None => format!("240.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255),
            },
            // First the documentation block (RFC 7042), then locally administered addresses, which
            // no maker assigns.
            Entity::MacAddress => match n {
                0..256 => format!("00:00:5e:00:53:{n:02x}"),
                _ => format!("02:00:00:{:02x}:{:02x}:{:02x}", n >> 16 & 255, n >> 8 & 255, n & 255),
            },
            Entity::Url => format!("https://www.example.org/{number}"),
            Entity::DomainName => format!("site{number}.example"),
            Entity::DateOfBirth
            | Entity::Age
            | Entity::Passport
            | Entity::DriverLicense
            | Entity::RecordId => {
                like(value, number, self.seed ^ (number as u64) << 20 ^ (entity as u64) << 56)
            }
        }
    }
}

fn listed<'l>(list: &[&'l str], i: usize) -> &'l str {
    list[i % list.len()]
}

/// An entry of a list; past its end, entries come again with a number.
fn numbered(list: &[&str], n: usize, turned: usize) -> String {
    match n / list.len() {
        0 => listed(list, turned).to_owned(),
        turn => format!("{} {}", listed(list, turned), turn + 1),
    }
}

/// A card number that passes the check digit, under a prefix used only in tests.
fn card(number: usize) -> String {
    let body = format!("40000000{:07}", number % 10_000_000);
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, byte)| match (i % 2, u32::from(byte - b'0')) {
            (0, digit) if digit > 4 => digit * 2 - 9,
            (0, digit) => digit * 2,
            (_, digit) => digit,
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

/// An IBAN of a bank that does not exist, with the right check digits (ISO 7064, mod 97).
fn iban(number: usize) -> String {
    let account = format!("{number:014}");
    // "TEST" and "GB00" as digits: letters count from A = 10.
    let digits = format!("29142829{account}161100");
    let rest = digits.bytes().fold(0u32, |rest, byte| (rest * 10 + u32::from(byte - b'0')) % 97);
    format!("GB{:02}TEST{account}", 98 - rest)
}

/// An NHS number from the range that is kept for tests.
fn nhs(number: usize) -> String {
    let mut n = number;
    loop {
        let body = format!("999{:06}", n % 1_000_000);
        let sum: usize =
            body.bytes().zip((2..=10).rev()).map(|(b, w)| usize::from(b - b'0') * w).sum();
        match (11 - sum % 11) % 11 {
            // No number has check digit 10; another one is taken.
            10 => n += 500_009,
            check => return format!("{} {} {}{check}", &body[..3], &body[3..6], &body[6..]),
        }
    }
}

/// A value of the same form: a digit for a digit, a letter for a letter. Where the form allows
/// fewer values than are needed, a number is appended.
fn like(value: &str, number: usize, seed: u64) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let forms = value.chars().fold(1usize, |forms, c| {
        let choices = match c {
            '0'..='9' => 10,
            'a'..='z' | 'A'..='Z' => 26,
            _ => 1,
        };
        forms.saturating_mul(choices)
    });
    let made: String = value
        .chars()
        .map(|c| match c {
            '0'..='9' => rng.random_range('0'..='9'),
            'a'..='z' => rng.random_range('a'..='z'),
            'A'..='Z' => rng.random_range('A'..='Z'),
            other => other,
        })
        .collect();
    if number * 4 < forms { made } else { format!("{made}-{number}") }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ten_thousand_people_have_ten_thousand_names() {
        let fakes = Fakes::new(77);
        let names: HashSet<String> = (0..10_000).map(|p| fakes.person(p, Part::Full)).collect();
        assert_eq!(names.len(), 10_000);
    }

    #[test]
    fn fakes_pass_the_checks_of_what_they_stand_for() {
        let fakes = Fakes::new(3);
        for number in 1..300 {
            for (entity, value) in [
                (Entity::CreditCard, "4485527627509597"),
                (Entity::IbanCode, "GB61VFHS82148941232867"),
                (Entity::UkNhs, "943 476 5919"),
                (Entity::IpAddress, "10.0.0.1"),
                (Entity::IpAddress, "2001:db8::ff00:42:8329"),
                (Entity::EmailAddress, "a@b.org"),
            ] {
                let fake = fakes.thing(entity, number, value);
                let told = format!("NHS {fake}");
                let found = super::super::detect(&told);
                assert!(
                    found.iter().any(|s| s.entity == entity && told[s.start..s.end] == fake),
                    "{entity:?} {fake} {found:?}"
                );
            }
        }
    }

    #[test]
    fn the_seed_decides() {
        let person = |seed| Fakes::new(seed).person(0, Part::Full);
        assert_eq!(person(5), person(5));
        assert_ne!(person(5), person(6));
    }
}
