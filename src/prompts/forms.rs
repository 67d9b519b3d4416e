//! What a sentence is by its form: a wish, a complaint or a habit.
//!
//! Owns the words and word orders that mark these in seven languages. They are looked for in the
//! main clauses: who says `the plan disappears when I need it` wishes for nothing.

use super::passages::words;

/// The form of a sentence. A sentence may have several, and one in an unknown language has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a sentence may have any of the forms at once")]
pub(super) struct Form {
    /// It desires, asks for something, or says what would be.
    pub(super) wishes: bool,
    /// It says what does not work, or what is bad about something.
    pub(super) complains: bool,
    /// It says what the speaker does.
    pub(super) does: bool,
    /// It states a fact about somebody, or tells what was.
    pub(super) states: bool,
}

/// Words after which a clause does not say something of its own.
const SUBORDINATORS: &[&str] = &[
    "when", "if", "because", "while", "since", "unless", "until", "as", "that", "which", "who",
    "whose", "where", "what", "why", "how", "whether", "although", "though", "before", "after",
    "so", "than", "wenn", "weil", "dass", "damit", "obwohl", "während", "bevor", "nachdem", "ob",
    "quand", "si", "parce", "puisque", "pour", "qui", "que", "dont", "où", "lorsque", "cuando",
    "porque", "aunque", "donde", "para", "quando", "quem", "onde", "embora", "perché", "che",
    "mentre", "dove", "als", "omdat", "terwijl", "zodat", "dat", "waar", "wie",
];

/// Verbs before which `that` is a subject and introduces no clause.
const VERBS: &[&str] = &["would", "is", "was", "does", "will", "could", "should", "can", "makes"];

/// Words that carry on the clause before them.
const JOINING: &[&str] =
    &["and", "or", "nor", "und", "oder", "et", "ou", "y", "e", "o", "en", "of"];

/// Phrases by which people say what they wish for.
const WISHES: &[&str] = &[
    " i want ",
    " we want ",
    " i wanna ",
    " all i want",
    " just want ",
    " only want ",
    " really want ",
    " would like",
    " would love",
    " would help",
    " would be",
    " would stop",
    " would save",
    " it'd ",
    " that'd ",
    " i wish",
    " we wish",
    " i hope",
    " we hope",
    " i'm hoping",
    " let me ",
    " let us ",
    " give me ",
    " give us ",
    " show me ",
    " show us ",
    " tell me ",
    " tell us ",
    " should ",
    " ought to",
    " could they ",
    " could there ",
    " could you ",
    " could the ",
    " can you ",
    " please ",
    " ideally",
    " if only",
    " i'm after",
    " looking for ",
    " trying to ",
    " my aim",
    " my goal",
    " my dream",
    " i need ",
    " we need ",
    " i really need ",
    " i'd rather ",
    " perfect world",
    " möchte",
    " ich will ",
    " wir wollen ",
    " wünsch",
    " hätte gern",
    " hätten gern",
    " würde ",
    " würden ",
    " wäre ",
    " sollte ",
    " sollten ",
    " bitte ",
    " am liebsten",
    " brauche",
    " ich hoffe",
    " lasst ",
    " lass mich",
    " zeigt ",
    " zeig mir",
    " je veux ",
    " nous voulons ",
    " voudrais",
    " voudrions",
    " aimerais",
    " aimerait",
    " aimerions",
    " il faudrait",
    " il me faudrait",
    " il faut ",
    " souhait",
    " j'ai besoin",
    " mon but",
    " serait ",
    " devrait",
    " laissez",
    " montrez",
    " donnez",
    " j'espère",
    " quiero ",
    " queremos ",
    " quisiera",
    " gustaría",
    " ojalá",
    " necesito ",
    " necesitamos ",
    " debería",
    " sería ",
    " espero ",
    " quero ",
    " queria ",
    " gostaria",
    " gostava de",
    " preciso ",
    " precisamos ",
    " deveria",
    " seria ",
    " tomara",
    " voglio ",
    " vogliamo ",
    " vorrei",
    " vorremmo",
    " piacerebbe",
    " ho bisogno",
    " dovrebbe",
    " dovrebbero",
    " sarebbe ",
    " spero ",
    " ik wil ",
    " we willen ",
    " wij willen ",
    " zou ",
    " zouden ",
    " ik hoop",
    " ik wens",
    " laat me",
    " geef me",
    " graag ",
];

