//! Recognises columns and sheets in which staff, researchers or enumerators wrote about
//! participants.
//!
//! Owns the words that name them, in the languages that research is written in, and the columns
//! that some of them need beside them. Does not look at values.

use std::collections::HashSet;

use super::moderator;
use super::names::normalise;

/// People who write notes, comments and replies about participants; those whose role is to ask are
/// in `moderator`.
const STAFF: [&str; 49] = [
    "staff",
    "agent",
    "observer",
    "enumerator",
    "surveyor",
    "internal",
    "csm",
    "analyst",
    "coder",
    "rep",
    "fieldworker",
    // German
    "bearbeiter",
    "bearbeiterin",
    "beobachter",
    "beobachterin",
    "beobachtungs",
    "moderatoren",
    "moderations",
    "intern",
    "interne",
    "interner",
    "internes",
    "betreuer",
    "betreuerin",
    // Spanish and Portuguese
    "agente",
    "observador",
    "observadora",
    "enumerador",
    "enumeradora",
    "encuestador",
    "encuestadora",
    "interno",
    "interna",
    "internos",
    "internas",
    "facilitador",
    "facilitadora",
    "recenseador",
    // French
    "observateur",
    "observatrice",
    "enqueteur",
    "animateur",
    "animatrice",
    "internes",
    "conseiller",
    // Italian
    "osservatore",
    "rilevatore",
    "interni",
    "facilitatore",
];

/// People who reply to participants in public. Only a reply counts as theirs: a `hotel comment` is
/// what a participant thinks of the hotel.
const REPLIERS: [&str; 59] = [
    "property",
    "hotel",
    "hôtel",
    "restaurant",
    "management",
    "manager",
    "établissement",
    "etablissement",
    "gérant",
    "gestore",
    "struttura",
    "direzione",
    "dirección",
    "direção",
    "eigenaar",
    "właściciel",
    "właściciela",
    "ägare",
    "ägaren",
    "ejer",
    "eier",
    "sahibi",
    "omistaja",
    "owner",
    "developer",
    "dev",
    "support",
    "seller",
    "merchant",
    "host",
    "company",
    "business",
    "brand",
    "shop",
    "team",
    "vendor",
    "admin",
    "mitarbeiter",
    "händler",
    "kundendienst",
    "entwickler",
    "inhaber",
    "propietario",
    "desarrollador",
    "soporte",
    "empresa",
    "vendedor",
    "proprietário",
    "desenvolvedor",
    "suporte",
    "propriétaire",
    "développeur",
    "entreprise",
    "vendeur",
    "proprietario",
    "sviluppatore",
    "assistenza",
    "azienda",
    "venditore",
];

/// Notes to oneself or to colleagues: a column named by these words alone is staff's.
const NOTES: [&str; 24] = [
    "note",
    "notes",
    "memo",
    "memos",
    "notiz",
    "notizen",
    "vermerk",
    "vermerke",
    "nota",
    "notas",
    "apunte",
    "apuntes",
    "anotação",
    "anotações",
    "mémo",
    "mémos",
    "appunto",
    "appunti",
    "observation",
    "observations",
    "beobachtung",
    "beobachtungen",
    "osservazione",
    "osservazioni",
];

/// Comments, which may be anybody's: staff's where the name says so, or beside coded passages.
const COMMENTS: [&str; 32] = [
    "comment",
    "comments",
    "remark",
    "remarks",
    "kommentar",
    "kommentare",
    "anmerkung",
    "anmerkungen",
    "bemerkung",
    "bemerkungen",
    "comentario",
    "comentarios",
    "observación",
    "observacion",
    "observaciones",
    "commentaire",
    "commentaires",
    "remarque",
    "remarques",
    "comentário",
    "comentários",
    "observação",
    "observações",
    "observacao",
    "observacoes",
    "commento",
    "commenti",
    "osservazione",
    "osservazioni",
    "observation",
    "observations",
    "annotation",
];

/// Replies: staff's where the name says who replies, or beside a review or a comment.
const REPLIES: [&str; 23] = [
    "reactie",
    "odpowiedź",
    "yanıt",
    "yanıtı",
    "vastaus",
    "返信",
    "답변",
    "reply",
    "replies",
    "response",
    "responses",
    "antwort",
    "antworten",
    "respuesta",
    "respuestas",
    "réponse",
    "réponses",
    "reponse",
    "resposta",
    "respostas",
    "risposta",
    "risposte",
    "svar",
];

