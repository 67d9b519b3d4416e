//! Which sentences may become which part of an extractive draft.
//!
//! Owns the sets from which a small model chooses: quotes, statements by aspect, a title and the
//! sentence that sums a persona up. Where people were only asked closed questions there are no
//! sentences; the segment's typical answers then stand in, each with its question.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::ask::Bounds;
use super::aspects::Aspect;
use super::draft::{Brief, CountedAnswer, EXCERPT, Focus, LEAST_ANSWERS, TITLE};
use super::leanings;
use super::passages::{MIN_WORDS, Passage, clauses, passages, shorten, stand_in, words};
use super::standing::{cuts_a_quotation, keep_standing, leans, title_want, want};
use crate::corpus::{Corpus, Record, is_about_self};

/// Fewest sentences for a draft of its own. With fewer, quotes and statements draw from the same
/// ones, and what earlier drafts said may be said again.
const FRESH: usize = 6;
/// Where there are at least this many real sentences (one for each aspect, and a quote), passages
/// that are not sentences, such as `Mm-hm.`, are left out.
const LEAST_SAID: usize = 4;
/// How many of the most telling typical answers may become the title.
const MOST_TELLING: usize = 3;
/// Most sentences from which the model chooses one statement.
const CHOICES: usize = 12;
/// Sentences that are offered for each statement where there are many: those that are surest to belong
/// under its heading.
const A_STATEMENT: usize = 3;
/// How far from an aspect a sentence leans, in nats, that does not stand in where no other one is.
const FAR: f32 = -1.5;

/// The texts from which the model chooses. Quotes and statements draw from separate sets where
/// there are enough sentences, so that a persona does not say the same thing twice.
pub(super) struct Pools {
    pub(super) quotes: Vec<Passage>,
    /// Sentences of which one sums the persona up.
    pub(super) voice: Vec<String>,
    /// Phrases that may stand as a title.
    pub(super) titles: Vec<String>,
    /// For goals, pains and behaviours, the disjoint sets from each of which one sentence is
    /// chosen.
    pub(super) statements: [Vec<Vec<String>>; 3],
}

impl Pools {
    pub(super) fn new(corpus: &Corpus, brief: &Brief, bounds: &Bounds) -> Self {
        let all = all_passages(corpus, &brief.focus, &brief.said);
        let mut rng = ChaCha8Rng::seed_from_u64(brief.provenance.seed);
        // Passages that stand in for sentences in a record without any (a town, a choice) do not
        // count.
        let said: Vec<Passage> =
            all.iter().filter(|passage| is_said(corpus, brief, passage)).cloned().collect();
        let answers = if said.len() < FRESH { answers(corpus, brief) } else { Vec::new() };
        // Beside sentences, a single answer may count; without any, a few answers make no persona.
        let few = if said.is_empty() { LEAST_ANSWERS } else { 1 };
        let mut pools = if answers.len() < few {
            // `Mm-hm.` may be a statement only where there is little else.
            let all = if said.len() < LEAST_SAID { all } else { said };
            Self::of_sentences(corpus, brief, all, bounds, &mut rng)
        } else {
            Self::of_answers(corpus, brief, said, &answers, bounds)
        };
        pools.titles.shuffle(&mut rng);
        pools.titles.truncate(CHOICES);
        pools
    }

