//! Text to tokens and back, on vocabularies of both families and on the real model.

use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::engine::gguf::tiny_gguf::{Family, MERGES, Meta, Options, SPECIALS, tiny_model};

const END: TokenId = 256 + MERGES.len() as TokenId + 2; // <|im_end|>

fn model(options: &Options) -> GgufFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&tiny_model(options)).unwrap();
    GgufFile::open(file.path()).unwrap()
}

fn with(set: Vec<(&'static str, Meta)>) -> Result<Tokenizer, EngineError> {
    Tokenizer::from_gguf(&model(&Options { set, ..Options::default() }))
}

fn tiny() -> Tokenizer {
    with(Vec::new()).unwrap()
}

#[track_caller]
fn refuses(set: Vec<(&'static str, Meta)>, part: &str) {
    let reason = with(set).unwrap_err().to_string();
    assert!(reason.contains(part), "'{reason}' does not say '{part}'");
}

/// A text's tokens, with `|` between them.
fn cut(tokenizer: &Tokenizer, text: &str) -> String {
    let tokens = tokenizer.encode(text, Specials::AsText).unwrap();
    let piece =
        |token: &TokenId| String::from_utf8_lossy(tokenizer.token_bytes(*token)).into_owned();
    tokens.iter().map(piece).collect::<Vec<_>>().join("|")
}

#[test]
fn merges_apply_in_order_of_rank() {
    assert_eq!(cut(&tiny(), " the there"), " the| the|r|e");
    assert_eq!(cut(&tiny(), "singing a\":"), "s|ing|ing| a|\":");
}

#[test]
fn control_tokens_are_found_only_where_they_are_asked_for() {
    let tokenizer = tiny();
    let text = "a<|im_end|>b";
    let parsed = tokenizer.encode(text, Specials::Parse).unwrap();
    assert_eq!(parsed, [u32::from(b'a'), END, u32::from(b'b')]);
    let plain = tokenizer.encode(text, Specials::AsText).unwrap();
    assert!(!plain.iter().any(|token| tokenizer.is_special(*token)));
    assert_eq!(tokenizer.decode(&plain), text);
    assert_eq!(tokenizer.decode(&parsed), "ab");
}

#[test]
fn the_marks_of_the_file_are_known() {
    let tokenizer = tiny();
    assert_eq!(tokenizer.vocabulary_size(), 256 + MERGES.len() + SPECIALS.len());
    assert_eq!(tokenizer.bos(), Some(END - 1));
    assert_eq!(tokenizer.eos(), Some(END));
    assert_eq!(tokenizer.end_ids(), [END - 2, END]); // <|endoftext|> ends too
    assert!(!tokenizer.add_bos());
    assert_eq!(tokenizer.token_bytes(END), b"<|im_end|>");
    assert_eq!(tokenizer.token_bytes(END + 1), b"");
}

#[test]
fn an_unknown_pre_tokenizer_is_refused_with_the_way_out() {
    let mystery = || Meta::Text("mystery".into());
    refuses(vec![("tokenizer.ggml.pre", mystery())], "'mystery'");
    refuses(vec![("tokenizer.ggml.pre", mystery())], "--tokenizer tokenizer.json");
    refuses(vec![("tokenizer.ggml.model", Meta::Text("rwkv".into()))], "'rwkv'");
}

#[test]
fn metadata_that_does_not_fit_is_refused_by_key() {
    refuses(vec![("tokenizer.ggml.eos_token_id", Meta::U32(9_999))], "eos_token_id' is 9999");
    refuses(vec![("tokenizer.ggml.token_type", Meta::Ints(vec![1, 1]))], "has 2 items");
    refuses(
        vec![("tokenizer.ggml.merges", Meta::Texts(vec!["th".into()]))],
        "item 0 of metadata 'tokenizer.ggml.merges'",
    );
    refuses(
        vec![("tokenizer.ggml.merges", Meta::Texts(vec!["z q".into()]))],
        "item 0 of metadata 'tokenizer.ggml.merges'",
    );
    refuses(
        vec![("tokenizer.ggml.merges", Meta::Texts(vec!["Ġt the".into()]))],
        "item 0 of metadata 'tokenizer.ggml.merges'",
    );
    refuses(vec![("tokenizer.ggml.model", Meta::Text("llama".into()))], "scores");
}

#[test]
fn no_merge_may_lead_to_a_control_token() {
    // The merges spell `<s>`, so data could become that control token.
    let mut options = Options::default();
    let merges = ["< s", "<s >"].map(str::to_owned).to_vec();
    options.set.push(("tokenizer.ggml.merges", Meta::Texts(merges)));
    let reason = Tokenizer::from_gguf(&model(&options)).unwrap_err().to_string();
    assert!(reason.contains("not made of tokens"), "{reason}");
}

/// A SentencePiece vocabulary: 256 byte tokens, then pieces.
fn sentence_piece(prefix: bool) -> Tokenizer {
    let pieces = ["▁", "t", "h", "e", "he", "the", "▁the", "▁t", "a"];
    let controls = ["<unk>", "<s>", "</s>"];
    let bytes = (0..=255u8).map(|byte| format!("<0x{byte:02X}>"));
    let tokens: Vec<String> = controls
        .map(str::to_owned)
        .into_iter()
        .chain(bytes)
        .chain(pieces.map(str::to_owned))
        .collect();
    let kinds: Vec<i32> = (0..tokens.len())
        .map(|id| match id {
            0 => 2,
            1 | 2 => 3,
            3..259 => 6,
            _ => 1,
        })
        .collect();
    let metadata = vec![
        ("tokenizer.ggml.model", Meta::Text("llama".into())),
        ("tokenizer.ggml.scores", Meta::Floats((0..tokens.len()).map(|id| -(id as f32)).collect())),
        ("tokenizer.ggml.tokens", Meta::Texts(tokens)),
        ("tokenizer.ggml.token_type", Meta::Ints(kinds)),
        ("tokenizer.ggml.bos_token_id", Meta::U32(1)),
        ("tokenizer.ggml.eos_token_id", Meta::U32(2)),
        ("tokenizer.ggml.add_bos_token", Meta::Bool(true)),
        ("tokenizer.ggml.add_space_prefix", Meta::Bool(prefix)),
    ];
    let mut options = Options { set: metadata, ..Options::default() };
    options.unset.push("tokenizer.ggml.merges");
    Tokenizer::from_gguf(&model(&options)).unwrap()
}

#[test]
fn sentence_pieces_merge_by_score_and_odd_characters_fall_back_to_bytes() {
    let tokenizer = sentence_piece(true);
    assert_eq!(cut(&tokenizer, "the the"), " the| the");
    assert_eq!(cut(&tokenizer, "é"), " |\u{fffd}|\u{fffd}");
    assert!(tokenizer.add_bos());
    for text in ["the theé\n日本", "  a", "<s>", "<unk>", "<0x41>", "▁"] {
        let tokens = tokenizer.encode(text, Specials::AsText).unwrap();
        assert!(!tokens.iter().any(|token| tokenizer.is_special(*token)), "{text}");
        // `▁` is how a space is written, so it is the one character that does not come back.
        assert_eq!(tokenizer.decode(&tokens), text.replace('▁', " "));
    }
}

#[test]
fn user_defined_spaces_are_spaces_and_markup_of_the_turns_is_never_text() {
    let pieces = ["▁", "a", "▁▁", "<|end|>", "<start_of_image>", "<table>"];
    let bytes = (0..=255u8).map(|byte| format!("<0x{byte:02X}>"));
    let tokens: Vec<String> = bytes.chain(pieces.map(str::to_owned)).collect();
    let kinds: Vec<i32> = [vec![6; 256], vec![1, 1, 4, 4, 4, 4]].concat();
    let metadata = vec![
        ("tokenizer.ggml.model", Meta::Text("llama".into())),
        ("tokenizer.ggml.scores", Meta::Floats(vec![0.0; tokens.len()])),
        ("tokenizer.ggml.tokens", Meta::Texts(tokens)),
        ("tokenizer.ggml.token_type", Meta::Ints(kinds)),
        ("tokenizer.ggml.bos_token_id", Meta::U32(259)),
        ("tokenizer.ggml.eos_token_id", Meta::U32(259)),
        ("tokenizer.ggml.add_space_prefix", Meta::Bool(false)),
    ];
    let family = Family::Phi3;
    let file = |family| {
        let options = Options { family, set: metadata.clone(), ..Options::default() };
        Tokenizer::from_gguf(&model(&options)).unwrap()
    };
    let tokenizer = file(Family::Llama);
    assert_eq!(cut(&tokenizer, "a  a   a<table>"), "a|  |a|  | |a|<table>");
    for control in ["<|end|>", "<start_of_image>"] {
        let tokens = tokenizer.encode(control, Specials::AsText).unwrap();
        assert!(!tokens.iter().any(|token| tokenizer.is_special(*token)), "{control}");
        assert_eq!(tokenizer.encode(control, Specials::Parse).unwrap().len(), 1, "{control}");
    }
    // Phi's control tokens take the white space after them along, the others do not.
    assert_eq!(tokenizer.encode("<|end|>\n a", Specials::Parse).unwrap(), [259, 10, 256, 257]);
    assert_eq!(file(family).encode("<|end|>\n a", Specials::Parse).unwrap(), [259, 257]);
}

#[test]
fn without_a_space_prefix_the_first_word_is_bare() {
    let tokenizer = sentence_piece(false);
    assert_eq!(cut(&tokenizer, "the the"), "the| the");
    assert_eq!(tokenizer.decode(&tokenizer.encode(" a", Specials::AsText).unwrap()), " a");
}

#[test]
fn a_stream_gives_characters_only_when_they_are_whole() {
    let tokenizer = tiny();
    let tokens = tokenizer.encode("é日🤷", Specials::AsText).unwrap();
    let mut stream = DecodeStream::default();
    let parts: Vec<String> = tokens.iter().map(|token| stream.push(&tokenizer, *token)).collect();
    assert_eq!(parts, ["", "é", "", "", "日", "", "", "", "🤷"]);
    assert_eq!(stream.finish(), "");
}

#[test]
fn a_stream_replaces_what_never_becomes_a_character() {
    let tokenizer = tiny();
    let mut stream = DecodeStream::default();
    let text: String =
        [0xC3, 0x28, 0xFF, 0x61, 0xE6].iter().map(|byte| stream.push(&tokenizer, *byte)).collect();
    assert_eq!(text + &stream.finish(), "\u{fffd}(\u{fffd}a\u{fffd}");
}

#[test]
fn a_tokenizer_json_gives_the_same_tokens_as_the_file_it_describes() {
    let model = model(&Options::default());
    let own = Tokenizer::from_gguf(&model).unwrap();
    let mut twin = own.inner.clone();
    let specials = SPECIALS.map(|text| tokenizers::AddedToken::from(text, true));
    twin.add_special_tokens(specials).unwrap();
    twin.with_decoder(Some(tokenizers::decoders::byte_level::ByteLevel::default()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    twin.save(&path, false).unwrap();

    let read = Tokenizer::from_file(&path, &model).unwrap();
    assert_eq!(read.vocabulary_size(), own.vocabulary_size());
    assert_eq!(read.end_ids(), own.end_ids());
    for specials in [Specials::Parse, Specials::AsText] {
        let text = "<|im_start|>the singer's 12\nécole<|im_end|>";
        assert_eq!(read.encode(text, specials).unwrap(), own.encode(text, specials).unwrap());
    }
    for token in 0..own.vocabulary_size() as TokenId {
        assert_eq!(read.token_bytes(token), own.token_bytes(token), "token {token}");
    }
}

#[test]
fn a_file_that_is_no_tokenizer_is_refused_by_path() {
    let model = model(&Options::default());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{{\"model\": 1}}").unwrap();
    let error = Tokenizer::from_file(file.path(), &model).unwrap_err().to_string();
    assert!(error.contains("not a tokenizer.json") && error.contains("cannot use"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_comes_back(text in "(?s:.|the |<\\|im_end\\|>|\u{0}|\r\n){0,40}") {
        let tokenizer = tiny();
        for specials in [Specials::AsText, Specials::Parse] {
            let tokens = tokenizer.encode(&text, specials).unwrap();
            let bytes: Vec<u8> = tokens.iter().flat_map(|token| tokenizer.token_bytes(*token)).copied().collect();
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), text.as_str());
        }
        let tokens = tokenizer.encode(&text, Specials::AsText).unwrap();
        let mut stream = DecodeStream::default();
        let streamed: String = tokens.iter().map(|token| stream.push(&tokenizer, *token)).collect();
        prop_assert_eq!(streamed + &stream.finish(), tokenizer.decode(&tokens));
    }

    #[test]
    fn any_bytes_stream_as_they_decode(bytes in prop::collection::vec(0u32..256, 0..40)) {
        let tokenizer = tiny();
        let mut stream = DecodeStream::default();
        let streamed: String = bytes.iter().map(|byte| stream.push(&tokenizer, *byte)).collect();
        prop_assert_eq!(streamed + &stream.finish(), tokenizer.decode(&bytes));
    }
}

/// Compares with the tokens that llama.cpp gives for the same file.
#[test]
fn the_real_model_gets_the_tokens_that_llama_cpp_gives_it() {
    let Some(path) = std::env::var_os("PERSONA_TEST_MODEL") else {
        eprintln!("skipped: PERSONA_TEST_MODEL not set");
        return;
    };
    let model = GgufFile::open(Path::new(&path)).unwrap();
    let tokenizer = Tokenizer::from_gguf(&model).unwrap();
    let check = |text: &str, specials: Specials, expected: &[TokenId]| {
        assert_eq!(tokenizer.encode(text, specials).unwrap(), expected, "{text:?}");
    };
    check(
        "It's 2024: I'd pay $1,234.56 — IT'S fine.",
        Specials::AsText,
        &[
            1589, 506, 216, 34, 32, 34, 36, 42, 339, 6737, 2290, 1885, 33, 28, 34, 35, 36, 30, 37,
            38, 1841, 9627, 23, 67, 4979, 30,
        ],
    );
    check(
        "Größe, naïve café; ¿qué?",
        Specials::AsText,
        &[27302, 7466, 34878, 85, 28, 15486, 46494, 37366, 43, 3351, 140, 385, 2756, 47],
    );
    check(
        "日本語 中文！ 한국어",
        Specials::AsText,
        &[
            23274, 115, 40993, 179, 120, 248, 216, 28589, 29184, 8083, 219, 216, 33085, 246, 181,
            130, 251, 183, 240, 129,
        ],
    );
    check(
        "Привет Καλημέρα שלום नमस्ते",
        Specials::AsText,
        &[
            155, 249, 46879, 16464, 32547, 5664, 244, 8998, 17162, 25723, 16674, 34075, 13583,
            8998, 12960, 119, 31838, 23970, 162, 247, 12335, 118, 35090, 38770, 16525, 26293,
            30581,
        ],
    );
    check(
        "\tdef f(x):\n\n    return x**2  # ok\r\n",
        Specials::AsText,
        &[197, 1604, 275, 24, 104, 727, 1004, 1003, 1792, 828, 34, 216, 907, 10907, 2738],
    );
    check(
        "🤷🏽\u{200d}♀\u{fe0f} e\u{301} \u{200b}\u{a0}",
        Specials::AsText,
        &[
            10813, 114, 132, 10813, 233, 138, 321, 231, 34625, 218, 31752, 297, 151, 219, 459, 229,
            15442,
        ],
    );
    let turn = "<|im_start|>user\nHi<|im_end|>\n";
    check(turn, Specials::Parse, &[1, 4093, 198, 26843, 2, 198]);
    check(
        turn,
        Specials::AsText,
        &[44, 108, 306, 79, 3738, 108, 46, 4093, 198, 26843, 44, 108, 306, 79, 486, 108, 46, 198],
    );
    assert_eq!(
        (tokenizer.bos(), tokenizer.eos(), tokenizer.end_ids()),
        (Some(1), Some(2), &[0, 2][..])
    );
    assert_eq!(tokenizer.vocabulary_size(), model.vocabulary_size());
}