/// Words that may stand between what was written and who wrote it, as in
/// `notes of the interviewer`.
const BY: [&str; 22] = [
    "van", "från", "fra", "od", "of", "by", "from", "the", "de", "del", "la", "da", "do", "du",
    "des", "l", "di", "dell", "della", "von", "vom", "der",
];

/// Words for free text beside which a column named by [`REPLIES`] alone is staff's.
const REVIEWS: [&str; 9] = [
    "review",
    "reviews",
    "feedback",
    "bewertung",
    "rezension",
    "reseña",
    "avis",
    "avaliação",
    "recensione",
];

/// Words for coded passages, beside which a column named by [`COMMENTS`] alone is the coder's.
const PASSAGES: [&str; 9] = [
    "segment",
    "quotation",
    "excerpt",
    "highlight",
    "clip",
    "textstelle",
    "zitat",
    "extrait",
    "cita",
];

/// Words that, before one of [`NOTES`], name a sheet about what researchers watched:
/// `session notes`.
const WATCHED: [&str; 6] = ["clip", "clips", "session", "field", "debrief", "feld"];

/// Most words in the name of a column or sheet of staff's; a longer name is a sentence.
const MOST_PARTS: usize = 6;

/// The names of those columns that staff filled in. Each comes with whether it holds free text: a
/// reply or a comment is only known as staff's beside a column that does.
pub(super) fn columns<'a>(columns: impl Iterator<Item = (&'a str, bool)>) -> HashSet<&'a str> {
    let mut has_review = false;
    let mut has_comment = false;
    let mut has_passage = false;
    let mut some = Vec::new();
    for (name, is_free) in columns {
        let parts = parts(name);
        if parts.len() > MOST_PARTS {
            continue;
        }
        let has = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
        let is_reply = has(&REPLIES);
        has_review |= is_free && !is_reply && has(&REVIEWS);
        has_comment |= is_free && !is_reply && has(&["comment", "comments"]);
        has_passage |= is_free && has(&PASSAGES);
        if is_reply || has(&NOTES) || has(&COMMENTS) || parts.iter().any(|part| is_compound(part)) {
            some.push((name, parts));
        }
    }
    let is_staffs = |name: &str, parts: &[String]| {
        let is_only = |words: &[&str]| parts.iter().all(|part| words.contains(&part.as_str()));
        let is_text = |words: &[&str]| {
            is_only(words)
                || parts.last().is_some_and(|last| last == "text")
                    && parts.len() == 2
                    && words.contains(&parts[0].as_str())
        };
        !name.ends_with(['?', '？'])
            && (is_by_staff(parts)
                || is_only(&NOTES)
                || has_passage && is_only(&COMMENTS)
                || has_review && is_text(&REPLIES)
                || has_comment && is_text(&["reply", "replies"]))
    };
    let found = some.into_iter().filter(|(name, parts)| is_staffs(name, parts));
    found.map(|(name, _)| name).collect()
}

/// Whether the name of a sheet says that it holds nothing but staff's notes.
pub(super) fn is_sheet(name: &str) -> bool {
    let parts = parts(name);
    let is_in = |part: &String, words: &[&str]| words.contains(&part.as_str());
    let watched = parts.windows(2).any(|pair| is_in(&pair[0], &WATCHED) && is_in(&pair[1], &NOTES));
    parts.len() <= MOST_PARTS && (watched || is_by_staff(&parts))
}

/// Whether a name says that staff wrote the column: `staff comment`, `notes of the interviewer`,
/// `observaciones_enumerador`, but not `comments on staff`.
fn is_by_staff(parts: &[String]) -> bool {
    let parts: Vec<&str> =
        parts.iter().map(String::as_str).filter(|part| !BY.contains(part)).collect();
    let is_pair = |who: &str, what: &str| {
        let is_what = |words: &[&str]| words.contains(&what);
        is_staff(who) && (is_what(&NOTES) || is_what(&COMMENTS) || is_what(&REPLIES))
            || REPLIERS.contains(&who) && is_what(&REPLIES)
    };
    parts.windows(2).any(|pair| is_pair(pair[0], pair[1]) || is_pair(pair[1], pair[0]))
        || parts.iter().any(|part| is_compound(part))
}