/// First words of a request, and of what there should be more or less of. Verbs by which people
/// also tell what they do without saying `I` (`Check the fridge first`) are not among them.
const REQUESTING: &[&str] = &[
    "add",
    "put",
    "show",
    "let",
    "give",
    "make",
    "allow",
    "mark",
    "send",
    "tell",
    "remove",
    "bring",
    "fix",
    "stop",
    "enable",
    "include",
    "offer",
    "provide",
    "simplify",
    "hide",
    "warn",
    "remind",
    "more",
    "fewer",
    "less",
    "bigger",
    "better",
    "faster",
    "easier",
    "clearer",
    "simpler",
    "shorter",
    "mehr",
    "weniger",
    "bessere",
    "schnellere",
    "einfachere",
    "moins",
    "más",
    "menos",
    "più",
    "meno",
    "meer",
    "minder",
    "zeigt",
    "gebt",
    "macht",
    "ajoutez",
    "ajouter",
    "añadir",
    "añadan",
    "adicionar",
    "aggiungere",
    "voeg",
];

/// Phrases by which people say what does not work or troubles them.
const COMPLAINTS: &[&str] = &[
    " can't ",
    " cannot ",
    " couldn't ",
    " won't ",
    " doesn't ",
    " isn't ",
    " aren't ",
    " wasn't ",
    " weren't ",
    " hasn't ",
    " didn't ",
    " they don't ",
    " you don't ",
    " don't know",
    " don't like",
    " don't trust",
    " don't understand",
    " don't have",
    " don't get ",
    " it never",
    " they never",
    " never know",
    " never work",
    " never get",
    " no one ",
    " nobody ",
    " there is no ",
    " there's no ",
    " there was no ",
    " there are no ",
    " there isn't",
    " no idea",
    " no way to",
    " breaks ",
    " broke ",
    " broken",
    " loses ",
    " lost ",
    " losing ",
    " lose ",
    " crash",
    " fails ",
    " failed",
    " hangs ",
    " jams ",
    " drains ",
    " me out ",
    " wastes ",
    " wasted",
    " costs me",
    " takes forever",
    " takes ages",
    " takes me ",
    " annoy",
    " frustrat",
    " hate ",
    " afraid",
    " scared",
    " frightened",
    " worried",
    " worries me",
    " lie awake",
    " tired of",
    " tires me",
    " hurts",
    " useless",
    " impossible",
    " unusable",
    " slow ",
    " slowly ",
    " confus",
    " difficult",
    " hard to ",
    " too many ",
    " too much ",
    " too long ",
    " too late ",
    " too small ",
    " too short ",
    " too slow ",
    " too far ",
    " too expensive",
    " i miss ",
    " wrong ",
    " stuck ",
    " forgot",
    " forget",
    " nowhere ",
    " out of date",
    " complicated",
    " unclear",
    " blocked",
    " stopped working",
    " ran out",
    " went down",
    " is down ",
    " was down ",
    " nicht ",
    " kein",
    " niemand",
    " nie ",
    " kaputt",
    " schwierig",
    " nervt",
    " stürzt",
    " verlier",
    " verloren",
    " zu spät",
    " zu viel",
    " zu lang",
    " langsam",
    " falsch",
    " leider ",
    " umständlich",
    " unmöglich",
    " ärger",
    " ne ",
    " pas ",
    " jamais",
    " personne ne",
    " trop ",
    " perds",
    " perdu",
    " lent ",
    " difficile",
    " plante ",
    " en panne",
    " énerv",
    " marre",
    " no puedo",
    " no se ",
    " no me ",
    " no hay",
    " no tengo",
    " no sé ",
    " no funciona",
    " no entiendo",
    " no es ",
    " no está",
    " nunca",
    " nadie",
    " imposible",
    " lento ",
    " lenta ",
    " difícil",
    " pierd",
    " perdí",
    " falla ",
    " demasiad",
    " molest",
    " não ",
    " ninguém",
    " impossível",
    " perco ",
    " falha",
    " demora",
    " demais",
    " trava ",
    " non ",
    " nessuno",
    " impossibile",
    " perdo ",
    " perso ",
    " si blocca",
    " troppo",
    " troppi",
    " troppe",
    " niet ",
    " geen ",
    " nooit",
    " onmogelijk",
    " traag",
    " moeilijk",
    " kwijt",
    " te laat",
    " te veel",
    " lastig",
    " loopt vast",
    " kapot",
];

