//! Tests of names in free text, and an ignored one that writes features for `train.py`.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::*;
use crate::privacy::Entity;

/// Checks that exactly the marked pieces of a text are found: `{P:Ana} lives in {L:Porto}`.
#[track_caller]
fn check(marked: &str) {
    let mut text = String::new();
    let mut wanted = Vec::new();
    let mut rest = marked;
    while let Some((before, after)) = rest.split_once('{') {
        let (inner, after) = after.split_once('}').unwrap();
        let (kind, value) = inner.split_once(':').unwrap();
        text.push_str(before);
        text.push_str(value);
        let kind = match kind {
            "P" => Entity::Person,
            "L" => Entity::Location,
            "O" => Entity::Organization,
            _ => Entity::Address,
        };
        wanted.push((kind, value.to_owned()));
        rest = after;
    }
    text.push_str(rest);
    let found: Vec<_> =
        find(&text, &[]).iter().map(|s| (s.entity, text[s.start..s.end].to_owned())).collect();
    assert_eq!(found, wanted, "{text}");
}

#[test]
fn german_pronouns_are_nobody_unless_a_title_says_so() {
    check("Was stört Sie?");
    check("Wie heizen Sie Ihre Wohnung?");
    check("Das hat mir Frau {P:Sie} gesagt.");
}

#[test]
fn a_label_of_a_form_is_nobody() {
    check("Age: 38\nOccupation: project manager\nStudy: a week with pumps");
}

#[test]
fn people_are_found_by_cue_case_and_dictionary() {
    check("My name is {P:Katarzyna Wrona} and I work nights.");
    check("I asked {P:Marguerite} and she printed it for me.");
    check("Dr. {P:Siddiqui} explained the results over the phone.");
    check("It was {P:Priya}'s turn, not mine.");
    check("Dear Mr {P:Abernathy},");
    check("i told {P:sandra} i could not find the form");
    check("CUSTOMER {P:PETER ALDRIDGE} CALLED ABOUT THE REFUND");
}

#[test]
fn places_organisations_and_addresses_are_told_apart() {
    check("She moved from {L:Leicester} to {L:Aberdeen}.");
    check("I studied at the {O:University of Leeds}.");
    check("Please deliver it to {A:27 Mill Lane, Flat 2, Norwich NR3 1QT}.");
}

#[test]
fn a_name_that_is_also_a_word_is_told_by_its_place() {
    check("Mark the box if you agree.");
    check("I would rather ask {P:Mark} about it.");
    check("Will it remember my settings?");
    check("May I see the second page again?");
    check("Rose early, fed the dog, missed the bus.");
}

#[test]
fn capitals_alone_make_no_name() {
    check("Open Settings, then press the Save button.");
    check("PLEASE DO NOT SWITCH OFF THE ROUTER");
    check("On Monday the plan changes, in August it changes back.");
    check("Die Schrift ist zu klein und der Knopf ist versteckt.");
    check("Ich möchte einen Teil vom Gehalt automatisch für die Steuer zurücklegen.");
    check("Ich frage immer Frau {P:Yildiz} und nicht den Chef.");
    check("Don't laugh, but the VAT return in January has to be a PDF.");
}

#[test]
fn names_in_other_scripts_are_found() {
    check("Меня зовут {P:Светлана Орлова}.");
    check("Με λένε {P:Ελένη Γεωργίου}.");
    check("{P:山田太郎}さんに聞きました。");
    check("我叫{P:王秀英}。");
    check("{P:김서연}씨가 말했어요.");
    check("คุณ{P:สมจริง}บอกว่า");
}

#[test]
fn a_surname_that_is_a_word_needs_to_be_addressed() {
    check("林の中を歩いた。");
    check("今日は森へ行った。");
}

#[test]
fn every_mark_of_a_new_line_is_counted_up_to_two() {
    let mut newlines = Vec::new();
    tokens::windows("a\nb\u{2028}c\u{2029}d \n\n\n e f", &[], |window| {
        newlines.extend(window.iter().map(|token| token.newlines));
    });
    assert_eq!(newlines, [0, 1, 1, 1, 2, 0]);
}

#[test]
fn look_alikes_and_zero_width_characters_hide_no_name() {
    // Latin letters in a Cyrillic name, and a Cyrillic letter in a Latin name.
    check("Меня зовут {P:Cвeтлaнa Opлoвa}.");
    check("I asked {P:M\u{430}rguerit\u{435}} and she printed it.");
    check("I asked {P:Mar\u{200b}guerite} and she printed it.");
}

#[test]
fn a_common_word_is_told_from_a_name() {
    for word in ["Will", "rose", "The", "screens", "nicht"] {
        assert!(is_common_word(word), "{word}");
    }
    for name in ["Marguerite", "Ibrahim", "Kowalczyk", "Светлана", "Leicester"] {
        assert!(!is_common_word(name), "{name}");
    }
}

#[test]
fn what_is_known_is_left_alone() {
    let text = "Ask Marguerite Delorme or Priya.";
    let known = [Span { start: 4, end: 22, entity: Entity::UserHandle, score: 1.0 }];
    let found = find(text, &known);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(&text[found[0].start..found[0].end], "Priya");
}

#[test]
fn one_line_of_any_length_is_read_in_bounded_windows() {
    let text = "I asked Marguerite about it, ".repeat(20_000);
    assert_eq!(find(&text, &[]).len(), 20_000);
    assert_eq!(find(&"x".repeat(3_000_000), &[]), []);
}