    fn of_sentences(
        corpus: &Corpus,
        brief: &Brief,
        mut all: Vec<Passage>,
        bounds: &Bounds,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        keep_fitting(corpus, &mut all, bounds);
        keep_standing(corpus, &mut all);
        let mut titles = titles(corpus, brief, &all);
        all.shuffle(rng);
        let most = bounds.statements.1;
        // Compared many times over, and words are looked up for each.
        let place = |passage: &Passage| (passage.record, passage.range.start);
        let known: HashMap<(usize, usize), [f32; 3]> =
            all.iter().map(|passage| (place(passage), strengths(corpus, brief, passage))).collect();
        let lean = |aspect: usize, passage: &Passage| known[&place(passage)][aspect];
        let are_few = all.len() < FRESH;
        let mut quotes = if are_few { all.clone() } else { Vec::new() };
        let room = (all.len() / 3).min(CHOICES);
        let mut pools: [Vec<Passage>; 3] = Default::default();
        let mut neutral = Vec::new();
        for passage in all {
            match leanings::strongest(known[&place(&passage)]) {
                Some(aspect) => pools[aspect as usize].push(passage),
                None => neutral.push(passage),
            }
        }
        let enough = if brief.leanings.is_empty() { usize::MAX } else { 1 };
        level(&mut pools, &mut neutral, enough, lean);
        if !are_few {
            let is_own = |passage: &Passage| is_about_self(&text_of(corpus, passage));
            // One more than is quoted, to sum the persona up.
            let sizes = [most, bounds.quotes.1 + 1, room];
            quotes = take_quotes(&mut pools, neutral, sizes, lean, is_own);
        }
        // What sums the persona up is not quoted again where there is another sentence.
        let mut voice = match quotes.len() {
            0..2 => quotes.clone(),
            several => quotes.split_off((several / 2).min(bounds.quotes.1)),
        };
        // The sentence that sums the persona up is read without the one before it.
        let wants = |passage: &Passage| want(&text_of(corpus, passage));
        keep_best(&mut voice, wants);
        let texts = |set: Vec<Passage>| -> Vec<String> {
            set.iter().map(|passage| text_of(corpus, passage)).collect()
        };
        let mut voice = texts(voice);
        part_from(&mut titles, &mut voice);
        for (aspect, pool) in pools.iter_mut().enumerate() {
            keep_strongest(pool, most * A_STATEMENT, |passage| lean(aspect, passage));
        }
        let sets = |pool| split(pool, most).into_iter().map(texts).collect();
        let statements = pools.map(sets);
        Self { quotes, voice, titles, statements }
    }

    /// Pools of the few sentences there are and, behind them, of closed answers. An answer tells of
    /// a goal or a pain only where its question asks for one; all others are behaviours, and none
    /// is moved to fill a gap. Options that others wrote are not quoted.
    fn of_answers(
        corpus: &Corpus,
        brief: &Brief,
        said: Vec<Passage>,
        answers: &[Answered],
        bounds: &Bounds,
    ) -> Self {
        let mut pools: [Vec<String>; 3] = Default::default();
        for sentence in &said {
            if let Some(aspect) = strongest(corpus, brief, sentence) {
                pools[aspect as usize].push(text_of(corpus, sentence));
            }
        }
        let telling = || answers.iter().take(MOST_TELLING);
        let (mut titles, voice) = if said.len() < LEAST_SAID {
            let titles = telling().map(|answer| title(corpus, answer)).collect();
            (titles, telling().map(|answer| answer.text.clone()).collect())
        } else {
            let voice = said.iter().map(|sentence| text_of(corpus, sentence)).collect();
            (titles(corpus, brief, &said), voice)
        };
        titles.dedup();
        for answer in answers {
            let aspect = strongest(corpus, brief, &answer.line).unwrap_or(Aspect::Behaviour);
            pools[aspect as usize].push(answer.text.clone());
        }
        // Each answer is a set of its own: which ones are typical was counted and is not up to the
        // model.
        let mut room = bounds.statements.1 * Aspect::ALL.len();
        let statements = pools.map(|pool| {
            let most = pool.len().min(room);
            room -= most;
            pool.into_iter().take(most).map(|line| vec![line]).collect()
        });
        Self { quotes: said, voice, titles, statements }
    }
}

/// Whether a passage has enough words to be quoted, and says more than who somebody is.
fn is_said(corpus: &Corpus, brief: &Brief, passage: &Passage) -> bool {
    let column = corpus.records[passage.record].column_at(passage.range.start);
    let is_fact =
        |column: &str| brief.demographics.contains_key(column) || brief.ticked.contains(column);
    words(&text_of(corpus, passage)).nth(MIN_WORDS - 1).is_some()
        && column.is_none_or(|column| !is_fact(column))
}

