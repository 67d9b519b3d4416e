//! Check digits, and the ranges of numbers that authorities assign.
//!
//! Owns arithmetic on digits; the text around them is up to the caller.

/// Whether 13 to 19 digits may be a payment card's: first digits of a network (ISO/IEC 7812), and
/// Luhn.
pub(super) fn is_card(digits: &[u8]) -> bool {
    let network = matches!(digits[0], 3..=6) || digits[0] == 2 && (2..=7).contains(&digits[1]);
    let varied = digits.iter().any(|digit| *digit != digits[0]);
    network && varied && luhn(digits)
}

/// The Luhn check (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| u32::from(if i % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    sum.is_multiple_of(10)
}

/// Whether nine digits can have been assigned as a US social security number.
pub(super) fn is_ssn(digits: &[u8]) -> bool {
    let [a, b, c, d, e, rest @ ..] = digits else { return false };
    let area = u32::from(*a) * 100 + u32::from(*b) * 10 + u32::from(*c);
    rest.len() == 4
        && area != 0
        && area != 666
        && area < 900
        && (*d, *e) != (0, 0)
        && rest.iter().any(|digit| *digit != 0)
}

/// Whether ten digits pass the check of the UK's National Health Service (modulus 11).
pub(super) fn is_nhs(digits: &[u8]) -> bool {
    if digits.len() != 10 || digits.iter().all(|digit| *digit == digits[0]) {
        return false;
    }
    let sum: u32 = digits[..9].iter().zip((2..=10).rev()).map(|(d, w)| u32::from(*d) * w).sum();
    let expected = (11 - sum % 11) % 11;
    expected == u32::from(digits[9])
}

/// Whether a line is the second of a passport's machine-readable zone (ICAO 9303, part 4): 44
/// characters with five check digits.
pub(super) fn is_mrz(line: &[u8]) -> bool {
    let value = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => 0,
    };
    let checks = |parts: &[&[u8]], digit: u8| {
        let bytes = parts.iter().flat_map(|part| part.iter());
        let sum: u32 = bytes.zip([7, 3, 1].iter().cycle()).map(|(b, w)| value(*b) * w).sum();
        sum % 10 == value(digit)
    };
    line.len() == 44
        && checks(&[&line[..9]], line[9])
        && checks(&[&line[13..19]], line[19])
        && checks(&[&line[21..27]], line[27])
        && checks(&[&line[..10], &line[13..20], &line[21..43]], line[43])
}

/// Length of an IBAN in a country, by its code (the registry of ISO 13616).
pub(super) fn iban_length(country: &str) -> Option<usize> {
    const LENGTHS: &[(usize, &str)] = &[
        (15, "NO"),
        (16, "BE"),
        (18, "DK FO FI GL NL FK"),
        (19, "MK SI"),
        (20, "AT BA EE KZ XK LT LU MN"),
        (21, "CH HR LV LI"),
        (22, "BG CR DE GB GE IE ME BH RS VA"),
        (23, "AE GI IL TL IQ OM SO"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "PT ST LY"),
        (26, "IS TR"),
        (27, "FR GR IT MC MR SM BI DJ"),
        (28, "AL AZ BY CY DO GT HU LB PL SV NI"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU YE"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
    ];
    LENGTHS
        .iter()
        .find(|(_, countries)| countries.split(' ').any(|known| known == country))
        .map(|(length, _)| *length)
}
