//! What can be read alone: sentences that need no other one, and titles that are no cut-off half.
//!
//! Owns what makes a sentence lean on the one before it, say too little, or end a conversation, and
//! what is done about it: such sentences are left out where enough others remain, else a leaning
//! one is joined to the sentence before it.

use std::ops::Range;

use super::passages::{Passage, longest_sentence, sentences, words};
use super::quotation::spans;
use crate::corpus::Corpus;

/// Fewest telling words of a sentence that is sure to say something by itself.
const TELLING: usize = 4;

/// Fewest sentences that must remain for one that merely says little to be left out, and for one
/// that says nothing by itself. A draft has six quotes and statements at least.
const PLENTY: usize = 12;
const ENOUGH: usize = 6;

/// Words of all seven languages that tell nothing by themselves: articles, pronouns, prepositions,
/// auxiliaries and fillers. All words of up to two letters are taken for such.
const FUNCTION: &[&str] = &[
    "the", "and", "but", "for", "nor", "not", "you", "your", "his", "her", "hers", "its", "our",
    "they", "them", "their", "this", "that", "these", "those", "there", "here", "one", "ones",
    "who", "what", "when", "where", "which", "how", "why", "with", "from", "into", "onto", "out",
    "off", "over", "about", "than", "then", "was", "were", "are", "been", "being", "have", "has",
    "had", "having", "did", "does", "doing", "done", "can", "could", "would", "should", "will",
    "shall", "may", "might", "must", "i'm", "i've", "i'd", "i'll", "it's", "that's", "what's",
    "there's", "we're", "we've", "they're", "they've", "you're", "you've", "don't", "doesn't",
    "didn't", "isn't", "wasn't", "just", "really", "very", "too", "also", "only", "some", "any",
    "all", "lot", "got", "get", "gets", "say", "think", "because", "while", "until", "yes", "well",
    "der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer", "und",
    "aber", "oder", "ich", "sie", "wir", "ihr", "mich", "mir", "uns", "ist", "sind", "war", "bin",
    "hat", "habe", "haben", "wird", "werden", "mit", "von", "vom", "bei", "auf", "aus", "für",
    "nicht", "auch", "nur", "sehr", "dass", "wenn", "dann", "noch", "schon", "les", "des", "une",
    "est", "sont", "suis", "c'est", "j'ai", "dans", "avec", "pour", "par", "sur", "que", "qui",
    "pas", "mais", "nous", "vous", "ils", "elle", "très", "los", "las", "una", "uno", "con", "por",
    "para", "pero", "como", "más", "muy", "eso", "esto", "del", "está", "soy", "uma", "com", "não",
    "isso", "isto", "muito", "gli", "della", "del", "che", "sono", "non", "per", "molto", "het",
    "een", "van", "voor", "met", "niet", "dat", "dit", "zijn", "heb", "ook", "maar", "naar",
];

/// Words at the start that point back to what was said before.
const BACK: &[&str] = &[
    "and", "but", "so", "or", "then", "also", "that", "this", "these", "those", "it", "it's",
    "it'd", "it'll", "that's", "that'd", "there's", "they", "they're", "they've", "they'd", "he",
    "he's", "she", "she's", "which", "who", "same", "und", "aber", "oder", "dann", "deshalb",
    "deswegen", "et", "alors", "ça", "cela", "c'est", "elle", "ils", "elles", "y", "pero",
    "entonces", "eso", "esto", "él", "ella", "ellos", "ellas", "mas", "então", "isso", "isto",
    "ele", "ela", "eles", "elas", "allora", "questo", "quello", "lui", "maar", "dan", "hij", "zij",
];

