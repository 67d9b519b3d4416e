//! Recognises columns and sheets in which staff, researchers or enumerators wrote about
//! participants.
//!
//! Owns the words that name them, in the languages that research is written in, and the columns
//! that some of them need beside them. Does not look at values. Most of its length is lists of words,
//! which are read with the rule that uses them.

use std::collections::HashSet;

use crate::corpus::names::{apart_at_capitals, is_context, normalise};
use crate::corpus::talk::moderator;

/// People who write notes, comments and replies about participants; those whose role is to ask are
/// in `moderator`.
const STAFF: [&str; 59] = [
    "our",
    "us",
    "hr",
    "rh",
    "qa",
    "transcriber",
    "translator",
    "annotator",
    "notetaker",
    "bearbeitung",
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
const REPLIERS: [&str; 68] = [
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
    "ontwikkelaar",
    "utvecklaren",
    "udvikler",
    "utvikler",
    "dewelopera",
    "programisty",
    "vývojáře",
    "разработчика",
    "geliştirici",
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
const REPLIES: [&str; 26] = [
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
    "odpověď",
    "ответ",
    "yanıtları",
];

/// Of these, those that no survey calls an answer of its own by.
const OWN_REPLIES: [&str; 2] = ["reply", "replies"];

/// Ends of compounds for a reply in scripts that part no words, and who replies.
const UNSPACED_REPLIES: [&str; 7] = ["回复", "回覆", "回應", "返信", "返答", "답변", "답글"];
const UNSPACED_REPLIERS: [&str; 15] = [
    "开发者",
    "開發者",
    "開発者",
    "開発元",
    "デベロッパー",
    "商家",
    "店家",
    "卖家",
    "客服",
    "店舗",
    "オーナー",
    "개발자",
    "판매자",
    "사장님",
    "업체",
];

/// Words for a rating, beside which a `reply` is staff's where a review or the time of a reply is
/// told, too.
const RATINGS: [&str; 22] = [
    "rating",
    "ratings",
    "score",
    "stars",
    "star",
    "bewertung",
    "sterne",
    "puntuación",
    "calificación",
    "estrellas",
    "étoiles",
    "avaliação",
    "estrelas",
    "valutazione",
    "stelle",
    "beoordeling",
    "sterren",
    "betyg",
    "ocena",
    "hodnocení",
    "оценка",
    "puan",
];

/// Words of columns that app stores write beside a review.
const OF_REVIEWS: [&str; 5] = ["replied", "review", "reviewer", "reviews", "thumbs"];

/// Answers to participants, known by a word for who answers: `support answer`.
const ANSWERS: [&str; 2] = ["answer", "answers"];

/// Words for what researchers make of what was said: a column named by these alone is theirs.
const ANALYSES: [&str; 28] = [
    "takeaway",
    "takeaways",
    "insight",
    "insights",
    "finding",
    "findings",
    "interpretation",
    "interpretations",
    "hypothesis",
    "hypotheses",
    "analysis",
    "synthesis",
    "resolution",
    "erkenntnis",
    "erkenntnisse",
    "hypothese",
    "hypothesen",
    "hallazgo",
    "hallazgos",
    "interpretación",
    "hipótesis",
    "constat",
    "constats",
    "interprétation",
    "achado",
    "achados",
    "interpretação",
    "interpretazione",
];

/// Words that may stand beside those of [`ANALYSES`].
const OF_ANALYSES: [&str; 17] = [
    "key",
    "main",
    "our",
    "my",
    "initial",
    "session",
    "interview",
    "research",
    "researcher",
    "interviewer",
    "call",
    "design",
    "ux",
    "notes",
    "und",
    "and",
    "theme",
];

/// Summaries: the participant's own, as the title of a review is, unless the name says whose or of
/// what.
const SUMMARIES: [&str; 8] = [
    "summary",
    "zusammenfassung",
    "resumen",
    "résumé",
    "resumo",
    "riassunto",
    "samenvatting",
    "reading",
];

/// What researchers and staff write summaries of.
const SUMMED_UP: [&str; 13] = [
    "session",
    "interview",
    "call",
    "conversation",
    "meeting",
    "research",
    "ai",
    "auto",
    "sitzungs",
    "sesión",
    "entretien",
    "entrevista",
    "intervista",
];

/// Names of columns with what is to be done, in words of staff's.
const TO_DO: [&[&str]; 8] = [
    &["action", "items"],
    &["next", "steps"],
    &["next", "step"],
    &["nächste", "schritte"],
    &["próximos", "pasos"],
    &["próximos", "passos"],
    &["prochaines", "étapes"],
    &["prossimi", "passi"],
];

/// Words that may stand between what was written and who wrote it, as in
/// `notes of the interviewer`.
const BY: [&str; 26] = [
    "dello", "degli", "dei", "dal", "van", "från", "fra", "od", "of", "by", "from", "the", "de",
    "del", "la", "da", "do", "du", "des", "l", "di", "dell", "della", "von", "vom", "der",
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

/// Words for free text beside which a column named `reply` is staff's. A `response` may be the
/// participant's to a message that is tested.
const TO_REPLY_TO: [&str; 6] =
    ["comment", "comments", "message", "complaint", "inquiry", "enquiry"];

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

/// Words for conversations, beside which a column named by [`SUMMARIES`] alone is not the
/// participant's.
const TRANSCRIPTS: [&str; 8] = [
    "transcript",
    "transcription",
    "conversation",
    "dialogue",
    "transkript",
    "transcripción",
    "trascrizione",
    "transcrição",
];

/// Words that, before one of [`NOTES`], name a sheet about what researchers watched:
/// `session notes`.
const WATCHED: [&str; 6] = ["clip", "clips", "session", "field", "debrief", "feld"];

/// Words that, before one of [`NOTES`], name what somebody who sells or helps wrote about a customer,
/// beside a column that holds the customer's words: `call notes`.
const DEALT_WITH: [&str; 10] =
    ["call", "sales", "account", "case", "deal", "crm", "triage", "visit", "opportunity", "kunden"];

/// Most words in the name of a column or sheet of staff's; a longer name is a sentence.
const MOST_PARTS: usize = 6;

/// The names of those columns that staff filled in. Each comes with whether it holds free text: a
/// reply or a comment is only known as staff's beside a column that does.
pub(crate) fn columns<'a>(columns: impl Iterator<Item = (&'a str, bool)>) -> HashSet<&'a str> {
    let mut has_review = false;
    let mut has_comment = false;
    let mut has_passage = false;
    let mut has_transcript = false;
    let mut has_words = false;
    let (mut has_rating, mut is_of_store, mut has_text) = (false, false, false);
    let mut some = Vec::new();
    for (name, is_free) in columns {
        let parts = parts(name);
        if is_unspaced_reply(name) {
            some.push((name, parts));
            continue;
        }
        if parts.len() > MOST_PARTS {
            has_words |= is_free;
            continue;
        }
        let has = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
        let is_reply = has(&REPLIES);
        let is_rating = has(&RATINGS);
        has_rating |= is_rating;
        is_of_store |= has(&OF_REVIEWS);
        has_text |= is_free && !is_reply && !is_rating && !is_context(name);
        has_review |= is_free && !is_reply && has(&REVIEWS) && !is_context(name);
        has_comment |= is_free && !is_reply && has(&TO_REPLY_TO);
        has_passage |= is_free && has(&PASSAGES);
        has_transcript |= is_free && has(&TRANSCRIPTS);
        let is_written = is_reply || has(&NOTES) || has(&COMMENTS) || has(&ANSWERS);
        let is_written = is_written || has(&SUMMARIES);
        has_words |= is_free && !is_written;
        if is_written || is_analysis(&parts) || parts.iter().any(|part| is_compound(part)) {
            some.push((name, parts));
        }
    }
    let is_by_staff_name = |name: &str, parts: &[String]| {
        let is_only = |words: &[&str]| parts.iter().all(|part| words.contains(&part.as_str()));
        let is_text = |words: &[&str]| {
            is_only(words)
                || parts.last().is_some_and(|last| TEXT.contains(&last.as_str()))
                    && parts.len() == 2
                    && words.contains(&parts[0].as_str())
        };
        !name.ends_with(['?', '？'])
            && (is_by_staff(parts)
                || is_unspaced_reply(name)
                || is_analysis(parts)
                || is_only(&NOTES)
                || has_words && are_notes_on(parts, &DEALT_WITH)
                || has_passage && is_only(&COMMENTS)
                || has_transcript && is_only(&SUMMARIES)
                || has_review && is_text(&REPLIES)
                || (has_comment || has_rating && is_of_store && has_text) && is_text(&OWN_REPLIES))
    };
    let found = some.into_iter().filter(|(name, parts)| is_by_staff_name(name, parts));
    found.map(|(name, _)| name).collect()
}

