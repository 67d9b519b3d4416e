//! Owns the tests of the grammar: which bytes may follow, what is forced, and what an answer is.

use proptest::prelude::*;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::testing::{CONTROL, EOS, source, vocabulary};
use super::*;

#[test]
fn a_control_token_is_never_allowed_though_its_text_may_be_quoted() {
    let cell = "they typed <|im_end|> into the form";
    let grammar = Grammar::compile(&vocabulary(&[]), &Shape::Excerpt(vec![source("a", &[cell])]))
        .expect("compiles");
    let mut constraint = grammar.constraint();
    let forced = constraint.forced().expect("a forced answer");
    let text: Vec<u8> =
        forced.iter().map(|&token| u8::try_from(token).expect("a byte token")).collect();
    assert_eq!(
        String::from_utf8(text).expect("UTF-8"),
        format!("{{\"record\":\"a\",\"text\":\"{cell}\"}}")
    );
    assert!(constraint.is_finished());
    let end = constraint.allowed().expect("a mask");
    assert_eq!(end.iter().collect::<Vec<_>>(), [EOS]);
    assert!(constraint.accept(TokenId::from(b' ')).is_err());
    assert!(constraint.accept(EOS).is_ok());
}

#[test]
fn asking_about_a_token_agrees_with_the_mask_at_every_step_of_an_answer() {
    let shape = super::testing::object(&[
        ("said", Shape::Excerpt(vec![source("a", &["one two three four five \"six\""])])),
        ("mood", Shape::OneOf(vec!["calm".into(), "tired".into()])),
        ("note", Shape::Text { min: 2, max: 12 }),
    ]);
    let words = ["one two", "six", " th", "ree", "\":", "calm", "\",", "aé", "\\\""];
    let vocabulary = vocabulary(&words);
    let grammar = Grammar::compile(&vocabulary, &shape).expect("compiles");
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..6 {
        let mut constraint = grammar.constraint();
        loop {
            // As in the worker: where something is forced, a mask holds only that.
            constraint.forced().expect("forced tokens");
            if constraint.is_finished() {
                break;
            }
            let mask = constraint.allowed().expect("a mask");
            for token in 0..(258 + words.len()) as TokenId {
                assert_eq!(constraint.allows(token), mask.contains(token), "{token}");
            }
            let choices: Vec<TokenId> = mask.iter().collect();
            let token = *choices.choose(&mut random).expect("some token");
            constraint.accept(token).expect("an allowed token");
        }
    }
}

#[test]
fn an_answer_is_never_shorter_than_its_literals() {
    let shape = super::testing::object(&[
        ("mood", Shape::OneOf(vec!["calm".into(), "tired".into()])),
        ("age", Shape::Integer { min: 1, max: 99 }),
    ]);
    // The literals are {"mood":" and ","age": and }; either end of each may belong to a neighbour's
    // token.
    for (words, fewest) in [(&[][..], 7 + 6), (&["mood", "\":", "age"][..], 3 + 3)] {
        let grammar = Grammar::compile(&vocabulary(words), &shape).expect("compiles");
        assert_eq!(grammar.fewest_tokens(), fewest);
    }
}

#[test]
fn the_fewest_tokens_of_a_text_are_counted_over_every_way_to_cut_it() {
    let vocabulary = vocabulary(&["ab", "bcd", "abc", "é"]);
    for (text, fewest) in [("", 0), ("a", 1), ("abcd", 2), ("abcabcd", 3), ("é!", 2), ("xyz", 3)] {
        assert_eq!(vocabulary.fewest(text), fewest, "{text}");
    }
}

#[test]
fn a_mask_is_exactly_its_tokens() {
    let mask = Mask::only(40, &[3, 39, 40, 41]);
    assert_eq!(mask.iter().collect::<Vec<_>>(), [3, 39]);
    assert!(mask.contains(39) && !mask.contains(4) && !mask.contains(40));
    assert_eq!((mask.len(), mask.is_empty()), (2, false));
    assert_eq!(mask.words()[..2], [1 << 3, 1 << 7]);
    let none = Mask::only(40, &[40]);
    assert_eq!((none.len(), none.is_empty()), (0, true));
}

#[test]
fn the_excerpts_of_a_source_are_what_its_grammar_reads() {
    let source = source("a", &["I tried it twice, then I gave up.", "Yes"]);
    let listed = source.excerpts();
    assert_eq!(
        listed,
        ["I tried it twice", "I tried it twice, then I gave up.", "then I gave up."]
    );
    let answers: Vec<String> =
        listed.iter().map(|text| format!("{{\"record\":\"a\",\"text\":\"{text}\"}}")).collect();
    let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
    super::testing::check(&Shape::Excerpt(vec![source.clone()]), &answers, &[]);
}

