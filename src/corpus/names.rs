//! What the name of a column says: that it holds who speaks, what was asked, or what nobody said.
//!
//! Owns the words for these in the languages that research is written in, which are most of its
//! length. Does not look at values.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::asked_for::{Personal, asked_for};
use super::values::is_blank;

/// Name of the cell in a record that says whose words a file holds.
pub(crate) const WHOSE_FILE: &str = "participant";

/// Suffixes of the words for a participant, as in `participant_id`.
const ID_SUFFIXES: [&str; 7] = ["", "id", "no", "nr", "number", "code", "name"];

/// Names, normalised, of columns that describe an answer and are not part of it, as survey tools
/// write them.
const CONTEXT: [&str; 97] = [
    "enumerator",
    "enumerador",
    "encuestador",
    "entrevistador",
    "enquêteur",
    "surveyor",
    "submittedby",
    "submissiontime",
    "speakerrole",
    "rawtext",
    "section",
    "interviewer",
    "moderator",
    "id",
    "date",
    "time",
    "timestamp",
    "createdat",
    "startdate",
    "enddate",
    "url",
    "email",
    "emailaddress",
    "ip",
    "ipaddress",
    "browser",
    "os",
    "operatingsystem",
    "useragent",
    "networkid",
    "latitude",
    "longitude",
    "locationlatitude",
    "locationlongitude",
    "distributionchannel",
    "userlanguage",
    "responsetype",
    "progress",
    "finished",
    "durationinseconds",
    "recordeddate",
    "startdateutc",
    "stagedateutc",
    "submitdateutc",
    "startedat",
    "submittedat",
    "completedat",
    "modified",
    "creator",
    "createdby",
    "modifiedby",
    "timingfirstclick",
    "timinglastclick",
    "timingpagesubmit",
    "timingclickcount",
    "utmsource",
    "utmmedium",
    "utmcampaign",
    "delightedsource",
    "updatedat",
    "seed",
    "startlanguage",
    "datestamp",
    "interviewtime",
    "lastpage",
    "submitdate",
    "refurl",
    "permalink",
    "avatarurl",
    "isbot",
    "ups",
    "downs",
    "stickied",
    "edited",
    "subreddit",
    "reviewlanguage",
    "locale",
    "timezone",
    "zeitstempel",
    "horodateur",
    "marcatemporal",
    "carimbodedatahora",
    "informazionicronologiche",
    "tijdstempel",
    "タイムスタンプ",
    "メールアドレス",
    "endereçodeemail",
    "adresseemail",
    "lfdn",
    "dispcode",
    "quota",
    "questnnr",
    "serial",
    "lastquestion",
    "lastdata",
    "browserlanguage",
    "referer",
];

/// Last parts of the names of nested fields that describe their object, as in `author.bot`.
const FIELDS: [&str; 7] = ["state", "status", "redacted", "bot", "href", "selfurl", "notification"];

/// Words for the participant of a study, in the languages that research is often written in.
const PARTICIPANT: [&str; 57] = [
    "participant",
    "respondent",
    "interviewee",
    "teilnehmer",
    "teilnehmerin",
    "teilnehmende",
    "teilnehmender",
    "proband",
    "probandin",
    "befragte",
    "befragter",
    "participante",
    "répondant",
    "répondante",
    "interviewé",
    "interviewée",
    "encuestado",
    "encuestada",
    "entrevistado",
    "entrevistada",
    "partecipante",
    "intervistato",
    "intervistata",
    "rispondente",
    "deelnemer",
    "geïnterviewde",
    "deltagare",
    "deltager",
    "deltaker",
    "osallistuja",
    "vastaaja",
    "uczestnik",
    "respondentka",
    "участник",
    "респондент",
    "参加者",
    "参与者",
    "參與者",
    "受访者",
    "受訪者",
    "受访人",
    "被访者",
    "被訪者",
    "被采访者",
    "回答者",
    "対象者",
    "インタビュイー",
    "참가자",
    "참여자",
    "응답자",
    "면담자",
    "المشارك",
    "المشاركة",
    "المستجيب",
    "المستجيبة",
    "प्रतिभागी",
    "उत्तरदाता",
];

