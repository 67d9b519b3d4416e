//! Corpora whose segments are known, and how many of them are found again.
//!
//! Each kind of corpus plants its segments in another way. All kinds share their vocabulary of
//! topics and differ in what people think of them or how they answer. A planted segment is
//! *covered* when more than half of some slot's records belong to it, or, for personas, more than
//! half of the records that one cites. The share found by slots dealt out at random is reported
//! beside ours.

use std::collections::BTreeMap;

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::corpus::Corpus;
use crate::pipeline::features::Features;
use crate::pipeline::segments::{By, part, units};
use crate::pipeline::tests::{Watch, block_on, models, new_run, row, settings, source};
use crate::pipeline::{Cancel, Settings, run};
use crate::privacy::Cleared;

const SEEDS: u64 = 10;

/// Turns of phrase by segment; every segment uses them of all topics.
const VIEWS: [[&str; 6]; 5] = [
    [
        "I trust the app and let it plan my day",
        "the app is the first thing I open",
        "I would not go back to paper",
        "it saves me time every week",
        "I like that it decides for me",
        "new features are welcome to me",
    ],
    [
        "I do not trust the app at all",
        "I keep my own list on paper",
        "I would rather go back to paper",
        "the app costs me time every week",
        "I want to decide for myself",
        "new features are a burden to me",
    ],
    [
        "I do not mind the app as long as my team is asked",
        "we should decide together in the team",
        "nobody on the team is asked about new features",
        "my colleagues matter more than the plan",
        "I call a colleague before I open the app",
        "the team keeps one list together",
    ],
    [
        "I am afraid of making a mistake in the app",
        "somebody should show me how the app works",
        "I ask for help before I open it",
        "I feel slow and a burden to others",
        "a short course would help me every week",
        "I never know which button to press",
    ],
    [
        "I only care about the money at the end of the week",
        "I do what the plan says and go home",
        "features make no difference to my pay",
        "more time in the app is unpaid time",
        "I would leave for a better paid day",
        "the app should count my hours",
    ],
];
const TOPICS: [&str; 10] = [
    "the morning visits",
    "the night shift",
    "medication",
    "driving between visits",
    "the phone",
    "sick leave",
    "holidays",
    "the weekly plan",
    "families",
    "the office",
];
const FILLER: [&str; 14] = [
    "It was a long week with many visits.",
    "There is always something on a Monday.",
    "The bus was late again that day.",
    "We had two new people on the list.",
    "Somebody called about the plan in the morning.",
    "I had to drive across town twice.",
    "The weather did not help either.",
    "Last month we changed the list of visits.",
    "The office sent a message about it.",
    "I was on my way to a visit.",
    "It happened in the week before the holidays.",
    "A family asked me about the plan.",
    "I had my phone with me.",
    "There were three visits before noon.",
];

/// A corpus and the segment of each record.
struct Planted {
    corpus: Corpus,
    truth: Vec<usize>,
    segments: usize,
    draw: ChaCha8Rng,
}

impl Planted {
    fn new(segments: usize, seed: u64) -> Self {
        let corpus = Corpus { files: vec![source("csv")], ..Corpus::default() };
        let draw = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        Self { corpus, truth: Vec::new(), segments, draw }
    }

    fn add(&mut self, person: usize, cells: &[(&str, String)], segment: usize) {
        let who = format!("P{person}");
        let filled: Vec<(&str, String)> =
            cells.iter().filter(|(_, cell)| !cell.is_empty()).cloned().collect();
        self.corpus.records.push(row(self.truth.len(), &who, &filled));
        self.truth.push(segment);
    }

