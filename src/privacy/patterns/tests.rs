//! Each shape on what it should find, on what it must leave alone, and next to what people type.

use super::super::entity::{Entity, Span, resolve};
use super::*;

/// The findings in a text, as (kind, piece).
fn found(text: &str) -> Vec<(Entity, &str)> {
    let mut spans: Vec<Span> = Vec::new();
    find(text, &mut spans);
    resolve(spans).into_iter().map(|span| (span.entity, &text[span.start..span.end])).collect()
}

#[track_caller]
fn one(text: &str, entity: Entity, piece: &str) {
    assert_eq!(found(text), [(entity, piece)], "{text}");
}

#[track_caller]
fn none(text: &str) {
    assert_eq!(found(text), [], "{text}");
}

#[test]
fn addresses_of_the_net() {
    one("Write to ana.silva+x@mail.example.co.uk.", EmailAddress, "ana.silva+x@mail.example.co.uk");
    one("(o'neil@example.org)", EmailAddress, "o'neil@example.org");
    one("'ana@example.org'", EmailAddress, "ana@example.org");
    one("mailto:ana@example.org?subject=x", EmailAddress, "ana@example.org");
    one("ana@example.org;thanks", EmailAddress, "ana@example.org");
    one("почта@пример.рф", EmailAddress, "почта@пример.рф");
    one("ana (at) example (dot) org", EmailAddress, "ana (at) example (dot) org");
    one("ask ana [at] example.org", EmailAddress, "ana [at] example.org");
    one("ana.silva@", EmailAddress, "ana.silva@");
    one("see https://ana.example/cv?x=1).", Url, "https://ana.example/cv?x=1");
    one("www.ana-silva.example", Url, "www.ana-silva.example");
    one("my shop is ana-silva.com, yes", DomainName, "ana-silva.com");
    one("seen from 10.218.6.131 today", IpAddress, "10.218.6.131");
    one("2001:db8::ff00:42:8329", IpAddress, "2001:db8::ff00:42:8329");
    one(
        "3b20:9a3a:1b2f:7ce:9ef1:4787:85fc:261e",
        IpAddress,
        "3b20:9a3a:1b2f:7ce:9ef1:4787:85fc:261e",
    );
    one("00:1B:44:11:3A:B7", MacAddress, "00:1B:44:11:3A:B7");
    one("it was @ana_82 who said so", UserHandle, "@ana_82");
    for text in ["12:30:45", "std::vec", "version 10.2.3.4", "1.2.3.4.5", "I was tired.Can we stop"]
    {
        none(text);
    }
    for text in ["report.pdf and notes.txt", "e.g. this", "at 5 @ 3", "a@", "300.300.300.300"] {
        none(text);
    }
}

#[test]
fn numbers_with_a_check() {
    one("card 4485 5276 2750 9597 2024", CreditCard, "4485 5276 2750 9597");
    one("4485527627509597", CreditCard, "4485527627509597");
    one("my card 4485527627509598", CreditCard, "4485527627509598");
    one("2223003122003222", CreditCard, "2223003122003222");
    // The check digit is right, but no card network has numbers that begin so.
    none("1234567812345670");
    one("GB61VFHS82148941232867", IbanCode, "GB61VFHS82148941232867");
    one("to gb61 vfhs 8214 8941 2328 67 please", IbanCode, "gb61 vfhs 8214 8941 2328 67");
    one("DE89 3704 0044 0532 0130 00", IbanCode, "DE89 3704 0044 0532 0130 00");
    one("455-99-6622", UsSsn, "455-99-6622");
    one("SSN: 455996622", UsSsn, "455996622");
    one("NHS number 943 476 5919", UkNhs, "943 476 5919");
    one("NI: AB123456C", UkNino, "AB123456C");
    one("passport 533380006", Passport, "533380006");
    one(
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
        Passport,
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    );
    one("my driver's license is A56319335", DriverLicense, "A56319335");
    one("MORGA657054SM9IJ", DriverLicense, "MORGA657054SM9IJ");
    for text in ["000-12-3456", "666-12-3456", "900-12-3456"] {
        assert!(found(text).iter().all(|(entity, _)| *entity != UsSsn), "{text}");
    }
    none("order of 1234567812345678");
}

#[test]
fn telephone_numbers_and_what_looks_like_them() {
    for number in ["+44 20 7946 0958", "+1 (415) 555-2671", "(022) 0793-176", "0477 11 28 98"] {
        one(&format!("at {number} now"), Entity::PhoneNumber, number);
        one(&format!("Phone: {number}."), Entity::PhoneNumber, number);
    }
    one("call me on 33 93 31", Entity::PhoneNumber, "33 93 31");
    one("678-777-1600", Entity::PhoneNumber, "678-777-1600");
    // Unlike these numbers, a date has neither brackets nor five parts.
    for number in ["(01) 12-1975-33", "01-12-1975-33-44"] {
        one(&format!("call me on {number}"), Entity::PhoneNumber, number);
    }
    for text in [
        "from 2010-2015",
        "on 2007-03-23 18:43:36",
        "2/7/1961",
        "it costs 100 000 000",
        "1.000.000 euros",
        "3.14159265",
        "in 1999 2001 2003",
        "10 to 20",
        "#15",
        "room 12 34",
    ] {
        none(text);
    }
}

#[test]
fn births_and_ages_by_their_words() {
    one("She was born on 2/7/1961.", DateOfBirth, "2/7/1961");
    one("born 7 February 1961 in a farm", DateOfBirth, "7 February 1961");
    one("DOB: February 7, 1961", DateOfBirth, "February 7, 1961");
    one("she is 93 years old", Age, "93 years old");
    one("aged 101 by now", Age, "101");
    for text in ["we met on 2/7/1961", "she is 89 years old", "I am 95 % sure", "aged 45"] {
        none(text);
    }
    for (date, year) in
        [("2/7/1961", 1961), ("1961-02-07", 1961), ("7.2.61", 1961), ("1/2/03", 2003)]
    {
        assert_eq!(birth_year(date), Some(year));
    }
    assert_eq!(birth_year("1/2"), None);
}

#[test]
fn codes_that_stand_for_a_person() {
    one("customer no. 8837261", RecordId, "8837261");
    one("Patient ID: MR-004512", RecordId, "MR-004512");
    one("6f9619ff-8b86-d011-b42d-00cf4fc964ff", RecordId, "6f9619ff-8b86-d011-b42d-00cf4fc964ff");
    one("I live near SW1A 1AA", Address, "SW1A 1AA");
    for text in ["customer number 12", "a user story", "the case is closed"] {
        none(text);
    }
}

#[test]
fn a_long_hostile_line_takes_linear_time() {
    let started = std::time::Instant::now();
    for piece in ["1 ", "a@", "a.", "+", "(", "x1-", "http://", "::", "4485-", "driver license "] {
        let text = piece.repeat(400_000 / piece.len());
        find(&text, &mut Vec::new());
    }
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