/// Words that point back where one of [`VERBS`] or a preposition follows: `das` is an article, too.
const BACK_BEFORE: &[(&[&str], &[&str])] = &[
    (&["das", "dies"], &["ist", "war", "wäre", "geht", "macht", "hat", "kann", "wird"]),
    (&["es"], &["ist", "war", "wäre"]),
    (&["ce", "dat", "dit", "het"], &["sont", "n'est", "is", "was", "zou", "heeft", "kan"]),
    (&["one", "ones"], &["for", "of", "that", "which", "with", "is", "was"]),
];

/// Words that answer a question where a mark follows them.
const ANSWERS: &[&str] = &[
    "yes", "no", "yeah", "nah", "nope", "ja", "nein", "nee", "oui", "non", "si", "sí", "sim", "não",
];

/// Words at the start of a clause that another one must follow.
const OPENING: &[&str] = &[
    "when", "if", "because", "while", "since", "unless", "until", "as", "wenn", "weil", "während",
    "quand", "parce", "puisque", "cuando", "porque", "quando", "perché", "als", "omdat",
];

/// Words of a sentence that ends a conversation.
const SIGN_OFFS: &[&str] = &[
    "that's all",
    "that's it",
    "that is all",
    "that's me done",
    "nothing else",
    "nothing to add",
    "had the lot",
    "covered most",
    "covered everything",
    "thank you",
    "thanks for",
    "good question",
    "das war's",
    "das ist alles",
    "nichts hinzuzufügen",
    "c'est tout",
    "rien à ajouter",
    "eso es todo",
    "nada más",
    "é tudo",
    "nada mais",
    "è tutto",
    "nient'altro",
    "dat is alles",
    "dat was het",
];

/// Words that stand for something named elsewhere.
const POINTING: &[&str] = &[
    "it", "its", "they", "them", "this", "that", "these", "those", "ones", "he", "him", "his",
    "she", "her", "es", "ihn", "ihm", "ça", "cela", "eso", "esto", "isso", "isto", "lo", "het",
];

/// Whether a sentence cannot be understood without the one before it, or is half of one: it begins
/// with a word that points back, or with a clause that no other clause follows.
pub(super) fn leans(sentence: &str) -> bool {
    let mut all = words(sentence);
    let first = all.next().unwrap_or_default();
    let second = all.next().unwrap_or_default();
    let (first, second) = (first.as_str(), second.as_str());
    let points =
        |(words, before): &(&[&str], &[&str])| words.contains(&first) && before.contains(&second);
    let answers = || {
        let start = sentence.trim_start_matches(|c: char| !c.is_alphabetic());
        let after = start.get(first.len()..).and_then(|rest| rest.chars().next());
        ANSWERS.contains(&first) && after.is_some_and(|c| c.is_ascii_punctuation())
    };
    BACK.contains(&first)
        || BACK_BEFORE.iter().any(points)
        || answers()
        || (OPENING.contains(&first) && !sentence.contains(','))
}

/// How many words of a text tell something. Every sign of a script without spaces does.
fn telling(text: &str) -> usize {
    let tells = |word: &String| {
        let letters = word.chars().count();
        (letters > 2 && !FUNCTION.contains(&word.as_str())) || (letters == 1 && !word.is_ascii())
    };
    words(text).filter(tells).count()
}

/// Whether a sentence ends a conversation.
fn signs_off(sentence: &str) -> bool {
    let plain = words(sentence).collect::<Vec<_>>().join(" ");
    SIGN_OFFS.iter().any(|end| plain.contains(end))
}

/// How far a sentence is from being read alone: 0 where it stands, up to [`TELLING`] where it says
/// little, and more where it leans on another, ends a conversation or asks back.
pub(super) fn want(sentence: &str) -> usize {
    if leans(sentence) || signs_off(sentence) || sentence.trim_end().ends_with(['?', '？']) {
        return TELLING + 1;
    }
    TELLING.saturating_sub(telling(sentence))
}

