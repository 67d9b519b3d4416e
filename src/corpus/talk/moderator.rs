//! Who asks in a conversation: a moderator's words are context for what the others say, not
//! evidence.
//!
//! Owns the names of that role and the guess by what the speakers do. Does not know where the turns
//! stand in a file. Its tests, one conversation for each guess, make it long.

use std::collections::BTreeMap;

use super::bystanders::{in_brackets, interprets, is_watching};
use super::speakers::{is_generic, is_numbered};
use crate::corpus::findings::Findings;
use crate::corpus::names::{is_of_word, participant_rank};

pub(crate) use super::question::Question;

/// Words for the role of the one who asks, as speakers' labels have them.
const ROLES: [&str; 102] = [
    "interviewer",
    "moderator",
    "facilitator",
    "researcher",
    "interviewerin",
    "moderatorin",
    "intervieweur",
    "intervieweuse",
    "modérateur",
    "modératrice",
    "enquêteur",
    "enquêtrice",
    "entrevistador",
    "entrevistadora",
    "moderador",
    "moderadora",
    "intervistatore",
    "intervistatrice",
    "интервьюер",
    "модератор",
    "采访者",
    "採訪者",
    "采访人",
    "访谈者",
    "訪談者",
    "访谈员",
    "访问者",
    "訪問者",
    "访员",
    "主持人",
    "提问者",
    "研究员",
    "研究員",
    "インタビュアー",
    "インタビューアー",
    "聞き手",
    "司会",
    "司会者",
    "質問者",
    "調査者",
    "モデレーター",
    "면접자",
    "면접관",
    "인터뷰어",
    "진행자",
    "사회자",
    "연구자",
    "질문자",
    "المحاور",
    "المحاورة",
    "الباحث",
    "الباحثة",
    "साक्षात्कारकर्ता",
    "साक्षात्कर्ता",
    "शोधकर्ता",
    "प्रश्नकर्ता",
    "संचालक",
    "moderatorka",
    "badacz",
    "badaczka",
    "prowadzący",
    "prowadząca",
    "ankieter",
    "ankieterka",
    "görüşmeci",
    "araştırmacı",
    "moderatör",
    "intervjuare",
    "intervjuer",
    "forskare",
    "forsker",
    "samtalsledare",
    "onderzoeker",
    "onderzoekster",
    "gespreksleider",
    "interviewster",
    "tazatel",
    "tazatelka",
    "moderátor",
    "moderátorka",
    "výzkumník",
    "výzkumnice",
    "haastattelija",
    "tutkija",
    "moderaattori",
    "investigador",
    "investigadora",
    "pesquisador",
    "pesquisadora",
    "moderatore",
    "moderatrice",
    "ricercatore",
    "ricercatrice",
    "chercheur",
    "chercheuse",
    "forscher",
    "forscherin",
    "리서처",
    "연구원",
    "면접원",
    "リサーチャー",
    "インタビュワー",
];

/// Labels by which transcribers abbreviate that role.
const SHORT: [&str; 24] = [
    "q",
    "i",
    "int",
    "mod",
    "question",
    "frage",
    "pregunta",
    "pergunta",
    "domanda",
    "вопрос",
    "问",
    "問",
    "提问",
    "質問",
    "問い",
    "질문",
    "문",
    "سؤال",
    "السؤال",
    "س",
    "प्रश्न",
    "सवाल",
    "प्र",
    "访",
];

/// Labels of people who are to be heard, besides the words for a participant. They are never
/// guessed to be the one who asks, since the customer of a chat asks a lot.
const PARTICIPANTS: [&str; 14] = [
    "client",
    "patient",
    "visitor",
    "caller",
    "human",
    "guest",
    "student",
    "buyer",
    "member",
    "kunde",
    "kundin",
    "klient",
    "cliente",
    "patientin",
];

/// Labels of those who answer a customer: in a conversation with them, the one who asks is the one
/// to be heard.
const HELPERS: [&str; 10] = [
    "agent",
    "support",
    "assistant",
    "bot",
    "chatbot",
    "helpdesk",
    "operator",
    "advisor",
    "ai",
    "representative",
];

/// Most words of a turn that asks nothing and only keeps the other one talking: `Mm-hm, right.`
const NOD_WORDS: usize = 2;
/// Most characters of such a turn in a script without capitals; many of these scripts have no
/// spaces between words.
const NOD_SIGNS: usize = 5;