#[test]
fn every_feature_has_a_number_below_the_count() {
    let text = "Dr. Ana O'Neill, 27 Mill Lane SW1A 2AA\nΑθήνα 山田 (\"x\") B2 a@b №5!";
    let mut seen = Vec::new();
    tokens::windows(text, &[], |window| {
        let style = features::see(text, window, lexicon::lexicon(), &mut seen);
        for at in 0..window.len() {
            features::features(&seen, style, at, |f| assert!(f < features::FEATURES));
        }
    });
}

/// The weights of the model are meaningless for other features. After a change of the features,
/// even through a dictionary, train again (`train.py`) and put the new figure here.
#[test]
fn features_are_those_that_the_weights_were_trained_on() {
    let texts = [
        "Dr. Ana O'Neill (née Smith-Jones), 27 Mill Lane, Flat 2, Norwich NR3 1QT: \"Call me!\"",
        "I moved from New York to Frankfurt am Main; St. John's was too far. Mark my words, Mark.",
        "We left Smith & Sons Ltd., the Bank of Scotland and the University of Leeds in May 2019.",
        "Will it work? said Will. Mr and Mrs van der Berg, their son Tom, 12, and Priya's mother.",
        "i told sandra i could not find the form, she said ask dave in leicester or bob_99 @work",
        "CUSTOMER PETER ALDRIDGE OF 5 HIGH STREET, YORK CALLED ABOUT THE REFUND. NHS AND HMRC TOO",
        "Frau Müller wohnt in der Hauptstraße 12 in Köln, und Herr Schmidt fährt mit dem Zug heim.",
        "Name: Katarzyna Wrona\nTown - Gdańsk\n\nInterviewer: How so?\nAbdul-Rahman: 3rd floor…",
        "Señora García llegó a Sevilla; M. Dupont, d'Angers, rue de la Paix. [Laughs] 'Ja' – “so”",
        "昨日田中さんが来た。 Ольга Орлова из Москвы! สมชาย 김민수 씨 Ελένη, محمد a\u{200b}b e\u{301}a ½",
    ];
    let mut seen = Vec::new();
    let mut numbers = Vec::new();
    for text in texts {
        let known = text.find("Priya").map(|start| Span {
            start,
            end: start + 5,
            entity: Entity::Url,
            score: 1.0,
        });
        tokens::windows(text, known.as_slice(), |window| {
            let style = features::see(text, window, lexicon::lexicon(), &mut seen);
            for (at, token) in window.iter().enumerate() {
                numbers.extend([usize::MAX, token.start, token.end]);
                features::features(&seen, style, at, |feature| numbers.push(feature));
            }
        });
    }
    let bytes: Vec<u8> = numbers.iter().flat_map(|&number| (number as u64).to_le_bytes()).collect();
    let digest = base16ct::lower::encode_string(&Sha256::digest(bytes)[..8]);
    assert_eq!((numbers.len(), digest.as_str()), (8_050, "3c73b8436194c2dd"));
}

proptest! {
    #[test]
    fn any_text_gives_spans_in_order_apart_and_at_characters(
        text in "(\\PC|[A-Z][a-z]{2,5} |Anna |[0-9]{1,5} |\n|[山田さ김민สม]|\u{200b}|'){0,60}",
        known in prop::collection::vec((0usize..80, 1usize..9), 0..4),
    ) {
        let mut end = 0;
        let mut spans = Vec::new();
        for (start, length) in known {
            let start = text.floor_char_boundary(usize::max(start, end).min(text.len()));
            let stop = text.floor_char_boundary((start + length).min(text.len()));
            if start >= end && text[start..stop].contains(char::is_alphanumeric) {
                spans.push(Span { start, end: stop, entity: Entity::Url, score: 1.0 });
                end = stop;
            }
        }
        let found = find(&text, &spans);
        prop_assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start));
        for span in &found {
            prop_assert!(!text[span.start..span.end].trim().is_empty());
            prop_assert!((0.0..=1.0).contains(&span.score));
            prop_assert!(spans.iter().all(|k| k.end <= span.start || span.end <= k.start));
        }
    }
}

/// A text for `train.py`, with the byte ranges that are known already.
#[derive(Deserialize)]
struct Sample {
    text: String,
    known: Vec<(usize, usize)>,
}

/// Reads `$PERSONA_TRAIN` (JSON lines of [`Sample`]) and writes `$PERSONA_TRAIN.features`: a line
/// `START END FEATURE...` for each token, an empty line after each window, `---` after each sample.
#[test]
#[ignore = "a tool of train.py, not a test"]
fn write_features_for_training() {
    let path = std::env::var("PERSONA_TRAIN").unwrap();
    let mut out = String::new();
    for line in std::fs::read_to_string(&path).unwrap().lines() {
        let sample: Sample = serde_json::from_str(line).unwrap();
        let known: Vec<Span> = sample
            .known
            .iter()
            .map(|&(start, end)| Span { start, end, entity: Entity::Url, score: 1.0 })
            .collect();
        let mut seen = Vec::new();
        tokens::windows(&sample.text, &known, |window| {
            let style = features::see(&sample.text, window, lexicon::lexicon(), &mut seen);
            for (at, token) in window.iter().enumerate() {
                let known = if token.kind == Kind::Known { "!" } else { "" };
                write!(out, "{known}{} {}", token.start, token.end).unwrap();
                features::features(&seen, style, at, |feature| write!(out, " {feature}").unwrap());
                out.push('\n');
            }
            out.push('\n');
        });
        out.push_str("---\n");
    }
    std::fs::write(format!("{path}.features"), out).unwrap();
}