/// What speakers call themselves as the subject of a sentence.
const SPEAKERS: &[&str] =
    &["i", "we", "ich", "wir", "je", "nous", "yo", "eu", "io", "noi", "ik", "wij"];

/// Verbs after `I` that tell no habit: what people are, have, can, must, think, feel or suffer, and
/// past forms that do not end in `-ed`.
const STATIVE: &[&str] = &[
    "am",
    "notice",
    "realise",
    "realize",
    "expect",
    "remember",
    "was",
    "are",
    "were",
    "have",
    "had",
    "has",
    "can",
    "can't",
    "cannot",
    "could",
    "couldn't",
    "would",
    "wouldn't",
    "should",
    "shouldn't",
    "will",
    "won't",
    "may",
    "might",
    "must",
    "need",
    "want",
    "wanna",
    "wish",
    "hope",
    "think",
    "thought",
    "feel",
    "felt",
    "know",
    "knew",
    "like",
    "love",
    "hate",
    "prefer",
    "believe",
    "guess",
    "suppose",
    "reckon",
    "mean",
    "find",
    "found",
    "see",
    "saw",
    "hear",
    "heard",
    "get",
    "got",
    "lose",
    "lost",
    "miss",
    "forget",
    "forgot",
    "worry",
    "wait",
    "lie",
    "live",
    "understand",
    "understood",
    "trust",
    "did",
    "didn't",
    "don't",
    "end",
    "said",
    "told",
    "went",
    "came",
    "took",
    "made",
    "gave",
    "sent",
    "left",
    "bought",
    "kept",
    "wrote",
    "paid",
    "sat",
    "stood",
    "rang",
    "spent",
    "drove",
    "began",
    "ran",
    "held",
    "met",
    "slept",
    "woke",
    "learnt",
    "taught",
    "brought",
    "caught",
    "chose",
    "fell",
    "grew",
    "threw",
    "spoke",
    "broke",
    "became",
    "understand",
    "retire",
    "agree",
    "bin",
    "war",
    "waren",
    "sind",
    "habe",
    "haben",
    "hatte",
    "hatten",
    "kann",
    "können",
    "konnte",
    "will",
    "wollen",
    "möchte",
    "möchten",
    "würde",
    "würden",
    "muss",
    "müssen",
    "soll",
    "darf",
    "brauche",
    "hoffe",
    "denke",
    "glaube",
    "finde",
    "weiß",
    "fühle",
    "verliere",
    "vergesse",
    "warte",
    "wünsche",
    "wäre",
    "hätte",
    "suis",
    "sommes",
    "est",
    "ai",
    "avons",
    "a",
    "étais",
    "était",
    "avais",
    "veux",
    "voudrais",
    "peux",
    "dois",
    "pense",
    "crois",
    "sais",
    "perds",
    "aimerais",
    "sou",
    "era",
    "tenho",
    "tinha",
    "quero",
    "queria",
    "posso",
    "acho",
    "preciso",
    "gostaria",
    "sono",
    "ho",
    "ero",
    "avevo",
    "voglio",
    "vorrei",
    "penso",
    "credo",
    "ben",
    "heb",
    "had",
    "hebben",
    "zijn",
    "wil",
    "zou",
    "kan",
    "moet",
    "mag",
    "denk",
    "vind",
    "weet",
    "hoop",
    "mis",
    "verlies",
    "vergeet",
    "wacht",
];