/// Fewest turns of a speaker, nods aside, who is taken for the one who asks.
const LEAST_TURNS: usize = 3;

/// Fewest such turns where only two speak, the first of them says less, and the other asks nothing.
const LEAST_OPENED: usize = 2;

/// Fewest others in a group that somebody leads, and fewest of their turns to each turn of that one.
const LEAST_GROUP: usize = 3;
const LEAST_ANSWERS: usize = 2;

/// Whether a name begins or ends with the role of the one who asks, or has it in brackets:
/// `Sarah (Interviewer)`.
pub(crate) fn is_role(name: &str) -> bool {
    let is_named = |name: &str| ROLES.contains(&first_word(name).as_str());
    // `Sarah Research` is how teams sign in a chat.
    let last = name.trim().rsplit_once(char::is_whitespace).map(|(_, last)| last.to_lowercase());
    is_named(name)
        || are_several(name)
        || in_brackets(name).is_some_and(|job| is_named(job) || is_research(job))
        || last.is_some_and(|last| last == "research" || ROLES.contains(&last.as_str()))
}

/// Whether a label is the plural of a role, as headers have it: `Interviewers`, `Moderatorinnen`.
fn are_several(label: &str) -> bool {
    const ENDINGS: [(&str, &str); 6] =
        [("s", ""), ("es", ""), ("en", ""), ("nen", ""), ("i", "e"), ("i", "o")];
    let label = label.trim().to_lowercase();
    ENDINGS.iter().any(|(plural, singular)| {
        let role = label.strip_suffix(plural).map(|stem| format!("{stem}{singular}"));
        role.is_some_and(|role| ROLES.contains(&role.as_str()))
    })
}

/// Whether a job in brackets behind a name is that of somebody who does the study, and not that of a
/// participant in a laboratory: `Research`, `UX Research`, `Lead researcher`.
fn is_research(job: &str) -> bool {
    const FIELDS: [&str; 5] = ["ux", "user", "design", "customer", "research"];
    let job = job.to_lowercase();
    let mut words = job.split_whitespace();
    let (first, last) = (words.next(), words.next_back());
    first.is_some_and(|first| FIELDS.contains(&first))
        && matches!(last.or(first), Some("research" | "researcher" | "uxr"))
}

/// Whether a label says what part somebody has who is not interviewed: `Ana (Interviewer)`.
pub(crate) fn tells_part(label: &str) -> bool {
    is_role(label) || is_watching(label) || interprets(label)
}

/// The name that stands beside the role in a label: `Sarah (Interviewer)`, `Moderator Eva`.
pub(crate) fn name_in(label: &str) -> Option<&str> {
    let name = match label.split_once(['(', '（']) {
        Some((name, _)) => name,
        None => match label.trim().split_once(char::is_whitespace)? {
            (role, name) if is_role(role) => name,
            _ => label.trim().rsplit_once(char::is_whitespace)?.0,
        },
    };
    Some(name.trim()).filter(|name| name.contains(char::is_alphabetic))
}

/// Whether a label of a transcript is that of the one who asks.
pub(crate) fn is_asker(label: &str) -> bool {
    is_role(label) || SHORT.contains(&label.to_lowercase().as_str()) || is_watching(label)
}

/// Whether a label is that of somebody who helps a customer. As in an interview, it is the other
/// speaker who is to be heard.
pub(crate) fn is_helper(label: &str) -> bool {
    let last = label.trim().rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    HELPERS.contains(&first_word(label).as_str())
        || ["admin", "bot", "support", "team"].contains(&last.to_lowercase().as_str())
        // As in `FleetBot`.
        || last.strip_suffix("Bot").is_some_and(|name| name.ends_with(char::is_lowercase))
}

/// Whether the role that a service gives somebody in a conversation is that of its own people or
/// machines.
pub(crate) fn is_staff(role: &str) -> bool {
    const STAFF: [&str; 9] = [
        "admin", "staff", "teammate", "employee", "internal", "system", "team", "outbound",
        "outgoing",
    ];
    is_role(role) || is_helper(role) || STAFF.contains(&first_word(role).as_str())
}

