//! Whom a verb of speech in narration is about: `Ana said`, `sagte seine Frau`, `he laughed and told
//! me`.
//!
//! Owns the words of several languages that are nobody's name, how names are written, and the search
//! for a subject around its verb. Which words are names elsewhere is up to `told_people`. The words
//! are most of the file, and are read with the rule that uses them.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::name_words::{Word, is_title};
use super::unnamed;
use crate::corpus::talk::speakers::is_generic;
use crate::corpus::told;

/// Whom a verb of speech is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// These words, by their indices, which are written like a name.
    Named(usize, usize),
    /// Somebody spoken of before: `she said`, `and told me`.
    Same,
    /// The note taker.
    Narrator,
    /// Somebody who is not named: `the receptionist`.
    Described,
    /// Somebody else than who is spoken of, and not named: `his wife`.
    Other,
}

/// Words that begin sentences and are nobody's name, in small letters.
const OPENERS: &str = "the a an this that these those he she it they we i you his her its our \
    their my your when where while what who why how if in on at by for from to with without \
    after before during some many most all both each every one two three four five no not and \
    but or so then there here now also only even still first second third finally overall later \
    next another other as about because since until although however today yesterday notes \
    everyone everybody someone somebody anyone anybody nobody nothing something everything let \
    afterwards meanwhile again once twice often sometimes never always already just perhaps maybe \
    instead otherwise therefore thus yet though unless whenever wherever than of off over under \
    sadly oddly early soon too very more less few several such same own yes okay me him us them \
    was were is are has have had been being does did do would could should please thanks \
    research visit open interview summary \
    der die das ein eine er sie es wir ich ihr sein seine ihre wenn als wo was wer warum wie in \
    im am an auf bei beim zum zur vom ins mit nach vor von zu und aber oder dann da hier jetzt auch nur noch erst \
    zuerst später danach davor daraufhin darauf dazu dabei dafür deshalb deswegen trotzdem \
    außerdem schließlich zuletzt zunächst inzwischen gestern heute morgen abends morgens mittags \
    anfangs manchmal immer oft nie weil dass ob damit nachdem bevor während seit bis nicht kein \
    keine man mein meine unser unsere den dem des einer einem einen lachend plötzlich vielleicht \
    einmal zweimal wieder ihm ihn ihnen mich mir uns \
    le la les un une il elle ils elles on nous je ce cette ces son sa ses leur quand où qui que \
    pourquoi comment si dans sur à au par pour avec sans après avant et mais ou puis alors ici \
    aussi enfin ensuite pourtant cependant hier toujours jamais parfois souvent me te se ne ça \
    cela mon ma mes notre votre vous leurs lorsque comme du des aux chez \
    el los las una él ella ellos ellas nosotros yo su sus este esta cuando donde quien qué por \
    para con sin después antes y pero o entonces aquí también al en luego hoy ayer siempre nunca \
    nos lo les mi tu del porque aunque mientras según ya sí \
    os as um uma ele ela eles elas nós eu seu sua quando onde quem que como se em no na ao \
    para com sem depois antes e mas ou então aqui também lhe minha meu hoje ontem sempre da do \
    il lo gli i uno una lui lei loro noi io suo sua quando dove chi che come se in nel al per \
    con senza dopo prima e ma o poi qui anche ci ti vi mio mia ha ho hanno poi oggi ieri sempre \
    mai nella della però \
    de het een hij zij ze wij je ik zijn haar hun als waar wie wat hoe in op bij met na voor van \
    en maar of dan hier nu ook toen later daarna gisteren vandaag soms altijd nooit omdat dat dit \
    deze die mijn onze uit \
    on ona oni ono ja i w z na do po że ale gdy kiedy potem";

/// Days and months, which are names beside a verb of speech only: `April said`.
const CALENDAR: &str = "monday tuesday wednesday thursday friday saturday sunday january february \
    march april may june july august september october november december \
    montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar märz mai juni juli \
    oktober dezember";