/// An answer to a closed question, as one of the records in focus gives it.
struct Answered {
    /// Question and answer, as they are repeated.
    text: String,
    /// As much of both as fits in a title.
    title: String,
    /// The line of the record in which the answer stands, with its question.
    line: Passage,
    /// The answer alone.
    cell: Passage,
}

/// The typical answers of the segment that a record in focus gives, most telling first.
fn answers(corpus: &Corpus, brief: &Brief) -> Vec<Answered> {
    let given = |answer: &CountedAnswer| {
        brief.focus.iter().find_map(|focus| {
            let record = &corpus.records[focus.record];
            let cell = answer.place(record)?;
            let start = record.text[..cell.start].rfind(&answer.question)?;
            let is_shown = focus.shown.start <= start && cell.end <= focus.shown.end;
            let passage = |range| Passage { record: focus.record, range };
            is_shown.then(|| Answered {
                text: answer.asked(),
                title: answer.title(),
                line: passage(start..cell.end),
                cell: passage(cell),
            })
        })
    };
    brief.answers.iter().filter_map(given).collect()
}

/// What can be quoted from these records. Texts `known` from earlier drafts come in only where
/// there is little else.
fn all_passages(corpus: &Corpus, focus: &[Focus], known: &BTreeSet<String>) -> Vec<Passage> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    let mut said = Vec::new();
    for focus in focus {
        for passage in passages(focus.record, &corpus.records[focus.record], &focus.shown) {
            let text = text_of(corpus, &passage);
            let pool = if known.contains(&text) { &mut said } else { &mut all };
            // The same words in two records make one choice.
            if seen.insert(text) {
                pool.push(passage);
            }
        }
    }
    if all.len() < FRESH {
        all.append(&mut said);
    }
    if all.is_empty() {
        // A draft must have something to choose from.
        let of =
            |focus: &Focus| stand_in(focus.record, &corpus.records[focus.record], &focus.shown);
        all.extend(focus.iter().filter_map(of));
    }
    all
}

/// Leaves out sentences shorter or longer than what is asked for, where enough remain.
fn keep_fitting(corpus: &Corpus, all: &mut Vec<Passage>, bounds: &Bounds) {
    let (least, most) = bounds.sentence;
    let fits = |p: &Passage| (least..=most).contains(&text_of(corpus, p).chars().count());
    if all.iter().filter(|p| fits(p)).count() >= 2 * FRESH {
        all.retain(|p| fits(p));
    }
}

/// Takes `least` to `room` sentences for quotes, the most telling first: of those surest to be a goal,
/// a pain or a habit every other one that the `most` statements of its kind can spare, one of each kind
/// in turn; where these are few, those of no kind, if possible of people about themselves, and at last
/// the least sure of the fullest pool.
fn take_quotes(
    pools: &mut [Vec<Passage>; 3],
    mut neutral: Vec<Passage>,
    [most, least, room]: [usize; 3],
    lean: impl Fn(usize, &Passage) -> f32,
    is_own: impl Fn(&Passage) -> bool,
) -> Vec<Passage> {
    for (aspect, pool) in pools.iter_mut().enumerate() {
        pool.sort_by(|a, b| lean(aspect, b).total_cmp(&lean(aspect, a)));
    }
    let mut quotes = Vec::new();
    // Each one taken moves the next but one to the place after it.
    for at in most.. {
        let spare: Vec<usize> = (0..3).filter(|&aspect| pools[aspect].len() > at).collect();
        if spare.is_empty() || quotes.len() >= room {
            break;
        }
        quotes.extend(spare.into_iter().map(|aspect| pools[aspect].remove(at)));
    }
    quotes.truncate(room);
    neutral.sort_by_cached_key(|passage| {
        let strongest = (0..3).map(|aspect| lean(aspect, passage)).fold(f32::MIN, f32::max);
        // Leanings are compared in whole nats: a smaller difference does not tell two sentences apart.
        let strength = (strongest.floor() as i32, passage.range.len().min(EXCERPT));
        std::cmp::Reverse((is_own(passage), strength))
    });
    let lacking = least.min(room).saturating_sub(quotes.len());
    quotes.extend(neutral.into_iter().take(lacking));
    while quotes.len() < least.min(room) {
        let fullest = pools.iter_mut().max_by_key(|pool| pool.len());
        let Some(sentence) = fullest.filter(|pool| pool.len() > 1).and_then(Vec::pop) else {
            break;
        };
        quotes.push(sentence);
    }
    quotes
}