/// A part in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Asks: `interviewer`.
    Asks,
    /// Helps or answers a customer: `agent`, `assistant`.
    Helps,
    /// Is to be heard: `user`, `customer`, `participant`.
    Heard,
}

/// The part that a value names, if it names nothing else: `assistant`, but not the job
/// `Operations assistant`.
pub(crate) fn part(value: &str) -> Option<Part> {
    let word = value.trim().to_lowercase();
    if word.contains(char::is_whitespace) {
        return (word == "end user").then_some(Part::Heard);
    }
    if is_anyone(&word) || ["end-user", "enduser", "end_user"].contains(&word.as_str()) {
        return Some(Part::Heard);
    }
    if is_role(&word) {
        return Some(Part::Asks);
    }
    (is_staff(&word) || is_machine(&word)).then_some(Part::Helps)
}

/// Whether a role that a record gives somebody may as well be their job: `Operator`, `Team lead`.
pub(crate) fn may_be_job(role: &str) -> bool {
    const JOBS: [&str; 9] = [
        "operator",
        "advisor",
        "representative",
        "admin",
        "staff",
        "teammate",
        "employee",
        "internal",
        "team",
    ];
    let role = role.trim().to_lowercase();
    part(&role).is_none() || JOBS.contains(&role.as_str())
}

/// Whether a label is that of a machine in a chat with one. What a `system` or `tool` says is not
/// part of the conversation.
pub(crate) fn is_machine(label: &str) -> bool {
    let label = label.trim().to_lowercase();
    ["assistant", "ai", "bot", "chatbot", "model"].contains(&label.as_str()) || is_setting(&label)
}

/// Whether the name of an account is that of a program that writes by itself.
pub(crate) fn is_robot(name: &str) -> bool {
    let name = name.trim();
    let last = name.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    is_setting(name)
        || ["bot", "automation", "automoderator", "autoresponder", "mailer-daemon", "noreply"]
            .contains(&last.to_lowercase().as_str())
        // As in `RemindMeBot`.
        || last.strip_suffix("Bot").is_some_and(|name| name.ends_with(char::is_lowercase))
}

/// Whether a label marks what sets up a chat with a machine, or what its tools gave back.
pub(crate) fn is_setting(label: &str) -> bool {
    ["system", "tool", "function"].contains(&label.trim().to_lowercase().as_str())
}

/// Whether a label stands for whoever is heard in a conversation, and for nobody in particular:
/// `customer`, but neither `Customer 3` nor a name.
pub(crate) fn is_anyone(label: &str) -> bool {
    is_generic(label) || PARTICIPANTS.contains(&label.trim().to_lowercase().as_str())
}

/// Whether a label is that of somebody to be heard. `Speaker 2` is not: tools that transcribe by
/// themselves number all speakers, including those who ask.
fn is_interviewee(label: &str) -> bool {
    let first = first_word(label);
    is_generic(label)
        || is_numbered(label) && first != "speaker"
        || participant_rank(&first).is_some_and(|rank| rank == 0)
        || PARTICIPANTS.contains(&first.as_str())
}

/// Whether a word in the role of somebody says that they are to be heard: `patient`, `member`.
pub(super) fn is_heard_word(word: &str) -> bool {
    let word = word.to_lowercase();
    PARTICIPANTS.contains(&word.as_str()) || is_generic(&word)
}

/// Whether a label is that of a customer or patient, with or without a number: `Visitor 48213`.
pub(super) fn is_customer(label: &str) -> bool {
    let first = first_word(label);
    first == "customer" || PARTICIPANTS.contains(&first.as_str())
}

/// The first word of a label in lower case, without a number at its end.
fn first_word(label: &str) -> String {
    let first = label.trim().split(|c: char| !is_of_word(c)).next().unwrap_or_default();
    first.trim_end_matches(char::is_numeric).to_lowercase()
}

/// Whether a turn asks nothing and hardly says anything.
pub(super) fn is_nod(text: &str) -> bool {
    let signs =
        text.chars().filter(|c| c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase());
    !ends_in_question(text)
        && text.split_whitespace().nth(NOD_WORDS).is_none()
        && signs.count() <= NOD_SIGNS
}

/// Whether the turn ends in a question.
pub(crate) fn ends_in_question(text: &str) -> bool {
    let text = text.trim_end_matches(|c: char| c.is_whitespace() || "\"'”’»)」".contains(c));
    text.ends_with(['?', '？', '؟']) || text.trim_end_matches('。').ends_with('か')
}