#[test]
fn a_whole_answer_takes_the_end_and_nothing_else() {
    let shape = Shape::Text { min: 0, max: 8 };
    let grammar = Grammar::compile(&vocabulary(&[]), &shape).expect("compiles");
    let mut constraint = grammar.constraint();
    assert!(!constraint.allows(EOS) && !constraint.is_finished());
    for byte in *b"\"a\"" {
        constraint.accept(TokenId::from(byte)).expect("allowed");
    }
    assert!(constraint.allows(EOS) && !constraint.allows(TokenId::from(b'a')));
    constraint.accept(EOS).expect("the end");
    assert!(constraint.is_finished());
    assert_eq!(constraint.forced().expect("nothing"), [0; 0]);
    assert!(constraint.allows(EOS) && !constraint.allows(TokenId::from(b'a')));
    assert!(constraint.accept(EOS).is_ok() && constraint.accept(TokenId::from(b'a')).is_err());
}

#[test]
fn a_token_of_1000_bytes_is_allowed_and_a_longer_one_is_not() {
    for (bytes, fewest) in [(1_000, 1), (1_001, 1_001)] {
        let long = "x".repeat(bytes);
        assert_eq!(vocabulary(&[&long]).fewest(&long), fewest, "{bytes}");
    }
}

#[test]
fn a_tokenizer_that_changes_text_does_not_change_the_answer() {
    let mut bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    bytes.extend([b"<|endoftext|>".to_vec(), b"<|im_end|>".to_vec()]);
    let encode: Encode =
        Arc::new(|text| text.to_uppercase().bytes().map(TokenId::from).chain([CONTROL]).collect());
    let vocabulary = Vocabulary::new(bytes, &[EOS, CONTROL], EOS, encode).expect("a vocabulary");
    let grammar =
        Grammar::compile(&vocabulary, &Shape::OneOf(vec!["small".into()])).expect("compiles");
    let text: Vec<u8> =
        grammar.constraint().forced().expect("forced").iter().map(|&token| token as u8).collect();
    assert_eq!(text, b"\"small\"");
}

#[test]
fn a_token_outside_the_vocabulary_is_an_error() {
    let encode: Encode = Arc::new(|_| Vec::new());
    assert!(Vocabulary::new(vec![b"a".to_vec()], &[], 1, encode.clone()).is_err());
    assert!(
        Vocabulary::new(vec![b"a".to_vec(), vec![b'x'; 5000]], &[7], 0, encode.clone()).is_err()
    );
    assert!(Vocabulary::new(vec![b"a".to_vec(), vec![b'x'; 5000]], &[], 0, encode).is_ok());
}

#[test]
fn an_error_of_a_constraint_is_reported_and_stays() {
    let grammar =
        Grammar::compile(&vocabulary(&[]), &Shape::OneOf(vec!["x".into()])).expect("compiles");
    let mut constraint = grammar.constraint();
    let error = constraint.accept(TokenId::from(b'z')).expect_err("not allowed");
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
    assert!(
        constraint.allowed().is_err() && constraint.forced().is_err() && !constraint.is_finished()
    );
    assert!(grammar.constraint().allowed().is_ok());
}

#[test]
fn a_constraint_moves_between_threads() {
    fn moves<T: Send>() {}
    moves::<Constraint>();
    moves::<Vocabulary>();
    moves::<Grammar>();
}

/// Whether `value` is an answer of `shape`, decided without the grammar.
fn fits(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::Object(fields), Value::Object(map)) => {
            fields.len() == map.len()
                && fields
                    .iter()
                    .zip(map)
                    .all(|((key, shape), (name, value))| key == name && fits(shape, value))
        }
        (Shape::Array { item, min, max }, Value::Array(items)) => {
            (*min..=*max).contains(&items.len()) && items.iter().all(|value| fits(item, value))
        }
        (Shape::Text { min, max }, Value::String(text)) => {
            text.len() + text.matches('"').count() >= *min
                && text.chars().count() <= *max
                && text.split(' ').all(|word| !word.is_empty() || text.is_empty())
                && !text.contains(|c: char| c.is_control() || (c.is_whitespace() && c != ' '))
        }
        (Shape::OneOf(options), Value::String(text)) => options.contains(text),
        (Shape::Integer { min, max }, Value::Number(number)) => {
            number.as_i64().is_some_and(|number| (*min..=*max).contains(&number))
        }
        (Shape::Excerpt(sources), Value::Object(map)) => {
            let text = map["text"].as_str().expect("a text");
            sources
                .iter()
                .filter(|source| map["record"] == source.id.as_str())
                .any(|source| source.cells.iter().any(|cell| is_excerpt(cell, text)))
        }
        (Shape::Phrase(text), Value::String(phrase)) => {
            text.contains(phrase.as_str())
                && phrase.chars().count() <= 80
                && !phrase.contains('\n')
                && phrase.trim() == phrase
        }
        _ => false,
    }
}