fn strongest(corpus: &Corpus, brief: &Brief, passage: &Passage) -> Option<Aspect> {
    leanings::strongest(strengths(corpus, brief, passage))
}

fn strengths(corpus: &Corpus, brief: &Brief, passage: &Passage) -> [f32; 3] {
    leanings::strengths(&corpus.records[passage.record], &passage.range, &brief.leanings)
}

/// Leaves out titles that one of the sentences contains, of which one sums the persona up: a title that
/// the summary repeats tells nothing new. Where all titles are said, one sentence gives way to them, if
/// there is another.
fn part_from(titles: &mut Vec<String>, sentences: &mut Vec<String>) {
    let is_said = |title: &String, by: &[String]| by.iter().any(|said| said.contains(title));
    if titles.iter().all(|title| is_said(title, sentences)) && sentences.len() > 1 {
        sentences.pop();
    }
    if !titles.iter().all(|title| is_said(title, sentences)) {
        titles.retain(|title| !is_said(title, sentences));
    }
}

/// Fills the poorest pools up to `enough` with `neutral` sentences, which speak of no aspect. Where
/// none are left, an empty pool gets a sentence of a richer one that speaks of both aspects; one
/// that merely is poor stays so, since a goal too few is better than one that is not a goal.
/// Sentences that lean most to the pool go first, and none goes where it is ruled out: an empty pool
/// is better than a wrong one.
fn level(
    pools: &mut [Vec<Passage>; 3],
    neutral: &mut Vec<Passage>,
    enough: usize,
    lean: impl Fn(usize, &Passage) -> f32,
) {
    let best = |from: &[Passage], pool: usize, above: f32| {
        let leans = from.iter().map(|passage| lean(pool, passage)).enumerate();
        let fitting = leans.filter(|(_, lean)| *lean > above);
        fitting.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(at, _)| at)
    };
    loop {
        let mut poor: Vec<usize> = (0..3).filter(|&i| pools[i].len() < enough).collect();
        poor.sort_by_key(|&i| pools[i].len());
        let mut fitting = poor.into_iter().filter_map(|i| Some((i, best(neutral, i, FAR)?)));
        let Some((pool, at)) = fitting.next() else { break };
        pools[pool].push(neutral.remove(at));
    }
    for empty in (0..3).filter(|&i| pools[i].is_empty()).collect::<Vec<_>>() {
        let rich = (0..3).filter(|&i| pools[i].len() > 1);
        let found = rich.filter_map(|i| Some((i, best(&pools[i], empty, 0.0)?)));
        let most = |&(i, at): &(usize, usize)| lean(empty, &pools[i][at]);
        if let Some((i, at)) = found.max_by(|a, b| most(a).total_cmp(&most(b))) {
            let given = pools[i].remove(at);
            pools[empty].push(given);
        }
    }
}

/// Keeps the strongest passages of a pool, in their order.
fn keep_strongest(pool: &mut Vec<Passage>, most: usize, strength: impl Fn(&Passage) -> f32) {
    let mut ranked: Vec<(usize, f32)> = pool.iter().map(strength).enumerate().collect();
    // Stable, so that of equals the first are kept.
    ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let kept: BTreeSet<usize> = ranked.into_iter().take(most).map(|(at, _)| at).collect();
    let mut at = 0..;
    pool.retain(|_| at.next().is_some_and(|at| kept.contains(&at)));
}

