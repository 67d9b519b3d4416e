//! Columns that ask for personal data in a sentence: `What's your first name?`, `Wie heißen Sie?`.
//!
//! Owns the words of such requests in the languages that research is written in. A plain label
//! (`Name`, `e-mail`) is none, and is known to `names` and to the detection of personal data.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::names::is_of_word;

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

/// What is asked for, in as many words as it takes. Of those that begin alike, the longest counts.
const NOUNS: [(Personal, &[&str]); 6] = [
    (
        Personal::Name,
        &[
            "name",
            "names",
            "namen",
            "rufname",
            "nombre",
            "nombres",
            "nom",
            "nome",
            "naam",
            "namn",
            "navn",
            "nimi",
            "nimesi",
            "imię i nazwisko",
            "jméno",
            "jméno a příjmení",
            "имя",
            "имя и фамилия",
            "фио",
            "ad soyad",
            "nombre completo",
            "name and surname",
        ],
    ),
    (
        Personal::PartOfName,
        &[
            "surname",
            "forename",
            "firstname",
            "lastname",
            "vorname",
            "vornamen",
            "nachname",
            "nachnamen",
            "familienname",
            "nombre de pila",
            "apellido",
            "apellidos",
            "prénom",
            "prenom",
            "nom de famille",
            "nom de jeune fille",
            "sobrenome",
            "apelido",
            "nome de família",
            "primeiro nome",
            "cognome",
            "voornaam",
            "achternaam",
            "förnamn",
            "efternamn",
            "fornavn",
            "etternavn",
            "efternavn",
            "etunimi",
            "sukunimi",
            "imię",
            "nazwisko",
            "příjmení",
            "фамилия",
            "фамилию",
            "soyad",
        ],
    ),
    (
        Personal::Email,
        &[
            "email",
            "e mail",
            "mail",
            "email address",
            "e mail address",
            "mail address",
            "email adresse",
            "e mail adresse",
            "mailadresse",
            "emailadresse",
            "correo",
            "correo electrónico",
            "email id",
            "dirección de correo",
            "dirección de correo electrónico",
            "dirección de email",
            "courriel",
            "adresse mail",
            "adresse e mail",
            "adresse email",
            "adresse électronique",
            "adresse courriel",
            "endereço de email",
            "endereço de e mail",
            "endereço eletrônico",
            "indirizzo email",
            "indirizzo e mail",
            "indirizzo mail",
            "indirizzo di posta elettronica",
            "emailadres",
            "e mailadres",
            "mailadres",
            "e post",
            "e postadress",
            "e postadresse",
            "mejladress",
            "mejl",
            "e mailadresse",
            "sähköposti",
            "sähköpostiosoite",
            "sähköpostiosoitteesi",
            "adres e mail",
            "adres email",
            "e mailovou adresu",
            "почта",
            "почту",
            "электронная почта",
            "электронную почту",
            "адрес электронной почты",
        ],
    ),
    (
        Personal::Phone,
        &[
            "number",
            "phone number",
            "mobile number",
            "cell number",
            "telephone number",
            "contact number",
            "whatsapp number",
            "telefonnummer",
            "handynummer",
            "mobilnummer",
            "rufnummer",
            "teléfono",
            "número de teléfono",
            "número de móvil",
            "número de celular",
            "celular",
            "número de whatsapp",
            "numéro",
            "numéro de téléphone",
            "numéro de portable",
            "numéro de mobile",
            "téléphone",
            "telefone",
            "número de telefone",
            "número de telemóvel",
            "telemóvel",
            "numero di telefono",
            "numero di cellulare",
            "cellulare",
            "telefono",
            "telefoonnummer",
            "mobiele nummer",
            "puhelinnumero",
            "puhelinnumerosi",
            "numer telefonu",
            "telefonní číslo",
            "номер телефона",
            "телефон",
            "telefon numaranız",
        ],
    ),
    (
        Personal::Address,
        &[
            "address",
            "postcode",
            "post code",
            "postal code",
            "zip",
            "zip code",
            "zipcode",
            "anschrift",
            "adresse",
            "wohnadresse",
            "postanschrift",
            "postleitzahl",
            "plz",
            "dirección",
            "domicilio",
            "dirección postal",
            "código postal",
            "adresse postale",
            "code postal",
            "endereço",
            "cep",
            "morada",
            "indirizzo",
            "cap",
            "adres",
            "woonadres",
            "adress",
            "bostadsadress",
            "postnummer",
            "osoite",
            "osoitteesi",
            "postinumero",
            "adres zamieszkania",
            "kod pocztowy",
            "adresa",
            "adresu",
            "psč",
            "адрес",
            "индекс",
            "почтовый адрес",
            "почтовый индекс",
        ],
    ),
    (
        Personal::Birthday,
        &[
            "birthday",
            "birthdate",
            "birth date",
            "date of birth",
            "dob",
            "geburtstag",
            "geburtsdatum",
            "cumpleaños",
            "fecha de nacimiento",
            "date de naissance",
            "anniversaire",
            "data de nascimento",
            "aniversário",
            "data di nascita",
            "compleanno",
            "geboortedatum",
            "verjaardag",
            "födelsedatum",
            "födelsedag",
            "fødselsdato",
            "fødselsdag",
            "syntymäaika",
            "syntymäpäivä",
            "data urodzenia",
            "datę urodzenia",
            "datum narození",
            "дата рождения",
            "дату рождения",
            "день рождения",
            "doğum tarihiniz",
        ],
    ),
];