/// Whether one word says both what was written and who wrote it: `interviewernotiz`.
fn is_compound(part: &str) -> bool {
    let what = NOTES.iter().chain(&COMMENTS).filter_map(|what| part.strip_suffix(what));
    let mut who = what.map(|who| who.trim_end_matches('s'));
    who.any(|who| {
        let is_named = || STAFF.iter().any(|staff| staff.trim_end_matches('s') == who);
        who.len() > 4 && (moderator::is_role(who) || is_named())
    })
}

fn is_staff(word: &str) -> bool {
    STAFF.contains(&word) || moderator::is_role(word)
}

/// The last part of a path that says what it holds: `owner_reply` of `owner_reply/text`.
fn own_name(path: &str) -> &str {
    const TEXT: [&str; 9] =
        ["text", "texte", "testo", "texto", "tekst", "body", "content", "comment", "value"];
    let mut parts = path.rsplit(['/', '.']);
    let last = parts.next().unwrap_or(path);
    let is_text = TEXT.contains(&normalise(last).as_str());
    parts.next().filter(|_| is_text).unwrap_or(last)
}

/// The words of the last part of a path, in small letters, without the `s` of a genitive.
fn parts(full: &str) -> Vec<String> {
    let is_path = !full.contains(char::is_whitespace);
    let name = if is_path { own_name(full) } else { full };
    let mut spaced = String::with_capacity(name.len());
    let mut before = ' ';
    for c in name.chars() {
        // Splits `staffComment`.
        if c.is_uppercase() && before.is_lowercase() {
            spaced.push(' ');
        }
        spaced.push(c);
        before = c;
    }
    let spaced = spaced.replace("'s ", " ").replace("’s ", " ");
    let words = spaced.split(|c: char| !c.is_alphabetic()).map(normalise);
    words.filter(|word| !word.is_empty()).take(MOST_PARTS + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_staffs(name: &str, beside: &[&str]) -> bool {
        let all = std::iter::once(name).chain(beside.iter().copied());
        columns(all.map(|name| (name, name != "Segment"))).contains(name)
    }

    #[test]
    fn what_staff_write_about_participants_is_known_by_the_name_of_its_column() {
        for name in [
            "Developer Reply Text",
            "risposta_proprietario/testo",
            "Property reply",
            "Réponse de l'établissement",
            "Reactie van eigenaar",
            "staff_comment",
            "grupo_id/observaciones_enumerador",
            "observer_notes",
            "Agent response",
            "interviewer_comments",
            "Internal Comments",
            "internal note",
            "internalNote",
            "Interviewer's notes",
            "Interviewernotizen",
            "Beobachtungsnotiz",
            "Interne Bemerkung",
            "Nota interna",
            "Commentaires de l'enquêteur",
            "Observações do entrevistador",
            "Note dell'intervistatore",
            "Notes",
        ] {
            assert!(is_staffs(name, &[]), "{name}");
        }
        for name in [
            "comment",
            "Comments on staff",
            "staff friendliness comments",
            "support comments",
            "Response",
            "Answer / notes",
            "nurse comments",
            "What comments do you have for our staff?",
            "Any internal notes?",
            "Release notes read",
            "Notebook",
            "developer",
        ] {
            assert!(!is_staffs(name, &[]), "{name}");
        }
    }

    #[test]
    fn a_reply_is_staffs_beside_a_review_and_a_comment_beside_a_passage() {
        assert!(is_staffs("Reply", &["Review text"]));
        assert!(is_staffs("Response", &["Review"]));
        assert!(is_staffs("reply_text", &["comment"]));
        assert!(!is_staffs("Response", &["comment"]));
        assert!(is_staffs("Comment", &["Quotation Content"]));
        for beside in ["Answer", "Segment"] {
            assert!(!is_staffs("Comment", &[beside]));
        }
    }

    #[test]
    fn a_sheet_of_notes_is_known_by_its_name() {
        for name in ["Clip notes", "Observer notes", "Notas del observador"] {
            assert!(is_sheet(name), "{name}");
        }
        for name in ["Answers", "Notes", "Sessions", "Responses"] {
            assert!(!is_sheet(name), "{name}");
        }
    }
}