/// Leaves out sentences that cannot be read alone, those first that want most, as long as enough
/// others remain. Where they do not, one that leans is joined to the sentence before it.
pub(super) fn keep_standing(corpus: &Corpus, all: &mut Vec<Passage>) {
    let text = |passage: &Passage| &corpus.records[passage.record].text[passage.range.clone()];
    let stands = |passage: &Passage| want(text(passage)) <= TELLING;
    if all.iter().filter(|passage| stands(passage)).count() < PLENTY {
        join(corpus, all);
    }
    // Fewer than two telling words say nothing by themselves.
    for (most, remain) in [(TELLING, ENOUGH), (TELLING - 2, ENOUGH), (1, PLENTY), (0, PLENTY)] {
        let fits = |passage: &Passage| want(text(passage)) <= most;
        if all.iter().filter(|passage| fits(passage)).count() >= remain {
            all.retain(fits);
        }
    }
}

/// Joins each leaning passage to the sentence before it, which is then no passage of its own. Who
/// signs off adds nothing to what was said before. A line break between them, or a length beyond what a statement may have, keeps them apart.
fn join(corpus: &Corpus, all: &mut Vec<Passage>) {
    let mut joined: Vec<Passage> = Vec::new();
    for passage in std::mem::take(all) {
        let text = &corpus.records[passage.record].text;
        let sentence = &text[passage.range.clone()];
        let leans = leans(sentence) && !signs_off(sentence);
        let Some(start) = before(corpus, &passage).filter(|_| leans) else {
            joined.push(passage);
            continue;
        };
        // The sentence before may itself be joined to one.
        let last = joined.last().filter(|last| last.record == passage.record);
        let met = last.filter(|last| start < last.range.end).map(|last| last.range.start);
        let whole = met.unwrap_or(start).min(start)..passage.range.end;
        let both = &text[whole.clone()];
        if both.chars().count() > longest_sentence(both) {
            joined.push(passage);
            continue;
        }
        if met.is_some() {
            joined.pop();
        }
        joined.push(Passage { record: passage.record, range: whole });
    }
    *all = joined;
}

/// Where the sentence before a passage begins, in the same line of the same cell.
fn before(corpus: &Corpus, passage: &Passage) -> Option<usize> {
    let record = &corpus.records[passage.record];
    let cells = record.columns.iter().map(|column| column.start..column.end);
    let cell = cells.into_iter().find(|cell| cell.contains(&passage.range.start));
    let start = match cell {
        Some(cell) => cell.start,
        None if record.columns.is_empty() => 0,
        None => return None,
    };
    let line = record.text[start..passage.range.start]
        .rfind(['\n', '\r'])
        .map_or(start, |at| start + at + 1);
    let said = &record.text[line..passage.range.start];
    sentences(said).last().map(|sentence| line + sentence.start)
}

/// Whether a clause lies, wholly or partly, in words that its speaker only reports.
pub(super) fn cuts_a_quotation(sentence: &str, clause: &Range<usize>) -> bool {
    let cuts = |span: Range<usize>| {
        let meets = span.start < clause.end && clause.start < span.end;
        meets && !(clause.start <= span.start && span.end <= clause.end)
    };
    spans(sentence).into_iter().any(cuts)
}

