//! The dictionary: which folded words are names of people or places or plain words, and which words
//! say something about their neighbours.
//!
//! Owns `lexicon.zip` (names and words, see README.md for the sources), `cues.txt` (lists written
//! by hand), folding, and one table of class bits for both files. How texts use them is in
//! `features.rs`.

use std::io::Read;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

/// The classes that a word has, as a set of the bits below.
pub(super) type Classes = u64;

/// Declares the classes with their bits and the names that the two files use.
macro_rules! classes {
    ($($name:ident = $bit:literal, $label:literal;)+) => {
        $(pub(super) const $name: Classes = 1 << $bit;)+
        const LABELS: &[(&str, Classes)] = &[$(($label, $name)),+];
    };
}

classes! {
    GIVEN = 0, "g";
    SURNAME = 1, "s";
    RARE_SURNAME = 2, "t";
    CITY = 3, "c";
    REGION = 4, "r";
    TOP_WORD = 5, "w";
    COMMON_WORD = 6, "x";
    RARE_WORD = 7, "y";
    FOREIGN_FUNCTION = 8, "f";
    FOREIGN_WORD = 9, "l";
    // Set on tokens by features.rs: part of a place name of several words. The dictionary itself
    // sets `STARTS_PHRASE` on the first words of such names.
    PLACE_PHRASE = 10, "(place phrase)";
    STARTS_PHRASE = 11, "(starts phrase)";
    TITLE = 12, "title";
    KIN = 13, "kin";
    NAME_WORD = 14, "nameword";
    SAY = 15, "say";
    MET = 16, "met";
    GREET = 17, "greet";
    FROM = 18, "from";
    IN = 19, "in";
    TO = 20, "to";
    AT = 21, "at";
    OF = 22, "of";
    BY = 23, "by";
    LIVE = 24, "live";
    WORK = 25, "work";
    STUDY = 26, "study";
    ORG_SUFFIX = 27, "orgsuffix";
    ORG_HEAD = 28, "orghead";
    STREET = 29, "street";
    UNIT = 30, "unit";
    PO_BOX = 31, "pobox";
    ADDRESS_WORD = 32, "addressword";
    PARTICLE = 33, "particle";
    DAY = 34, "day";
    MONTH = 35, "month";
    NATION = 36, "nation";
    JOB = 37, "job";
    PRODUCT = 38, "product";
    DIRECTION = 39, "direction";
    CONTACT = 40, "contact";
    BE = 41, "be";
    POSSESSIVE_PRONOUN = 42, "poss";
    PRONOUN = 43, "pronoun";
    AND = 44, "and";
    DETERMINER = 45, "det";
    MODAL = 46, "modal";
    QUESTION = 47, "wh";
    GERMAN = 48, "german";
}

pub(super) const ANY_WORD: Classes =
    TOP_WORD | COMMON_WORD | RARE_WORD | FOREIGN_FUNCTION | FOREIGN_WORD;
pub(super) const ANY_NAME: Classes = GIVEN | SURNAME | RARE_SURNAME;
pub(super) const ANY_PLACE: Classes = CITY | REGION;

/// Longest place name, in words.
pub(super) const PHRASE_WORDS: usize = 5;
/// Longest word that is looked up, in bytes; a longer run of letters is not a name.
const WORD_BYTES: usize = 96;

/// Classes by folded word, or by folded words with single spaces between. An open-addressing table
/// of its own: filling one from the standard library would take longer than all the rest of
/// loading.
pub(super) struct Lexicon {
    /// The words, each followed by a line end.
    text: String,
    /// For each word, in the slot of its hash: where it stands in `text`, and its length; 0 is a
    /// free slot.
    slots: Vec<(u32, u16, u16)>, // (start, bytes, index in `sets`)
    /// The distinct sets of classes; slots refer to them by index.
    sets: Vec<Classes>,
}

/// Number of slots, a power of two above twice the number of words.
const SLOTS: usize = 1 << 19;

static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::load);

/// The dictionary, read at first use.
pub(super) fn lexicon() -> &'static Lexicon {
    &LEXICON
}