/// Words that may stand between `I` and the verb.
const ADVERBS: &[&str] = &[
    "always",
    "usually",
    "often",
    "sometimes",
    "mostly",
    "normally",
    "generally",
    "then",
    "just",
    "also",
    "still",
    "only",
    "never",
    "first",
    "simply",
    "personally",
    "even",
    "actually",
];

/// Words that make a statement of the speaker's a habit, whatever its verb.
const ROUTINES: &[&str] = &[
    " usually ",
    " always ",
    " mostly ",
    " normally ",
    " every day",
    " every morning",
    " every evening",
    " every night",
    " every week",
    " each morning",
    " each evening",
    " each week",
    " immer ",
    " meistens ",
    " normalerweise ",
    " jeden tag",
    " jeden morgen",
    " toujours ",
    " d'habitude",
    " chaque jour",
    " tous les ",
    " toutes les ",
    " siempre ",
    " suelo ",
    " normalmente ",
    " todos los ",
    " todas las ",
    " cada día",
    " sempre ",
    " costumo ",
    " todos os dias",
    " di solito",
    " ogni giorno",
    " ogni mattina",
    " altijd ",
    " meestal ",
    " elke dag",
];

/// First words of a sentence that says something of somebody.
const SUBJECTS: &[&str] = &[
    "i",
    "i'm",
    "i've",
    "we",
    "we're",
    "we've",
    "you",
    "you're",
    "he",
    "he's",
    "she",
    "she's",
    "it",
    "it's",
    "they",
    "they're",
    "they've",
    "there",
    "there's",
    "there're",
    "my",
    "our",
    "nobody",
    "someone",
    "somebody",
    "everyone",
    "everybody",
    "ich",
    "wir",
    "sie",
    "er",
    "es",
    "man",
    "mein",
    "meine",
    "unser",
    "unsere",
    "je",
    "j'ai",
    "nous",
    "on",
    "il",
    "elle",
    "ils",
    "elles",
    "c'est",
    "mon",
    "ma",
    "mes",
    "yo",
    "nosotros",
    "mi",
    "mis",
    "hay",
    "eu",
    "nós",
    "meu",
    "minha",
    "há",
    "io",
    "noi",
    "mio",
    "mia",
    "c'è",
    "ik",
    "wij",
    "ze",
    "hij",
    "het",
    "mijn",
    "er",
];

/// Verbs that tell of the past.
const PAST: &[&str] = &[
    " was ",
    " were ",
    " had ",
    " war ",
    " waren ",
    " hatte ",
    " hatten ",
    " était ",
    " étaient ",
    " avait ",
    " era ",
    " eran ",
    " había ",
    " tinha ",
    " aveva ",
    " c'era ",
    " werd ",
];

/// Verbs and subjects of a statement: without one in its main clause, a sentence names a thing.
const FINITE: &[&str] = &[
    " is ", " are ", " has ", " have ", " means ", " takes ", " gets ", " makes ", " costs ",
    " shows ", " goes ", " comes ", " i ", " we ", " they ", " it ", " ist ", " sind ", " hat ",
    " haben ", " ich ", " wir ", " est ", " sont ", " ont ", " je ", " nous ", " es ", " son ",
    " tiene ", " está ", " hay ", " é ", " são ", " tem ", " è ", " sono ", " ha ", " zijn ",
    " heeft ", " ik ",
];