/// Names of columns that stand for the participant where no column has a name of [`PARTICIPANT`];
/// the best first.
const OTHER_PEOPLE: [&str; 62] = [
    "pid",
    "authorid",
    "authorname",
    "reviewerid",
    "respid",
    "requesterid",
    "clientid",
    "patientid",
    "memberid",
    "employeeid",
    "panelistid",
    "prolificpid",
    "userid",
    "user",
    "username",
    "subjectid",
    "personid",
    "person",
    "customerid",
    "responseid",
    "speaker",
    "speakername",
    "speakerid",
    "speakerlabel",
    "authorchannelid",
    "authordisplayname",
    "recordid",
    "scoutid",
    "reviewconsumeruserid",
    "testerid",
    "informant",
    "reviewer",
    "reviewername",
    "customer",
    "customername",
    "requester",
    "requestername",
    "contactname",
    "displayname",
    "consumerdisplayname",
    "screenname",
    "name",
    "fullname",
    "author",
    "documentname",
    "useremail",
    "reporter",
    "reportername",
    "nickname",
    "commentauthor",
    "commenter",
    "postedby",
    "submitter",
    "complainant",
    "associatedcontact",
    "primarycontact",
    "clientname",
    "patientname",
    "guestname",
    "visitorname",
    "alias",
    "pseudonym",
];

/// Names of columns with the question that was asked, in the same languages.
const QUESTION: [&str; 27] = [
    "question",
    "questiontext",
    "questionasked",
    "interviewquestion",
    "prompt",
    "q",
    "frage",
    "fragetext",
    "pregunta",
    "domanda",
    "pergunta",
    "vraag",
    "fråga",
    "spørgsmål",
    "spørsmål",
    "kysymys",
    "pytanie",
    "вопрос",
    "質問",
    "问题",
    "問題",
    "提问",
    "질문",
    "سؤال",
    "السؤال",
    "प्रश्न",
    "सवाल",
];

/// How well a column name says that it holds the participant; lower is better, and `None` is not at
/// all.
pub(super) fn participant_rank(name: &str) -> Option<usize> {
    let own = without_groups(name);
    let name = normalise(own);
    let rank = |word: &&str| {
        let rest = name.strip_prefix(*word)?;
        ID_SUFFIXES.iter().position(|suffix| *suffix == rest)
    };
    if let Some(rank) = PARTICIPANT.iter().find_map(rank) {
        return Some(rank);
    }
    if name.strip_prefix("id").is_some_and(|word| PARTICIPANT.contains(&word)) {
        return Some(1);
    }
    if is_id_of_participant(own) {
        return Some(ID_SUFFIXES.len());
    }
    let is_asked = || asked_for(own) == Some(Personal::Name);
    let place = |name: &str| OTHER_PEOPLE.iter().position(|other| *other == name);
    let place = place(&name).or_else(|| is_asked().then(|| place("name"))?);
    place.map(|place| ID_SUFFIXES.len() + 1 + place)
}

/// Whether a name begins with a participant and ends with an id: `Participant Private ID`.
fn is_id_of_participant(name: &str) -> bool {
    let mut words = name.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    let first = words.next().unwrap_or_default();
    let last = words.next_back().unwrap_or_default();
    PARTICIPANT.contains(&first.as_str()) && ["id", "no", "nr", "code"].contains(&last.as_str())
}

/// Whether a name stands over people, each of whom has a part of their own below it: `Interviews`.
pub(super) fn is_group_of_people(name: &str) -> bool {
    const GROUPS: [&str; 34] = [
        "participants",
        "respondents",
        "interviewees",
        "interviews",
        "sessions",
        "users",
        "people",
        "persons",
        "customers",
        "responses",
        "answers",
        "teilnehmer",
        "teilnehmende",
        "befragte",
        "gespräche",
        "antworten",
        "participantes",
        "entrevistas",
        "encuestados",
        "respuestas",
        "respostas",
        "répondants",
        "entretiens",
        "réponses",
        "partecipanti",
        "interviste",
        "risposte",
        "deelnemers",
        "gesprekken",
        "intervjuer",
        "wywiady",
        "respondenci",
        "интервью",
        "участники",
    ];
    GROUPS.contains(&normalise(name).as_str())
}