/// Whole requests without such a word, or with it in another place.
const PHRASES: [(Personal, &[&str]); 3] = [
    (
        Personal::Name,
        &[
            "what should we call you",
            "what should i call you",
            "what shall we call you",
            "what can we call you",
            "what may we call you",
            "how should we address you",
            "what would you like to be called",
            "what do you want to be called",
            "what do you like to be called",
            "what are you called",
            "what do you go by",
            "wie heißen sie",
            "wie heissen sie",
            "wie heißt du",
            "wie heisst du",
            "wie heißt ihr",
            "wie dürfen wir sie nennen",
            "wie dürfen wir dich nennen",
            "wie dürfen wir sie ansprechen",
            "wie sollen wir dich nennen",
            "wie sollen wir sie nennen",
            "wie möchtest du genannt werden",
            "wie möchten sie genannt werden",
            "mit wem spreche ich",
            "cómo te llamas",
            "como te llamas",
            "cómo se llama",
            "como se llama",
            "cómo se llama usted",
            "como se llama usted",
            "cómo te podemos llamar",
            "comment vous appelez vous",
            "comment t appelles tu",
            "comment tu t appelles",
            "comment vous appelle t on",
            "como se chama",
            "como você se chama",
            "como te chamas",
            "como devemos te chamar",
            "come ti chiami",
            "come si chiama",
            "hoe heet je",
            "hoe heet jij",
            "hoe heet u",
            "hoe mogen we je noemen",
            "vad heter du",
            "hvad hedder du",
            "hva heter du",
            "hva er navnet ditt",
            "mikä on nimesi",
            "mikä nimesi on",
            "jak masz na imię",
            "jak się nazywasz",
            "jak się pan nazywa",
            "jak się pani nazywa",
            "jak ma pan na imię",
            "jak ma pani na imię",
            "jak se jmenujete",
            "jak se jmenuješ",
            "как вас зовут",
            "как тебя зовут",
            "как к вам обращаться",
            "adınız",
            "adınız soyadınız",
            "adınız ve soyadınız",
            "adınız nedir",
            "adın ne",
            "adın nedir",
            "adınız ne",
            "isminiz",
            "isminiz nedir",
            "당신의 이름은",
            "이름이 무엇인가요",
            "이름은 무엇입니까",
            "이름이 뭐예요",
            "ما اسمك",
            "ما هو اسمك",
            "आपका नाम",
            "आपका नाम क्या है",
            "आपका नाम क्या है।",
        ],
    ),
    (
        Personal::Phone,
        &[
            "what number can we reach you on",
            "what number can we reach you at",
            "what number can we call you on",
        ],
    ),
    (
        Personal::Birthday,
        &[
            "when were you born",
            "on what date were you born",
            "wann sind sie geboren",
            "wann bist du geboren",
            "wann wurden sie geboren",
            "wann wurdest du geboren",
            "wann haben sie geburtstag",
            "wann hast du geburtstag",
            "cuándo naciste",
            "cuándo nació",
            "cuando naciste",
            "cuando nació",
            "cuándo es tu cumpleaños",
            "quand êtes vous né",
            "quand êtes vous née",
            "quand es tu né",
            "quand nasceu",
            "quando nasceu",
            "quando você nasceu",
            "quando sei nato",
            "quando sei nata",
            "quando è nato",
            "quando è nata",
            "wanneer bent u geboren",
            "wanneer ben je geboren",
            "när är du född",
            "hvornår er du født",
            "når er du født",
            "milloin olet syntynyt",
            "kiedy się urodziłeś",
            "kiedy się urodziłaś",
            "kdy jste se narodil",
            "когда вы родились",
            "ne zaman doğdunuz",
        ],
    ),
];

