//! What the values of a column are: numbers, dates, addresses, choices, or what people say.
//!
//! Owns how one value is read, and how many of them make a kind. Does not look at names.

use std::collections::{BTreeMap, HashSet};

use crate::schema::is_unspaced;

use super::dates::is_time_stamp;
use super::names::{letters, normalise};
use super::told;

/// What people write who have nothing to say, in small letters and without marks.
const NO_ANSWERS: [&str; 58] = [
    "",
    "na",
    "none",
    "no",
    "nothing",
    "nil",
    "nope",
    "nan",
    "null",
    "idk",
    "dontknow",
    "unknown",
    "nocomment",
    "nocomments",
    "noanswer",
    "nothanks",
    "same",
    "xx",
    "xxx",
    "keine",
    "kein",
    "nein",
    "nichts",
    "keineangabe",
    "ka",
    "rien",
    "non",
    "aucun",
    "aucune",
    "nada",
    "ninguno",
    "ninguna",
    "nenhum",
    "nenhuma",
    "não",
    "niente",
    "nessuno",
    "geen",
    "なし",
    "特になし",
    "noidea",
    "idontknow",
    "nothingreally",
    "notreally",
    "nothingspecial",
    "nothingtoadd",
    "nothingelse",
    "nothingcomestomind",
    "nofurthercomments",
    "weißnicht",
    "keineahnung",
    "pasdidée",
    "jenesaispas",
    "nosé",
    "nãosei",
    "nonso",
    "geenidee",
    "weetniet",
];

/// Longest value, in bytes, that is looked up among these; a longer one says something.
const LONGEST_NO_ANSWER: usize = 24;

/// Whether somebody who wrote this had nothing to say.
pub(crate) fn is_no_answer(value: &str) -> bool {
    value.len() <= LONGEST_NO_ANSWER && NO_ANSWERS.contains(&normalise(value).as_str())
}

/// What stands for a missing value, by its letters, and the most letters of those.
const BLANKS: [&str; 6] = ["", "na", "nan", "null", "notapplicable", "missing"];
const LONGEST_BLANK: usize = 13;

/// Whether a value only stands for a missing one: `N/A`, `-`, `null`. `No` and `None` are answers
/// where people choose.
pub(crate) fn is_blank(value: &str) -> bool {
    // Of a long answer, the first letters tell that it is one.
    let plain: String = letters(value).take(LONGEST_BLANK + 1).collect();
    BLANKS.contains(&plain.as_str())
}

/// Reads a finite number as tables hold it, with a decimal point or comma, and perhaps with a
/// currency or per cent: `3.5`, `3,5`, `1.234,50 €`, `12,500`. `inf` and `NaN` are words in a
/// table.
pub(crate) fn number(value: &str) -> Option<f64> {
    let value = value.trim().trim_matches(['€', '$', '£', '¥', '%', ' ', '\u{A0}']);
    if !value.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // Blanks that do not break part thousands in French.
    let value = grouped(&grouped(value, '\u{202F}')?, '\u{A0}')?;
    let plain = match (value.rfind(','), value.rfind('.')) {
        (Some(comma), Some(point)) if point < comma => {
            format!("{}.{}", grouped(&value[..comma], '.')?, &value[comma + 1..])
        }
        (Some(_), Some(point)) => format!("{}{}", grouped(&value[..point], ',')?, &value[point..]),
        (Some(comma), None) => {
            let digits = value.trim_start_matches(['+', '-']);
            let is_thousand = value.len() - comma == 4 && !digits.starts_with(['0', ',']);
            let is_one = value.matches(',').count() == 1;
            if is_one && !is_thousand { value.replace(',', ".") } else { grouped(&value, ',')? }
        }
        _ => value,
    };
    // `12E4` is the number of a room.
    let is_power = plain.contains(['e', 'E']) && !plain.contains(['.', '+', '-']);
    let is_number = plain.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    plain.parse::<f64>().ok().filter(|number| is_number && !is_power && number.is_finite())
}

/// A whole number without the marks between its thousands, as in `1,234,567` or, in India,
/// `12,34,567`; `None` where something else stands between the marks, as in a list `1,2,3`.
fn grouped(value: &str, mark: char) -> Option<String> {
    let digits = |group: &str| group.bytes().take_while(u8::is_ascii_digit).count();
    let mut groups: Vec<usize> = value.split(mark).skip(1).map(digits).collect();
    let last = groups.pop();
    let are_thousands = last.is_none_or(|last| last == 3)
        && (groups.iter().all(|group| *group == 3) || groups.iter().all(|group| *group == 2));
    are_thousands.then(|| value.replace(mark, ""))
}

/// Whether some of all are so many that the others may be strays: nineteen in twenty.
pub(super) fn are_nearly_all(some: usize, all: usize) -> bool {
    some * 20 >= all * 19
}