#[derive(Default)]
struct Tally {
    turns: usize,
    asking: usize,
    words: usize,
    /// Number of letters, a measure of length also for scripts without spaces between words.
    letters: usize,
}

/// Guesses which speaker asks from what they do, where no label says it: most of that speaker's
/// turns end in a question, hardly any of the others' do, and the others say more. `None` where
/// nobody is like that, or more than one. `turns` are pairs of speaker and words.
pub(crate) fn guess<'a>(turns: impl Iterator<Item = (&'a str, &'a str)>) -> Option<&'a str> {
    let mut speakers: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for (speaker, text) in turns.filter(|(_, text)| !is_nod(text)) {
        let tally = speakers.entry(speaker).or_default();
        tally.turns += 1;
        tally.asking += usize::from(ends_in_question(text));
        tally.words += text.split_whitespace().count();
        tally.letters += text.chars().filter(|c| c.is_alphabetic()).count();
        order.push(speaker);
    }
    let sum = |of: fn(&Tally) -> usize| speakers.values().map(of).sum::<usize>();
    let (turns, asking, words) = (sum(|t| t.turns), sum(|t| t.asking), sum(|t| t.words));
    let acts_as_asker = |(_, tally): &(&&str, &Tally)| {
        tally.turns >= LEAST_TURNS
            && tally.asking * 3 >= tally.turns * 2
            && tally.turns * 4 >= turns
            && (asking - tally.asking) * 5 <= turns - tally.turns
            && words - tally.words > tally.words
    };
    if speakers.keys().any(|name| is_helper(name)) {
        return None;
    }
    // Where services letter all speakers, `A` marks no answer.
    let are_lettered = speakers.len() > 1
        && speakers.keys().zip('A'..='Z').all(|(name, letter)| name.chars().eq([letter]));
    let is_heard = |name: &str| !are_lettered && is_interviewee(name);
    let mut askers = speakers.iter().filter(acts_as_asker);
    let Some((&asker, _)) = askers.next() else {
        let led =
            || host(&speakers, &order, asking).or_else(|| only_asker(&speakers, &order, asking));
        return opener(&speakers, &order).or_else(led).filter(|name| !is_heard(name));
    };
    (askers.next().is_none() && !is_heard(asker)).then_some(asker)
}

/// The first of two speakers, if they take turns with the other, ask at least once and say far
/// less, and the other asks nothing.
fn opener<'a>(speakers: &BTreeMap<&'a str, Tally>, order: &[&'a str]) -> Option<&'a str> {
    let first = order.first()?;
    let own = speakers.get(first)?;
    let (_, other) = speakers.iter().find(|(name, _)| *name != first)?;
    // Nods are left out of `order`, so that a speaker may have two turns in a row.
    let changes = order.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let alternates = changes * 4 + 3 >= order.len() * 3;
    let is_opener = speakers.len() == 2
        && alternates
        && own.turns >= LEAST_OPENED
        && own.asking >= 1
        && other.asking == 0
        && own.letters * 3 <= other.letters * 2;
    is_opener.then_some(first)
}

/// The first of several speakers, if they ask nearly all questions there are, hardly say anything
/// else, and several others answer each: the moderator of a group has few of its turns.
fn host<'a>(
    speakers: &BTreeMap<&'a str, Tally>,
    order: &[&'a str],
    asking: usize,
) -> Option<&'a str> {
    let first = order.first()?;
    let own = speakers.get(first)?;
    let answers = order.len() - own.turns;
    let is_host = speakers.len() > LEAST_GROUP
        && own.asking >= LEAST_TURNS
        && own.asking * 3 >= own.turns * 2
        && own.asking * 4 >= asking * 3
        && answers >= own.turns * LEAST_ANSWERS;
    is_host.then_some(first)
}

/// The first of several speakers, if all that they say are questions, nobody else asks any, and the
/// others say more.
fn only_asker<'a>(
    speakers: &BTreeMap<&'a str, Tally>,
    order: &[&'a str],
    asking: usize,
) -> Option<&'a str> {
    let first = order.first()?;
    let own = speakers.get(first)?;
    let letters = speakers.values().map(|tally| tally.letters).sum::<usize>() - own.letters;
    let is_asker = speakers.len() > LEAST_OPENED
        && own.turns >= LEAST_OPENED
        && own.asking == own.turns
        && own.asking == asking
        && order.len() >= own.turns * 2
        && own.letters * 3 <= letters * 2;
    is_asker.then_some(first)
}

