//! What a question, or the name of a column, asks people for.
//!
//! Owns the words by which questions ask, in ten languages. An answer is filed under what was
//! asked unless it says by its own form that it is something else, which `forms` tells.

use super::forms::spaced;
use crate::corpus::Record;

/// What a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// What people wish for, or how a good week would be.
    Wish,
    /// What went wrong, worries them or is hard.
    Trouble,
    /// What they do and how they go about it.
    Habit,
    /// What they like, which is neither a goal nor a pain.
    Liking,
    /// What should be improved: some answer with what is bad, others with what would be good.
    Change,
}

/// What kinds of questions ask for, each with words of which one is enough. A leading or trailing
/// space marks a word's edge.
type Cues = &'static [(Asked, &'static [&'static str])];

/// Words of a question that leaves open what is asked for, though it may speak of wishes or habits.
const OPEN: &[&str] = &[
    " anything else",
    " to add",
    " us to know",
    " like to ask",
    " do you do here",
    " do you do for ",
    " how do you feel",
    " how do you find the",
    " how do you like",
    " noch etwas",
    " hinzufügen",
    " autre chose",
    " ajouter",
    " algo más",
    " añadir",
    " mais alguma coisa",
    " acrescentar",
    " altro da",
    " aggiungere",
    " nog iets",
    " toevoegen",
];

/// Forms that tell by themselves what is asked for, whatever else the question speaks of (`What do
/// you do when something goes wrong?`); the first one that is met counts.
const DECISIVE: Cues = &[
    (
        Asked::Trouble,
        &[" like least", " like the least", " am wenigsten", " aimez le moins", " menos le gusta"],
    ),
    (
        Asked::Habit,
        &[
            " what do you do when",
            " what do you do if",
            " what do you do about",
            " was tun sie wenn",
            " was machen sie wenn",
            " was machst du wenn",
            " que faites vous quand",
            " qué hace cuando",
            " que faz quando",
            " cosa fa quando",
            " wat doe je als",
            " wat doet u als",
        ],
    ),
    (
        Asked::Wish,
        &[
            " would you like",
            " would you change",
            " would you want",
            " you'd change",
            " you'd like",
            " you would change",
            " you would like",
            " could change",
            " would make",
            " would help",
            " wish",
            " magic wand",
            " würden sie ändern",
            " würdest du ändern",
            " würde ihnen helfen",
            " würde helfen",
            " wünsch",
            " aimeriez",
            " changeriez",
            " aiderait",
            " souhait",
            " le gustaría",
            " te gustaría",
            " cambiaría",
            " ayudaría",
            " gostaria",
            " mudaria",
            " ajudaria",
            " vorrebbe",
            " vorresti",
            " cambierebbe",
            " cambieresti",
            " aiuterebbe",
            " zou u willen",
            " zou je willen",
            " zou je veranderen",
            " zou helpen",
            "やりたい",
            "望むこと",
            "要望",
            "希望",
            "欲しい",
            "してほしい",
            "改变什么",
            "改變什麼",
            "바라는",
            "원하",
        ],
    ),
    (
        Asked::Change,
        &[
            " improve",
            " improving",
            " do better",
            " verbesser",
            " améliorer",
            " mejorar",
            " melhorar",
            " migliorare",
            " verbeteren",
            " verbeterd",
            "改善",
            "改进",
            "改進",
            "개선",
        ],
    ),
];

/// Words that tell what is asked for where a question has those of one kind only.
const TELLING: Cues = &[
    (
        Asked::Wish,
        &[
            " a good week",
            " a good day",
            " a good month",
            " a good shift",
            " a good visit",
            " does a good ",
            " would a good ",
            " easier",
            " ideal",
            " hope",
            " hoping",
            " aim ",
            " aiming",
            " goal",
            " change about",
            " do you want",
            " perfect",
            " success",
            " smooth ",
            " in five years",
            " guter ",
            " gute ",
            " gutes ",
            " leichter",
            " einfacher",
            " ziel",
            " bonne ",
            " plus facile",
            " objectif",
            " attendez",
            " buena ",
            " buen ",
            " más fácil",
            " objetivo",
            " espera de",
            " boa ",
            " bom ",
            " mais fácil",
            " buona ",
            " buon ",
            " più facile",
            " obiettiv",
            " goede ",
            " makkelijker",
            " doel",
        ],
    ),
    (
        Asked::Trouble,
        &[
            " worr",
            " frustrat",
            " difficult",
            " problem",
            " challeng",
            " hard ",
            " hardest",
            " worst",
            " bad ",
            " annoy",
            " in the way",
            " in your way",
            " stop you",
            " stops you",
            " keeps you from",
            " pain",
            " wrong",
            " let you down",
            " lets you down",
            " let down",
            " dislike",
            " struggl",
            " barrier",
            " obstacle",
            " complain",
            " missing",
            " concern",
            " afraid",
            " stört",
            " gestört",
            " ärger",
            " schwierig",
            " schwerste",
            " schief",
            " sorge",
            " nervt",
            " fehlt",
            " difficile",
            " gêne",
            " inquièt",
            " énerv",
            " mal passé",
            " difícil",
            " molest",
            " preocupa",
            " salió mal",
            " correu mal",
            " deu errado",
            " incomoda",
            " preoccupa",
            " andato storto",
            " infastidi",
            " moeilijk",
            " misging",
            " mis gegaan",
            " ergert",
            " zorgen",
            " bother",
            " belastet",
            " dérange",
            "困って",
            "困った",
            "困る",
            "不満",
            "悩み",
            "不便",
            "大変",
            "困难",
            "困難",
            "不满",
            "烦恼",
            "煩惱",
            "痛点",
            "麻烦",
            "불편",
            "어려운",
            "불만",
        ],
    ),
    (
        Asked::Habit,
        &[
            " what do you do",
            " how do you ",
            " walk me through",
            " walk us through",
            " talk me through",
            " take me through",
            " typical",
            " usual",
            " normal ",
            " normally",
            " routine",
            " habit",
            " workflow",
            " how often",
            " describe a day",
            " describe your day",
            " day look like",
            " which tools",
            " what tools",
            " typisch",
            " normale",
            " üblich",
            " gewöhnlich",
            " wie gehen sie",
            " wie oft",
            " was tun sie",
            " was machen sie",
            " comment faites",
            " que faites",
            " d'habitude",
            " habituel",
            " organisez",
            " cómo hace",
            " qué hace",
            " cómo organiza",
            " rutina",
            " como faz",
            " o que faz",
            " costuma",
            " rotina",
            " come fa ",
            " cosa fa",
            " di solito",
            " abitual",
            " hoe doe",
            " wat doe",
            " meestal",
            " gewoonlijk",
            "普段",
            "ふだん",
            "習慣",
            "どのように",
            "平时",
            "平時",
            "通常",
            "习惯",
            "평소",
            "보통",
        ],
    ),
    (
        Asked::Liking,
        &[
            " you like",
            " like most",
            " liked",
            " likes ",
            " enjoy",
            " you love",
            " like best",
            " best thing",
            " best part",
            " best about",
            " good about",
            " good thing",
            " what's good",
            " works well",
            " works so well",
            " working well",
            " went well",
            " going well",
            " proud",
            " positive",
            " praise",
            " strength",
            " gefällt",
            " gefallen",
            " läuft gut",
            " am besten",
            " stolz",
            " appréci",
            " aimez vous",
            " plaît",
            " fier",
            " marche bien",
            " gusta ",
            " funciona bien",
            " orgullos",
            " lo mejor",
            " gosta ",
            " funciona bem",
            " orgulh",
            " o melhor",
            " piace",
            " funziona bene",
            " orgoglios",
            " bevalt",
            " trots",
            " goed aan",
            " mag ",
        ],
    ),
];

/// Whether a question asks for something that is filed as a goal, a pain or a behaviour.
pub fn asks_for_statement(question: &str) -> bool {
    Asked::by(question).is_some_and(|asked| asked != Asked::Liking)
}

impl Asked {
    /// What a question or the name of a column asks for; `None` where it does not say, or asks for
    /// several things.
    pub(super) fn by(text: &str) -> Option<Self> {
        let question = spaced(&text.replace(['_', '-'], " "));
        let has = |cues: &[&str]| cues.iter().any(|cue| question.contains(cue));
        let is_met = |(_, cues): &&(Self, &[&str])| has(cues);
        if has(OPEN) {
            return None;
        }
        if let Some((asked, _)) = DECISIVE.iter().find(is_met) {
            return Some(*asked);
        }
        let mut met = TELLING.iter().filter(is_met).map(|(asked, _)| *asked);
        met.next().filter(|_| met.next().is_none())
    }

    /// What the column asks for in which byte `at` of a record stands.
    pub(super) fn by_column(record: &Record, at: usize) -> Option<Self> {
        record.column_at(at).and_then(Self::by)
    }

    /// What the question asks for that a record answers.
    pub(super) fn by_question(record: &Record) -> Option<Self> {
        record.question().and_then(Self::by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_tells_what_it_asks_for() {
        for (asked, questions) in [
            (
                Asked::Wish,
                &[
                    "What would make managing money easier for you?",
                    "one_wish",
                    "What does a good week look like for you?",
                    "If you could change one thing, what would it be?",
                    "Was würden Sie ändern?",
                    "Cosa cambierebbe?",
                    "今後やりたいこと・アプリに望むことを教えてください",
                ][..],
            ),
            (
                Asked::Trouble,
                &[
                    "hardest_thing",
                    "Tell me about the last time the app let you down.",
                    "Think of the last night when something went wrong. What happened?",
                    "Which part do you like least?",
                    "Was stört Sie am meisten?",
                    "Qu'est-ce qui vous inquiète ?",
                    "Wat is het moeilijkst?",
                    "Was belastet Sie?",
                    "困っていることや不満は何ですか",
                    "您在看病时有什么困难？",
                ],
            ),
            (
                Asked::Habit,
                &[
                    "How do you usually use the banking app in a normal week?",
                    "What do you do when something goes wrong, or is hard to find?",
                    "Walk me through your day.",
                    "Que faites-vous quand un problème survient ?",
                    "O que costuma fazer?",
                    "普段どのように登山の計画を立てますか",
                    "您平时怎么去医院？",
                ],
            ),
            (
                Asked::Liking,
                &[
                    "What do you like most about Tasklane?",
                    "best_thing",
                    "Is there anything that works so well that we should leave it alone?",
                    "Was gefällt Ihnen daran?",
                    "¿Qué le gusta de la clase?",
                ],
            ),
            (Asked::Change, &["What should we improve?", "Was sollen wir verbessern?"]),
        ] {
            for question in questions {
                assert_eq!(Asked::by(question), Some(asked), "{question}");
            }
        }
    }

    #[test]
    fn a_question_about_nothing_of_the_kind_or_about_several_things_does_not_tell() {
        for question in [
            "answer",
            "How old are you?",
            "Is there anything else you'd like us to know?",
            "The best thing, and the worst?",
            "",
        ] {
            assert_eq!(Asked::by(question), None, "{question}");
        }
    }
}