/// Who is spoken of already, or is nobody, before a verb.
const PRONOUNS: &str = "he she they it er sie es il elle ils elles on él ella ellos ellas usted \
    ele ela eles elas você lei loro egli hij zij ze het ona oni who which that qui quien quienes \
    que quem che chi die der wer das ihr";

/// The note taker.
const NARRATORS: &str = "we ich wir je j'ai j’ai yo nosotros nosotras eu nós io noi ik wij";

/// What stands between a subject and its verb: pronouns, auxiliaries, adverbs.
const BETWEEN: &str = "me te le la les lo los nos se si mi ti ci vi us him her them m'a m’a t'a \
    l'a nous vous leur lui gli ne a ha has had have hat hatte habe avait avoir heeft had is was were be \
    been being did does do would could will also then just later once again still only always \
    often never now already even first simply finally both usually sometimes auch dann noch immer \
    nur schon später danach jetzt hier aussi puis alors ensuite encore toujours también luego \
    después siempre ya entonces até depois então sempre já poi dopo anche già allora ook toen dan \
    nog altijd wieder mir uns ihm ihr mij ons hem lhe não non no not n'a n’a nie mnie";

/// What joins a verb to one before it, whose subject it has.
const AND: &str = "and but or und aber oder et mais ou y e pero mas o ma en maar of i ale";

/// What stands before a noun that is nobody in particular.
const INDEFINITE: &str = "a an another one two three four several some many most few all each \
    every ein eine einer zwei drei mehrere manche viele alle jede jeder un une deux trois \
    plusieurs una uno otra otro dos tres varias varios um uma outra outro dois duas due een twee";

/// What stands before a noun that was spoken of, or can be seen.
const DEFINITE: &str = "the this that these those der die das dem den des dieser diese dieses le la \
    les l el los las il lo gli i os het de cette ce ces este esta questo questa deze o";

/// What stands before a noun that is somebody's.
const POSSESSIVE: &str = "his her their its my our your sein seine seinen seiner ihr ihre ihren mein \
    meine unser unsere son sa ses leur leurs mon ma notre su sus mi mis nuestra nuestro sua suo \
    seu seus suas minha meu nossa nosso mia mio nostra nostro zijn haar hun mijn onze ons";

/// What stands before a noun that is no subject.
const PREPOSITIONS: &str = "at in on from near of by with to about for behind beside im am bei aus von vom à au \
    aux en em na no da do du de del des dem chez dans sur mit nel nella del della dal dalla op uit \
    van met bij beim ins neben hinter hinterm an auf zur zum";

/// What asks and tells, and is no person.
const THINGS: &str = "app apps form forms screen website site page system phone tablet machine device \
    letter email mail message sign poster note leaflet survey question software menu button map \
    report programme box computer formular gerät automat seite brief bildschirm meldung schild \
    application écran formulaire lettre message site pantalla aplicación formulario carta mensaje \
    sistema tela aplicativo schermo modulo messaggio scherm formulier bericht";

/// People by what they are to somebody, or together.
const KIN: &str = "wife|husband|son|daughter|brother|sister|boss|manager|partner|friend|aunt|uncle\
    |grandma|grandpa|granny|people|staff|folks?|users?|participants?|respondents?|everyone|everybody\
    |tochter|sohn|bruder|schwester|chef|chefin|ehemann|ehefrau|freund|freundin|leute|alle\
    |femme|mari|fils|fille|frère|sœur|gens|esposa|marido|hij[oa]|herman[oa]|amig[oa]|gente\
    |filh[oa]|irmã|irmão|moglie|marito|figli[oa]|fratello|sorella|amic[oa]\
    |zoon|dochter|broer|zus|vriend|vriendin|mensen";