/// Whether a name is only a word for notes or findings, which may be a participant's own.
pub(crate) fn may_be_own(name: &str) -> bool {
    let is_bare =
        |part: &String| NOTES.contains(&part.as_str()) || ANALYSES.contains(&part.as_str());
    parts(name).iter().all(is_bare)
}

/// Whether the name of a sheet says that it holds nothing but staff's notes.
pub(crate) fn is_sheet(name: &str) -> bool {
    let parts = parts(name);
    parts.len() <= MOST_PARTS && (are_notes_on(&parts, &WATCHED) || is_by_staff(&parts))
}

/// Whether a name says `notes` right behind one of some words.
fn are_notes_on(parts: &[String], what: &[&str]) -> bool {
    let is_in = |part: &String, words: &[&str]| words.contains(&part.as_str());
    parts.windows(2).any(|pair| is_in(&pair[0], what) && is_in(&pair[1], &NOTES))
}

/// Whether a name says that staff wrote the column: `staff comment`, `notes of the interviewer`,
/// `observaciones_enumerador`, but not `comments on staff`.
fn is_by_staff(parts: &[String]) -> bool {
    let parts: Vec<&str> =
        parts.iter().map(String::as_str).filter(|part| !BY.contains(part)).collect();
    let is_pair = |who: &str, what: &str| {
        let is_what = |words: &[&str]| words.contains(&what);
        let is_reply = is_what(&REPLIES) || is_what(&ANSWERS);
        is_staff(who) && (is_what(&NOTES) || is_what(&COMMENTS) || is_reply)
            // `Antwort des Entwicklers`
            || is_reply && (REPLIERS.contains(&who) || who.strip_suffix('s').is_some_and(|who| REPLIERS.contains(&who)))
    };
    parts.windows(2).any(|pair| is_pair(pair[0], pair[1]) || is_pair(pair[1], pair[0]))
        || parts.iter().any(|part| is_compound(part))
}

