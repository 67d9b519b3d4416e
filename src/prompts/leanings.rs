//! How a model sorts a sentence: whether it reads as a wish, a problem, a habit or a plain fact.
//!
//! Owns the lists after which a sentence is scored, and what the likelihoods mean. The sentence is
//! scored, not a label: a model too small to answer a question still knows which list a sentence
//! belongs to (noisy channel; Min, Lewis, Hajishirzi, Zettlemoyer, ACL 2022). Measured by
//! `tests/it/aspects.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

pub use super::aspects::Aspect;
use super::aspects::{may_tell, speaks_of};
use super::draft::Focus;
use super::passages::{passages, shorten};
use super::pools::text_of;
use super::standing::leans;
use crate::corpus::{Corpus, Record};
use crate::llm::{ScorePrompt, ScoreRequest, Want};
use crate::privacy::Cleared;

/// For each sentence, how much likelier it is after the list of each aspect than after the facts,
/// in nats, in the order of [`Aspect::ALL`].
pub type Leanings = BTreeMap<String, [f32; 3]>;

/// Lists after which a sentence is scored: those of the aspects in their order, then the facts.
const LISTS: [(&str, [&str; 16]); 4] = [
    (
        "Wishes. What people want, or what would help them:",
        [
            "I'd love to see my results before the appointment.",
            "Just let me pay in one place.",
            "What I want is a person who answers the phone.",
            "By next year I'd like to run the course on my own.",
            "It would help if the list were sorted by street.",
            "A lighter bag would be wonderful.",
            "My goal is to be home for dinner twice a week.",
            "If only the bus waited for the train.",
            "Somewhere quiet to sit, that would be enough.",
            "Show me the total before I sign.",
            "I need to know by Friday who is coming.",
            "Could there be a bigger print of this?",
            "We hope to hire a second cook in spring.",
            "I'm trying to learn enough to help my daughter with maths.",
            "The best thing would be one key for all doors.",
            "I would rather talk to the same nurse every time.",
        ],
    ),
    (
        "Problems. What annoys people or stands in their way:",
        [
            "The page had expired before I found my card.",
            "Nobody told us that the door would be locked.",
            "It takes me an hour to fill in what should be two lines.",
            "I can't read the small print on the packet.",
            "By the time they call back I'm in a meeting.",
            "Half of the time the lift is out of order.",
            "I'm afraid of pressing the wrong button.",
            "You stand in one queue and they send you to the next.",
            "The two lists never agree with each other.",
            "We carry the cost when they change their minds.",
            "It rings six times and then it cuts off.",
            "All of my weekend goes on paperwork.",
            "They changed the menu again and now I have to search.",
            "The form asks the same thing three times.",
            "I lie awake over the next invoice.",
            "There is one socket for eleven people.",
        ],
    ),
    (
        "Habits. What people do, and how they do it:",
        [
            "I write everything down in a notebook first.",
            "Every Monday we go through the orders together.",
            "If the app is down I ring my sister.",
            "I park round the corner and walk the rest.",
            "My wife reads the letters to me after dinner.",
            "Before a shift I lay out the tools in a row.",
            "I don't sign anything before I've slept on it.",
            "We keep the spare keys under the third pot.",
            "When something is missing I ask the driver first.",
            "I never pay by card, only cash.",
            "In the evening I put the dates into the big calendar.",
            "I print it, mark it in red and scan it again.",
            "Mostly I look at the pictures and skip the text.",
            "After lunch one of us checks the fridges.",
            "I send myself a message so that I don't forget.",
            "We take turns, two at the door and one at the desk.",
        ],
    ),
    (
        "Facts. What people are and what there is:",
        [
            "I have been here for eleven years.",
            "The office is on the second floor.",
            "There are four of us in the team.",
            "Yes, I can hear you well.",
            "The shop was opened by my father in 1980.",
            "Some people like it and some don't.",
            "My son is a carpenter in the next town.",
            "It was a nice building once.",
            "I'm fifty-two and I work part time.",
            "The blue forms are for children.",
            "Thank you, that's a good question.",
            "The river is about a mile from here.",
            "I think it's a generational thing.",
            "They sell bread and newspapers there.",
            "I trained as a baker before that.",
            "It opened last autumn.",
        ],
    ),
];