/// The lists above, for looking words up.
struct Lists {
    openers: HashSet<&'static str>,
    calendar: HashSet<&'static str>,
    pronouns: HashSet<&'static str>,
    narrators: HashSet<&'static str>,
    between: HashSet<&'static str>,
    and: HashSet<&'static str>,
    indefinite: HashSet<&'static str>,
    definite: HashSet<&'static str>,
    possessive: HashSet<&'static str>,
    prepositions: HashSet<&'static str>,
    things: HashSet<&'static str>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let set = |list: &'static str| list.split_whitespace().collect();
    Lists {
        openers: set(OPENERS),
        calendar: set(CALENDAR),
        pronouns: set(PRONOUNS),
        narrators: set(NARRATORS),
        between: set(BETWEEN),
        and: set(AND),
        indefinite: set(INDEFINITE),
        definite: set(DEFINITE),
        possessive: set(POSSESSIVE),
        prepositions: set(PREPOSITIONS),
        things: set(THINGS),
    }
});

impl Lists {
    /// Who a noun phrase is that begins with this word, if one does.
    fn determined(&self, word: &str) -> Option<Subject> {
        if self.possessive.contains(word) || self.indefinite.contains(word) {
            return Some(Subject::Other);
        }
        self.definite.contains(word).then_some(Subject::Described)
    }
}

/// Whether a word, in small letters, is nobody's name wherever it stands.
pub(super) fn is_opener(small: &str) -> bool {
    LISTS.openers.contains(small) || is_adverb(small)
}

pub(super) fn is_of_calendar(small: &str) -> bool {
    LISTS.calendar.contains(small)
}

/// Whether a word, in small letters, stands for who was spoken of before.
pub(super) fn is_pronoun(small: &str) -> bool {
    let mut parts = small.split(['\'', '’']);
    parts.any(|part| LISTS.pronouns.contains(part))
}

/// Whether a word, in small letters, stands for the note taker.
pub(super) fn is_narrator(small: &str) -> bool {
    small == "i"
        || small.starts_with("i'")
        || small.starts_with("i’")
        || LISTS.narrators.contains(small)
}

/// Whether a word, in small letters, joins clauses.
pub(super) fn is_and(small: &str) -> bool {
    LISTS.and.contains(small)
}

/// Whether a word, in small letters, can stand behind a verb, and hardly behind the subject of a
/// sentence: `Works as`, `Opens the`.
pub(super) fn is_behind_verb(small: &str) -> bool {
    const OTHERS: [&str; 14] = [
        "as", "for", "her", "him", "into", "it", "no", "out", "that", "them", "through", "to",
        "up", "with",
    ];
    OTHERS.contains(&small)
        || LISTS.determined(small).is_some()
        || LISTS.prepositions.contains(small)
}

/// Whether a word is an adverb by its ending: `suddenly`, and not `Emily`.
fn is_adverb(small: &str) -> bool {
    const NAMES: [&str; 4] = ["beverly", "everly", "kimberly", "waverly"];
    let is_long = small.chars().count() > 5;
    is_long && (small.ends_with("ly") || small.ends_with("mente")) && !NAMES.contains(&small)
}

/// Whether a word is somebody by what they are to others, or people together.
fn is_somebody(small: &str) -> bool {
    static KINDS: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = format!("^(?:(?:{})(?:e?s)?|{KIN})$", unnamed::PERSON);
        Regex::new(&pattern).expect("the pattern is valid")
    });
    KINDS.is_match(small)
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// As names are: `Ana`, `Anne-Marie`, `O'Brien`, `McKenzie`.
    Name,
    /// In capitals: `JP`, which may be anything.
    Capitals,
    Other,
}