/// Parts a pool into `most` disjoint sets of choices, fewer where the pool has fewer sentences: as
/// many statements as were asked for matter more than that each is chosen from several.
fn split(pool: Vec<Passage>, most: usize) -> Vec<Vec<Passage>> {
    let items = most.min(pool.len());
    let mut sets = vec![Vec::new(); items];
    for (i, passage) in pool.into_iter().take(items * CHOICES).enumerate() {
        sets[i % items].push(passage);
    }
    sets
}

/// Leaves out what wants more than the best, by more than a word.
fn keep_best<T>(all: &mut Vec<T>, wants: impl Fn(&T) -> usize) {
    let least = all.iter().map(&wants).min().unwrap_or(0);
    all.retain(|one| wants(one) <= least.max(1));
}

/// Phrases that may become the title: short clauses with which a sentence in focus begins or in which
/// the speaker is the subject, else its first words. The end of a sentence, torn off, tells nothing.
/// Where the title will name a role, they are words of somebody with that role.
fn titles(corpus: &Corpus, brief: &Brief, all: &[Passage]) -> Vec<String> {
    let has_role = |passage: &&Passage| {
        brief.role.as_deref().is_none_or(|role| has_cell(&corpus.records[passage.record], role))
    };
    let own: Vec<Passage> = all.iter().filter(has_role).cloned().collect();
    let all = if own.is_empty() { all } else { &own };
    let mut found = BTreeSet::new();
    for passage in all {
        let text = &corpus.records[passage.record].text;
        let start = passage.range.start;
        let reported = |clause: &Range<usize>| {
            let place = clause.start - start..clause.end - start;
            cuts_a_quotation(&text[passage.range.clone()], &place)
        };
        let own = standing_clauses(text, &passage.range);
        let own = own.into_iter().filter(|clause| !reported(clause));
        let short = own.map(|range| &text[range]);
        found.extend(short.filter(|clause| clause.chars().count() <= TITLE.1).map(str::to_owned));
    }
    if found.is_empty() {
        found.extend(all.iter().map(|passage| shortened(corpus, passage)));
    }
    let mut found: Vec<String> = found.into_iter().collect();
    keep_best(&mut found, |clause| title_want(clause));
    // A person is best described by what they say of themselves.
    if found.iter().any(|clause| is_first_person(clause)) {
        found.retain(|clause| is_first_person(clause));
    }
    found
}

/// The clauses of a sentence that may stand alone: those with which it begins, and those in which the
/// speaker is the subject.
fn standing_clauses(text: &str, sentence: &Range<usize>) -> Vec<Range<usize>> {
    let stands = |clause: &Range<usize>| {
        let said = &text[clause.clone()];
        !leans(said) && (clause.start == sentence.start || is_first_person(said))
    };
    clauses(text, sentence).into_iter().filter(stands).collect()
}

/// Whether a cell of the record is this value and nothing else.
pub(super) fn has_cell(record: &Record, value: &str) -> bool {
    record.columns.iter().any(|column| record.text[column.start..column.end].trim() == value)
}

/// What a title says of an answer. A long answer stands alone.
fn title(corpus: &Corpus, answer: &Answered) -> String {
    let text = &corpus.records[answer.line.record].text;
    let answered = text[answer.cell.range.clone()].chars().count();
    if answered * 2 > TITLE.1 {
        return shortened(corpus, &answer.cell);
    }
    answer.title.clone()
}

/// As much of a passage as fits in a title.
fn shortened(corpus: &Corpus, passage: &Passage) -> String {
    let text = &corpus.records[passage.record].text;
    text[shorten(text, passage.range.clone(), TITLE.1)].to_owned()
}

fn is_first_person(clause: &str) -> bool {
    words(clause)
        .next()
        .is_some_and(|word| matches!(word.as_str(), "i" | "i'm" | "i've" | "my" | "we"))
}