/// Sentences that are in none of the lists, equally many of each kind. The likelihood that a list
/// lends to any sentence is measured on them and subtracted (contextual calibration; Zhao, Wallace,
/// Feng, Klein, Singh, ICML 2021). Chosen so that their means are those of the labelled sentences
/// of the `dev` half.
const EVEN: [&str; 24] = [
    "An order form I can fill in with one thumb from the tractor, that'd be the thing.",
    "Make it so I can take last year's course and shift all the dates by one click.",
    "Let me dictate the notes in the car, honestly, that's all I'm asking.",
    "One phone number that somebody actually picks up at half six, that'd do me.",
    "We're trying to get the three small farms to share a single combine next summer.",
    "A single place where the ward can see where their order is, so they stop phoning down.",
    "The phone goes every ninety seconds between eleven and one.",
    "The money, but I see my kids maybe two evenings out of seven.",
    "Version seven came back with the notes from version three.",
    "Two products, identical boxes, one ten times stronger than the other, sat side by side.",
    "Well, what I notice is that every letter tells me to watch out for fraudsters and none tells me how.",
    "Whatever figure I say out loud, my stomach turns over.",
    "Come Sunday evening my wife types up the delivery notes and I read them out to her.",
    "At the door I greet each of them by name and hand over a starter task.",
    "I read it from the bottom up, that way I don't skim.",
    "Controlled drugs get counted by two of us at seven and again at seven.",
    "We don't take the lunch break together, we go in pairs so the belt keeps moving.",
    "I look at the whole list first and start from the far end.",
    "The building dates from the seventies and was refitted in 2011.",
    "I've banked with the same lot since I got married.",
    "The hall's about the size of four football pitches.",
    "We've got people from twenty-odd countries on our shift.",
    "Oh no, I'm quite comfortable, thank you.",
    "My cousin drives for the same firm down south.",
];

/// Most sentences of a draft that are scored: two for each statement that it may make.
const A_DRAFT: usize = 18;

/// Characters of a sentence that are scored: what comes later hardly changes where it leans.
const READ: usize = 100;

/// The sentences of a draft that a model is to sort: as many as a draft chooses its statements
/// from, drawn by its seed. All others are sorted by their words, as are those that cannot be
/// understood without the sentence before them, because they are hardly ever chosen.
pub fn sample(corpus: &Cleared<Corpus>, focus: &[Focus], seed: u64) -> Vec<String> {
    let of_record = |focus: &Focus| {
        let found = passages(focus.record, &corpus.records[focus.record], &focus.shown);
        found.into_iter().map(|passage| text_of(corpus, &passage)).collect::<Vec<_>>()
    };
    let mut said: Vec<String> = focus.iter().flat_map(of_record).collect();
    said.retain(|text| !leans(text));
    said.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    said.truncate(A_DRAFT);
    said
}

/// Sentences that a model is to sort.
#[derive(Debug)]
pub struct Sentences(Vec<String>);

impl Sentences {
    /// The sentences of these samples that are not known yet, each once.
    pub fn of(samples: &[Vec<String>], known: &Leanings) -> Self {
        let new: BTreeSet<&String> = samples.iter().flatten().collect();
        Self(new.into_iter().filter(|text| !known.contains_key(*text)).cloned().collect())
    }

    /// Whether there are no sentences to sort.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The requests that score the sentences; [`Sentences::read`] takes their answers.
    pub fn requests(&self) -> Vec<ScoreRequest> {
        let lists = LISTS.map(|(heading, items)| {
            let items: Vec<String> = items.iter().map(|item| format!("- {item}\n")).collect();
            format!("{heading}\n{}-", items.concat())
        });
        let after = |sentence: &str| {
            let begun = &sentence[shorten(sentence, 0..sentence.len(), READ)];
            let want = Want::Continuation(format!(" {}\n", begun.replace('\n', " ")));
            let request = |list: &String| ScoreRequest {
                prompt: ScorePrompt::Raw(list.clone()),
                want: want.clone(),
            };
            lists.iter().map(request).collect::<Vec<_>>()
        };
        EVEN.into_iter().chain(self.0.iter().map(String::as_str)).flat_map(after).collect()
    }