impl Form {
    /// The form of a sentence.
    pub(super) fn of(sentence: &str) -> Self {
        let main = main_clauses(sentence);
        let all = spaced(sentence);
        let has = |text: &str, cues: &[&str]| cues.iter().any(|cue| text.contains(cue));
        let first = words(sentence).next().unwrap_or_default();
        let wishes = has(&main, WISHES)
            || REQUESTING.contains(&first.as_str())
            || would(&main)
            || (first == "if" && (has(&all, &[" could ", " would "]) || would(&all)));
        Self {
            wishes,
            complains: !wishes && has(&main, COMPLAINTS),
            does: does(sentence),
            states: !wishes
                && (SUBJECTS.contains(&first.as_str()) || has(&all, PAST) || has(&main, FINITE)),
        }
    }
}

/// Whether somebody says what they would do. `I'd bought it` is about the past.
fn would(text: &str) -> bool {
    const DONE: &[&str] = &[
        "been", "had", "bought", "got", "gone", "left", "lost", "put", "seen", "say", "think",
        "guess",
    ];
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_would = |pair: &[&str]| {
        matches!(pair[0], "i'd" | "we'd") && !DONE.contains(&pair[1]) && !pair[1].ends_with("ed")
    };
    words.windows(2).any(is_would)
}

/// Whether the speaker says what they do, in a clause that is not about another thing (`when I get
/// home`).
fn does(sentence: &str) -> bool {
    let all = spaced(sentence);
    let words: Vec<&str> = all.split_whitespace().collect();
    let speaks = |at: usize| SPEAKERS.contains(&words[at]);
    if (0..words.len()).any(speaks) && ROUTINES.iter().any(|cue| all.contains(cue)) {
        return true;
    }
    (0..words.len()).filter(|at| speaks(*at)).any(|at| {
        if at > 0 && SUBORDINATORS.contains(&words[at - 1]) {
            return false;
        }
        let mut after = words[at + 1..].iter().skip_while(|word| ADVERBS.contains(*word));
        let verb = after.next().copied().unwrap_or_default();
        // `I don't sign anything` is a habit, too.
        let verb = if verb == "don't" { after.next().copied().unwrap_or_default() } else { verb };
        let follows = is_habit(verb) && (words[at] != "ich" || is_inverted(verb, words[at]));
        follows || (at > 0 && is_inverted(words[at - 1], words[at]))
    })
}

/// Whether a verb after `I` tells what people do.
fn is_habit(verb: &str) -> bool {
    let is_word = verb.chars().count() > 1 && verb.chars().all(char::is_alphabetic);
    is_word && !verb.ends_with("ed") && !STATIVE.contains(&verb) && !SPEAKERS.contains(&verb)
}

/// Whether German or Dutch words are a verb before its subject (`Meistens frage ich`).
fn is_inverted(verb: &str, speaker: &str) -> bool {
    const OTHER: &[&str] =
        &["die", "eine", "meine", "keine", "diese", "alle", "viele", "gerne", "bitte"];
    let ends = match speaker {
        "ich" => verb.ends_with('e') && !OTHER.contains(&verb),
        "wir" => verb.ends_with("en"),
        _ => false,
    };
    ends && !STATIVE.contains(&verb)
}

/// The main clauses of a sentence, spaced. A clause that another one introduces is left out, and
/// what carries it on after a comma.
fn main_clauses(sentence: &str) -> String {
    let mut main = String::from(" ");
    let mut is_main = true;
    for (at, clause) in sentence.split([',', ';', ':', '–', '—', '.', '!', '?']).enumerate() {
        let clause = spaced(clause);
        let words: Vec<&str> = clause.split_whitespace().collect();
        let Some(first) = words.first() else { continue };
        // `What I want is a person`, `That would be great`.
        let opens = match *first {
            "what" | "how" | "why" | "so" => at == 0,
            "that" => words.get(1).is_some_and(|next| VERBS.contains(next)),
            _ => false,
        };
        is_main = match *first {
            first if SUBORDINATORS.contains(&first) => opens,
            first if JOINING.contains(&first) => is_main,
            _ => true,
        };
        if is_main {
            let end = words.iter().skip(1).position(|word| SUBORDINATORS.contains(word));
            let end = end.map(|end| end + 1);
            main.push_str(&words[..end.unwrap_or(words.len())].join(" "));
            main.push(' ');
        }
    }
    main
}

