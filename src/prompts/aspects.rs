//! Which sentences tell of a goal, a pain or a habit.
//!
//! Owns the cues: words of the sentence itself, of its column's name, and of the question that it
//! answers. They are English, with some German, French and Spanish. Text in another language still
//! works, but its sentences are spread over the aspects without regard to what they tell.

use crate::corpus::Record;

/// What a sentence may tell about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// What the person wants.
    Goal,
    /// What stands in the way.
    Pain,
    /// What the person does.
    Behaviour,
}

impl Aspect {
    /// All aspects, in the order in which a persona has them.
    pub const ALL: [Self; 3] = [Self::Goal, Self::Pain, Self::Behaviour];

    /// Words and phrases that speak of the aspect; a leading or trailing space marks a word's edge.
    fn cues(self) -> &'static [&'static str] {
        match self {
            Self::Goal => &[
                " want",
                " need",
                " wish",
                " hope",
                " goal",
                " would like",
                " i'd like",
                " would love",
                " i'd love",
                " should be able",
                " ideally",
                " looking for",
                " trying to",
                " aim ",
                " so that i ",
                " dream",
                " prefer",
                " would help",
                " must have",
                " if only",
                " plan to",
                " would be great",
                " would be nice",
                " möchte",
                " wünsch",
                " hätte gern",
                " am liebsten",
                " brauche",
                " würde mir",
                " voudrais",
                " aimerais",
                " besoin",
                " souhait",
                " quiero",
                " quisiera",
                " necesito",
                " me gustaría",
            ],
            Self::Pain => &[
                " frustrat",
                " annoy",
                " hard to",
                " difficult",
                " problem",
                " issue",
                " can't",
                " cannot",
                " couldn't",
                " doesn't",
                " don't know",
                " didn't",
                " never ",
                " slow",
                " waste",
                " lose ",
                " lost ",
                " losing",
                " confus",
                " hate",
                " too long",
                " too many",
                " too much",
                " stuck",
                " fail",
                " crash",
                " broken",
                " worr",
                " stress",
                " tired",
                " miss",
                " wrong",
                " error",
                " struggl",
                " pain",
                " afraid",
                " expensive",
                " nobody",
                " no one ",
                " impossible",
                " unfortunately",
                " forget",
                " forgot",
                " complicat",
                " unclear",
                " barrier",
                " challeng",
                " gave up",
                " wait",
                " no idea",
                " costs ",
                " cost me",
                " too late",
                " isn't right",
                " don't trust",
                " don't like",
                " mistake",
                " trouble",
                " complain",
                " crying",
                " without a word",
                " niemand",
                " leider",
                " schwierig",
                " ärger",
                " nervt",
                " stört",
                " kostet mich",
                " verlier",
                " vergess",
                " nie ",
                " warte",
                " zu spät",
                " falsch",
                " difficile",
                " jamais",
                " énerv",
                " perds ",
                " trop ",
                " difícil",
                " nunca",
                " nadie",
                " pierdo",
                " molest",
                " demasiado",
            ],
            Self::Behaviour => &[
                " usually",
                " always",
                " every day",
                " every morning",
                " every evening",
                " every night",
                " every week",
                " every month",
                " every time",
                " every hour",
                " each day",
                " each morning",
                " each week",
                " each time",
                " often",
                " i use",
                " we use",
                " i check",
                " i write",
                " i keep",
                " i look",
                " i ask",
                " i call",
                " i print",
                " i copy",
                " i go ",
                " i take",
                " i make",
                " i start",
                " i do ",
                " i read",
                " i work",
                " i spend",
                " i send",
                " i open",
                " i tend",
                " mostly",
                " daily",
                " weekly",
                " in the morning",
                " at night",
                " at home",
                " times a ",
                " habit",
                " routine",
                " then i ",
                " i just ",
                " i end up",
                " normally",
                " sometimes",
                " immer",
                " jeden ",
                " meistens",
                " normalerweise",
                " oft ",
                " ich schreibe",
                " ich fahre",
                " ich rufe",
                " toujours",
                " chaque ",
                " d'habitude",
                " souvent",
                " siempre",
                " cada ",
                " normalmente",
                " suelo ",
            ],
        }
    }

    /// Words and phrases of a question that asks for the aspect.
    fn asking(self) -> &'static [&'static str] {
        match self {
            Self::Goal => &[
                " a good ",
                " better",
                " ideal",
                " wish",
                " hope",
                " goal",
                " improve",
                " change about",
                " would you like",
                " want",
                " perfect",
                " magic wand",
                " success",
                " wünsch",
                " verbesser",
                " guter ",
                " gute ",
                " aimeriez",
                " idéal",
                " améliorer",
                " gustaría",
                " mejorar",
            ],
            Self::Pain => &[
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
                " stop you",
                " stops you",
                " keeps you from",
                " pain",
                " went wrong",
                " dislike",
                " struggl",
                " barrier",
                " stört",
                " ärger",
                " schwierig",
                " sorge",
                " nervt",
                " difficile",
                " gêne",
                " inquiète",
                " difícil",
                " molesta",
                " preocupa",
            ],
            Self::Behaviour => &[
                " what do you do",
                " what did you do",
                " how do you",
                " how did you",
                " walk me through",
                " walk us through",
                " typical",
                " usual",
                " routine",
                " how often",
                " describe a day",
                " describe your day",
                " which tools",
                " what tools",
                " use ",
                " typisch",
                " wie gehen sie",
                " was tun sie",
                " was machen sie",
                " comment faites",
                " que faites",
                " d'habitude",
                " cómo hace",
                " qué hace",
            ],
        }
    }
}