/// Whether a name says that the column holds what researchers make of what was said, or what staff
/// are to do: `key takeaways`, `session summary`, `next steps`.
fn is_analysis(parts: &[String]) -> bool {
    let has = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
    let is_known =
        |part: &String| ANALYSES.contains(&part.as_str()) || OF_ANALYSES.contains(&part.as_str());
    let is_of_staff = || has(&SUMMED_UP) || parts.iter().any(|part| is_staff(part));
    has(&ANALYSES) && parts.iter().all(is_known)
        || has(&SUMMARIES) && parts.len() <= 3 && is_of_staff()
        || TO_DO.iter().any(|words| parts.iter().map(String::as_str).eq(words.iter().copied()))
}

/// Whether one word says both that it is a reply and whose: `开发者回复`.
fn is_unspaced_reply(name: &str) -> bool {
    let who = UNSPACED_REPLIES.iter().filter_map(|reply| name.trim().strip_suffix(reply));
    let mut who = who.map(|who| who.trim_end_matches("からの").trim_end_matches(['の', '的', ' ']));
    who.any(|who| UNSPACED_REPLIERS.contains(&who))
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
    // `Kommentar des Interviewers`
    let plain = word.strip_suffix('s').unwrap_or(word);
    STAFF.contains(&word) || moderator::is_role(word) || moderator::is_role(plain)
}

