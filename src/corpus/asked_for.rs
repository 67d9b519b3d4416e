//! Columns that ask for personal data in a sentence: `What's your first name?`, `Wie heißen Sie?`.
//!
//! Owns the words of such requests in the languages that research is written in. A plain label
//! (`Name`, `e-mail`) is none, and is known to `names` and to the detection of personal data.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::names::{is_among, is_of_word};

/// What somebody is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Personal {
    /// Their whole name, or what they want to be called.
    Name,
    /// Their first name or their surname alone, which several people share.
    PartOfName,
    Email,
    Phone,
    Address,
    Birthday,
}

/// Longest request, in bytes; a longer text gives reasons and asks for more.
const LONGEST: usize = 240;

/// Words that may stand before `your name`: `What is …`, `Could you please tell us …`.
const OPENING: &str = "\
    a above and are can could enter fill first full give have hello hi how i in is kindly know leave let like may \
    me mind please provide s share sharing so spell state tell telling the then to type us was we what \
    whats which with would write you \
    am bitte bitten darf dürfen erfahren ein eintragen geben gib hinterlassen ist könnten lautet lauten \
    mir nenne nennen nun sag sagen schreib schreiben sein sie uns verrate verraten wie wir wissen zuerst zunächst \
    cuál cual dinos díganos el en es escriba escribe favor indica indícanos indique indíquenos ingresa \
    ingrese introduce introduzca la podría por primero puede saber son \
    d donnez écrivez entrez est il indiquer indiquez l le nous pourriez pouvez quel quelle \
    quelles quels saisissez sont t te tout abord veuillez voici vous plaît donner \
    começar diga digite é escreva favor forneça informe insira me nos o poderia pode preencha qual quais são \
    dicci dimmi è inserisci inserisca inserire può qual quali scriva scrivi sono \
    alstublieft geef hoe luidt noem vertel ons vul wat is welke \
    ange är er hva hvad hvilken skriv vad vänligen oplys oppgi \
    mikä ilmoita kirjoita on \
    jak jaki jakie jaka jest podaj podać proszę prosimy wpisz \
    jaké jaká je uveďte napište prosím zadejte \
    введите каков какова какое какой напишите пожалуйста скажите укажите \
    belirtin girin lütfen nedir yazın";

/// Of these, the verbs that ask for something without `your`: `Please enter name and e-mail`.
const REQUEST: &str = "\
    enter fill give provide state type write angeben eintragen geben gib nenne nennen schreiben \
    escriba escribe indica indique ingresa ingrese introduce introduzca écrivez entrez indiquer \
    indiquez saisissez digite escreva informe insira inserisci inserisca inserire scriva scrivi \
    geef vul ange skriv oplys oppgi ilmoita kirjoita podaj podać wpisz uveďte napište zadejte \
    введите напишите укажите belirtin girin yazın";

/// Words for `your`.
const YOUR: &str = "\
    your dein deine deinen deinem deiner ihr ihre ihren ihrem ihrer euer eure su sus tu tus vuestro \
    votre vos ton ta tes seu sua teu tua tuo suo uw je jouw jullie ditt din dit deres sinun twoje twój twoja pana pani \
    państwa vaše vaši váš tvé tvoje ваш ваша ваше вашу твой твоё твое твоя свой своё свое свою";

/// Words that may stand between these and what is asked for.
const QUALIFIERS: &str = "\
    and best birth cell complete contact current family first full given home last legal mailing maiden \
    main middle mobile own personal phone postal preferred private real street telephone work \
    eigenen genaue genauer private richtiger und vollen voller vollständige vollständigen \
    vollständiger vor \
    propio completo completa primer primeiro personal particular \
    adresse complète complet \
    eigen volledige fullständiga fulla fullt fulde fullstendige pełne celé полное полный полностью";

/// Of these, those that ask for one part of a name.
const PARTS: &str = "birth family first given last maiden middle primeiro primer";

/// Words behind the request, with which it goes on: `your name and role`, `your name below`.
const AFTER: &str = "\
    and as at below here if in or please und oder hier mit ein an eintragen angeben nennen verraten y o e aquí abajo \
    completo completa completos et ou ici ci complet complète ed qui completamente en hier in och \
    og eller ja i lub oraz a nebo и или ve nedir lütfen";

