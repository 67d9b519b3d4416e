//! Tests of lowering: that every bound of a shape is in the rules that are made of it.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::super::TokenId;
use super::super::grammar::Grammar;
use super::super::grammar::testing::{check, object, reads, source, vocabulary};
use super::*;

#[test]
fn objects_are_compact_and_have_their_keys_in_order() {
    let shape = object(&[
        ("a", Shape::Integer { min: -3, max: 12 }),
        ("b \"", Shape::OneOf(vec!["x".into(), "é\u{7f}\n".into()])),
    ]);
    check(
        &shape,
        &["{\"a\":-3,\"b \\\"\":\"x\"}", "{\"a\":12,\"b \\\"\":\"é\u{7f}\\n\"}"],
        &[
            "{\"a\":13,\"b \\\"\":\"x\"}",
            "{ \"a\":1,\"b \\\"\":\"x\"}",
            "{\"b \\\"\":\"x\",\"a\":1}",
            "{\"a\":1}",
            "{\"a\":01,\"b \\\"\":\"x\"}",
        ],
    );
    check(&object(&[]), &["{}"], &["{ }", ""]);
}

#[test]
fn arrays_keep_their_bounds() {
    let array =
        |min, max| Shape::Array { item: Box::new(Shape::OneOf(vec!["x".into()])), min, max };
    check(
        &array(0, 2),
        &["[]", "[\"x\"]", "[\"x\",\"x\"]"],
        &["[\"x\",\"x\",\"x\"]", "[,]", "[\"x\",]"],
    );
    check(&array(1, 1), &["[\"x\"]"], &["[]", "[\"x\",\"x\"]"]);
    check(&array(2, 3), &["[\"x\",\"x\"]"], &["[\"x\"]"]);
    check(&array(0, 0), &["[]"], &["[\"x\"]"]);
}

#[test]
fn whole_numbers_keep_their_bounds() {
    for (min, max) in [(0, 0), (-1, 9), (8, 120), (-305, -17), (99, 1001), (-12, 1340)] {
        let shape = Shape::Integer { min, max };
        let grammar = Grammar::compile(&vocabulary(&[]), &shape).expect("compiles");
        for number in -1500..1500_i64 {
            let digits = number.to_string();
            assert_eq!(
                reads(&grammar, &digits),
                (min..=max).contains(&number),
                "{digits} of {min} to {max}"
            );
        }
        for odd in ["-0", "00", "01", "-", "", "1.0", "1e1", "+1"] {
            assert!(!reads(&grammar, odd), "{odd} of {min} to {max}");
        }
    }
    let all = Shape::Integer { min: i64::MIN, max: i64::MAX };
    let (least, most) = (i64::MIN.to_string(), i64::MAX.to_string());
    check(&all, &[&least, &most, "0", "-1"], &["9223372036854775808", "-9223372036854775809"]);
    assert_eq!(all.max_bytes(), least.len());
}

#[test]
fn text_is_words_and_single_spaces() {
    let shape = Shape::Text { min: 3, max: 200 };
    check(
        &shape,
        &[
            "\"Maria\"",
            "\"She's 42, works part-time (3.5 days) and/or travels.\"",
            "\"He says: \\\"never again\\\", then tries 1,000 more…\"",
            "\"Überprüft täglich – naïve Café—日本語 и русский 🎉\"",
        ],
        &[
            "\"\"",
            "\"ab\"",
            "\" abc\"",
            "\"abc \"",
            "\"ab  cd\"",
            "\"abc,\"",
            "\"abc -\"",
            "\"wait!!!\"",
            "\"abc\\ndef\"",
            "\"abc\ndef\"",
            "\"<|im_end|>\"",
            "\"[link](x)\"",
            "\"abc\\\\\"",
            "\"ab\u{a0}cd\"",
            "\"ab\u{202e}cd\"",
            "\"ab\u{85}cd\"",
            "\"ab\u{feff}cd\"",
            "\"ab\u{0}cd\"",
        ],
    );
}