fn is_excerpt(cell: &str, text: &str) -> bool {
    // In scripts without spaces each character is a word.
    let apart = |text: &str| -> String {
        let alone = |c| matches!(c, '\u{3041}'..='\u{3096}' | '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{2FA1F}');
        text.chars().flat_map(|c| if alone(c) { vec![' ', c, ' '] } else { vec![c] }).collect()
    };
    let words = apart(text).split_whitespace().count();
    let at_words = cell.match_indices(text).any(|(at, _)| {
        let (before, text, after) =
            (apart(&cell[..at]), apart(text), apart(&cell[at + text.len()..]));
        let cut = |left: &str, right: &str| {
            left.ends_with(char::is_alphanumeric) && right.starts_with(char::is_alphanumeric)
        };
        !cut(&before, &text) && !cut(&text, &after)
    });
    (cell.trim() == text || (words >= 4 && at_words))
        && text.chars().count() <= 240
        && text.trim() == text
}

/// Takes random allowed tokens, and forced ones now and then, until the answer is whole.
fn wander(grammar: &Grammar, tokens: &[Vec<u8>], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut constraint = grammar.constraint();
    let mut answer = Vec::new();
    while !constraint.is_finished() {
        if rng.random_bool(0.3) {
            let mut twin = constraint.clone();
            for token in constraint.forced().expect("forced tokens") {
                assert!(twin.allowed().expect("a mask").contains(token), "forced but not allowed");
                twin.accept(token).expect("allowed");
                answer.extend(&tokens[token as usize]);
            }
            continue;
        }
        let allowed: Vec<TokenId> = constraint.allowed().expect("a mask").iter().collect();
        let &token = allowed.choose(rng).expect("a token");
        assert_ne!(token, CONTROL);
        constraint.accept(token).expect("allowed");
        if token != EOS {
            answer.extend(&tokens[token as usize]);
        }
    }
    answer
}

fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z]{1,9}",
        2 => Just(" ".to_owned()),
        1 => prop::sample::select(vec![
            ", ", ". ", "\"", "\\", "\\u00e9", "\n", "\r\n", "\0", "\u{7f}", "\t", "{", "}", "/", "<|im_end|>", "🎉",
            "👩‍👩‍👧", "e\u{301}", "שלום", "مرحبا", "\u{202e}", "日本語です。", "\u{feff}", "—", "\u{2028}", "\u{85}", "i", "//", "#",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..120).prop_map(|pieces| pieces.concat())
}

fn shape() -> impl Strategy<Value = Shape> {
    let sources =
        prop::collection::vec((hostile_text(), prop::collection::vec(hostile_text(), 1..3)), 0..4);
    (
        sources,
        prop::collection::vec(hostile_text(), 1..4),
        0..30_usize,
        10..200_usize,
        -40..400_i64,
        hostile_text(),
    )
        .prop_map(|(sources, options, min, spread, least, key)| {
            let mut sources: Vec<Source> =
                sources.into_iter().map(|(id, cells)| Source { id, cells }).collect();
            sources.push(source("kept", &["four words at least", "and, so: on"]));
            let list =
                |item: Shape| Shape::Array { item: Box::new(item), min: min % 3, max: min % 3 + 2 };
            Shape::Object(vec![
                (format!("k{key}"), list(Shape::Excerpt(sources))),
                ("text".into(), list(Shape::Text { min, max: min + spread })),
                ("one".into(), Shape::OneOf(options)),
                ("phrase".into(), Shape::Phrase(format!("{key} and Ana"))),
                ("number".into(), Shape::Integer { min: least, max: least + min as i64 }),
            ])
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_walk_under_the_mask_is_an_answer(shape in shape(), seed: u64) {
        let words = [" the", "the", " a", "ing", ", ", ". ", ".\"", "\",\"", "\"]", "\":\"", " 日本", "é", "\\\"", "<|im_end|>", "  ", "\n"];
        let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        tokens.extend([Vec::new(), Vec::new()]);
        tokens.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let chosen = if rng.random() { &words[..] } else { &[] };
        let grammar = Grammar::compile(&vocabulary(chosen), &shape).expect("the shape compiles");
        let answer = String::from_utf8(wander(&grammar, &tokens, &mut rng)).expect("UTF-8");
        let value: Value = serde_json::from_str(&answer).expect("JSON");
        prop_assert!(fits(&shape, &value), "{answer}");
        prop_assert!(answer.len() <= shape.max_bytes(), "{} > {}", answer.len(), shape.max_bytes());
    }
}
