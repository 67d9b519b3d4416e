//! What messengers write into messages, and nobody says: marks in place of pictures and of words taken
//! back, calls, reactions, the notice that a chat is encrypted.
//!
//! Owns the words and forms of these marks in the languages of messengers. Which lines are messages is
//! decided in `chat`.

use std::sync::LazyLock;

use regex::Regex;

use super::moderator::ends_in_question;
use crate::corpus::lines::is_rule;
use crate::corpus::told::is_about_self;

/// What messengers write in place of a picture, or of words taken back, in small letters; a few words
/// may follow.
const MARKS: [&str; 14] = [
    "media omitted",
    "image omitted",
    "video omitted",
    "audio omitted",
    "sticker omitted",
    "gif omitted",
    "document omitted",
    "this message was deleted",
    "you deleted this message",
    "사진",
    "동영상",
    "이모티콘",
    "음성메시지",
    "삭제된 메시지입니다",
];

/// What WhatsApp writes behind the name of an attached file.
const ATTACHED: [&str; 15] = [
    "archivo adjunto",
    "arquivo anexado",
    "bestand bijgevoegd",
    "bifogad fil",
    "datei angehängt",
    "dosya ekli",
    "ficheiro anexado",
    "fichier joint",
    "file allegato",
    "file attached",
    "file terlampir",
    "plik załączony",
    "vedhæftet fil",
    "vedlagt fil",
    "файл добавлен",
];

/// Whole messages in place of words taken back and of calls that nobody took, in small letters and
/// without a full stop.
const NOTICES: [&str; 66] = [
    "anda telah menghapus pesan ini",
    "appel manqué",
    "appel vidéo manqué",
    "appel vocal manqué",
    "bu mesaj silindi",
    "bu mesajı sildiniz",
    "ce message a été supprimé",
    "chamada de voz perdida",
    "chamada de vídeo perdida",
    "chiamata persa",
    "chiamata vocale persa",
    "denne besked blev slettet",
    "denne meldingen ble slettet",
    "det här meddelandet raderades",
    "diese nachricht wurde gelöscht",
    "dit bericht is verwijderd",
    "dit bericht werd verwijderd",
    "du hast diese nachricht gelöscht",
    "du raderade det här meddelandet",
    "du slettede denne besked",
    "du slettet denne meldingen",
    "eliminaste este mensaje",
    "essa mensagem foi apagada",
    "esta mensagem foi apagada",
    "este mensaje fue eliminado",
    "gemist spraakgesprek",
    "gemiste groepsoproep",
    "gemiste oproep",
    "gemiste spraakoproep",
    "gemiste video-oproep",
    "hai eliminato questo messaggio",
    "je hebt dit bericht verwijderd",
    "ligação de voz perdida",
    "ligação de vídeo perdida",
    "llamada de voz perdida",
    "llamada perdida",
    "mensagem apagada",
    "mensaje eliminado",
    "messaggio eliminato",
    "missed call",
    "missed group call",
    "missed group video call",
    "missed group voice call",
    "missed video call",
    "missed voice call",
    "pesan ini telah dihapus",
    "poistit tämän viestin",
    "questo messaggio è stato eliminato",
    "se eliminó este mensaje",
    "ta wiadomość została usunięta",
    "tato zpráva byla odstraněna",
    "tu as supprimé ce message",
    "tämä viesti poistettiin",
    "u hebt dit bericht verwijderd",
    "usunięto tę wiadomość",
    "verpasster anruf",
    "verpasster gruppenanruf",
    "verpasster sprachanruf",
    "verpasster videoanruf",
    "videochiamata persa",
    "videollamada perdida",
    "você apagou esta mensagem",
    "vous avez supprimé ce message",
    "вы удалили данное сообщение",
    "данное сообщение удалено",
    "このメッセージは削除されました",
];

/// Stems of the words by which WhatsApp says that a message was edited.
const EDITED: [&str; 23] = [
    "bearbeitet",
    "bewerkt",
    "diedit",
    "düzenlendi",
    "edit",
    "edyt",
    "modific",
    "modifié",
    "muokattu",
    "módosít",
    "redigera",
    "redigeret",
    "redigert",
    "szerkeszt",
    "upraven",
    "изменен",
    "редактир",
    "تعديل",
    "संपादित",
    "編輯",
    "編集",
    "编辑",
    "수정",
];

/// By what the notice about encryption is known, in small letters.
const ENCRYPTED: [&str; 23] = [
    "chiffrés de bout en bout",
    "cifrados de extremo a extremo",
    "criptografia de ponta a ponta",
    "crittografati end-to-end",
    "crittografia end-to-end",
    "encriptação ponto a ponto",
    "end-to-end encrypted",
    "end-to-end versleuteld",
    "end-to-end-krypter",
    "ende-til-ende-krypter",
    "ende-zu-ende-verschlüsselt",
    "szyfrowaniem end-to-end",
    "terenkripsi secara end-to-end",
    "totalsträckskrypter",
    "uçtan uca şifreli",
    "зашифрованы",
    "сквозным шифрованием",
    "التشفير التام بين الطرفين",
    "مشفرة تمام",
    "エンドツーエンド",
    "端到端加密",
    "端對端加密",
    "종단간 암호화",
];

/// Words that a notice may have beside its mark: ‘This message was deleted by admin Ana’.
const NOTICE_WORDS: usize = 3;