pub(super) fn shape(word: &str) -> Shape {
    const PREFIXES: [&str; 9] = ["Mc", "Mac", "De", "Di", "Du", "La", "Le", "Van", "Fitz"];
    if !word.starts_with(char::is_uppercase) || word.chars().nth(1).is_none() {
        return Shape::Other;
    }
    let mut before = '\0';
    let is_name = word.char_indices().all(|(at, c)| {
        // `O'Brien`, and neither `He'd` nor `L'appli`.
        let is_part = at == 0 || matches!(before, '\'' | '’');
        let may_be_capital = before == '-' || PREFIXES.contains(&&word[..at]);
        before = c;
        c.is_uppercase() == is_part || may_be_capital
    });
    if is_name {
        return Shape::Name;
    }
    if word.chars().all(char::is_uppercase) { Shape::Capitals } else { Shape::Other }
}

/// Whether a word may be a name beside a verb of speech.
pub(super) fn is_namelike(word: &Word) -> bool {
    shape(word.text) != Shape::Other
        && (word.has_title
            || !is_title(word.text)
                && !is_opener(&word.text.to_lowercase())
                && !told::is_verb(word.text)
                && !is_generic(word.text))
}

/// Which words at the beginning of a sentence, or behind `Then` there, are one name by how they are
/// written: `Maria da Silva`.
pub(super) fn names_at_start(sentence: &str, words: &[Word]) -> Range<usize> {
    let is_joined = |at: usize| {
        at > 0 && at < words.len() && &sentence[words[at - 1].end()..words[at].start] == " "
    };
    let is_name = |at: usize| words.get(at).is_some_and(is_namelike);
    let start = usize::from(words.first().is_some_and(is_adverbial) && is_joined(1));
    let mut end = start + usize::from(is_name(start));
    while end > start && is_joined(end) {
        if is_name(end) {
            end += 1;
        } else if PARTICLES.contains(&words[end].text) && is_joined(end + 1) && is_name(end + 1) {
            end += 2;
        } else {
            break;
        }
    }
    start..end
}

/// Whether a word may begin a sentence before its subject: `Then`, `Later`.
fn is_adverbial(word: &Word) -> bool {
    let small = word.text.to_lowercase();
    is_opener(&small)
        && !is_pronoun(&small)
        && !is_narrator(&small)
        && LISTS.determined(&small).is_none()
        && !LISTS.prepositions.contains(small.as_str())
}

/// What may stand inside a name.
const PARTICLES: [&str; 5] = ["da", "de", "di", "van", "von"];

/// What parts a verb from who stands before it.
const MARKS: [char; 16] =
    [',', ':', ';', '(', ')', '–', '—', '"', '“', '”', '„', '«', '»', '‘', '[', ']'];
/// Most words of a noun phrase before its verb.
const MOST_IN_PHRASE: usize = 4;

/// A text, its words and a verb of speech in it.
pub(super) struct Clause<'t> {
    pub text: &'t str,
    pub words: &'t [Word<'t>],
    pub verb: Range<usize>,
}

/// What a word before a verb says of its subject.
enum Step {
    Found(Option<Subject>),
    /// Go on before the word with this index.
    To(usize),
    /// Nothing more stands before the verb.
    Edge,
}