    /// The leanings according to the answers to [`Sentences::requests`]; a sentence for which an
    /// answer is missing has no leaning.
    pub fn read(self, answers: &[Option<Vec<f32>>]) -> Leanings {
        let mut each = answers.chunks_exact(LISTS.len()).map(|answers| {
            let sum = |answer: &Option<Vec<f32>>| Some(answer.as_ref()?.iter().sum::<f32>());
            let sums: Option<Vec<f32>> = answers.iter().map(sum).collect();
            sums.filter(|sums| sums.iter().all(|sum| sum.is_finite()))
        });
        let even: Vec<Vec<f32>> = each.by_ref().take(EVEN.len()).flatten().collect();
        if even.is_empty() {
            return Leanings::new();
        }
        let mean =
            |list: usize| even.iter().map(|sums| sums[list]).sum::<f32>() / even.len() as f32;
        let means: [f32; LISTS.len()] = std::array::from_fn(mean);
        let leaning = |(sentence, sums): (String, Option<Vec<f32>>)| {
            let sums = sums?;
            let over = |list: usize| sums[list] - means[list];
            let fact = over(LISTS.len() - 1);
            Some((sentence, Aspect::ALL.map(|aspect| over(aspect as usize) - fact)))
        };
        self.0.into_iter().zip(each).filter_map(leaning).collect()
    }
}

/// How strongly a piece of a record speaks of each aspect, by its words, its question, its column
/// and its leaning. Above 0, it speaks of the aspect more than it states a fact; it is minus
/// infinity where what was asked, or the form of the sentence, rules the aspect out.
pub fn strengths(record: &Record, range: &Range<usize>, leanings: &Leanings) -> [f32; 3] {
    let text = &record.text[range.clone()];
    let leaning = leanings.get(text).copied().unwrap_or_default();
    Aspect::ALL.map(|aspect| {
        if !may_tell(aspect, record, range.start, text) {
            return f32::NEG_INFINITY;
        }
        speaks_of(aspect, record, range.start, text) as f32 + leaning[aspect as usize]
    })
}

/// The aspect with the greatest strength, the earlier one of equals; `None` for a plain fact.
pub fn strongest(strengths: [f32; 3]) -> Option<Aspect> {
    let best = strengths.into_iter().zip(Aspect::ALL).rev().max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(strength, _)| *strength > 0.0).map(|(_, aspect)| aspect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_leans_to_the_list_that_it_is_likelier_after_than_any_sentence_is() {
        let sentences = || Sentences(vec!["I wait.".to_owned(), "I wish.".to_owned()]);
        let requests = sentences().requests();
        assert_eq!(requests.len(), (EVEN.len() + 2) * LISTS.len());
        // Every sentence is likelier after wishes by 10; the second one by 3 more.
        let of = |extra: f32| [10.0 + extra, 0.0, 0.0, 0.0].map(|sum| Some(vec![sum - 20.0, -1.0]));
        let even = EVEN.iter().flat_map(|_| of(0.0));
        let mut answers: Vec<_> = even.chain(of(0.0)).chain(of(3.0)).collect();
        let leanings = sentences().read(&answers);
        let lean = |text: &str| leanings[text].map(|nats| nats.round() as i32);
        assert_eq!(lean("I wait."), [0; 3]);
        assert_eq!(lean("I wish."), [3, 0, 0]);
        *answers.last_mut().unwrap() = None;
        assert!(!sentences().read(&answers).contains_key("I wish."));
        answers[0] = Some(vec![f32::NAN]);
        assert_eq!(sentences().read(&answers)["I wait."].len(), 3);
        assert!(sentences().read(&[]).is_empty());
    }
}
