//! What the structure of the data says: the names of columns, the labels of speakers.
//!
//! Owns the words that column names are made of. A value in a column named `email` is personal
//! whatever it looks like; a code that stands in for a name (`P01`, `Moderator`) is not.

use super::entity::{Entity, Span};
use crate::corpus::{Personal, asked_for};

/// Words in column names, and what such a column holds. The first row that fits counts.
const NAMES: &[(Entity, &[&str])] = &[
    (
        Entity::EmailAddress,
        &[
            "email",
            "e-mail",
            "mail",
            "correo",
            "courriel",
            "e-mail-adresse",
            "sähköposti",
            "почта",
            "邮箱",
            "メールアドレス",
            "이메일",
        ],
    ),
    (
        Entity::PhoneNumber,
        &[
            "phone",
            "telephone",
            "tel",
            "mobile",
            "cell",
            "cellphone",
            "fax",
            "whatsapp",
            "telefon",
            "teléfono",
            "telefone",
            "celular",
            "téléphone",
            "telefono",
            "電話番号",
            "handy",
            "telefonnummer",
            "handynummer",
            "mobilnummer",
            "telefoonnummer",
            "puhelin",
            "телефон",
            "电话",
            "手机号",
            "전화번호",
        ],
    ),
    (Entity::IpAddress, &["ip", "ipaddress"]),
    (Entity::MacAddress, &["mac", "macaddress"]),
    (Entity::UsSsn, &["ssn", "socialsecurity", "social security"]),
    (Entity::UkNhs, &["nhs"]),
    (Entity::UkNino, &["nino", "national insurance"]),
    (Entity::IbanCode, &["iban"]),
    (Entity::CreditCard, &["card number", "cardnumber", "credit card", "creditcard", "cc number"]),
    (Entity::Passport, &["passport"]),
    (
        Entity::DriverLicense,
        &[
            "driver license",
            "drivers license",
            "driving licence",
            "licence number",
            "license number",
        ],
    ),
    (
        Entity::DateOfBirth,
        &[
            "dob",
            "birth",
            "birthdate",
            "birthday",
            "dateofbirth",
            "born",
            "geburtsdatum",
            "geburtstag",
            "nacimiento",
            "naissance",
            "nascimento",
            "nascita",
            "geboortedatum",
            "födelsedatum",
            "fødselsdato",
            "syntymäaika",
            "urodzenia",
            "narození",
            "рождения",
            "生年月日",
            "出生日期",
            "생년월일",
        ],
    ),
    (Entity::Url, &["url", "website", "homepage", "linkedin", "profile url", "web page"]),
    (
        Entity::UserHandle,
        &[
            "username",
            "user name",
            "handle",
            "login",
            "nickname",
            "nick",
            "twitter",
            "instagram",
            "skype",
            "screen name",
        ],
    ),
    (
        Entity::Organization,
        &[
            "company",
            "employer",
            "organisation",
            "organization",
            "company name",
            "workplace",
            "school",
            "university",
            "firma",
        ],
    ),
    (
        Entity::Address,
        &[
            "address",
            "street",
            "postcode",
            "post code",
            "postal",
            "zip",
            "zipcode",
            "adresse",
            "dirección",
            "endereço",
            "indirizzo",
            "plz",
            "cep",
            "住所",
            "addr",
            "anschrift",
            "postleitzahl",
            "domicilio",
            "morada",
            "adres",
            "adress",
            "osoite",
            "adresa",
            "адрес",
            "地址",
            "주소",
        ],
    ),
    (
        Entity::Location,
        &[
            "city",
            "town",
            "village",
            "hometown",
            "birthplace",
            "stadt",
            "ciudad",
            "cidade",
            "ville",
            "città",
            "latitude",
            "longitude",
            "gps",
        ],
    ),
    (
        Entity::RecordId,
        &[
            "customer id",
            "customer number",
            "customer no",
            "client id",
            "patient id",
            "patient number",
            "mrn",
            "member id",
            "employee id",
            "student id",
            "account number",
            "account id",
            "respondent id",
            "respondentid",
            "response id",
            "user id",
            "userid",
            "subject id",
            "participant id",
            "participantid",
            "case number",
            "policy number",
            "device id",
            "prolific pid",
            "prolificpid",
            "cpf",
            "cnpj",
            "dni",
            "nif",
            "bsn",
            "pesel",
            "codice fiscale",
            "personnummer",
        ],
    ),
    (Entity::Age, &["age"]),
    (
        Entity::Person,
        &[
            "name",
            "surname",
            "firstname",
            "lastname",
            "fullname",
            "forename",
            "participant",
            "respondent",
            "interviewee",
            "interviewer",
            "moderator",
            "researcher",
            "speaker",
            "author",
            "contact",
            "vorname",
            "nachname",
            "rufname",
            "familienname",
            "nombre",
            "nombres",
            "apellido",
            "apellidos",
            "cognome",
            "sobrenome",
            "voornaam",
            "achternaam",
            "namn",
            "förnamn",
            "efternamn",
            "navn",
            "fornavn",
            "etternavn",
            "efternavn",
            "nimi",
            "etunimi",
            "sukunimi",
            "jméno",
            "příjmení",
            "soyad",
            "nom",
            "prénom",
            "prenom",
            "manager",
            "supervisor",
            "guardian",
            "spouse",
            "patient",
            "customer",
            "client",
            "person",
            "contact person",
            "nome",
            "naam",
            "imię",
            "nazwisko",
            "имя",
            "фамилия",
            "фио",
            "名字",
            "名前",
            "お名前",
            "氏名",
            "姓名",
            "이름",
            "الاسم",
            "by",
            "from",
            "sender",
            "recipient",
        ],
    ),
];