/// Whether a participant's name says that they are unnamed: `anonymous`, `A Google user`,
/// `Prefer not to say`. `Guest 4` is a name, as good as any.
pub(super) fn is_nobody(name: &str) -> bool {
    const NOBODY: &str = "\
        anon anoniem anonim anonimo anonimowy anonym anonyme anonymised anonymized anonymous anonymní \
        anonyymi anónimo anônimo deleted deletedaccount deleteduser desconhecido desconocido gelöscht \
        inconnu iprefernottosay jepréfèrenepasledire jepréfèrenepasrépondre keineangabe \
        möchteichnichtsagen neznámý nichtangegeben niepodano nieznany noanswer noname nonamegiven \
        none nonrenseigné notgiven notprovided notspecified ohneangabe ohnename okänd onbekend \
        preferisconondirlo preferisconondire prefernotsay prefernottoanswer prefernottodisclose \
        prefernottosay prefieronocontestar prefieronodecirlo prefironãodizer prefironãoresponder \
        rathernotsay removed sansnom sconosciuto semnome senzanome sinnombre tuntematon ukendt ukjent \
        unbekannt unknown withheld zegiklieverniet аноним анонимно неизвестно مجهول गुमनाम 匿名 \
        匿名希望 名無し 無記名 익명";
    let plain = normalise(name);
    is_blank(name)
        || is_one_of(NOBODY, &plain)
        || plain == "ka" && name.contains('.')
        || is_of_platform(name)
}

/// Whether a name is what a platform shows for all whose name it does not: `A Google user`,
/// `Amazon Customer`, `Verified Buyer`.
fn is_of_platform(name: &str) -> bool {
    const PLATFORMS: &str = "airbnb amazon apple ebay etsy facebook g2 glassdoor google instagram \
        kindle linkedin microsoft quora reddit shopify trustpilot tripadvisor twitter walmart yelp \
        youtube";
    const UNNAMED: &str = "anonymous anon anonymer anonyme anónimo anônimo anonimo anoniem anonym \
        anonymní anonimowy анонимный deleted gelöschter former unknown unbekannter unregistered \
        verified verifizierter";
    const PEOPLE: &str = "account buyer client customer employee guest member purchaser reader \
        reviewer shopper traveler traveller user visitor gast käufer konto kunde kundin mitglied nutzer \
        nutzerin benutzer cliente usuario usuaria miembro comprador invitado utilisateur utilisatrice \
        acheteur membre usuário utilizador utente acquirente gebruiker klant koper lid användare kund \
        bruger bruker kunde käyttäjä asiakas użytkownik klient uživatel zákazník пользователь клиент \
        покупатель kullanıcısı kullanıcı müşterisi müşteri";
    const SMALL: &str =
        "a an the ein eine un une um uma uno una een en et di de d del da do von of";
    const UNSPACED: [&str; 6] = ["ユーザー", "カスタマー", "お客様", "用户", "用戶", "사용자"];
    let lower = name.to_lowercase();
    let unspaced = UNSPACED.iter().find_map(|people| lower.trim().strip_suffix(people));
    if let Some(before) = unspaced {
        let before = before.trim().trim_end_matches('の');
        return is_one_of(PLATFORMS, before) || ["匿名", "익명"].contains(&before);
    }
    let words: Vec<&str> =
        lower.split(|c: char| !is_of_word(c)).filter(|word| !word.is_empty()).collect();
    let has = |list: &str| words.iter().any(|word| is_one_of(list, word));
    has(PEOPLE)
        && (has(PLATFORMS) || has(UNNAMED))
        && words
            .iter()
            .all(|word| [PLATFORMS, UNNAMED, PEOPLE, SMALL].iter().any(|all| is_one_of(all, word)))
}

/// Whether a name is a word for anybody who visits: several rows of a table under it may be by
/// several people.
pub(super) fn is_anybody(name: &str) -> bool {
    const ANYBODY: &str = "buyer client customer guest member user visitor besucher besucherin gast \
        kunde kundin nutzer nutzerin cliente invitado invitada usuario usuaria visitante client \
        invité invitée utilisateur utilisatrice visiteur convidado usuário utilizador ospite utente \
        visitatore bezoeker gebruiker klant användare besökare gäst kund bruger bruker gæst gjest \
        käyttäjä vieras asiakas gość użytkownik klient uživatel zákazník гость пользователь \
        клиент misafir kullanıcı müşteri ゲスト 访客 游客 訪客 손님 게스트 زائر ضيف अतिथि";
    is_one_of(ANYBODY, &name.trim().to_lowercase())
}