/// Whether somebody wrote this: it is more than a mark, with or without a file's name.
pub(super) fn is_written(words: &str) -> bool {
    let words = words.trim();
    let bare = words.trim_start_matches(['\u{200E}', '<', '[']).to_lowercase();
    let bare = bare.trim_end_matches(['>', ']', ')', '.']);
    let is_mark = MARKS.iter().any(|mark| {
        let behind = bare.strip_prefix(mark).is_some_and(|rest| {
            !rest.starts_with(char::is_alphanumeric)
                && rest.split_whitespace().nth(NOTICE_WORDS).is_none()
        });
        behind || bare.strip_suffix(mark).is_some_and(names_file)
    });
    let is_file = || {
        let before = |mark: &&str| bare.strip_suffix(*mark);
        ATTACHED.iter().filter_map(before).any(|name| name.is_empty() || names_file(name))
    };
    !(words.is_empty()
        || is_mark
        || is_file()
        || NOTICES.contains(&bare)
        || is_mark_by_form(words)
        || is_place(words)
        || is_reaction(words)
        || is_reply_mark(words))
}

/// A message without the mark at its end that it was edited or has a file, and whether there was one:
/// `Sunday <This message was edited>`. On iPhones, a mark of the writing direction stands before it.
pub(super) fn before_marks(words: &str) -> (&str, bool) {
    let Some(at) = words.rfind('<').filter(|at| *at > 0 && words.ends_with('>')) else {
        return (words, false);
    };
    let (before, mark) = (&words[..at], words[at + 1..words.len() - 1].to_lowercase());
    let is_set_apart = before.ends_with('\u{200E}');
    let is_edited = EDITED.iter().any(|stem| mark.contains(stem))
        && (mark.split_whitespace().count() >= LEAST_MARK
            || !mark.contains(|c: char| c.is_ascii_alphabetic()))
        && mark.split_whitespace().nth(MARK_WORDS).is_none();
    if !is_set_apart && !is_edited {
        return (words, false);
    }
    (before.trim_end_matches(['\u{200E}', ' ']), true)
}

/// Words of the shortest mark in a script with spaces: ‘Pesan ini diedit’.
const LEAST_MARK: usize = 3;

/// Words of the longest mark: ‘Este mensaje fue eliminado por el administrador’.
const MARK_WORDS: usize = 8;

/// Whether this is a mark in any language, by how messengers set marks apart: WhatsApp begins them with
/// a mark of the writing direction, or puts them between angle brackets; LINE puts them between square
/// brackets, and begins calls with a telephone.
fn is_mark_by_form(words: &str) -> bool {
    let is_short =
        words.split_whitespace().nth(MARK_WORDS).is_none() && words.chars().count() <= 60;
    let is_between = |open: char, close: char| {
        let inner = words.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        inner.is_some_and(|inner| !inner.contains([open, close]))
    };
    let is_set_apart =
        words.starts_with(['\u{200E}', '☎']) || is_between('<', '>') || is_between('[', ']');
    is_short && is_set_apart
}

/// Whether a message tells that the chat is encrypted, as WhatsApp does at its beginning, and in groups
/// on iPhones in the name of the group.
pub(super) fn is_about_encryption(words: &str) -> bool {
    let small = words.to_lowercase();
    ENCRYPTED.iter().any(|phrase| small.contains(phrase))
        && !is_about_self(words)
        && !ends_in_question(words)
}

/// Whether a message is nothing but a place on a map: `Location: https://maps.google.com/?q=53.1,-6.2`.
fn is_place(words: &str) -> bool {
    static PLACE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[\p{L}\p{M} ]{1,24}: https?://\S*(?:maps|goo\.gl|foursquare)\S*$")
            .expect("the pattern is valid")
    });
    PLACE.is_match(words)
}

/// The line with which Zoom says what a message replies to: `Replying to "the first words..."`.
pub(super) fn is_reply_mark(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("Replying to \"") && line.ends_with('"')
}

/// Zoom's lines for reactions: `Reacted to "the first words..." with 👍`.
pub(super) fn is_reaction(words: &str) -> bool {
    words.starts_with("Reacted to \"") && words.contains("\" with ")
        || words.starts_with("Removed a ") && words.contains(" reaction from \"")
}

/// Whether a line begins what the exporter of a channel writes below a message or around all of them:
/// `{Attachments}`, or a rule.
pub(super) fn begins_appendix(line: &str) -> bool {
    const PARTS: [&str; 5] =
        ["{Attachments}", "{Embed}", "{Forwarded Message}", "{Reactions}", "{Stickers}"];
    let line = line.trim();
    PARTS.contains(&line) || is_export_rule(line)
}

/// Whether a line is the rule around what the exporter of a channel says of it.
pub(super) fn is_export_rule(line: &str) -> bool {
    const LEAST: usize = 10;
    is_rule(line.trim(), "=", LEAST)
}

/// Whether what stands before a mark is the name of a file: `IMG-0412.jpg (`,
/// `plan.pdf • 12 pages`.
fn names_file(before: &str) -> bool {
    static FILE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\S.{0,80}\.[a-z0-9]{2,5}\b").expect("the pattern is valid"));
    before.chars().count() < 80 && FILE.is_match(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_known_in_any_language() {
        let left_out = ["<Multimedia omitido>", "\u{200E}imagen omitida", "[スタンプ]", "사진 3장"];
        for mark in left_out {
            assert!(!is_written(mark), "{mark}");
        }
        let kept = [
            "<3 this so much",
            "[I think] we wait",
            "사진이 안 열려요",
            "[laughs] that is the worst of it",
        ];
        for words in kept {
            assert!(is_written(words), "{words}");
        }
    }

    #[test]
    fn marks_at_the_end_are_told_from_words() {
        assert_eq!(before_marks("Hi \u{200E}<attached: 1.jpg>"), ("Hi", true));
        for words in ["I <edit>", "we use <b> and <i>", "<This message was edited>", "a <3 b"] {
            assert_eq!(before_marks(words), (words, false));
        }
    }
}