/// Score of a value by its column: above what the cell's words show, so that a name stays in one
/// piece.
const SCORE: f32 = 0.999;

/// Words that make a column with `name` in it a column about something other than people.
const NOT_PEOPLE: [&str; 20] = [
    "produto", "producto", "prodotto", "marca", "file", "product", "brand", "company", "city",
    "street", "event", "task", "project", "team", "tool", "feature", "app", "column", "school",
    "role",
];

/// Labels of people that do not name them.
const ROLES: [&str; 34] = [
    "participant",
    "respondent",
    "interviewee",
    "interviewer",
    "moderator",
    "facilitator",
    "researcher",
    "speaker",
    "user",
    "customer",
    "client",
    "patient",
    "host",
    "guest",
    "anonymous",
    "unknown",
    "observer",
    "note taker",
    "notetaker",
    "all",
    "group",
    "audience",
    "agent",
    "bot",
    "system",
    "admin",
    "assistant",
    "person",
    "subject",
    "male",
    "female",
    "man",
    "woman",
    "n/a",
];

/// What the name of a column says about its values; `None` where it says nothing.
pub(super) fn entity_of(column: &str) -> Option<Entity> {
    // A question or request is not a label: "What name would you give it?".
    if let Some(asked) = asked_for(column) {
        return Some(match asked {
            Personal::Name | Personal::PartOfName => Entity::Person,
            Personal::Email => Entity::EmailAddress,
            Personal::Phone => Entity::PhoneNumber,
            Personal::Address => Entity::Address,
            Personal::Birthday => Entity::DateOfBirth,
        });
    }
    let words = words(column);
    if words.is_empty() || words.len() > 5 || column.contains(['?', '？', '؟']) {
        return None;
    }
    let joined = words.join(" ");
    let holds = |phrase: &str| {
        phrase == joined
            || words.iter().any(|word| word == phrase)
            || phrase.contains(' ') && joined.contains(phrase)
    };
    let (entity, _) = NAMES.iter().find(|(_, phrases)| phrases.iter().any(|p| holds(p)))?;
    let of_a_thing =
        *entity == Entity::Person && words.iter().any(|w| NOT_PEOPLE.contains(&w.as_str()));
    // In "times by car" or "income from work" such words do not mean a person; they do when alone.
    let vague = ["by", "from", "person", "patient", "customer", "client", "contact", "nom", "mail"];
    let alone = words.len() == 1
        || !words.iter().any(|w| vague.contains(&w.as_str()))
        || words.iter().any(|w| w == "name" || w == "email");
    (!of_a_thing && (alone || *entity != Entity::Person)).then_some(*entity)
}