/// Counts a moderator's words that stay out of the records, said in line or row `at`.
pub(crate) fn note_left_out(findings: &mut Findings, at: usize) {
    findings.note("moderator-turn", at, || {
        "what an interviewer, staff or a bot says is no evidence; left out where no answer follows, or \
         where it only keeps an answer going"
            .to_owned()
    });
}

/// Says that `name` was taken for the one who asks, by what they do.
pub(crate) fn note_guess(findings: &mut Findings, name: &str) {
    findings.note("moderator-guessed", None, || {
        format!(
            "'{name}' asks nearly all questions and says less than the others, so was taken for the interviewer: \
             those turns become the questions of the answers after them, and are no evidence. If \
             '{name}' is a participant, call them 'Participant 1' or the like in the file"
        )
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_known_in_several_languages_and_with_a_number() {
        for name in
            ["Interviewer", "Moderator 2", "INTERVIEWER1", "Eva (Moderatorin)", "Eva Research"]
        {
            assert!(is_role(name), "{name}");
        }
        for label in
            ["Enquêteurs", "Interviewers", "Moderatorinnen", "Ricercatori", "Entrevistadoras"]
        {
            assert!(is_role(label), "{label}");
        }
        assert!(is_role("Eva (UX Research)") && !is_role("Eva (Clinical Research)"));
        assert_eq!(name_in("Eva Research"), Some("Eva"));
        assert_eq!(name_in("Moderator Eva"), Some("Eva"));
        for name in ["Moderately annoyed", "Q", "Ana", "", "Researchers' cat"] {
            assert!(!is_role(name), "{name}");
        }
        assert!(is_asker("Q") && is_asker("int") && !is_asker("Quentin"));
        for label in [
            "采访者",
            "问",
            "主持人2",
            "聞き手",
            "質問",
            "질문",
            "سؤال",
            "المحاور",
            "प्रश्न",
            "साक्षात्कारकर्ता",
        ] {
            assert!(is_asker(label), "{label}");
        }
        for label in [
            "Badaczka",
            "Prowadząca",
            "Görüşmeci",
            "Intervjuare",
            "Onderzoeker",
            "Tazatelka",
            "Haastattelija",
            "Investigadora",
            "Ricercatrice",
            "Chercheuse",
            "Forscherin",
            "인터뷰 진행자",
            "リサーチャー",
        ] {
            assert!(is_role(label), "{label}");
        }
        assert!(is_helper("FleetBot") && !is_helper("Ana Talbot") && !is_helper("TalBOT"));
        for label in ["受访者", "答", "साक्षी", "王阿姨", "المشارك"] {
            assert!(!is_asker(label), "{label}");
        }
    }

    #[test]
    fn whoever_mostly_asks_is_found_and_nobody_else() {
        let interview = [
            ("Sarah", "Thank you. Could you tell me how your day begins?"),
            ("Tom", "With coffee, and then with the list of the night shift, which is long."),
            ("Sarah", "Mm-hm."),
            ("Tom", "After that I drive to the first customer, who is hardly ever at home, right?"),
            ("Sarah", "And what happens then?"),
            ("Tom", "I leave a note on the door and try again in the afternoon on my way home."),
            ("Sarah", "“How does that feel?”"),
            ("Tom", "Pointless, most of the days. I write it down and nobody ever reads it."),
            ("Tom", "But I do like the driving."),
        ];
        assert_eq!(guess(interview.into_iter()), Some("Sarah"));
        // Two are enough where the other one only answers, and two who ask are a talk among equals.
        assert_eq!(guess(interview.into_iter().take(5)), None, "both ask");
        let answered = interview.map(|(who, said)| (who, said.trim_end_matches(", right?")));
        assert_eq!(guess(answered.into_iter().take(6)), Some("Sarah"));
        assert_eq!(guess(answered.into_iter().skip(1).take(5)), None, "Tom begins");
        let equals = interview.map(|(who, _)| (who, "And what do you think of all that?"));
        assert_eq!(guess(equals.into_iter()), None);
        assert_eq!(guess(interview.into_iter().filter(|(who, _)| *who == "Sarah")), None);
        let chat =
            interview.map(|(who, said)| (if who == "Sarah" { "Customer" } else { who }, said));
        assert_eq!(guess(chat.into_iter()), None);
        let chat =
            interview.map(|(who, said)| (if who == "Tom" { "Agent Lisa" } else { who }, said));
        assert_eq!(guess(chat.into_iter()), None);
        assert_eq!(guess(interview.into_iter().filter(|(who, _)| *who == "Tom")), None);
    }

    #[test]
    fn whoever_opens_a_group_and_asks_its_questions_leads_it() {
        let group = |questions: &[&'static str]| {
            let round = |asked: &&'static str| {
                let said = [
                    ("Olu", "Flat batteries, each night."),
                    ("Stan", "I walk the round."),
                    ("Freya", "Scooter to the station, then the train."),
                    ("Gus", "Whatever is cheapest on that day."),
                ];
                std::iter::once(("Judith", *asked)).chain(said)
            };
            questions.iter().flat_map(round).collect::<Vec<_>>()
        };
        let asked =
            ["Welcome. How do you get around?", "What bothers you?", "What would you change?"];
        assert_eq!(guess(group(&asked).into_iter()), Some("Judith"));
        let thanked: Vec<_> =
            group(&asked).into_iter().chain([("Judith", "Thank you all, goodbye.")]).collect();
        assert_eq!(guess(thanked.into_iter()), Some("Judith"));
        assert_eq!(guess(group(&asked).into_iter().skip(1)), None, "somebody else begins");
        let told = ["I ride a bike to work.", "What bothers you?", "I never use them anyway."];
        assert_eq!(guess(group(&told).into_iter()), None);
    }

    #[test]
    fn whoever_opens_a_small_group_and_only_asks_leads_it() {
        let group = [
            ("PN", "So how do you get around today?"),
            ("Liam", "My mum drives me. Or I cycle, but there is no light."),
            ("Dev", "I work at the warehouse and my shift starts at six."),
            ("PN", "When could you not go somewhere?"),
            ("Liam", "I had to turn down a job."),
            ("Dev", "When the car broke down I lost two shifts."),
        ];
        assert_eq!(guess(group.into_iter()), Some("PN"));
        assert_eq!(guess(group.into_iter().skip(1)), None, "somebody else begins");
        let told = group.map(|(who, said)| (who, said.replace("somewhere?", "out.")));
        assert_eq!(guess(told.iter().map(|(who, said)| (*who, said.as_str()))), None, "tells, too");
        let asked = group.map(|(who, said)| (who, said.replace("a job.", "a job?")));
        assert_eq!(
            guess(asked.iter().map(|(who, said)| (*who, said.as_str()))),
            None,
            "others ask"
        );
    }

    #[test]
    fn a_question_in_a_script_without_spaces_is_no_nod() {
        for nod in ["Mm-hm.", "I see", "はい", "なるほど。", "嗯", ""] {
            assert!(is_nod(nod), "{nod}");
        }
        for said in [
            "それはなぜですか。",
            "一日の始まりを教えてください",
            "为什么会这样呢",
            "Why?",
            "Tell me more",
        ] {
            assert!(!is_nod(said), "{said}");
        }
    }

    #[test]
    fn lettered_speakers_may_ask_but_an_answer_does_not() {
        let turns = |asker: &'static str, other: &'static str| {
            let answer = "I keep a paper list of all of them in the van.";
            let talk = ["Why is that?", "And then?", "How do you pay?", "Who helps you?"];
            let pairs = talk.into_iter().flat_map(move |said| [(asker, said), (other, answer)]);
            guess(pairs)
        };
        assert_eq!(turns("A", "B"), Some("A"));
        assert_eq!(turns("B", "A"), Some("B"));
        assert_eq!(turns("A", "Q"), None);
    }

    #[test]
    fn those_to_hear_are_never_taken_for_the_one_who_asks() {
        for label in ["Customer", "P01", "Participant 3", "Teilnehmerin 2", "Patient", "Kundin 4"] {
            assert!(is_interviewee(label), "{label}");
        }
        for label in ["Sarah", "Speaker 1", "SPEAKER_00", "Dr. Lind"] {
            assert!(!is_interviewee(label), "{label}");
        }
    }
}