/// Words that say only that what goes before is a text.
const TEXT: [&str; 9] =
    ["text", "texte", "testo", "texto", "tekst", "body", "content", "comment", "value"];

/// The last part of a path that says what it holds: `owner_reply` of `owner_reply/text`.
fn own_name(path: &str) -> &str {
    let mut parts = path.rsplit(['/', '.']);
    let last = parts.next().unwrap_or(path);
    let is_text = TEXT.contains(&normalise(last).as_str());
    parts.next().filter(|_| is_text).unwrap_or(last)
}

/// The words of the last part of a path, in small letters, without the `s` of a genitive.
fn parts(full: &str) -> Vec<String> {
    let is_path = !full.contains(char::is_whitespace);
    let name = if is_path { own_name(full) } else { full };
    let spaced = apart_at_capitals(name);
    let spaced = spaced.replace("'s ", " ").replace("’s ", " ");
    let words = spaced.split(|c: char| !c.is_alphabetic()).map(normalise);
    words.filter(|word| !word.is_empty()).take(MOST_PARTS + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_by_staff_name(name: &str, beside: &[&str]) -> bool {
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
            "interviewer_summary",
            "Session summary",
            "Key takeaways",
            "Insights",
            "Our interpretation",
            "Our reading",
            "next_steps",
            "Action items",
            "Bearbeitungsvermerk",
            "Kommentar des Interviewers",
            "Commentaire RH",
            "response_from_us",
            "our_answer",
            "Support answer",
            "QA comment",
            "transcriber note",
            "Resolution notes",
            "developer_response",
            "developerResponse",
            "Antwort des Entwicklers",
            "Respuesta del desarrollador",
            "Réponse du développeur",
            "Risposta dello sviluppatore",
            "Ответ разработчика",
            "开发者回复",
            "デベロッパーからの返信",
            "개발자 답변",
        ] {
            assert!(is_by_staff_name(name, &[]), "{name}");
        }
        assert!(is_by_staff_name("reply", &["Message"]), "a reply to a customer");
        assert!(is_by_staff_name("summary", &["transcript"]), "what a conversation comes to");
        for name in [
            "comment",
            "Summary",
            "Review summary",
            "Recommendations",
            "Our service",
            "What do you make of our findings?",
            "Answer",
            "Reading habits",
            "Actions",
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
            assert!(!is_by_staff_name(name, &[]), "{name}");
        }
    }

    #[test]
    fn a_reply_is_staffs_beside_a_review_and_a_comment_beside_a_passage() {
        assert!(is_by_staff_name("Reply", &["Review text"]));
        assert!(is_by_staff_name("Response", &["Review"]));
        assert!(is_by_staff_name("reply_text", &["comment"]));
        assert!(!is_by_staff_name("Response", &["comment"]));
        assert!(!is_by_staff_name("Response", &["Message"]));
        let store = ["reviewId", "content", "score", "thumbsUpCount"];
        assert!(is_by_staff_name("replyContent", &store));
        assert!(is_by_staff_name("replyText", &["content", "rating", "repliedAt"]));
        assert!(
            !is_by_staff_name("replyContent", &["reviewId", "score"]),
            "there is no other text"
        );
        assert!(!is_by_staff_name("reply", &["Question", "rating"]), "a survey's own column");
        assert!(!is_by_staff_name("reply", &["score", "why"]));
        assert!(!is_by_staff_name("response_text", &["Question", "score", "helpful"]));
        assert!(!is_by_staff_name("Antwort", &["Frage", "Sterne"]));
        assert!(is_by_staff_name("Comment", &["Quotation Content"]));
        for beside in ["Answer", "Segment"] {
            assert!(!is_by_staff_name("Comment", &[beside]));
        }
    }

    #[test]
    fn notes_on_a_call_are_staffs_beside_a_column_of_words() {
        let of = |names: &[&'static str]| columns(names.iter().map(|name| (*name, true)));
        assert_eq!(of(&["Call notes", "What the customer said"]), HashSet::from(["Call notes"]));
        assert!(of(&["Call notes", "Loss reason?"]).contains("Call notes"));
        assert!(of(&["Call notes"]).is_empty());
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