#[test]
fn a_text_that_runs_on_ends_at_a_sentence() {
    let long = "A first sentence of some length, and a second one that runs past the bound here.";
    let shape = Shape::Text { min: 3, max: 150 };
    check(
        &shape,
        &[
            "\"One. Two. Three.\"",
            &format!("\"One. {long}\""),
            &format!("\"One. {long} and\"").replace(". and", " v2.0 and"),
        ],
        &[&format!("\"One. {long} A\""), &format!("\"One. {long}) a\"")],
    );
}

#[test]
fn a_text_is_free_for_three_fifths_of_its_bound() {
    // Up to byte 180 of 300, a sentence may follow another.
    let shape = Shape::Text { min: 0, max: 300 };
    let after = |bytes: usize| {
        let words = "ab ".repeat(bytes / 3);
        format!("\"{words}{}. B\"", "a".repeat(bytes - words.len()))
    };
    check(&shape, &[&after(100), &after(175)], &[&after(185), &after(250)]);
}

#[test]
fn a_text_has_at_least_the_bytes_that_are_asked_for() {
    check(&Shape::Text { min: 5, max: 13 }, &["\"abcde\"", "\"abéd\""], &["\"abcd\"", "\"\""]);
    check(&Shape::Text { min: 0, max: 8 }, &["\"\"", "\"a\""], &["\" \""]);
}

#[test]
fn a_text_is_promised_room_for_its_last_word() {
    // Two quotes; the bound; 24 characters of 3 bytes more than counted; the rest of a character
    // begun before; a sentence mark and a closing mark of 3 bytes each.
    assert_eq!(Shape::Text { min: 0, max: 100 }.max_bytes(), 2 + 100 + 24 * 3 + 3 + 2 * 3);
}

#[test]
fn what_stands_in_every_answer_is_cut_where_something_free_stands() {
    let word = || Shape::Text { min: 0, max: 20 };
    let list = |item: Shape, min, max| Shape::Array { item: Box::new(item), min, max };
    let shape = object(&[
        ("a", list(word(), 2, 3)),
        ("b", list(object(&[]), 0, 2)),
        ("c", Shape::Excerpt(vec![source("f1#0", &["one two three four"])])),
        ("d", Shape::Integer { min: 0, max: 9 }),
    ]);
    let pieces = [
        "{\"a\":[\"",
        "\",\"",
        "\"],\"b\":[],\"c\":{\"record\":\"",
        "\",\"text\":\"",
        "\"},\"d\":",
        "}",
    ];
    assert_eq!(literals(&shape), pieces);
    assert_eq!(literals(&object(&[])), ["{}"]);
}