/// Requests in scripts that part no words, or join them with others.
const UNSPACED: [(Personal, &[&str]); 5] = [
    (
        Personal::Email,
        &["メールアドレス", "邮箱", "電子郵件", "电子邮件", "이메일", "البريد الإلكتروني", "ईमेल"],
    ),
    (
        Personal::Phone,
        &[
            "電話番号",
            "手机号",
            "电话号码",
            "電話號碼",
            "手機號碼",
            "전화번호",
            "휴대폰 번호",
            "رقم الهاتف",
            "رقم هاتفك",
            "फोन नंबर",
            "मोबाइल नंबर",
        ],
    ),
    (
        Personal::Birthday,
        &[
            "生年月日",
            "出生日期",
            "出生年月",
            "誕生日はいつ",
            "생년월일",
            "생일이 언제",
            "تاريخ الميلاد",
            "تاريخ ميلادك",
            "जन्म तिथि",
            "जन्मतिथि",
        ],
    ),
    (
        Personal::Address,
        &[
            "ご住所",
            "あなたの住所",
            "郵便番号",
            "您的地址",
            "你的地址",
            "家庭住址",
            "联系地址",
            "邮编",
            "집 주소",
            "عنوانك",
            "आपका पता",
        ],
    ),
    (
        Personal::Name,
        &[
            "お名前",
            "ご氏名",
            "あなたの名前",
            "您的姓名",
            "你的姓名",
            "您的名字",
            "你的名字",
            "您贵姓",
            "怎么称呼您",
            "如何称呼您",
            "怎么称呼你",
            "如何稱呼您",
            "你叫什么",
            "您叫什么",
            "你叫什麼",
            "您叫什麼",
            "성함",
            "당신의 이름",
            "귀하의 이름",
            "이름이 무엇",
            "이름이 뭐",
            "이름을 알려",
            "이름을 입력",
            "اسمك",
        ],
    ),
];

/// What a column's name asks whoever answers for.
pub(crate) fn asked_for(name: &str) -> Option<Personal> {
    if name.len() > LONGEST || !may_ask(name) {
        return None;
    }
    let unspaced = UNSPACED.iter().find(|(_, all)| all.iter().any(|one| name.contains(one)));
    if let Some((what, _)) = unspaced {
        return Some(*what);
    }
    let clauses: Vec<Vec<String>> = clauses(name);
    let is_short_question = name.trim_end().ends_with(['?', '？', '؟']) && clauses.len() == 1;
    clauses
        .iter()
        .find_map(|clause| in_phrase(clause).or_else(|| in_clause(clause, is_short_question)))
}

/// Whether a name holds any word of a request. Asked of each cell of each record, so it allocates
/// nothing.
fn may_ask(name: &str) -> bool {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| {
        let spaced = NOUNS.iter().map(|(_, all)| *all).chain(PHRASES.iter().map(|(_, all)| *all));
        let longest = |one: &&str| one.split(' ').max_by_key(|word| word.len()).map(regex::escape);
        let words: HashSet<String> =
            spaced.flat_map(|all| all.iter().filter_map(longest)).collect();
        let unspaced =
            UNSPACED.iter().flat_map(|(_, all)| all.iter().map(|one| regex::escape(one)));
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
    let is_request = |phrase: &&str| {
        let count = phrase.split(' ').count();
        let mut windows = clause.windows(count).enumerate();
        windows.any(|(at, words)| {
            words.iter().map(String::as_str).eq(phrase.split(' ')) && ends(&clause[at + count..])
        })
    };
    PHRASES
        .iter()
        .find(|(_, all)| all.iter().any(&is_request))
        .map(|(what, _)| *what)
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
    let fits = |noun: &&str| {
        let mut own = words.iter();
        noun.split(' ').all(|word| own.next().is_some_and(|own| own == word))
    };
    let all = NOUNS.iter().flat_map(|(what, all)| all.iter().map(move |noun| (*what, *noun)));
    let found =
        all.filter(|(_, noun)| fits(noun)).map(|(what, noun)| (what, noun.split(' ').count()));
    found.max_by_key(|(_, count)| *count)
}

/// Whether a request ends before these words, or goes on with something else.
fn ends(rest: &[String]) -> bool {
    rest.first().is_none_or(|word| is_among(AFTER, word))
}

fn is_among(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

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