/// Words for what is asked for, each with what that is.
type Requests = Vec<(Personal, &'static str)>;

/// Kind and what is asked for before a colon, then the words: `noun Name: name; nom`.
const REQUESTS: &str = include_str!("requests.txt");

/// The requests of a kind, in their order.
fn requests(kind: &str) -> Requests {
    let lines = REQUESTS.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(|line| {
        let (head, words) = line.split_once(": ")?;
        Some((head.strip_prefix(kind)?.trim_start(), words))
    });
    let read = |(what, words): (&str, &'static str)| {
        let what = match what {
            "Name" => Personal::Name,
            "PartOfName" => Personal::PartOfName,
            "Email" => Personal::Email,
            "Phone" => Personal::Phone,
            "Address" => Personal::Address,
            "Birthday" => Personal::Birthday,
            other => unreachable!("requests.txt asks for '{other}'"),
        };
        words.split("; ").map(move |word| (what, word))
    };
    rows.flat_map(read).collect()
}

/// What is asked for, in as many words as it takes. Of those that begin alike, the longest counts.
static NOUNS: LazyLock<Requests> = LazyLock::new(|| requests("noun"));

/// Whole requests without such a word, or with it in another place.
static PHRASES: LazyLock<Requests> = LazyLock::new(|| requests("phrase"));

/// Requests in scripts that part no words, or join them with others.
static UNSPACED: LazyLock<Requests> = LazyLock::new(|| requests("unspaced"));

/// What a column's name asks whoever answers for.
pub(crate) fn asked_for(name: &str) -> Option<Personal> {
    if name.len() > LONGEST || !may_ask(name) {
        return None;
    }
    let unspaced = UNSPACED.iter().find(|(_, one)| name.contains(one));
    if let Some((what, _)) = unspaced {
        return Some(*what);
    }
    let clauses: Vec<Vec<String>> = clauses(name);
    let is_short_question = name.trim_end().ends_with(['?', '？', '؟']) && clauses.len() == 1;
    clauses
        .iter()
        .find_map(|clause| in_phrase(clause).or_else(|| in_clause(clause, is_short_question)))
}

/// Whether a label is a word for somebody's name and nothing else: `Nombre`, `Full name`.
pub(super) fn is_word_for_name(label: &str) -> bool {
    may_ask(label)
        && matches!(clauses(label).as_slice(), [one] if named_at(one, 0) == Some(Personal::Name))
}

/// Whether a column holds one part of somebody's name: `Vorname`, `What's your first name?`.
pub(super) fn is_for_part_of_name(label: &str) -> bool {
    let is_word = || {
        may_ask(label)
            && matches!(
                clauses(label).as_slice(),
                [one] if named_at(one, 0) == Some(Personal::PartOfName)
            )
    };
    asked_for(label) == Some(Personal::PartOfName) || is_word()
}

/// Whether a name holds any word of a request. Asked of each cell of each record, so it allocates
/// nothing.
fn may_ask(name: &str) -> bool {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| {
        let longest = |one: &str| one.split(' ').max_by_key(|word| word.len()).map(regex::escape);
        let spaced = NOUNS.iter().chain(PHRASES.iter());
        let words: HashSet<String> = spaced.filter_map(|(_, one)| longest(one)).collect();
        let unspaced = UNSPACED.iter().map(|(_, one)| regex::escape(one));
        let mut all: Vec<String> = words.into_iter().chain(unspaced).collect();
        all.sort_unstable();
        Regex::new(&format!("(?i){}", all.join("|"))).expect("the pattern is valid")
    });
    WORDS.is_match(name)
}