/// The words of a column's name, the same for `participantName`, `participant_name` and
/// `Participant name`.
fn words(column: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = ' ';
    for c in column.chars() {
        if !c.is_alphanumeric() && c != '-' {
            words.push(String::new());
        } else {
            if words.is_empty() || c.is_uppercase() && previous.is_lowercase() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        previous = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The whole value as a span, of the kind that its column says. `None` where the column says
/// nothing, or where the value is plainly something else.
pub(super) fn span_of(column: &str, value: &str) -> Option<Span> {
    let entity = entity_of(column)?;
    let start = value.len() - value.trim_start().len();
    let end = start + value.trim().len();
    let trimmed = &value[start..end];
    let letters = trimmed.chars().filter(|c| c.is_alphabetic()).count();
    let digits = trimmed.chars().filter(char::is_ascii_digit).count();
    let words = trimmed.split_whitespace().count();
    let plausible = match entity {
        Entity::Person => letters >= 2 && words <= 6 && digits <= 1 && !is_label(trimmed),
        // Coordinates are exact enough to be somebody's home.
        Entity::Location if letters == 0 => digits >= 4 && trimmed.contains(['.', ',']),
        Entity::Organization | Entity::Location | Entity::UserHandle => {
            letters >= 2 && words <= 8 && !is_label(trimmed)
        }
        Entity::Address => words <= 20 && letters + digits >= 2 && !is_label(trimmed),
        Entity::EmailAddress => trimmed.contains('@'),
        Entity::PhoneNumber => digits >= 5 && letters <= 5,
        Entity::DateOfBirth => {
            digits >= 6 && letters <= 12 && super::patterns::birth_year(trimmed).is_some()
        }
        // An age below 90 tells few people apart.
        Entity::Age => trimmed.parse::<u32>().is_ok_and(|age| (90..130).contains(&age)),
        // `P01` is what researchers write in place of a name.
        Entity::RecordId => words == 1 && digits >= 4 && trimmed.len() >= 6,
        _ => digits >= 3 || trimmed.contains('.'),
    };
    plausible.then_some(Span { start, end, entity, score: SCORE })
}

/// Whether a label stands for somebody without naming them: `P01`, `Participant 3`, `Moderator`.
pub(super) fn is_label(value: &str) -> bool {
    let lower = value.trim().trim_end_matches(':').to_lowercase();
    let bare = lower.trim_end_matches(|c: char| c.is_ascii_digit() || " #_-.".contains(c));
    let code =
        lower.len() <= 6 && lower.bytes().any(|b| b.is_ascii_digit()) && bare.chars().count() <= 3;
    let answer = [
        "yes",
        "no",
        "true",
        "false",
        "none",
        "na",
        "n/a",
        "-",
        "other",
        "prefer not to say",
        "",
        "ja",
        "nein",
        "sí",
        "si",
        "oui",
        "non",
        "sim",
        "não",
        "nee",
        "nej",
        "nei",
        "kyllä",
        "tak",
        "nie",
        "ano",
        "ne",
        "да",
        "нет",
        "evet",
        "hayır",
        "はい",
        "いいえ",
        "是",
        "否",
        "예",
        "아니요",
        "نعم",
        "لا",
        "हाँ",
        "नहीं",
    ];
    code || ROLES.contains(&bare)
        || ROLES.iter().any(|role| bare.strip_suffix('s') == Some(role))
        || answer.contains(&lower.as_str())
        || lower.len() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_say_what_they_hold() {
        for (column, entity) in [
            ("email", Entity::EmailAddress),
            ("Your e-mail", Entity::EmailAddress),
            ("participant_name", Entity::Person),
            ("participantName", Entity::Person),
            ("First Name", Entity::Person),
            ("interviewer", Entity::Person),
            ("Mobile number", Entity::PhoneNumber),
            ("Company name", Entity::Organization),
            ("Date of birth", Entity::DateOfBirth),
            ("ip_address", Entity::IpAddress),
            ("home address", Entity::Address),
            ("RespondentID", Entity::RecordId),
            ("customer email", Entity::EmailAddress),
            ("City", Entity::Location),
            ("Location Latitude", Entity::Location),
            ("PROLIFIC_PID", Entity::RecordId),
            ("CPF", Entity::RecordId),
            ("お名前", Entity::Person),
            ("Nome completo", Entity::Person),
        ] {
            assert_eq!(entity_of(column), Some(entity), "{column}");
        }
        for column in [
            "answer",
            "product name",
            "file name",
            "What name would you give it?",
            "role",
            "",
            "trips by car",
            "How did you hear about us from a friend or colleague at work",
            "team",
            "Household Income",
        ] {
            assert_eq!(entity_of(column), None, "{column}");
        }
    }

    #[test]
    fn a_question_for_personal_data_is_as_good_as_its_label() {
        for column in [
            "What is your name?",
            "What's your first name?",
            "First, what's your name?",
            "Wie heißen Sie?",
            "¿Cómo te llamas?",
            "Quel est votre nom ?",
            "Nachname",
            "Name?",
        ] {
            let span = span_of(column, "Cy");
            assert_eq!(span.map(|span| span.entity), Some(Entity::Person), "{column}");
            assert!(span_of(column, "Yes").is_none() && span_of(column, "Ja").is_none());
            assert!(span_of(column, "I would rather not say that to you here").is_none());
        }
        for (column, value, entity) in [
            ("What is your home address?", "12 High Street", Entity::Address),
            ("Wie lautet Ihre Telefonnummer?", "030 123456", Entity::PhoneNumber),
            ("When were you born?", "3.2.1961", Entity::DateOfBirth),
            ("¿Cuál es tu correo electrónico?", "ana@work", Entity::EmailAddress),
        ] {
            assert_eq!(span_of(column, value).map(|span| span.entity), Some(entity), "{column}");
        }
        for column in ["What is your name for it?", "Wie heißt Ihr Hund?", "How is your manager?"]
        {
            assert!(span_of(column, "Cy").is_none(), "{column}");
        }
    }

    #[test]
    fn codes_and_roles_are_no_names() {
        for label in [
            "P01",
            "P1",
            "R-12",
            "Participant 3",
            "Moderator",
            "Interviewer:",
            "Speaker 2",
            "n/a",
            "users",
        ] {
            assert!(is_label(label), "{label}");
            assert_eq!(span_of("participant", label), None, "{label}");
        }
        assert!(span_of("Location Latitude", "51.50722").is_some());
        assert!(span_of("City", "12").is_none() && span_of("GPS", "yes please").is_some());
        assert!(span_of("Age", "93").is_some() && span_of("Age", "89").is_none());
        for name in ["Ana", "Jo", "Ana Silva", "Ólafur", "田中"] {
            assert!(!is_label(name), "{name}");
            assert!(span_of("participant", name).is_some(), "{name}");
        }
        assert_eq!(
            span_of("name", " Ana "),
            Some(Span { start: 1, end: 4, entity: Entity::Person, score: SCORE })
        );
    }

    #[test]
    fn a_value_that_cannot_be_what_its_column_says_is_left() {
        for (column, values, others) in [
            ("home address", &["Au", "12 High Street"][..], &["é", "5", "n/a"][..]),
            ("email", &["ana@work"], &["ana", "none"]),
            ("Mobile number", &["12345", "0161 496 0000 ext 12"], &["1234", "call me on 12345"]),
            (
                "Date of birth",
                &["1961-02-03", "03 February 1961"],
                &["61", "3 May 1961", "1 of 123456"],
            ),
            ("age", &["90", "129"], &["89", "130", "ninety"]),
            ("RespondentID", &["ABC-1234", "123456"], &["12345", "ABC 1234", "ABC-DEF1"]),
            ("ip_address", &["10.0.0.1", "123", "::ffff:123"], &["12", "none"]),
            (
                "City",
                &["Ely", "Stow on the Wold by the old mill"],
                &["a b c d e f g h i", "X", "no"],
            ),
            ("name", &["An", "Maria 2", "a b c d e f"], &["A", "Maria 22", "a b c d e f g"]),
        ] {
            for value in values {
                assert!(span_of(column, value).is_some(), "{column}: {value}");
            }
            for value in others {
                assert!(span_of(column, value).is_none(), "{column}: {value}");
            }
        }
    }

    #[test]
    fn a_code_is_short_and_has_a_digit_and_few_letters() {
        for label in ["ABC123", "A-1", "12", "x", "Prefer not to say"] {
            assert!(is_label(label), "{label}");
        }
        for name in ["ABC1234", "Abcd1", "Abc", "Dr Who 1"] {
            assert!(!is_label(name), "{name}");
        }
    }
}