/// Weights of a cue in a sentence, in the question that it answers, and in its column's name.
/// People who speak of a wish mean it, whatever was asked; a column named for wishes holds nothing
/// else.
const SAID: usize = 2;
const ASKED: usize = 1;
const NAMED: usize = 8;

/// How strongly a sentence that begins at byte `at` of a record speaks of an aspect.
pub(super) fn speaks_of(aspect: Aspect, record: &Record, at: usize, sentence: &str) -> usize {
    let asking = |text: &str| met(text, aspect.asking()) + met(text, aspect.cues());
    let named = record.column_at(at).map_or(0, |name| asking(&name.replace(['_', '-'], " ")));
    let asked = record.question().map_or(0, |question| met(question, aspect.asking()));
    SAID * met(sentence, aspect.cues()) + ASKED * asked.min(1) + NAMED * named.min(1)
}

/// Whether a piece of a record tells what somebody likes, by its column or its question; that is
/// neither a goal nor a pain.
pub(super) fn pleases(record: &Record, at: usize) -> bool {
    const LIKING: &[&str] = &[
        " you like",
        " liked",
        " likes ",
        " enjoy",
        " love about",
        " like best",
        " works well",
        " went well",
        " positive",
        " praise",
        " gefällt",
        " gefallen",
        " appréci",
        " aimez vous",
        " aimez-vous",
        " plaît",
        " gusta ",
        " mag ",
    ];
    let likes = |text: &str| {
        let asks = |aspect: Aspect| met(text, aspect.asking()) + met(text, aspect.cues());
        met(text, LIKING) > 0 && asks(Aspect::Goal) + asks(Aspect::Pain) == 0
    };
    record.column_at(at).is_some_and(|name| likes(&name.replace(['_', '-'], " ")))
        || record.question().is_some_and(likes)
}

/// How many of the cues a text contains.
fn met(text: &str, cues: &[&str]) -> usize {
    let lower = text.to_lowercase().replace('’', "'");
    // Punctuation is not part of a word.
    let marks = ['.', ',', ';', ':', '!', '?', '"', '“', '”', '(', ')'];
    let spaced = format!(" {} ", lower.replace(marks, " "));
    cues.iter().filter(|cue| spaced.contains(**cue)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::ColumnSpan;
    use crate::schema::RecordId;

    /// A record with one cell for the question and one for the answer.
    fn record(question: &str, column: &str, said: &str) -> Record {
        let text = format!("question: {question}\n{column}: {said}");
        let start = text.len() - said.len();
        let span = |name: &str, start, end| ColumnSpan::new(name, start..end);
        let columns =
            vec![span("question", 10, 10 + question.len()), span(column, start, text.len())];
        let id = RecordId::new(1, 0);
        Record { id, file: 1, sheet: None, row: 1, participant: None, text, columns }
    }

    fn strongest(question: &str, column: &str, said: &str) -> Option<Aspect> {
        let record = record(question, column, said);
        let at = record.text.len() - said.len();
        let strengths = Aspect::ALL.map(|aspect| (speaks_of(aspect, &record, at, said), aspect));
        strengths.into_iter().filter(|(s, _)| *s > 0).max_by_key(|(s, _)| *s).map(|(_, a)| a)
    }

    #[test]
    fn a_sentence_tells_by_its_words_else_by_what_was_asked_and_most_by_its_column() {
        let week = "What does a good week look like for you?";
        assert_eq!(
            strongest(week, "answer", "I see mostly the same people."),
            Some(Aspect::Behaviour)
        );
        assert_eq!(
            strongest(week, "answer", "Ten minutes to sit down with her."),
            Some(Aspect::Goal)
        );
        assert_eq!(strongest(week, "answer", "I'm stuck at the door."), Some(Aspect::Pain));
        let worry = "What worries you most?";
        assert_eq!(
            strongest(worry, "answer", "That we're planned like parcels."),
            Some(Aspect::Pain)
        );
        assert_eq!(strongest("", "answer", "They added a client."), None);
        for (column, likes) in
            [("What do you like about it?", true), ("What would you like to see?", false)]
        {
            let record = record("", column, "The early class.");
            assert_eq!(pleases(&record, record.text.len() - 3), likes, "{column}");
        }
        let disturbs = "Was stört Sie am meisten?";
        assert_eq!(strongest(disturbs, "Antwort", "Drei Touren am Tag."), Some(Aspect::Pain));
        assert_eq!(strongest(disturbs, "Antwort", "Ich möchte sprechen."), Some(Aspect::Goal));
        assert_eq!(
            strongest(week, "main_frustration", "I want my evenings back"),
            Some(Aspect::Pain)
        );
    }

    #[test]
    fn a_mark_ends_a_word() {
        assert_eq!(met("It was too late.", &[" too late "]), 1);
        assert_eq!(met("What was hard?", &[" hard "]), 1);
        assert_eq!(met("a hardware shop", &[" hard "]), 0);
    }
}