fn is_one_of(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

/// Whether a column asks whose a row is, which may be a person or anybody they talk about: `Who`.
pub(super) fn is_who(name: &str) -> bool {
    const WHO: [&str; 13] = [
        "who",
        "whosaid",
        "whosaidit",
        "wer",
        "quién",
        "quien",
        "qui",
        "quem",
        "chi",
        "wie",
        "persona",
        "personne",
        "pessoa",
    ];
    WHO.contains(&normalise(name).as_str())
}

/// Whether a column asks for leave to do something with what somebody says, such as to record them,
/// or to get in touch with them again. The answer tells nothing about them.
pub(crate) fn asks_permission(name: &str) -> bool {
    const CONSENT: [&str; 16] = [
        "consent",
        "consents",
        "einwilligung",
        "einverstanden",
        "einverständnis",
        "consentimiento",
        "consentimento",
        "consentement",
        "consenso",
        "toestemming",
        "gdpr",
        "dsgvo",
        "rgpd",
        "newsletter",
        "recontact",
        "optin",
    ];
    const CONTACT: [&str; 25] = [
        "may we contact",
        "can we contact",
        "could we contact",
        "contact you",
        "reach out to you",
        "get in touch with you",
        "follow up interview",
        "follow up study",
        "agree to be contacted",
        "willing to be contacted",
        "happy to be contacted",
        "ok to contact",
        "dürfen wir sie",
        "sie kontaktieren",
        "dich kontaktieren",
        "podemos contactar",
        "podemos contactarte",
        "nous vous contacter",
        "vous recontacter",
        "podemos entrar em contato",
        "podemos contatar",
        "possiamo contattarti",
        "possiamo contattarla",
        "mogen we contact",
        "contact met u opnemen",
    ];
    let words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let whole = format!(" {} ", words.join(" "));
    words.iter().any(|word| CONSENT.contains(&word.as_str()))
        || CONTACT.iter().any(|words| whole.contains(&format!(" {words} ")))
}

/// Whether a column holds who speaks in a conversation.
pub(super) fn is_speaker_column(name: &str) -> bool {
    const SPEAKERS: [&str; 39] = [
        "speaker",
        "speakername",
        "speakerlabel",
        "commentauthor",
        "commentby",
        "messageauthor",
        "messagefrom",
        "sendername",
        "sprecher",
        "sprecherin",
        "sprechende",
        "locuteur",
        "locutrice",
        "intervenant",
        "intervenante",
        "hablante",
        "interlocutor",
        "interlocutora",
        "falante",
        "orador",
        "parlante",
        "interlocutore",
        "spreker",
        "talare",
        "taler",
        "puhuja",
        "mówca",
        "mówiący",
        "говорящий",
        "发言人",
        "話者",
        "화자",
        "المتحدث",
        "locutor",
        "mluvčí",
        "konuşmacı",
        "спикер",
        "说话人",
        "वक्ता",
    ];
    SPEAKERS.contains(&normalise(name).as_str())
}

/// Whether a column name is a word for the participant of a study, alone or with an id:
/// `respondent_id`.
pub(super) fn is_word_for_participant(name: &str) -> bool {
    participant_rank(name).is_some_and(|rank| rank < ID_SUFFIXES.len())
}

/// Whether a column holds the role of the speaker in a conversation.
pub(super) fn is_role_of_speaker(name: &str) -> bool {
    ["speakerrole", "direction", "sendertype", "senderrole", "authortype", "authorrole"]
        .contains(&normalise(name).as_str())
}

/// Whether a column says if everybody in a conversation could read a message: `Public` of a ticket,
/// whose other messages are between staff.
pub(super) fn is_publicity(name: &str) -> bool {
    ["public", "ispublic", "publiccomment"].contains(&normalise(name).as_str())
}

/// Whether a column tells one conversation from another.
pub(super) fn is_conversation(name: &str) -> bool {
    const CONVERSATION: [&str; 20] = [
        "conversation",
        "chat",
        "session",
        "thread",
        "dialogue",
        "dialog",
        "call",
        "interview",
        "ticket",
        "case",
        "transcript",
        "gespräch",
        "sitzung",
        "conversación",
        "sesión",
        "conversa",
        "sessão",
        "conversazione",
        "entretien",
        "entrevista",
    ];
    let name = normalise(without_groups(name));
    let is_its = |word: &str| name.strip_prefix(word).is_some_and(|id| ID_SUFFIXES.contains(&id));
    CONVERSATION.iter().any(|word| is_its(word))
        || name.strip_prefix("id").is_some_and(|word| CONVERSATION.contains(&word))
}

/// Whether a column holds the question that was asked.
pub(super) fn is_question(name: &str) -> bool {
    QUESTION.contains(&normalise(without_groups(name)).as_str())
}

/// Whether a column holds something that the participant did not say. Called for each cell of each
/// record, so it looks the name up in a hash set.
pub(crate) fn is_context(name: &str) -> bool {
    static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let participants = PARTICIPANT.iter().flat_map(|word| {
            let suffixed = ID_SUFFIXES.iter().map(move |suffix| format!("{word}{suffix}"));
            suffixed.chain([format!("id{word}")])
        });
        let others = OTHER_PEOPLE.iter().chain(&QUESTION).chain(&CONTEXT);
        participants.chain(others.map(|name| (*name).to_owned())).collect()
    });
    let name = without_groups(name);
    let is_named = |name: &str| NAMES.contains(&normalise(name));
    // The `avatarUrl` of `author.avatarUrl`.
    let field = Some(name).filter(|name| is_path(name)).and_then(|name| name.rsplit('.').next());
    let is_field = |field: &str| {
        let plain = normalise(field);
        is_named(field) || plain.ends_with("type") || FIELDS.contains(&plain.as_str())
    };
    is_named(name) || is_id_name(name) || field.is_some_and(is_field) || asked_for(name).is_some()
}