/// The text of a passage.
pub(super) fn text_of(corpus: &Corpus, passage: &Passage) -> String {
    corpus.records[passage.record].text[passage.range.clone()].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_not_said_again_by_the_summary_where_there_is_another() {
        let print = "I print the day out before I leave.";
        let parted = |titles: &[&str], sentences: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
            let (mut titles, mut sentences): (Vec<String>, _) = (owned(titles), owned(sentences));
            part_from(&mut titles, &mut sentences);
            (titles, sentences.len())
        };
        let bag = "I carry the bag";
        assert_eq!(parted(&["I print the day out", bag], &[print]), (vec![bag.to_owned()], 1));
        assert_eq!(parted(&["I print the day out"], &[print]).0, ["I print the day out"]);
        let all = ["I carry the bag up.", print];
        assert_eq!(
            parted(&[bag, "I print the day out"], &all),
            (vec!["I print the day out".to_owned()], 1)
        );
    }

    #[test]
    fn the_torn_off_end_of_a_sentence_is_no_title() {
        for (sentence, stand) in [
            ("It's eight here and nine on the poster.", &[][..]),
            (
                "J'ai attendu six heures, sans qu'on me dise quoi que ce soit.",
                &["J'ai attendu six heures"],
            ),
            (
                "The bus came late again, I never trust the timetable.",
                &["The bus came late again", "I never trust the timetable"],
            ),
        ] {
            let found = standing_clauses(sentence, &(0..sentence.len()));
            let found: Vec<&str> = found.into_iter().map(|clause| &sentence[clause]).collect();
            assert_eq!(found, stand, "{sentence}");
        }
    }

    #[test]
    fn a_draft_about_numbers_has_something_to_choose_from() {
        let record = |(index, text): (usize, &&str)| Record {
            id: crate::schema::RecordId::new(1, index),
            file: 1,
            sheet: None,
            row: index + 1,
            participant: None,
            text: (*text).to_owned(),
            columns: Vec::new(),
        };
        let chosen = |texts: &[&str]| -> Vec<String> {
            let records: Vec<Record> = texts.iter().enumerate().map(record).collect();
            let corpus = Corpus { records, ..Corpus::default() };
            let all = |(record, text): (usize, &&str)| Focus { record, shown: 0..text.len() };
            let focus: Vec<Focus> = texts.iter().enumerate().map(all).collect();
            let found = all_passages(&corpus, &focus, &BTreeSet::new());
            found.iter().map(|passage| text_of(&corpus, passage)).collect()
        };
        assert_eq!(chosen(&["12", "I wait for it every day."]), ["I wait for it every day."]);
        assert_eq!(chosen(&["12", "7"]), ["12", "7"]);
    }

    #[test]
    fn neutral_sentences_fill_poor_pools_and_only_an_empty_one_is_given_of_the_rich() {
        let passage = |record| Passage { record, range: 0..1 };
        let pool = |records: std::ops::Range<usize>| records.map(passage).collect::<Vec<_>>();
        let mut pools = [pool(0..1), pool(1..6), pool(6..8)];
        let lean = |_: usize, passage: &Passage| passage.record as f32;
        level(&mut pools, &mut pool(8..9), usize::MAX, lean);
        assert_eq!(
            pools.each_ref().map(Vec::len),
            [2, 5, 2],
            "the neutral one goes to the poorest"
        );
        let mut pools = [pool(0..1), pool(1..6), Vec::new()];
        level(&mut pools, &mut Vec::new(), usize::MAX, lean);
        assert_eq!(pools.each_ref().map(Vec::len), [1, 4, 1], "a poor pool stays poor");
        assert_eq!(pools[2], [passage(5)], "what leans there most");
        let mut pools = [pool(0..1), pool(1..3), Vec::new()];
        level(&mut pools, &mut pool(3..9), 1, lean);
        assert_eq!(pools.each_ref().map(Vec::len), [1, 2, 1], "one is enough");
        let mut pools = [pool(0..1), pool(1..3), Vec::new()];
        let praise = |at: usize, _: &Passage| if at == 2 { -2.0 } else { 1.0 };
        level(&mut pools, &mut pool(3..4), 1, praise);
        assert!(pools[2].is_empty(), "what leans far from it does not stand in: {pools:?}");
        let no_goal = |at: usize, _: &Passage| if at == 0 { f32::NEG_INFINITY } else { 1.0 };
        let mut pools = [Vec::new(), pool(1..3), pool(3..4)];
        level(&mut pools, &mut pool(4..6), usize::MAX, no_goal);
        assert_eq!(pools.each_ref().map(Vec::len), [0, 3, 2], "none goes where it is ruled out");
    }

    #[test]
    fn quotes_are_what_statements_can_spare_and_else_what_people_say_of_themselves() {
        // Of a passage the record tells its leaning, and whether it is about its speaker: even ones are.
        let passage = |record| Passage { record, range: 0..1 };
        let pool = |records: &[usize]| records.iter().copied().map(passage).collect::<Vec<_>>();
        let lean = |_: usize, passage: &Passage| passage.record as f32;
        let is_own = |passage: &Passage| passage.record.is_multiple_of(2);
        let taken = |mut pools: [Vec<Passage>; 3], neutral: &[usize], sizes: [usize; 3]| {
            let quotes = take_quotes(&mut pools, pool(neutral), sizes, lean, is_own);
            let numbers = |all: &[Passage]| all.iter().map(|p| p.record).collect::<Vec<_>>();
            (numbers(&quotes), pools.each_ref().map(|pool| numbers(pool)))
        };
        let rich =
            || [pool(&[11, 16, 12, 15, 13, 14]), pool(&[22, 23, 21]), pool(&[31, 34, 33, 32])];
        let (quotes, left) = taken(rich(), &[1, 2], [2, 3, 9]);
        assert_eq!(quotes, [14, 21, 32, 12], "of each kind in turn");
        assert_eq!(left, [vec![16, 15, 13, 11], vec![23, 22], vec![34, 33, 31]]);
        assert_eq!(taken(rich(), &[1, 2], [2, 3, 2]).0, [14, 21], "no more than there is room for");
        let poor = || [pool(&[11]), pool(&[21, 22]), pool(&[])];
        let (quotes, left) = taken(poor(), &[1, 4, 2, 3], [3, 3, 9]);
        assert_eq!(quotes, [4, 2, 3], "first those about themselves");
        assert_eq!(left, [vec![11], vec![22, 21], vec![]]);
        let (quotes, left) = taken(poor(), &[1], [3, 3, 9]);
        assert_eq!((quotes, left), (vec![1, 21], [vec![11], vec![22], vec![]]), "the rest is kept");
    }

    #[test]
    fn the_strongest_of_a_pool_are_kept_in_their_order() {
        let pool = |records: &[usize]| -> Vec<Passage> {
            records.iter().map(|&record| Passage { record, range: 0..1 }).collect()
        };
        let kept = |most| {
            let mut all = pool(&[3, 9, 1, 3, 7, 9]);
            keep_strongest(&mut all, most, |passage| passage.record as f32);
            all
        };
        assert_eq!(kept(3), pool(&[9, 7, 9]));
        assert_eq!(kept(4), pool(&[3, 9, 7, 9]), "of equals the first");
        assert_eq!(kept(1), pool(&[9]));
        assert_eq!(kept(9), pool(&[3, 9, 1, 3, 7, 9]));
    }

    #[test]
    fn a_pool_gives_as_many_statements_as_were_asked_for_where_it_has_them() {
        let pool = |len| (0..len).map(|record| Passage { record, range: 0..1 }).collect();
        for (len, most, sizes) in [
            (0, 3, &[][..]),
            (3, 5, &[1, 1, 1]),
            (5, 3, &[2, 2, 1]),
            (5, 2, &[3, 2]),
            (99, 2, &[CHOICES, CHOICES]),
        ] {
            let found: Vec<usize> = split(pool(len), most).iter().map(Vec::len).collect();
            assert_eq!(found, sizes, "{most} of {len}");
        }
    }

    #[test]
    fn the_best_titles_are_kept_and_all_where_none_is_good() {
        let mut wants = vec![3, 0, 1, 2];
        keep_best(&mut wants, |want| *want);
        assert_eq!(wants, [0, 1]);
        let mut poor = vec![4, 3, 3];
        keep_best(&mut poor, |want| *want);
        assert_eq!(poor, [3, 3]);
    }
}