/// What stands between marks, each as its words in lower case.
fn clauses(name: &str) -> Vec<Vec<String>> {
    let marks = |c: char| !is_of_word(c) && !c.is_whitespace() && !"'’-‐`´_*\"“”„«»".contains(c);
    let words = |clause: &str| -> Vec<String> {
        let words = clause.split(|c: char| !is_of_word(c)).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    name.split(marks).map(words).filter(|clause| !clause.is_empty()).collect()
}

fn in_phrase(clause: &[String]) -> Option<Personal> {
    let is_request = |phrase: &str| {
        let count = phrase.split(' ').count();
        let mut windows = clause.windows(count).enumerate();
        windows.any(|(at, words)| {
            words.iter().map(String::as_str).eq(phrase.split(' ')) && ends(&clause[at + count..])
        })
    };
    PHRASES.iter().find(|(_, phrase)| is_request(phrase)).map(|(what, _)| *what)
}

/// What a clause asks for that names it right after `your` or a verb that requests it. A question of
/// nothing else (`First name?`) needs neither.
fn in_clause(clause: &[String], is_short_question: bool) -> Option<Personal> {
    let is_opening = |word: &String| is_among(OPENING, word) || is_among(REQUEST, word);
    let opening =
        clause.iter().take_while(|word| !is_among(YOUR, word) && is_opening(word)).count();
    let is_requested = clause[..opening].iter().any(|word| is_among(REQUEST, word));
    // `nos` and `je` are also words of an opening.
    let starts = (0..=opening.min(clause.len())).rev().filter_map(|at| {
        let word = clause.get(at)?;
        if is_among(YOUR, word) {
            return Some(at + 1);
        }
        (is_requested && at == opening || is_short_question && at == 0).then_some(at)
    });
    starts.into_iter().find_map(|start| named_at(clause, start))
}

/// What is named at a word of a clause, perhaps behind qualifiers.
fn named_at(clause: &[String], start: usize) -> Option<Personal> {
    const MOST_QUALIFIERS: usize = 4;
    let rest = &clause[start..];
    let qualifiers = rest.iter().take_while(|word| is_among(QUALIFIERS, word)).count();
    // `adresse` is a qualifier of `e-mail`, and may be all that is asked for.
    let found = (0..=qualifiers.min(MOST_QUALIFIERS)).find_map(|skipped| {
        let (what, count) = noun(&rest[skipped..])?;
        ends(&rest[skipped + count..]).then_some((what, skipped, count))
    });
    let (what, skipped, count) = found?;
    let words = &rest[..skipped];
    let is_joined = |word: &String| ["and", "und"].contains(&word.as_str());
    let is_part = what == Personal::Name
        && words.iter().any(|word| is_among(PARTS, word))
        && !words.iter().any(is_joined);
    let is_whole = what == Personal::PartOfName
        && (words.iter().any(is_joined) || rest.len() > skipped + count);
    match what {
        _ if is_part => Some(Personal::PartOfName),
        _ if is_whole => Some(Personal::Name),
        // `your number` alone may be any.
        Personal::Phone if count == 1 && skipped == 0 && rest[0] == "number" => None,
        _ => Some(what),
    }
}

/// The longest noun with which words begin, and its number of words.
fn noun(words: &[String]) -> Option<(Personal, usize)> {
    let fits = |noun: &str| {
        let mut own = words.iter();
        noun.split(' ').all(|word| own.next().is_some_and(|own| own == word))
    };
    let fitting = NOUNS.iter().filter(|(_, noun)| fits(noun));
    fitting.map(|(what, noun)| (*what, noun.split(' ').count())).max_by_key(|(_, count)| *count)
}

/// Whether a request ends before these words, or goes on with something else.
fn ends(rest: &[String]) -> bool {
    rest.first().is_none_or(|word| is_among(AFTER, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_for_a_name_is_one_alone() {
        for label in
            ["Name", "NOMBRE", "Full name", "Nom complet", "Nome completo", "Imię i nazwisko"]
        {
            assert!(is_word_for_name(label), "{label}");
        }
        for label in ["Product name", "Name of the clinic", "First name", "E-mail", "Named", ""] {
            assert!(!is_word_for_name(label), "{label}");
        }
    }

    #[test]
    fn a_part_of_a_name_is_known_alone_and_in_a_question() {
        for label in
            ["First name", "Prénom", "Vorname", "Nombre de pila", "What's your *first name*?"]
        {
            assert!(is_for_part_of_name(label), "{label}");
        }
        for label in
            ["Name", "Full name", "Product name", "First time?", "Prénom de votre chat", ""]
        {
            assert!(!is_for_part_of_name(label), "{label}");
        }
    }

    #[test]
    fn a_request_for_personal_data_is_known_in_many_words() {
        for (what, names) in [
            (
                Personal::Name,
                &[
                    "What is your name?",
                    "First, what's your name?",
                    "What’s your full name?",
                    "Could you please tell us your name and role?",
                    "Please enter your full name below",
                    "Your first and last name",
                    "Please state name",
                    "Name?",
                    "Your name (optional)",
                    "What should we call you?",
                    "Wie heißen Sie?",
                    "Wie ist Ihr Name?",
                    "Bitte nennen Sie uns Ihren vollständigen Namen",
                    "Ihr Vor- und Nachname?",
                    "¿Cómo te llamas?",
                    "¿Cuál es su nombre completo?",
                    "¿Nombre y apellidos?",
                    "Quel est votre nom ?",
                    "Comment vous appelez-vous ?",
                    "Quels sont vos nom et prénom ?",
                    "Qual é o seu nome?",
                    "Como você se chama?",
                    "Come ti chiami?",
                    "Qual è il tuo nome?",
                    "Hoe heet je?",
                    "Wat is uw naam?",
                    "Vad heter du?",
                    "Hvad er dit navn?",
                    "Jak się nazywasz?",
                    "Как вас зовут?",
                    "Укажите ваше имя",
                    "Adınız nedir?",
                    "お名前を教えてください",
                    "您的姓名是？",
                    "성함이 어떻게 되시나요?",
                ][..],
            ),
            (
                Personal::PartOfName,
                &[
                    "What's your first name?",
                    "Wie lautet Ihr Vorname?",
                    "Quel est ton prénom ?",
                    "Surname?",
                ],
            ),
            (
                Personal::Email,
                &[
                    "What is your email address?",
                    "May we have your work e-mail?",
                    "Wie lautet Ihre E-Mail-Adresse?",
                    "¿Cuál es tu correo electrónico?",
                    "Quelle est votre adresse e-mail ?",
                    "Wat is je e-mailadres?",
                ],
            ),
            (
                Personal::Phone,
                &[
                    "What's your phone number?",
                    "Your mobile number?",
                    "Wie ist Ihre Telefonnummer?",
                    "¿Cuál es su número de teléfono?",
                ],
            ),
            (
                Personal::Address,
                &[
                    "What is your home address?",
                    "Wie lautet Ihre Anschrift?",
                    "What is your postcode?",
                    "Quelle est votre adresse ?",
                ],
            ),
            (
                Personal::Birthday,
                &[
                    "When were you born?",
                    "What is your date of birth?",
                    "Wann sind Sie geboren?",
                    "¿Cuál es tu fecha de nacimiento?",
                ],
            ),
        ] {
            let missed: Vec<_> =
                names.iter().filter(|name| asked_for(name) != Some(what)).collect();
            assert!(missed.is_empty(), "{what:?}: {missed:?}");
        }
    }

    #[test]
    fn a_question_that_only_speaks_of_such_data_asks_for_none() {
        let others = [
            "What name would you give it?",
            "What is your name for this feature?",
            "What is your company name?",
            "What is the name of your dog?",
            "Is your name on the lease?",
            "May we use your name?",
            "How do you feel about your name?",
            "How would you address this problem?",
            "How did your address change affect you?",
            "What do you do on your birthday?",
            "How many emails do you get?",
            "What is your phone for?",
            "What is your favourite number?",
            "What's your number one complaint?",
            "Wie heißt Ihr Hund?",
            "Wie heißt die Firma?",
            "¿Cómo se llama su empresa?",
            "Comment s'appelle votre chat ?",
            "Qual é o nome do produto?",
            "商品の名前は何ですか",
            "公司名称",
            "What is hardest?",
            "Nominate your team",
            "",
        ];
        let found: Vec<_> = others.iter().filter(|name| asked_for(name).is_some()).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