/// Fewest words of an answer that is a sentence.
pub(super) const SENTENCE_WORDS: usize = 4;
/// Fewest words of an answer that is a phrase.
const PHRASE: usize = 2;
/// Number of different phrases above which they were not chosen from a list.
const MANY_PHRASES: usize = 30;
/// Number of sentences, each given only once, above which they were not, either.
const MANY_SENTENCES: usize = 12;

/// Whether the values are answers in somebody's own words: sentences that mostly differ, or very
/// many phrases, or at least some sentences given only once among many answers without any.
pub(super) fn is_free(values: &[&str], distinct: usize) -> bool {
    let filled = values.len();
    let words: Vec<usize> = values.iter().map(|value| spoken_words(value)).collect();
    let all: usize = words.iter().sum();
    if all >= filled * SENTENCE_WORDS && distinct * 2 > filled {
        return true;
    }
    let lower = |value: &&&str| value.split_whitespace().any(|w| w.starts_with(char::is_lowercase));
    if distinct > MANY_PHRASES && all >= filled * PHRASE && distinct * 4 > filled * 3 {
        // `Anna Schmidt` is two words, but a name: a phrase has words in small letters.
        let has_case = values.iter().any(|value| value.chars().any(char::is_lowercase));
        let unspaced = values.iter().filter(|value| value.chars().any(is_unspaced)).count();
        let said = values.iter().filter(|value| says_something(value)).count();
        return if has_case {
            values.iter().filter(lower).count() * 2 > filled
        } else {
            said * SAYING >= unspaced
        };
    }
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for (value, _) in values.iter().zip(&words).filter(|(_, words)| **words >= SENTENCE_WORDS) {
        *times.entry(value).or_default() += 1;
    }
    let once = times.values().filter(|times| **times == 1).count();
    once > MANY_SENTENCES && once * 10 >= filled && once * 2 >= times.len()
}

/// Whether a value reads like something said: it is about its speaker, or has several words, not all
/// of which are parts of a name, and is long or closed as a sentence is.
pub(super) fn sentence_like(value: &str) -> bool {
    let words = spoken_words(value);
    let behind = value.split_whitespace().skip(1);
    let has_small = behind.into_iter().any(|word| word.starts_with(char::is_lowercase));
    let is_closed = value.ends_with(['.', '!', '…', '。', '！', '।']);
    words >= PHRASE
        && (told::is_about_self(value)
            || has_small && (words >= SENTENCE_WORDS || is_closed)
            || value.chars().any(is_unspaced) && says_something(value))
}

/// Of every this many phrases without spaces, one at least must say something for them to be
/// answers and no names.
const SAYING: usize = 3;

/// Number of words that somebody may have said, without numbers, codes and addresses. In a script
/// without spaces, about two and a half characters are a word; what has nothing of a sentence in it
/// is a label of two at most, such as the name of a company or an occupation.
pub(super) fn spoken_words(value: &str) -> usize {
    let of = |token: &str| {
        let signs = token.chars().filter(|c| is_unspaced(*c)).count();
        let is_word = token.contains(char::is_alphabetic)
            && !token.contains(|c: char| c.is_ascii_digit() || "@_<>{}=\\".contains(c))
            && !token.contains("://");
        match signs * 2 / 5 {
            _ if signs == 0 => usize::from(is_word),
            words if says_something(token) => words,
            words => words.min(PHRASE),
        }
    };
    value.split_whitespace().map(of).sum()
}

/// Signs without spaces, from which on they are no label, whatever they are.
const LONGEST_LABEL: usize = 24;

/// Whether something written without spaces has anything of a sentence: a mark, or a word that only
/// joins others. In a script that is neither Chinese nor Japanese, all of it may be one.
fn says_something(token: &str) -> bool {
    let is_kana = |c: char| matches!(c, '\u{3041}'..='\u{309F}');
    let is_east_asian = |c: char| matches!(c, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}');
    let signs = token.chars().filter(|c| is_unspaced(*c));
    signs.clone().any(|c| !is_east_asian(c))
        || signs.count() >= LONGEST_LABEL
        || token.contains(['。', '！', '？', '!', '?', '、', '，', '；', '…', '「', '“'])
        || if token.contains(is_kana) { joins_in_japanese(token) } else { joins_in_chinese(token) }
}

/// Whether Japanese has a particle between other signs or ends as a predicate does. `の` and `と` are
/// none, since names have them too.
fn joins_in_japanese(token: &str) -> bool {
    const PARTICLES: [&str; 12] =
        ["が", "から", "けど", "ので", "へ", "まで", "も", "より", "を", "で", "に", "は"];
    const ENDINGS: [&str; 40] = [
        "ある",
        "いる",
        "うれしい",
        "かった",
        "かな",
        "から",
        "くる",
        "けど",
        "こと",
        "した",
        "して",
        "しい",
        "する",
        "せん",
        "たい",
        "てた",
        "てて",
        "ている",
        "てる",
        "です",
        "でした",
        "とき",
        "ない",
        "なかった",
        "なる",
        "にくい",
        "ので",
        "のに",
        "まし",
        "ます",
        "ません",
        "やすい",
        "よね",
        "られる",
        "れる",
        "った",
        "って",
        "んだ",
        "ほしい",
        "だけ",
    ];
    let is_kana = |c: char| matches!(c, '\u{3041}'..='\u{309F}');
    let mut runs = token.split(|c: char| !is_kana(c)).peekable();
    // What stands before the first other sign and behind the last is between nothing.
    runs.next();
    let mut is_between = false;
    while let Some(run) = runs.next() {
        let joins = PARTICLES.contains(&run) || run.starts_with(['が', 'は', 'を']);
        is_between |= joins && runs.peek().is_some();
    }
    is_between || ENDINGS.iter().any(|ending| token.ends_with(ending))
}