impl Lexicon {
    fn load() -> Self {
        let label = |name: &str| {
            let found = LABELS.iter().find(|(label, _)| *label == name);
            found.map(|(_, class)| *class).expect("the files name only known classes")
        };
        let mut text = inflate(include_bytes!("lexicon.zip"));
        let listed = text.len();
        text.push_str(include_str!("cues.txt"));
        let mut lexicon =
            Self { text: String::new(), slots: vec![(0, 0, 0); SLOTS], sets: vec![0] };
        let mut classes = 0;
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let word = line.trim_end();
            if let Some(comment) = word.strip_prefix('#') {
                // In the list of names, `#` begins a heading: the labels of the classes of the
                // words below.
                if start < listed {
                    classes = comment.split("").filter(|l| !l.is_empty()).map(label).sum();
                }
            } else if start < listed {
                lexicon.add(&text, start, word.len(), classes);
                if let Some((first, _)) = word.split_once(' ') {
                    lexicon.add(&text, start, first.len(), STARTS_PHRASE);
                }
            } else {
                let (class, words) = word.split_once(':').expect("a line of cues has a class");
                let class = label(class);
                for cue in words.split_whitespace() {
                    let at = cue.as_ptr() as usize - text.as_ptr() as usize;
                    lexicon.add(&text, at, cue.len(), class);
                }
            }
            start += line.len();
        }
        lexicon.text = text;
        lexicon
    }

    /// Adds classes to the word at `start` of `text`, which becomes `self.text` later.
    fn add(&mut self, text: &str, start: usize, length: usize, classes: Classes) {
        let slot = self.slot(text, &text[start..start + length]);
        let (_, bytes, set) = self.slots[slot];
        let classes = classes | if bytes == 0 { 0 } else { self.sets[set as usize] };
        // Searched from the end: words of the same classes stand together in the files.
        let known = self.sets.iter().rposition(|set| *set == classes);
        let set = known.unwrap_or_else(|| {
            self.sets.push(classes);
            self.sets.len() - 1
        });
        self.slots[slot] = (start as u32, length as u16, set as u16);
    }

    /// The classes of a folded word, or of folded words with single spaces between.
    pub(super) fn classes(&self, folded: &str) -> Classes {
        self.sets[self.slots[self.slot(&self.text, folded)].2 as usize]
    }

    /// The slot that holds `word`, or the free one that it would take.
    fn slot(&self, text: &str, word: &str) -> usize {
        let mut at = hash(word.as_bytes()) as usize % SLOTS;
        loop {
            let (start, length, _) = self.slots[at];
            let held = &text.as_bytes()[start as usize..start as usize + length as usize];
            if length == 0 || held == word.as_bytes() {
                return at;
            }
            at = (at + 1) % SLOTS;
        }
    }
}

/// Writes `word` to `out` in lower case, without accents, zero-width characters and width variants.
/// A word that is too long to be a name gives an empty `out`.
pub(super) fn fold(word: &str, out: &mut String) {
    out.clear();
    if word.len() > WORD_BYTES {
        return;
    }
    if word.is_ascii() {
        out.push_str(word);
        out.make_ascii_lowercase();
        return;
    }
    let lower = unmixed(word.to_lowercase());
    let plain = lower.nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c) && !is_zero_width(*c));
    let mut spelt = String::with_capacity(lower.len());
    for c in plain {
        match c {
            'ø' => spelt.push('o'),
            'ł' => spelt.push('l'),
            'đ' | 'ð' | 'þ' => spelt.push('d'),
            'ß' => spelt.push_str("ss"),
            'æ' => spelt.push_str("ae"),
            'œ' => spelt.push_str("oe"),
            'ı' => spelt.push('i'),
            'ς' => spelt.push('σ'),
            c => spelt.push(c),
        }
    }
    out.extend(spelt.nfc());
}

/// Letters of another script that look like Latin ones, and those Latin ones. A capital's Latin
/// twin may differ from the small letter's, so that one Latin letter can stand for two.
const CYRILLIC_TWINS: (&str, &str) = ("авсенікмортухјѕ", "abcehikmoptyxjs");
const GREEK_TWINS: (&str, &str) = ("αβεζηικμνορτυχν", "abezhikmnoptyxv");

/// A word in one script only: look-alike letters of the other script are replaced, whether they
/// were put there to hide a word or by a layer that turned all look-alikes into Latin, as in
/// `Cвeтлaнa`.
fn unmixed(lower: String) -> String {
    let is_cyrillic = |c: char| ('\u{400}'..='\u{52f}').contains(&c);
    let is_greek = |c: char| ('\u{370}'..='\u{3ff}').contains(&c);
    let (foreign, latin) = if lower.contains(is_cyrillic) {
        CYRILLIC_TWINS
    } else if lower.contains(is_greek) {
        GREEK_TWINS
    } else {
        return lower;
    };
    if !lower.contains(|c: char| c.is_ascii_alphabetic()) {
        return lower;
    }
    let replace = |from: &str, to: &str| -> String {
        let twin = |c: char| from.chars().position(|f| f == c).and_then(|at| to.chars().nth(at));
        lower.chars().map(|c| twin(c).unwrap_or(c)).collect()
    };
    // A letter without a twin shows that the other script is meant.
    let disguised = lower.chars().all(|c| c.is_ascii() || foreign.contains(c));
    if disguised { replace(foreign, latin) } else { replace(latin, foreign) }
}

/// Whether a character joins nothing and shows nothing, as soft hyphens and zero-width spaces do.
pub(super) fn is_zero_width(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

fn inflate(archive: &'static [u8]) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive))
        .expect("the compiled-in dictionary is a ZIP archive");
    let mut file = archive.by_index(0).expect("the dictionary's archive holds one file");
    let mut text = String::with_capacity(file.size() as usize);
    file.read_to_string(&mut text).expect("the compiled-in dictionary is UTF-8");
    text
}

/// A quick hash. It need not resist collisions: nobody else can choose the words.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    hash >> 32
}