impl Clause<'_> {
    /// Whom the verb is about; `None` where it is none, or about a thing.
    pub(super) fn subject(&self) -> Option<Subject> {
        let beside = self.words.partition_point(|word| word.end() <= self.verb.start);
        let mut at = beside;
        while at > 0 && !self.is_parted(at) {
            match self.step(at, at == beside) {
                // `Am Abend sagte sie`, `Zuhause fragte ich`
                Step::Found(Some(Subject::Named(..))) if self.has_pronoun_behind() => break,
                Step::Found(subject) => return subject,
                Step::To(before) => at = before,
                Step::Edge => break,
            }
        }
        self.behind()
    }

    /// Whether the subject is a pronoun behind the verb, in a language where it may only stand there
    /// if something else begins the sentence.
    fn has_pronoun_behind(&self) -> bool {
        const VERBS: [&str; 12] = [
            "antwoordde",
            "antwortete",
            "berichtete",
            "ergänzte",
            "erklärte",
            "erzählte",
            "fragte",
            "meinte",
            "sagte",
            "vertelde",
            "vroeg",
            "zei",
        ];
        const BEHIND: [&str; 9] = ["er", "hij", "ich", "ik", "sie", "wij", "wir", "ze", "zij"];
        let behind = self.text[self.verb.end..].strip_prefix(' ').unwrap_or_default();
        let next = behind.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        BEHIND.contains(&next)
            && VERBS.contains(&self.text[self.verb.clone()].to_lowercase().as_str())
    }

    fn small(&self, at: usize) -> String {
        self.words[at].text.to_lowercase()
    }

    /// What stands between a word and the one before it.
    fn gap(&self, at: usize) -> &str {
        let end = self.words.get(at).map_or(self.verb.start, |word| word.start);
        let start = self.words[at - 1].end();
        self.text.get(start..end.min(self.verb.start).max(start)).unwrap_or_default()
    }

    /// Whether a mark stands before the word with this index.
    fn is_parted(&self, at: usize) -> bool {
        self.gap(at).contains(MARKS)
    }

    /// Reads the word before index `at`.
    fn step(&self, at: usize, is_beside: bool) -> Step {
        let word = &self.words[at - 1];
        let small = self.small(at - 1);
        if is_narrator(&small) && word.text != "i" {
            return Step::Found(Some(Subject::Narrator));
        }
        if is_pronoun(&small) {
            return Step::Found(Some(Subject::Same));
        }
        if is_and(&small) {
            return Step::Found(self.first());
        }
        let is_lower = word.text.starts_with(char::is_lowercase);
        // `Will asked` has a name.
        let is_between = LISTS.between.contains(small.as_str()) && (is_lower || is_opener(&small));
        if is_between || is_lower && is_adverb(&small) {
            return Step::To(at - 1);
        }
        if is_beside && LISTS.determined(&small).is_some() {
            return Step::Found(None);
        }
        if is_namelike(word) {
            return self.name(at);
        }
        let is_other = !is_lower && is_opener(&small) || told::is_verb(word.text);
        if is_other { Step::Edge } else { self.phrase(at) }
    }

    /// With whom a sentence begins, if it speaks of nobody else before the verb: `His wife came in
    /// and said`.
    fn first(&self) -> Option<Subject> {
        let end = self.words.partition_point(|word| word.end() <= self.verb.start);
        let determined = self.words.first().filter(|_| end > 1);
        let determined = determined.and_then(|word| LISTS.determined(&word.text.to_lowercase()));
        let is_another = |at: usize| {
            let small = self.small(at);
            is_pronoun(&small) || is_narrator(&small) || is_namelike(&self.words[at])
        };
        match determined {
            Some(subject) if !(2..end).any(is_another) => self.noun(1..end.min(3), subject),
            _ => Some(Subject::Same),
        }
    }

    /// Reads the name that ends before index `at`.
    fn name(&self, at: usize) -> Step {
        let is_joined = |at: usize| at > 0 && self.gap(at) == " ";
        let mut from = at - 1;
        while is_joined(from) {
            let is_particle = PARTICLES.contains(&self.words[from - 1].text)
                && is_joined(from - 1)
                && is_namelike(&self.words[from - 2]);
            if is_particle {
                from -= 2;
            } else if is_namelike(&self.words[from - 1]) {
                from -= 1;
            } else {
                break;
            }
        }
        let before =
            if from > 0 && !self.is_parted(from) { self.small(from - 1) } else { String::new() };
        let is_alone = from + 1 == at;
        let titled = self.words[at - 1].has_title;
        let portuguese = ["o", "a"].contains(&before.as_str());
        if LISTS.prepositions.contains(before.as_str()) {
            return Step::To(from - 1);
        }
        let determined = LISTS.determined(&before).filter(|_| !portuguese && !titled);
        let is_one = is_alone && is_somebody(&self.small(from));
        let found = match determined {
            Some(subject) if is_alone => subject,
            // `Seine Tochter Mina sagte`
            Some(_) => Subject::Named(at - 1, at),
            None if is_one && !titled => Subject::Described,
            None => Subject::Named(from, at),
        };
        Step::Found(Some(found))
    }

    /// Reads the noun that ends before index `at`, with what stands before it: `his older sister`,
    /// `at the till`.
    fn phrase(&self, at: usize) -> Step {
        let least = at.saturating_sub(MOST_IN_PHRASE);
        let mut noun = at - 1;
        loop {
            let small = self.small(noun);
            if noun + 1 < at && self.gap(noun + 1).starts_with(['\'', '’']) {
                return Step::Found(Some(Subject::Other));
            }
            if LISTS.prepositions.contains(small.as_str())
                && !LISTS.definite.contains(small.as_str())
            {
                return Step::To(noun);
            }
            if let Some(subject) = LISTS.determined(&small) {
                return self.determined(noun, at, subject);
            }
            if is_pronoun(&small) || is_and(&small) || is_namelike(&self.words[noun]) {
                return Step::To(noun + 1);
            }
            if noun <= least || self.is_parted(noun) {
                break;
            }
            noun -= 1;
        }
        if is_somebody(&self.small(at - 1)) {
            return Step::Found(Some(Subject::Other));
        }
        if is_title(self.words[at - 1].text) {
            return Step::Found(Some(Subject::Described));
        }
        Step::Edge
    }

    /// Reads a noun phrase from the article at `from`.
    fn determined(&self, from: usize, at: usize, subject: Subject) -> Step {
        let before =
            if from > 0 && !self.is_parted(from) { self.small(from - 1) } else { String::new() };
        if LISTS.prepositions.contains(before.as_str()) {
            return Step::To(from - 1);
        }
        Step::Found(self.noun(from + 1..at, subject))
    }

    fn noun(&self, phrase: Range<usize>, subject: Subject) -> Option<Subject> {
        let words = || phrase.clone().map(|at| self.small(at));
        if words().any(|word| LISTS.things.contains(word.as_str())) {
            return None;
        }
        let is_label = |word: &Word| word.text.chars().nth(1).is_some() && is_generic(word.text);
        let is_participant = self.words[phrase.clone()].iter().any(is_label);
        Some(if is_participant { Subject::Same } else { subject })
    }

    /// Whom the verb is about by what stands behind it: `said Ana`, `meinte seine Frau`.
    fn behind(&self) -> Option<Subject> {
        // Whom somebody tells or asks stands behind the verb, and what they explain.
        const ENGLISH: [&str; 28] = [
            "tell",
            "told",
            "tells",
            "ask",
            "asked",
            "asks",
            "added",
            "adds",
            "explained",
            "explains",
            "answered",
            "answers",
            "noted",
            "recalled",
            "remembered",
            "admitted",
            "reported",
            "mentioned",
            "mentions",
            "stated",
            "wrote",
            "writes",
            "put it",
            "puts it",
            "concluded",
            "let us write",
            "insisted",
            "commented",
        ];
        let verb = self.text[self.verb.clone()].to_lowercase();
        let at = self.words.partition_point(|word| word.start < self.verb.end);
        let Some(word) = self.words.get(at) else { return self.first() };
        let is_beside = self.text.get(self.verb.end..word.start).is_some_and(|gap| gap == " ");
        let is_asked = ["tell", "told", "tells", "ask", "asked", "asks"].contains(&verb.as_str());
        if !is_beside || is_asked {
            return self.first();
        }
        if is_namelike(word) {
            let is_more = |at: usize| {
                let is_joined = self.words[at].start == self.words[at - 1].end() + 1;
                is_joined && is_namelike(&self.words[at])
            };
            let mut end = at + 1;
            while end < self.words.len() && is_more(end) {
                end += 1;
            }
            let is_one = end == at + 1 && !word.has_title && is_somebody(&self.small(at));
            return Some(if is_one { Subject::Described } else { Subject::Named(at, end) });
        }
        let small = self.small(at);
        let next = self.words.get(at + 1).filter(|next| next.start == word.end() + 1);
        if let Some(subject) = LISTS.determined(&small)
            && let Some(next) = next
            && !ENGLISH.contains(&verb.as_str())
        {
            // `disse a Ana`
            if is_namelike(next) && ["o", "a"].contains(&small.as_str()) {
                return Some(Subject::Named(at + 1, at + 2));
            }
            let end = (at + 1 + MOST_IN_PHRASE).min(self.words.len());
            return self.noun(at + 1..end.min(at + 3), subject);
        }
        let is_narrator = is_narrator(&small) && word.text != "i";
        if is_narrator { Some(Subject::Narrator) } else { self.first() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::name_words::words;
    use super::*;

    /// Whom the last verb of speech is about, by name where there is one.
    fn of(text: &str) -> String {
        let words = words(text);
        let verb = told::verbs(text).pop().expect("a verb");
        match (Clause { text, words: &words, verb }).subject() {
            Some(Subject::Named(from, to)) => {
                text[words[from].start..words[to - 1].end()].to_owned()
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_capitalised_group_beside_a_verb_of_speech_is_a_name() {
        for (text, who) in [
            ("Karl-Heinz said:", "Karl-Heinz"),
            ("McKenzie said:", "McKenzie"),
            ("JP said:", "JP"),
            ("April then quietly told me", "April"),
            ("Will asked for a scanner", "Will"),
            ("His sister Mina said", "Mina"),
            ("Seine Tochter Mina sagte:", "Mina"),
            ("Ana from the bakery said", "Ana"),
            ("Jan de Vries zei:", "Jan de Vries"),
            ("Dann sagte Ana:", "Ana"),
            ("Am Abend erzählte Frau Klein:", "Frau Klein"),
            ("Ana lui a dit:", "Ana"),
            ("O João disse:", "João"),
            ("disse a Ana", "Ana"),
            ("Beim Kaffee sagte Uli:", "Uli"),
            ("\"Yes,\" said Ana Lee.", "Ana Lee"),
        ] {
            assert_eq!(of(text), who, "{text}");
        }
    }

    #[test]
    fn whoever_is_not_named_is_told_from_who_was_named_before() {
        for (text, who) in [
            ("His wife said:", "Some(Other)"),
            ("The receptionist said:", "Some(Described)"),
            ("the man at the till said:", "Some(Described)"),
            ("Die Verkäuferin sagte:", "Some(Described)"),
            ("Später meinte seine Frau:", "Some(Other)"),
            ("Su hermana me dijo:", "Some(Other)"),
            ("Ana's husband said:", "Some(Other)"),
            ("Customers said:", "Some(Described)"),
            ("His wife came in and said:", "Some(Other)"),
            ("Die Verkäuferin lachte und sagte:", "Some(Described)"),
            ("His wife, a nurse, said:", "Some(Other)"),
            ("Beim Kaffee fragte ich Uli:", "Some(Narrator)"),
            ("Zuhause sagte sie:", "Some(Same)"),
            ("The first time he laughed and said:", "Some(Same)"),
            ("The app crashed and asked for a code", "None"),
            ("Nurse said:", "Some(Described)"),
            ("She then told me:", "Some(Same)"),
            ("He'd say it and sighed:", "Some(Same)"),
            ("Told me", "Some(Same)"),
            ("Asked about the app:", "Some(Same)"),
            ("Me dijo:", "Some(Same)"),
            ("Ze zei:", "Some(Same)"),
            ("The participant said:", "Some(Same)"),
            ("Uwe, Fischer, erzählte:", "Some(Same)"),
            ("I asked her:", "Some(Narrator)"),
            ("The app asked for a code", "None"),
            ("I read the answers", "None"),
        ] {
            assert_eq!(of(text), who, "{text}");
        }
    }
}