#[test]
fn equal_shapes_are_written_once() {
    let choice = Shape::OneOf(vec!["x".into(), "y".into()]);
    let text = lower(&object(&[("a", choice.clone()), ("b", choice)])).expect("a grammar");
    assert_eq!(text.matches(r#""\"x\"" | "\"y\"""#).count(), 1, "{text}");
}

#[test]
fn the_bound_never_cuts_a_word_and_never_asks_for_another() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (min, max) in [(0, 40), (10, 60), (30, 120), (1, 400)] {
        let grammar =
            Grammar::compile(&vocabulary(&[]), &Shape::Text { min, max }).expect("a text");
        let room = 24.min((max - min) / 2);
        for letter in ["a", "é", "語"] {
            let mut constraint = grammar.constraint();
            constraint.accept(TokenId::from(b'"')).expect("a string begins");
            loop {
                for _ in 0..rng.random_range(1..=room) {
                    for byte in letter.bytes() {
                        assert!(
                            constraint.allowed().expect("a mask").contains(TokenId::from(byte)),
                            "{max}: cut"
                        );
                        constraint.accept(TokenId::from(byte)).expect("allowed");
                    }
                }
                let allowed = constraint.allowed().expect("a mask");
                if !allowed.contains(TokenId::from(b' ')) {
                    assert!(
                        allowed.contains(TokenId::from(b'"'))
                            && allowed.contains(TokenId::from(b'.'))
                    );
                    assert!(!allowed.contains(TokenId::from(b',')));
                    break;
                }
                constraint.accept(TokenId::from(b' ')).expect("allowed");
            }
        }
    }
}

#[test]
fn an_excerpt_is_a_run_of_whole_clauses_of_one_cell() {
    let shape = Shape::Excerpt(vec![
        source("f1#0", &["I tried it twice, then I gave up. Never again!", "Yes"]),
        source("f1#1", &["Too \"slow\"\\\n"]),
        source("f1#2", &["", " - ", "\u{1F600}"]),
    ]);
    let answer = |id: &str, text: &str| format!("{{\"record\":\"{id}\",\"text\":\"{text}\"}}");
    let accepted = [
        answer("f1#0", "I tried it twice"),
        answer("f1#0", "then I gave up."),
        answer("f1#0", "I tried it twice, then I gave up. Never again!"),
        answer("f1#1", "Too \\\"slow\\\"\\\\"),
    ];
    let refused = [
        answer("f1#0", ""),
        answer("f1#0", "I tried it twice,"),
        answer("f1#0", "tried it twice, then I gave up."),
        answer("f1#0", "Yes"),
        answer("f1#0", "Never again!"),
        answer("f1#1", "then I gave up."),
        answer("f1#1", "Too"),
        answer("f1#2", ""),
    ];
    check(
        &shape,
        &accepted.each_ref().map(String::as_str),
        &refused.each_ref().map(String::as_str),
    );
}

#[test]
fn a_phrase_is_a_run_of_whole_words_of_one_line() {
    check(
        &Shape::Phrase("I met Dr. Ana O'Neil (Leeds), Ana's boss.\n田中さん too".into()),
        &[
            "\"I\"",
            "\"Ana\"",
            "\"Ana O'Neil\"",
            "\"Dr. Ana O'Neil (Leeds\"",
            "\"Leeds\"",
            "\"田中\"",
            "\"boss\"",
        ],
        &[
            "\"\"",
            "\"An\"",
            "\" Ana\"",
            "\"Ana \"",
            "\"(Leeds)\"",
            "\"Ana Leeds\"",
            "\"boss.\"",
            "\"boss.\\n田\"",
            "\"ana\"",
        ],
    );
}

#[test]
fn what_cannot_be_an_answer_is_an_error() {
    let text = |min, max| Shape::Text { min, max };
    for (shape, part) in [
        (Shape::Excerpt(vec![source("a", &["", " \n", "?!"])]), "none of the sources"),
        (Shape::Excerpt(Vec::new()), "none of the sources"),
        (Shape::OneOf(Vec::new()), "no options"),
        (Shape::Phrase(" -- ".into()), "has no phrases"),
        (Shape::Integer { min: 2, max: 1 }, "2 to 1"),
        (text(5, 12), "too narrow"),
        (object(&[("a", text(0, 20)), ("a", text(0, 20))]), "'a' twice"),
        (Shape::Array { item: Box::new(text(0, 20)), min: 2, max: 1 }, "2 to 1"),
    ] {
        let error = Grammar::compile(&vocabulary(&[]), &shape).err().expect("an error").to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn the_longest_answer_has_the_bytes_that_are_promised() {
    let excerpt = Shape::Excerpt(vec![
        source("f1#0", &["one two, three \"four\"", "Yes"]),
        source("a", &["no"]),
    ]);
    let item = Shape::OneOf(vec!["x".into(), "\n".into()]);
    for (shape, longest) in [
        (excerpt, r#"{"record":"f1#0","text":"one two, three \"four\""}"#),
        (Shape::Array { item: Box::new(item.clone()), min: 0, max: 3 }, r#"["\n","\n","\n"]"#),
        (Shape::Phrase("is \"Ana\" in?".into()), r#""is \"Ana\" in""#),
        (
            object(&[("a", item), ("b", Shape::Integer { min: -10, max: 5 })]),
            r#"{"a":"\n","b":-10}"#,
        ),
        (object(&[]), "{}"),
    ] {
        check(&shape, &[longest], &[]);
        assert_eq!(shape.max_bytes(), longest.len(), "{longest}");
    }
}