    fn any<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of.choose(&mut self.draw).copied().unwrap_or_default()
    }

    /// Everyone speaks four times, each time of any topic in one of the turns of phrase of their
    /// segment.
    fn phrases(sizes: &[usize], seed: u64) -> Self {
        let mut planted = Self::new(sizes.len(), seed);
        let mut people: Vec<usize> =
            sizes.iter().enumerate().flat_map(|(segment, &size)| vec![segment; size]).collect();
        people.shuffle(&mut planted.draw);
        for (person, segment) in people.into_iter().enumerate() {
            for _ in 0..4 {
                let (topic, view) = (planted.any(&TOPICS), planted.any(&VIEWS[segment]));
                let around = [planted.any(&FILLER), planted.any(&FILLER)].join(" ");
                planted.add(
                    person,
                    &[("answer", format!("About {topic}. {view}. {around}"))],
                    segment,
                );
            }
        }
        planted
    }

    /// All people use the same words; segments differ in what they put before what.
    fn order(seed: u64) -> Self {
        const THINGS: [&str; 4] = ["speed", "safety", "price", "comfort"];
        let templates = [
            "I would take {a} over {b} any day",
            "to me {a} comes before {b}",
            "{a} is worth more than {b}",
            "I give up {b} to get {a}",
        ];
        let mut planted = Self::new(4, seed);
        for person in 0..60 {
            let segment = person % 4;
            for _ in 0..3 {
                let other = (segment + planted.draw.random_range(1..4)) % 4;
                let view = planted.any(&templates);
                let view = view.replace("{a}", THINGS[segment]).replace("{b}", THINGS[other]);
                let around = [planted.any(&FILLER), planted.any(&FILLER)];
                let answer = format!("{} {view}. {}", around[0], around[1]);
                planted.add(person, &[("answer", answer)], segment);
            }
        }
        planted
    }

    /// All people speak of the same four things; each segment is for some and against the others.
    fn stances(seed: u64) -> Self {
        const FOR: [&str; 5] = [
            "I trust {x}",
            "{x} works well for me",
            "I like {x} a lot",
            "{x} makes my day easier",
            "I would recommend {x}",
        ];
        const AGAINST: [&str; 5] = [
            "I do not trust {x}",
            "{x} does not work for me",
            "I do not like {x} at all",
            "{x} makes my day harder",
            "I would not recommend {x}",
        ];
        let things = ["the app", "the plan", "the office", "the phone"];
        let is_for = [[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]];
        let mut planted = Self::new(4, seed);
        for person in 0..48 {
            let segment = person % 4;
            for (at, thing) in things.iter().enumerate() {
                let slip = planted.draw.random_bool(0.05);
                let views = if (is_for[segment][at] == 1) == slip { AGAINST } else { FOR };
                let mut said = || {
                    let (around, view) = (planted.any(&FILLER), planted.any(&views));
                    format!("{around} {}.", view.replace("{x}", thing))
                };
                let answer = [said(), said()].join(" ");
                planted.add(person, &[("answer", answer)], segment);
            }
        }
        planted
    }

    /// Made-up words that everyone uses; each segment uses a dozen of them more often.
    fn frequencies(segments: usize, people: usize, seed: u64) -> Self {
        const FAVOURED: usize = 12;
        let mut planted = Self::new(segments, seed);
        for person in 0..people {
            let segment = person % segments;
            let common = (0..300).map(|word| 12.0 / (f64::from(word) + 10.0));
            let own = |word| if word / FAVOURED == segment { 0.5 } else { 0.06 };
            let mut sum = 0.0;
            let edges: Vec<f64> = common
                .chain((0..FAVOURED * segments).map(own))
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect();
            for _ in 0..3 {
                let mut said = Vec::new();
                for _ in 0..20 {
                    let mark = planted.draw.random::<f64>() * sum;
                    said.push(made_up(edges.partition_point(|edge| *edge <= mark)));
                }
                planted.add(person, &[("answer", said.join(" "))], segment);
            }
        }
        planted
    }

    /// Ratings and a favourite tool set the segments apart; age, region and text do not.
    fn columns(seed: u64) -> Self {
        let tools = ["paper", "app", "phone", "board"];
        let mut planted = Self::new(4, seed);
        for person in 0..80 {
            let segment = person % 4;
            let mut rate = |is_high: bool| {
                let mean: f64 = if is_high { 4.2 } else { 1.9 };
                (mean + planted.draw.random_range(-1.3..1.3)).round().clamp(1.0, 5.0).to_string()
            };
            let ratings =
                [rate(segment % 2 == 0), rate(segment < 2), rate(segment == 1 || segment == 2)];
            let [trust, effort, again] = ratings;
            let any_tool = planted.any(&tools);
            let is_own = planted.draw.random_bool(0.75);
            let cells = [
                ("age", planted.draw.random_range(20..65).to_string()),
                ("region", planted.any(&["north", "south", "east", "west"]).to_owned()),
                ("trust", trust),
                ("effort", effort),
                ("again", again),
                ("tool", if is_own { tools[segment] } else { any_tool }.to_owned()),
                ("why", [planted.any(&FILLER), planted.any(&FILLER)].join(" ")),
            ];
            planted.add(person, &cells, segment);
        }
        planted
    }

    /// A survey of closed questions only: each segment has a likeliest answer to each of eight.
    fn survey(seed: u64) -> Self {
        let choices = ["Not at all", "Not much", "Some", "A lot"];
        let mut planted = Self::new(4, seed);
        for person in 0..400 {
            let segment = person % 4;
            let mut cells: Vec<(String, String)> = Vec::new();
            for question in 0..8 {
                let own = choices[(segment * (question + 1) + question * question) % 4];
                let other = planted.any(&choices);
                let answer = if planted.draw.random_bool(0.6) { own } else { other };
                let answer = if planted.draw.random_bool(0.05) { "" } else { answer };
                cells.push((format!("How much do you care about {question}?"), answer.into()));
            }
            cells.push(("Gender".into(), planted.any(&["Male", "Female"]).into()));
            cells.push(("Age".into(), planted.any(&["18-29", "30-44", "45-60", "> 60"]).into()));
            cells.push(("Location".into(), planted.any(&["Pacific", "Mountain", "South"]).into()));
            let cells: Vec<(&str, String)> =
                cells.iter().map(|(name, cell)| (name.as_str(), cell.clone())).collect();
            planted.add(person, &cells, segment);
        }
        planted
    }

    /// An export of a help desk: each writes once, of one kind of trouble; channel and plan are
    /// anybody's.
    fn tickets(seed: u64) -> Self {
        const TROUBLES: [[&str; 6]; 4] = [
            [
                "I was charged twice for the same month",
                "the invoice shows the wrong amount again",
                "please refund the second payment",
                "my card was charged after I had cancelled",
                "the invoice lacks our tax number",
                "why did the price of my plan go up without a word",
            ],
            [
                "the app crashes as soon as I open a report",
                "it freezes whenever I upload a photo",
                "since the update it closes by itself",
                "the screen stays white after the update",
                "the report takes minutes to open and then crashes",
                "uploading a photo ends in an error",
            ],
            [
                "I cannot log in with the new password",
                "the code for signing in never arrives",
                "my account is locked and the password link is dead",
                "signing in sends me in circles",
                "I reset my password three times and still cannot log in",
                "our new colleague gets no invitation to the account",
            ],
            [
                "could you add an export to our calendar",
                "it would help to sort the list by date",
                "I would love a dark screen for the night",
                "please let us share a list with people outside",
                "an export to a spreadsheet is missing",
                "can the list show who changed what",
            ],
        ];
        let mut planted = Self::new(4, seed);
        for person in 0..240 {
            let segment = person % 4;
            let said = [planted.any(&TROUBLES[segment]), planted.any(&TROUBLES[segment])];
            let message = format!("Hello, {}. {}.", said.join(", and "), planted.any(&FILLER));
            let cells = [
                ("channel", planted.any(&["email", "chat", "web", "phone"]).to_owned()),
                ("plan", planted.any(&["Free", "Pro", "Enterprise"]).to_owned()),
                ("message", message),
            ];
            planted.add(person, &cells, segment);
        }
        planted
    }

    /// The share of the segments that are the majority of some set of records.
    fn covered(&self, sets: &[Vec<usize>]) -> f64 {
        let majority = |set: &Vec<usize>| {
            let mut counts = vec![0; self.segments];
            for &record in set {
                counts[self.truth[record]] += 1;
            }
            counts.iter().position(|&count| count * 2 > set.len())
        };
        let found: std::collections::BTreeSet<usize> = sets.iter().filter_map(majority).collect();
        found.len() as f64 / self.segments as f64
    }

    fn slots(&self, seed: u64) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..self.truth.len()).collect();
        let segmentation = part(&self.corpus, &all, self.segments, seed, By::Words);
        segmentation.groups.into_iter().map(|group| group.records).collect()
    }

    /// Participants dealt out at random, into slots of equal size.
    fn by_lot(&self, seed: u64) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..self.truth.len()).collect();
        let (_, mut units) = units(&self.corpus, &all, self.segments);
        units.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut slots = vec![Vec::new(); self.segments];
        for (at, unit) in units.into_iter().enumerate() {
            slots[at % self.segments].extend(unit);
        }
        slots
    }
}