/// A text in lower case without punctuation, between spaces, so that a space marks a word's edge.
pub(super) fn spaced(text: &str) -> String {
    let lower = text.to_lowercase().replace('’', "'");
    // Punctuation is not part of a word.
    let marks = ['.', ',', ';', ':', '!', '?', '"', '“', '”', '„', '«', '»', '(', ')', '¿', '¡'];
    format!(" {} ", lower.replace(marks, " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_told_from_a_complaint_and_from_a_statement() {
        for wish in [
            "I want guests to see only their own tasks.",
            "Let me keep tomorrow's plan without the internet.",
            "A chart would be useful for our projects.",
            "If the rota came out earlier I could plan my week.",
            "What I want is a person.",
            "That would be great.",
            "Ich möchte die Zettel nicht mehr abtippen.",
            "Il me faudrait dix minutes entre deux patients.",
            "Quisiera saber el turno antes.",
            "Vorrei parlare con una persona.",
            "Gostaria de ver o preço.",
            "Ik wil niet meer wachten.",
        ] {
            let form = Form::of(wish);
            assert!(form.wishes && !form.complains && !form.states, "{wish}: {form:?}");
        }
        for complaint in [
            "It gets very slow on large boards.",
            "Reports are useless for my board.",
            "Can't print a board, and my foreman wants it on paper.",
            "There is no signal in the valley, so the plan disappears when I need it most.",
            "Das Gerät reagiert nicht.",
            "Je ne comprends pas l'écran.",
            "No puedo abrir la cuenta.",
            "Non funziona mai.",
            "O aplicativo não abre.",
            "Het scherm reageert niet.",
        ] {
            let form = Form::of(complaint);
            assert!(form.complains && !form.wishes, "{complaint}: {form:?}");
        }
        for neither in [
            "A photo of the key safe and two sentences on how the day begins.",
            "A scanner that doesn't break, one for each of us.",
            "When everyone knows by Thursday, and nobody rings me at home.",
            "They accused me of buying trainers that I'd bought.",
        ] {
            let form = Form::of(neither);
            assert!(!form.complains && !form.wishes, "{neither}: {form:?}");
        }
    }

    #[test]
    fn a_habit_is_told_from_a_state_and_from_what_happened_once() {
        for habit in [
            "I copy everything three times.",
            "When the scanner is down I swap the battery.",
            "I don't start anything before the first half is paid.",
            "Meistens frage ich den Fahrer.",
            "I see mostly the same people.",
            "Siempre enseño dos opciones.",
        ] {
            // A Spanish verb does not say who does it.
            let expected = !habit.starts_with("Siempre");
            assert_eq!(Form::of(habit).does, expected, "{habit}");
        }
        for other in [
            "I get thirty notifications a day and miss the one that matters.",
            "I have to move every visit by hand.",
            "I clicked on it.",
            "The tablet logs me out while I open it.",
            "Put it on the front page.",
            "Ich habe keine Zeit.",
        ] {
            assert!(!Form::of(other).does, "{other}");
        }
    }

    #[test]
    fn what_somebody_is_or_was_is_a_statement() {
        for (statement, states) in [
            ("I move what's left to savings.", true),
            ("The tank was empty by June.", true),
            ("My flatmate's request landed in spam.", true),
            ("Billing per seat means that three people share one login.", true),
            ("A ticket that is good for the tram and the ferry.", false),
            ("My aim is to give up the second car.", false),
            ("I'd sit down with each of them.", false),
            ("Bigger letters on the front page.", false),
            ("Ein Drucker für jede Station.", false),
        ] {
            assert_eq!(Form::of(statement).states, states, "{statement}");
        }
    }
}
