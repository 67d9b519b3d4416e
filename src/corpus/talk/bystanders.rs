//! Who is present in a conversation and no party to it: observers, interpreters, the chat system.
//!
//! Owns the names of these parts. Observers may ask; what interpreters say was said by others before,
//! and what a system says, or researchers remark in between, is nobody's.

use super::moderator;
use super::speakers::is_note_word;
use crate::corpus::names::normalise;

/// People who are present and not interviewed, beside those who ask.
const WATCHING: [&str; 13] = [
    "observer",
    "observers",
    "notetaker",
    "scribe",
    "transcriber",
    "protokoll",
    "beobachter",
    "observador",
    "observadora",
    "observateur",
    "observatrice",
    "osservatore",
    "notulist",
];

/// People who say in another language what others said.
const INTERPRETING: [&str; 43] = [
    "interpreter",
    "translator",
    "dolmetscher",
    "dolmetscherin",
    "übersetzer",
    "übersetzerin",
    "sprachmittler",
    "sprachmittlerin",
    "intérprete",
    "traductor",
    "traductora",
    "tradutor",
    "tradutora",
    "interprète",
    "traducteur",
    "traductrice",
    "interprete",
    "traduttore",
    "traduttrice",
    "tolk",
    "vertaler",
    "tłumacz",
    "tłumaczka",
    "tlumočník",
    "tlumočnice",
    "tulkki",
    "tercüman",
    "çevirmen",
    "переводчик",
    "переводчица",
    "翻译",
    "翻譯",
    "口译",
    "口译员",
    "口譯",
    "通訳",
    "通訳者",
    "통역",
    "통역사",
    "مترجم",
    "المترجم",
    "المترجمة",
    "दुभाषिया",
];

/// Labels under which a chat itself says who came and how long it takes.
const SYSTEMS: [&str; 9] =
    ["system", "sistema", "système", "systeem", "система", "系统", "系統", "システム", "시스템"];

/// Words for what researchers write between the words of others, beside those of `is_note_word`.
const REMARKS: [&str; 18] = [
    "comment",
    "comments",
    "remark",
    "remarks",
    "memo",
    "kommentar",
    "anmerkung",
    "bemerkung",
    "commentaire",
    "remarque",
    "comentario",
    "comentarios",
    "comentário",
    "commento",
    "note",
    "nota",
    "opmerking",
    "notitie",
];

/// Whether a label is that of somebody who is present and neither asks nor answers: `Observer`,
/// `Jonas (Observer)`.
pub(super) fn is_watching(label: &str) -> bool {
    is_one_of(&WATCHING, label)
}

/// Whether a label is that of somebody who interprets between the others, whatever their number.
pub(super) fn interprets(label: &str) -> bool {
    is_one_of(&INTERPRETING, label)
}

/// Whether a label is that of a remark by those who do the study: `Researcher's note`,
/// `Nota della ricercatrice`.
pub(crate) fn is_remark(label: &str) -> bool {
    let is_note = |word: &str| is_note_word(word) || REMARKS.contains(&normalise(word).as_str());
    label.split_whitespace().nth(1).is_some()
        && label.split_whitespace().any(is_note)
        && moderator::is_role(label)
}

/// Whether a label is that of the system in which a chat takes place.
pub(super) fn is_system(label: &str) -> bool {
    SYSTEMS.contains(&normalise(label).as_str())
}

/// Whether a label is what a program calls somebody whose voice it does not know: `Unknown Speaker`.
pub(super) fn is_unknown(label: &str) -> bool {
    const UNKNOWN: [&str; 16] = [
        "unknown",
        "unidentified",
        "unbekannt",
        "unbekannte",
        "unbekannter",
        "inconnu",
        "inconnue",
        "desconocido",
        "desconocida",
        "desconhecido",
        "desconhecida",
        "sconosciuto",
        "onbekend",
        "onbekende",
        "okänd",
        "nieznany",
    ];
    label.split_whitespace().any(|word| UNKNOWN.contains(&normalise(word).as_str()))
}

fn is_one_of(words: &[&str], label: &str) -> bool {
    let is_word = |part: &str| {
        let part = normalise(part);
        words.contains(&part.trim_end_matches(|c: char| c.is_ascii_digit()))
    };
    is_word(label) || in_brackets(label).is_some_and(is_word)
}

/// What stands in brackets behind a name.
pub(super) fn in_brackets(label: &str) -> Option<&str> {
    let (_, bracket) = label.split_once(['(', '（'])?;
    Some(bracket.trim_end_matches([')', '）']).trim())
}