/// A word that no language has and no lexicon holds.
fn made_up(number: usize) -> String {
    let letters = "bdfgklmnprstvz".as_bytes();
    let letter = |at: usize| char::from(letters[at % letters.len()]);
    format!("u{}a{}o{}i", letter(number), letter(number / 14), letter(number * 5 + number / 196))
}

type Kind = fn(u64) -> Planted;

const KINDS: [(&str, Kind); 10] = [
    ("a dozen people", |seed| Planted::phrases(&[5, 4, 3], seed)),
    ("phrases", |seed| Planted::phrases(&[10; 5], seed)),
    ("unequal sizes", |seed| Planted::phrases(&[40, 20, 10, 6], seed)),
    ("order of the same words", Planted::order),
    ("for and against", Planted::stances),
    ("word frequencies", |seed| Planted::frequencies(5, 100, seed)),
    ("eight segments", |seed| Planted::frequencies(8, 160, seed)),
    ("columns", Planted::columns),
    ("survey", Planted::survey),
    ("tickets", Planted::tickets),
];

/// Mean share of covered segments over the seeds: by our slots, and by random ones.
fn measure(kind: Kind) -> (f64, f64) {
    let runs = (0..SEEDS).map(|seed| {
        let planted = kind(seed);
        (planted.covered(&planted.slots(seed)), planted.covered(&planted.by_lot(seed)))
    });
    let sums = runs.fold((0.0, 0.0), |sums, (ours, lot)| (sums.0 + ours, sums.1 + lot));
    (sums.0 / SEEDS as f64, sums.1 / SEEDS as f64)
}