/// Whether a name leads to a field inside others, as in `author.name`.
pub(crate) fn is_path(name: &str) -> bool {
    name.contains('.') && !name.contains(char::is_whitespace) && !name.ends_with('.')
}

/// The name of a form's field without the groups that it stands in: `age` of `household/age`.
fn without_groups(name: &str) -> &str {
    let is_path = name.contains('/') && !name.contains(char::is_whitespace);
    let own = name.rsplit('/').next().filter(|own| is_path && !own.is_empty());
    own.unwrap_or(name)
}

/// Whether a name ends in a separate `id`, `order_id`, `order ID`, `orderId`, but not `paid`, or in
/// `number` where words are not parted: `回答番号`.
pub(super) fn is_id_name(name: &str) -> bool {
    const NUMBERS: [&str; 4] = ["番号", "编号", "編號", "번호"];
    if NUMBERS.iter().any(|number| name.trim_end().ends_with(number)) {
        return true;
    }
    let Some((head, tail)) = name.len().checked_sub(2).and_then(|at| name.split_at_checked(at))
    else {
        return false;
    };
    let parted = head.ends_with(|c: char| !c.is_alphanumeric());
    tail.eq_ignore_ascii_case("id")
        && (parted || head.ends_with(char::is_lowercase) && tail.starts_with('I'))
}

/// The name in lower case, with its letters and digits only.
pub(super) fn normalise(name: &str) -> String {
    letters(name).collect()
}

/// The letters and digits of a text in lower case.
pub(super) fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| is_of_word(*c)).flat_map(char::to_lowercase)
}

/// Whether a character is a letter, a digit, or a sign that joins or parts the letters of Indic and
/// Arabic words.
pub(super) fn is_of_word(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(c, '\u{64B}'..='\u{65F}')
        || matches!(c, '\u{900}'..='\u{DFF}') && !matches!(c, '।' | '॥' | '॰')
}

/// A name with a space before each capital inside a word: `staff Comment` of `staffComment`.
pub(super) fn apart_at_capitals(name: &str) -> String {
    let mut spaced = String::with_capacity(name.len());
    let mut before = ' ';
    for c in name.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            spaced.push(' ');
        }
        spaced.push(c);
        before = c;
    }
    spaced
}

/// Whether a word is in a list of words that are parted by spaces.
pub(super) fn is_among(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_ids_are_not_quotable_words() {
        for name in [
            "question",
            "Participant ID",
            "order_id",
            "orderId",
            "Section",
            "RespondentID",
            "Frage",
            "Teilnehmerin",
            "Teilnehmer-Nr.",
            "Participante",
            "участник",
            "受访者",
            "प्रतिभागी",
            "प्रश्न",
            "group/enumerador",
            "group/participant_id",
        ] {
            assert!(is_context(name), "{name}");
        }
        assert_eq!(participant_rank("group/participant_id"), Some(1));
        for name in
            ["answer", "paid", "Name / address", "covid", "What is your role?", "id card?", "id"]
        {
            assert_eq!(is_context(name), name == "id", "{name}");
        }
    }

    #[test]
    fn questions_for_leave_are_told_from_questions_on_contact() {
        for name in [
            "May we contact you?",
            "Consent",
            "consent_given",
            "Dürfen Sie – dürfen wir Sie anrufen?",
            "Einverstanden?",
            "Would you take part in a follow-up interview?",
        ] {
            assert!(asks_permission(name), "{name}");
        }
        for name in
            ["How do you contact us?", "Main contact", "Did you contact your doctor?", "Contact"]
        {
            assert!(!asks_permission(name), "{name}");
        }
    }
}