/// How little a clause tells as a title; the least is best.
pub(super) fn title_want(clause: &str) -> usize {
    let points = words(clause).any(|word| POINTING.contains(&word.as_str()));
    want(clause) + usize::from(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{ColumnSpan, Record};
    use crate::schema::RecordId;

    fn corpus(said: &[&str]) -> (Corpus, Vec<Passage>) {
        let mut records = Vec::new();
        let mut passages = Vec::new();
        for (at, said) in said.iter().enumerate() {
            let text = format!("answer: {said}");
            let columns = vec![ColumnSpan::new("answer", 8..text.len())];
            let id = RecordId::new(1, at);
            let found = sentences(said).into_iter();
            let moved =
                found.map(|range| Passage { record: at, range: range.start + 8..range.end + 8 });
            passages.extend(moved);
            records.push(Record {
                id,
                file: 1,
                sheet: None,
                row: at + 1,
                participant: None,
                text,
                columns,
            });
        }
        (Corpus { records, ..Corpus::default() }, passages)
    }

    fn kept(said: &[&str]) -> Vec<String> {
        let (corpus, mut all) = corpus(said);
        keep_standing(&corpus, &mut all);
        all.iter().map(|p| corpus.records[p.record].text[p.range.clone()].to_owned()).collect()
    }

    #[test]
    fn a_sentence_that_stands_alone_is_told_from_half_of_one() {
        for leaning in [
            "When Sylvie comes on four mornings out of five.",
            "But nobody asked us.",
            "It's always the same.",
            "That's the whole point.",
            "“And then I call the office”",
            "No, I think we have covered a good part.",
            "One for what is planned.",
            "Das ist immer dasselbe.",
            "Pero nadie nos preguntó.",
            "Alors j'appelle le bureau.",
        ] {
            assert!(leans(leaning), "{leaning}");
        }
        for whole in [
            "When the bus is late, I walk.",
            "I ring the office.",
            "Itineraries change daily.",
            "Ich rufe im Büro an.",
            "No signal reaches the valley.",
            "No puedo abrir la cuenta.",
            "Das Gerät reagiert nicht.",
            "One message is enough for me.",
        ] {
            assert!(!leans(whole), "{whole}");
        }
    }

    #[test]
    fn what_says_little_or_ends_a_conversation_wants_more_than_what_tells() {
        for (sentence, least) in [
            ("I have to admit.", 3),
            ("I'm out at six.", 3),
            ("Being seen as difficult.", 2),
            ("That's all I need.", TELLING + 1),
            ("I think you've had the lot.", TELLING + 1),
            ("It was in November.", TELLING + 1),
        ] {
            assert!(want(sentence) >= least, "{sentence}: {}", want(sentence));
        }
        for sentence in [
            "I print the day out before I leave.",
            "Der Aufzug steht jeden Morgen still.",
            "毎朝待つ",
        ] {
            assert_eq!(want(sentence), 0, "{sentence}");
        }
    }

    #[test]
    fn a_leaning_sentence_is_joined_to_the_one_before_it_where_there_are_few() {
        let said = [
            "The lift stood still. It was in November. It did.",
            "And\nThat is the whole point.",
            "We need a lift. That's all I need.",
        ];
        assert_eq!(
            kept(&said),
            [
                "The lift stood still. It was in November. It did.",
                "And",
                "That is the whole point.",
                "We need a lift.",
                "That's all I need."
            ]
        );
    }

    #[test]
    fn where_enough_others_remain_what_cannot_stand_is_left_out() {
        let whole = "The nurses carry the heavy beds down the narrow stairs every morning.";
        let mut said = vec![whole; PLENTY];
        said.extend(["It was in November.", "I'm out at six.", "I think you've had the lot."]);
        assert_eq!(kept(&said), vec![whole; PLENTY]);
        let thin = "I check the stove.";
        let few = [[whole; ENOUGH - 1].as_slice(), &[thin, "I have to admit."]].concat();
        assert_eq!(kept(&few), [[whole; ENOUGH - 1].as_slice(), &[thin]].concat());
    }

    #[test]
    fn a_clause_inside_reported_speech_is_no_title() {
        let sentence = "She says “I don't like the road, I want another” and hangs up.";
        let place = |clause: &str| {
            let at = sentence.find(clause).unwrap();
            at..at + clause.len()
        };
        assert!(cuts_a_quotation(sentence, &place("I don't like the road")));
        assert!(cuts_a_quotation(sentence, &place("She says “I don't like the road")));
        assert!(!cuts_a_quotation(sentence, &(0..sentence.len())));
        assert!(
            title_want("I lie awake over the medication ones")
                > title_want("I lie awake over the medication")
        );
    }
}
