//! Whether the name of a column asks for an answer in words of one's own: `What did you like?`,
//! `Beschreiben Sie Ihren Tag`, `Comment`.
//!
//! Owns the words of such questions in the languages that research is written in. Does not look at
//! values. Questions for personal data belong to `asked_for`, who somebody is to `who`.

use super::asked_for::asked_for;
use super::names::{is_among, is_of_word};
use super::who::tells_who;

/// Words with which a request for somebody's own words begins, whatever follows.
const REQUESTS: &str = "\
    why describe explain tell elaborate \
    warum wieso weshalb wozu beschreiben beschreibe beschreib erklären erkläre erzählen erzähle erzähl \
    schildern begründen \
    pourquoi décrivez décris expliquez explique racontez raconte précisez qu \
    describa descríbelo explica cuéntanos cuéntenos comente descreva conte \
    perché descriva descrivi spieghi spiega racconti racconta raccontaci \
    waarom beschrijf omschrijf vertel \
    varför beskriv berätta förklara hvorfor fortæl fortell forklar \
    miksi kuvaile kerro \
    dlaczego opisz opowiedz proč popište popiš \
    почему зачем опишите опиши расскажите расскажи объясните neden niçin";

/// Words that begin a question with what comes next: a verb, and no thing to be named.
const ASKING: &str = "\
    what how was wie que comment qué cómo como o cosa che come wat hoe vad hur hvad hvordan hva mitä miten co \
    jak что как";

/// Words right behind `what` and `how` with which a question goes on that is open.
const VERBS: &str = "\
    a about annoyed annoys are bothered bothers came can confused could did do does else exactly \
    feels felt frustrated frustrates had happened happens has have helped helps if is keeps kept \
    made makes might motivated motivates prevented prevents s should stopped stops surprised \
    surprises was went were will works would worries";

/// Words right behind the words of other languages with which a question asks how much of something
/// there is, or which one.
const CLOSED: &str = "\
    oft häufig viel viele vielen lange alt heißen heißt gut gerne zufrieden wahrscheinlich wichtig schwer groß \
    producto productos marca marcas tipo empresa ciudad edad tan tal \
    combien souvent vous \
    vaak veel lang oud tevreden belangrijk \
    ofta många mycket länge gammal nöjd ofte mange meget længe mye \
    usein monta kauan często długo dużo často dlouho moc часто долго много вас";

/// Names of columns of remarks, which are in words of one's own by nature.
const REMARKS: &str = "\
    comment comments feedback remark remarks kommentar kommentare anmerkung anmerkungen bemerkung \
    bemerkungen comentario comentarios observaciones commentaire commentaires remarque remarques \
    comentário comentários observações commento commenti opmerking opmerkingen kommentarer \
    komentarz komentarze uwagi komentář komentáře комментарий комментарии yorum yorumlar";

/// Most words of the name of a column of remarks: `Observer comment`.
const FEW: usize = 3;

/// Words of requests to choose, or to say an occupation.
const CHOICES: [&str; 17] = [
    "all that apply",
    "choose",
    "do for a living",
    "do for work",
    "elige",
    "escolha",
    "faites vous dans la vie",
    "from the list",
    "machen sie beruflich",
    "machst du beruflich",
    "mehrfachauswahl",
    "of the following",
    "of these",
    "scegli",
    "select",
    "tick",
    "wählen sie",
];

/// Whether a column's name asks for words of one's own.
pub(super) fn asks_openly(name: &str) -> bool {
    let clauses = clauses(name);
    let words = clauses.concat();
    let whole = format!(" {} ", words.join(" "));
    let is_choice = |words: &str| whole.contains(&format!(" {words} "));
    if CHOICES.iter().any(|words| is_choice(words))
        || whole.ends_with(" do you do ")
        || asked_for(name).is_some()
    {
        return false;
    }
    let tells_who = tells_who(name);
    let is_remark = |word: &String| is_among(REMARKS, word);
    clauses.iter().any(|clause| begins_openly(clause, tells_who))
        || clauses.len() == 1 && words.len() <= FEW && words.iter().any(is_remark)
}