/// Whether Chinese has a word that no name is made of.
fn joins_in_chinese(token: &str) -> bool {
    const NAMED: [&str; 11] = [
        "不二家",
        "不动产",
        "不動產",
        "不動産",
        "不用品",
        "不锈钢",
        "不鏽鋼",
        "我爱我家",
        "的士",
        "目的",
        "那覇",
    ];
    const SIGNS: &str = "不么也了什他你們们吗呢吧咗喺嗎嘅她它很我把是沒没的给让讓还這这那麼";
    const WORDS: [&str; 40] = [
        "但是", "别的", "因为", "因為", "太吵", "太多", "太大", "太少", "太差", "太慢", "太贵",
        "太貴", "太長", "太长", "如果", "希望", "应该", "應該", "总是", "經常", "经常", "總是",
        "所以", "時候", "时候", "有时", "有時", "有点", "有點", "比較", "比较", "每天", "每次",
        "自己", "覺得", "觉得", "都是", "需要", "非常", "可以",
    ];
    let mut rest = token.to_owned();
    for name in NAMED.iter().filter(|name| token.contains(**name)) {
        rest = rest.replace(name, "");
    }
    rest.contains(|c| SIGNS.contains(c)) || WORDS.iter().any(|word| rest.contains(word))
}

/// Whether the values are lists of a few labels: `pricing; trust`, `trust; pricing; speed`.
pub(super) fn are_lists(values: &[&str]) -> bool {
    const LEAST: usize = 20;
    const USES: usize = 4;
    let pieces = || {
        let pieces = values.iter().flat_map(|value| value.split([',', ';', '|', '\n']));
        pieces.map(str::trim).filter(|piece| !piece.is_empty())
    };
    let count = pieces().count();
    count >= LEAST.max(values.len()) && pieces().collect::<HashSet<_>>().len() * USES <= count
}

/// Whether a value is a date, an address or a non-answer such as `n/a`, of which no statement can
/// be made.
pub(super) fn tells_nothing(value: &str) -> bool {
    is_time_stamp(value) || is_address(value) || is_no_answer(value)
}

/// Whether a value is an e-mail or web address: `ana@example.org`, `https://example.org/7`.
pub(super) fn is_address(value: &str) -> bool {
    let is_mail = |value: &str| {
        value.split_once('@').is_some_and(|(who, host)| !who.is_empty() && host.contains('.'))
    };
    !value.contains(char::is_whitespace) && (is_mail(value) || value.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_either_way_of_writing_them() {
        for (text, value) in [
            ("3.5", 3.5),
            ("3,5", 3.5),
            ("-2", -2.0),
            ("1.234,50 €", 1234.5),
            ("1\u{202F}234,50 €", 1234.5),
            ("1,234,567.5", 1_234_567.5),
            ("12,34,567", 1_234_567.0),
            ("-0,125", -0.125),
            ("1.5e3", 1500.0),
            ("£1,234.50", 1234.5),
            ("12,500", 12_500.0),
            ("0,125", 0.125),
            ("40 %", 40.0),
        ] {
            assert!((number(text).unwrap() - value).abs() < 1e-9, "{text}");
        }
        for text in ["", "NaN", "inf", "1,2,3x", "5 to 7", "P3", ",", "12:30"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn what_has_nothing_of_a_sentence_is_a_label_of_two_words_at_most() {
        for label in [
            "ソフトウェアエンジニア",
            "株式会社サンプルテクノロジーズ",
            "有限会社やまだファームサービス",
            "みずほ銀行システム開発部",
            "山のトラック運転手",
            "北京字节跳动科技有限公司",
            "中国石油天然气集团有限公司",
            "成都市社会工作者协会",
            "不动产经纪人",
            "上海太平洋保险公司",
        ] {
            assert!(spoken_words(label) <= PHRASE, "{label}");
        }
        for said in [
            "地図を印刷して赤鉛筆で尾根をなぞります。",
            "友達が決めるのでついて行くだけです",
            "操作性と価格、それから色",
            "文字がとても小さい",
            "公交车等的时间太长了",
            "我每天都坐地铁上班",
            "希望增加夜班公交车班次",
            "服务态度不好而且很慢",
        ] {
            assert!(spoken_words(said) >= 3, "{said}");
        }
        assert_eq!(spoken_words("รถเมล์มาช้ามากทุกวัน"), 8, "other scripts have no such words");
    }
}