#[test]
fn planted_segments_are_found_again_and_by_lot_they_are_not() {
    for (name, kind) in KINDS {
        let (ours, lot) = measure(kind);
        eprintln!("{name:25} covered {ours:.2}, by lot {lot:.2}");
        assert!(ours >= 0.8, "{name}: only {ours:.2} of the segments have a slot");
        assert!(lot < 0.5, "{name}: {lot:.2} are covered by lot, so the kind tells nothing");
    }
}

/// People of known segments who speak once, with what columns say of each.
fn with_columns(columns: impl Fn(usize, &mut Planted) -> Vec<(&'static str, String)>) -> Planted {
    let mut planted = Planted::new(3, 4);
    for person in 0..90 {
        let (topic, view) = (planted.any(&TOPICS), planted.any(&VIEWS[person % 3]));
        let said = format!("About {topic}. {view}. {}", planted.any(&FILLER));
        let mut cells = columns(person, &mut planted);
        cells.push(("answer", said));
        planted.add(person, &cells, person % 3);
    }
    planted
}

fn columns_that_count(planted: &Planted) -> Vec<String> {
    let all: Vec<usize> = (0..planted.truth.len()).collect();
    let (_, units) = units(&planted.corpus, &all, planted.segments);
    let names = Features::of(&planted.corpus, &units).names;
    let columns = names.iter().filter_map(|name| Some(name.split_once('=')?.0.to_owned()));
    let mut columns: Vec<String> = columns.collect();
    columns.dedup();
    columns
}

#[test]
fn a_column_counts_only_where_what_people_say_goes_with_it() {
    let one_of = |of: usize, kinds: [&str; 3]| kinds[of].to_owned();
    let by_lot = with_columns(|_, planted| {
        let plan = planted.draw.random_range(0..3);
        vec![
            ("plan", one_of(plan, ["Free", "Pro", "Enterprise"])),
            ("price", one_of(plan, ["0 EUR", "10 EUR", "90 EUR"])),
            ("seats", one_of(plan, ["one", "some", "many"])),
            ("support", one_of(plan, ["none", "mail", "phone"])),
        ]
    });
    assert!(columns_that_count(&by_lot).is_empty(), "one plan in four forms");
    let of_a_pair = with_columns(|_, planted| {
        let city = planted.draw.random_range(0..3);
        let own = planted.draw.random_bool(0.8);
        let bus = if own { city } else { planted.draw.random_range(0..3) };
        let city = one_of(city, ["Leeds", "York", "Hull"]);
        vec![("city", city), ("bus", one_of(bus, ["a line", "b line", "c line"]))]
    });
    assert!(columns_that_count(&of_a_pair).is_empty(), "a city and its bus tell of one another");
    let telling = with_columns(|person, planted| {
        let own = planted.draw.random_bool(0.8);
        let crew = if own { person % 3 } else { planted.draw.random_range(0..3) };
        let site = planted.any(&["north", "south"]).to_owned();
        vec![("crew", one_of(crew, ["red", "blue", "green"])), ("site", site)]
    });
    assert_eq!(columns_that_count(&telling), ["crew"]);
}

#[test]
fn who_comments_on_a_survey_is_no_segment() {
    let survey = Planted::survey(3);
    let mut commented = Planted::new(4, 3);
    for (person, record) in survey.corpus.records.iter().enumerate() {
        let spans = record.columns.iter();
        let cells = spans.map(|span| (&*span.name, record.text[span.start..span.end].to_owned()));
        let mut cells: Vec<(&str, String)> = cells.collect();
        if person % 7 == 0 {
            let said = [commented.any(&FILLER), commented.any(&FILLER)].join(" ");
            cells.push(("Anything else?", said));
        }
        commented.add(person, &cells, survey.truth[person]);
    }
    let slots = commented.slots(1);
    assert!(commented.covered(&slots) > 0.99);
    for slot in &slots {
        let wrote = |record: &&usize| commented.corpus.records[**record].text.contains("Anything");
        let wrote = slot.iter().filter(wrote).count();
        assert!(wrote * 4 < slot.len(), "{wrote} of {}", slot.len());
    }
}

#[test]
fn segments_are_told_from_what_chance_makes() {
    let deviations = |planted: &Planted| {
        let all: Vec<usize> = (0..planted.truth.len()).collect();
        let segmentation = part(&planted.corpus, &all, 3, 1, By::Words);
        segmentation.reliability.expect("people enough").surprise
    };
    assert!(deviations(&Planted::phrases(&[5, 4, 3], 1)) > 3.0);
    let found = deviations(&Planted::frequencies(1, 60, 2));
    assert!(found < 3.0, "all speak alike: {found}");
}

#[test]
fn segments_that_are_a_columns_values_are_told_as_such() {
    let mut planted = Planted::new(3, 1);
    for person in 0..30 {
        let score = [1, 5, 9][person % 3];
        planted.add(person, &[("score", score.to_string())], person % 3);
    }
    let all: Vec<usize> = (0..30).collect();
    let notes = part(&planted.corpus, &all, 3, 1, By::Words).notes;
    assert!(notes.iter().any(|note| note.contains("follow 'score'")), "{notes:?}");
}

#[test]
fn who_says_nothing_that_tells_makes_no_segment() {
    let mut planted = Planted::phrases(&[10; 3], 3);
    for person in 30..50 {
        let short = format!("Fine{} thanks", "!".repeat(person - 30));
        planted.add(person, &[("answer", short)], 0);
    }
    let all: Vec<usize> = (0..planted.truth.len()).collect();
    let segmentation = part(&planted.corpus, &all, 3, 1, By::Words);
    assert_eq!(segmentation.left_out.len(), 20, "{:?}", segmentation.left_out);
    assert!(
        segmentation.notes.iter().any(|note| note.contains("20 of 50 participants say nothing")),
        "{:?}",
        segmentation.notes
    );
}

#[test]
fn slots_are_as_even_as_the_segments_are() {
    let largest = |sizes: &[usize], seed: u64| {
        let planted = Planted::phrases(sizes, seed);
        let slots = planted.slots(seed);
        let most = slots.iter().map(Vec::len).max().unwrap_or_default();
        most as f64 / planted.truth.len() as f64
    };
    for (sizes, expected) in
        [([160, 20, 20], 0.7..0.85), ([4, 3, 3], 0.3..0.55), ([2, 2, 2], 0.3..0.45)]
    {
        let sum: f64 = (0..SEEDS).map(|seed| largest(&sizes, seed)).sum();
        let mean = sum / SEEDS as f64;
        eprintln!("{sizes:?}: the largest slot has {mean:.2} of the people");
        assert!(expected.contains(&mean), "{sizes:?}: {mean:.2}");
    }
}

#[test]
fn slots_keep_participants_whole_and_are_the_same_for_the_same_seed() {
    for (name, kind) in KINDS {
        let planted = kind(3);
        let slots = planted.slots(5);
        assert_eq!(slots, planted.slots(5), "{name}");
        let mut home: BTreeMap<&str, usize> = BTreeMap::new();
        for (slot, records) in slots.iter().enumerate() {
            for &record in records {
                let who = planted.corpus.records[record].participant.as_deref().unwrap_or_default();
                assert_eq!(*home.entry(who).or_insert(slot), slot, "{name}: {who} is in two slots");
            }
        }
        assert_eq!(slots.concat().len(), planted.truth.len(), "{name}");
    }
}

#[test]
fn personas_rest_on_records_of_the_segment_that_they_stand_for() {
    for (name, kind) in KINDS.into_iter().take(5) {
        let mut sum = 0.0;
        for seed in 0..3 {
            let planted = kind(seed);
            let settings = Settings { count: planted.segments, seed, ..settings() };
            let folder = tempfile::tempdir().expect("a folder");
            let (mut log, watch) = (new_run(folder.path()), Watch::default());
            let corpus = Cleared::as_is(planted.corpus.clone());
            let (models, cancel) = (models("ok"), Cancel::default());
            block_on(run(&corpus, &models, &settings, &mut log, &watch, &cancel)).expect("a run");
            let personas = log.state.selected.clone().unwrap_or_default();
            let at = |id| planted.corpus.records.iter().position(|record| record.id == id);
            let cited: Vec<Vec<usize>> = personas
                .iter()
                .map(|persona| persona.cited().into_iter().filter_map(at).collect())
                .collect();
            sum += planted.covered(&cited);
        }
        let covered = sum / 3.0;
        eprintln!("{name:25} covered by personas {covered:.2}");
        assert!(covered >= 0.8, "{name}: only {covered:.2} of the segments have a persona");
    }
}

#[test]
fn fifty_thousand_records_are_parted_in_seconds() {
    let planted = Planted::frequencies(5, 17_000, 1);
    let began = std::time::Instant::now();
    let slots = planted.slots(1);
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("{} records parted in {seconds:.1} s", planted.truth.len());
    assert!(planted.covered(&slots) > 0.99);
    assert!(seconds < 60.0, "{seconds:.1} s");
}