/// Forms of `is`, with which a question asks who somebody is: `What is your role?`.
const IS: &str = "is are s ist sind est sont es son é são è sono är er on jest je";

/// Whether a clause begins with an open question or such a request. One that `tells_who` somebody
/// is may name it in a word.
fn begins_openly(clause: &[String], tells_who: bool) -> bool {
    const LEADING: &str = "and und y et e en please bitte por favor s il vous plaît could can you \
        briefly kurz in your own words overall so but then";
    // `Por qué`; `por favor` only leads to what is asked.
    if let [por, what, ..] = clause
        && por == "por"
        && matches!(what.as_str(), "qué" | "que" | "quê")
    {
        return true;
    }
    let clause = match clause.iter().position(|word| !is_among(LEADING, word)) {
        Some(first) => &clause[first..],
        None => return false,
    };
    let [first, rest @ ..] = clause else { return false };
    let Some(second) = rest.first() else { return first == "why" || is_among(REQUESTS, first) };
    if is_among(REQUESTS, first) {
        return true;
    }
    if tells_who && is_among(IS, second) {
        return false;
    }
    match first.as_str() {
        "what" | "how" => is_among(VERBS, second),
        "o" => second == "que",
        "che" => second == "cosa",
        _ => is_among(ASKING, first) && !is_among(CLOSED, second) && rest.len() > 1,
    }
}

/// What stands between marks, each as its words in small letters: `What's` has two.
fn clauses(name: &str) -> Vec<Vec<String>> {
    let marks = |c: char| !is_of_word(c) && !c.is_whitespace() && !"'’*\"“”„«»_".contains(c);
    let words = |clause: &str| -> Vec<String> {
        let words = clause.split(|c: char| !is_of_word(c)).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    name.split(marks).map(words).filter(|clause| !clause.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_question_is_known_in_many_languages() {
        for name in [
            "What did you like about the site?",
            "Why?",
            "Q3. Why did you leave?",
            "How do you feel about it?",
            "Part 1 - Q2: Describe in one sentence how you feel about it",
            "If you had a magic wand, how would you improve this?",
            "Please tell us what went wrong",
            "What frustrated you?",
            "What annoyed you about the ticket?",
            "How was your experience?",
            "What's the most annoying part of it?",
            "Was wünschen Sie sich?",
            "Wie gehen Sie damit um?",
            "Bitte beschreiben Sie Ihren Tag",
            "Qu'est-ce qui vous aiderait ?",
            "Pourquoi ?",
            "¿Qué te molesta más?",
            "¿Por qué?",
            "O que você mudaria?",
            "Che cosa ti ha sorpreso?",
            "Wat vond je lastig?",
            "Vad skulle du ändra?",
            "Co byś zmienił?",
            "Что вам мешает?",
            "Observer comment",
            "Kommentar",
        ] {
            assert!(asks_openly(name), "{name}");
        }
    }

    #[test]
    fn what_asks_for_a_choice_a_name_or_a_thing_is_no_open_question() {
        for name in [
            "Which of these do you use?",
            "How often do you visit?",
            "How satisfied were you?",
            "What product do you use most?",
            "What company do you work for?",
            "What is your role in the team?",
            "What do you do?",
            "Ticket",
            "What is your job title?",
            "What is your first name?",
            "What do you use? (Select all that apply)",
            "Wie oft fahren Sie?",
            "Wie heißen Sie?",
            "Welche Marke kaufen Sie?",
            "¿Qué marca prefieres?",
            "Comment vous appelez-vous ?",
            "Hoe vaak komt u?",
            "Occupation",
            "City",
            "Product",
            "Name",
            "answer",
            "",
        ] {
            assert!(!asks_openly(name), "{name}");
        }
    }
}
