//! Whether the name of a column says that it holds who somebody is: `Age`, `Beruf`, `¿Cuál es tu
//! profesión?`.
//!
//! Owns these words in the languages that research is written in. Does not look at values. Columns
//! that name a person, or ask for an address, are told by `names` and `asked_for`.

use super::names::{apart_at_capitals, is_among, is_of_word};

/// Words that say so wherever they stand in a short name, or in a short question.
const WHO: &str = "\
    age old gender sex role job occupation profession position employment income education degree \
    region country state city town location ethnicity race nationality language marital household \
    department industry sector seniority experience segment group type team \
    alter alt altersgruppe altersklasse geschlecht beruf berufe berufsbezeichnung berufserfahrung einkommen \
    nettoeinkommen haushaltseinkommen haushaltsgröße bildungsabschluss schulabschluss wohnort bundesland \
    staatsangehörigkeit nationalität muttersprache familienstand haushalt abteilung branche stadt \
    edad años género sexo profesión profesion ocupación ocupacion ingresos escolaridad nacionalidad ciudad país \
    âge ans sexe métier profession revenu revenus diplôme nationalité ville pays ancienneté \
    idade gênero profissão ocupação escolaridade renda rendimento nacionalidade cidade \
    età anni sesso professione occupazione reddito nazionalità città paese \
    leeftijd geslacht beroep inkomen opleiding nationaliteit woonplaats \
    ålder kön yrke inkomst utbildning nationalitet \
    alder køn kjønn erhverv indkomst inntekt uddannelse utdanning \
    ikä ikäsi vanha sukupuoli sukupuolesi ammatti ammattisi tulot koulutus kansalaisuus \
    wiek płeć zawód dochód wykształcenie narodowość \
    věk pohlaví povolání příjem vzdělání národnost \
    возраст лет пол профессия должность доход образование национальность \
    yaş yaşınız yaşındasınız cinsiyet cinsiyetiniz meslek mesleğiniz gelir eğitim uyruk \
    나이 연령 성별 직업 소득 학력 국적 \
    العمر السن عمرك الجنس المهنة مهنتك الدخل الجنسية \
    आयु उम्र लिंग पेशा व्यवसाय राष्ट्रीयता";

/// Words that say so in a label only: in a question, they are what is asked about.
const LABELS: &str = "\
    rolle position stelle tätigkeit funktion ausbildung bildung beschäftigung land region ort kanton sprache gruppe \
    typ segment herkunft \
    rol cargo puesto trabajo empleo educación estudios región provincia municipio ubicación idioma civil hogar \
    departamento industria experiencia grupo tipo equipo segmento antigüedad \
    genre rôle poste emploi fonction éducation études région commune département langue ménage foyer \
    secteur industrie expérience groupe équipe \
    função trabalho emprego educação região estado município domicílio setor experiência equipe equipa \
    genere ruolo lavoro impiego istruzione regione provincia comune lingua nucleo reparto settore esperienza \
    gruppo squadra \
    functie baan regio provincie stad taal huishouden afdeling ervaring groep \
    roll jobb befattning län stad ort språk hushåll avdelning bransch erfarenhet grupp \
    stilling kommune fylke landsdel sprog husstand afdeling avdeling bransje erfaring gruppe \
    rooli työ tehtävä maakunta maa kaupunki kunta kieli kotitalous osasto toimiala kokemus ryhmä \
    rola stanowisko praca województwo kraj miasto język gospodarstwo dział branża doświadczenie grupa \
    pozice zaměstnání země město jazyk domácnost oddělení obor zkušenost skupina \
    роль работа занятость регион область страна город язык отдел отрасль опыт группа \
    rol iş pozisyon görev bölge ülke şehir dil hane departman sektör deneyim grup \
    직책 직무 지역 도시 국가 언어 부서 업종 \
    الوظيفة التعليم المنطقة المدينة البلد اللغة القسم \
    शिक्षा क्षेत्र शहर देश भाषा विभाग";

/// Words in scripts that part no words.
const UNSPACED: &str = "\
    年齢 年代 性別 職業 職種 役職 年収 学歴 居住地 都道府県 国籍 業種 業界 部署 勤続年数 \
    年龄 年齡 年纪 性别 职业 职位 岗位 收入 学历 學歷 教育程度 地区 地區 城市 省份 国籍 國籍 民族 婚姻状况 部门 部門 行业 工龄";

/// Of all these, those that name somebody's kind: what they work as, or what group they are of.
const ROLES: &str = "\
    role job occupation profession position segment type group \
    beruf berufe berufsbezeichnung rolle stelle tätigkeit funktion gruppe typ \
    profesión profesion ocupación ocupacion rol cargo puesto trabajo empleo segmento grupo tipo \
    métier rôle poste emploi fonction groupe \
    profissão ocupação função trabalho emprego \
    professione occupazione ruolo lavoro impiego gruppo \
    beroep rol functie baan groep \
    yrke roll jobb befattning grupp erhverv stilling gruppe \
    ammatti ammattisi rooli työ tehtävä ryhmä \
    zawód rola stanowisko praca grupa povolání pozice zaměstnání skupina \
    профессия должность роль работа группа \
    meslek mesleğiniz iş pozisyon görev grup \
    직업 직책 직무 المهنة مهنتك الوظيفة पेशा व्यवसाय \
    職業 職種 役職 职业 职位 岗位";

/// Most words of a question in which such a word tells who is asked; in a longer one, it is what is
/// asked about.
const MOST_WORDS: usize = 7;
/// Most words of a label.
const LABEL: usize = 3;
/// Most characters of a name in a script that parts no words.
const UNSPACED_LENGTH: usize = 12;

/// Whether a column's name says that it is about who somebody is, as `age` and `role` do.
pub(crate) fn tells_who(name: &str) -> bool {
    let parts = parts(name);
    let has = |words: &str| parts.iter().any(|part| is_among(words, part));
    parts.len() <= MOST_WORDS && has(WHO)
        || parts.len() <= LABEL && !is_question(name) && has(LABELS)
        || holds_unspaced(name, UNSPACED)
}

/// Whether a column's name says that it holds somebody's kind: `occupation`, `Beruf`.
pub(crate) fn tells_role(name: &str) -> bool {
    let is_role = |part: &String| is_among(ROLES, part);
    tells_who(name) && (parts(name).iter().any(is_role) || holds_unspaced(name, ROLES))
}

fn is_question(name: &str) -> bool {
    name.contains(['?', '？', '؟'])
}

fn holds_unspaced(name: &str, words: &str) -> bool {
    let has = |word: &str| word.chars().all(crate::schema::is_unspaced) && name.contains(word);
    name.chars().nth(UNSPACED_LENGTH).is_none() && words.split(' ').any(has)
}

/// The words of a name, in small letters: `jobTitle` has two.
fn parts(name: &str) -> Vec<String> {
    let spaced = apart_at_capitals(name);
    let parts = spaced.split(|c: char| !is_of_word(c)).filter(|part| !part.is_empty());
    parts.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_somebody_is_is_told_in_many_languages() {
        for name in [
            "Age",
            "How old are you?",
            "user_type",
            "jobTitle",
            "Beruf",
            "Wie alt sind Sie?",
            "Was ist Ihr Beruf?",
            "Rolle im Team",
            "Edad",
            "¿Cuántos años tienes?",
            "Puesto",
            "Métier",
            "Quel âge avez-vous ?",
            "Profissão",
            "Quanti anni hai?",
            "Leeftijd",
            "Yrke",
            "Ammatti",
            "Zawód",
            "Город",
            "Mesleğiniz nedir?",
            "職業",
            "您的职业是？",
            "직업",
        ] {
            assert!(tells_who(name), "{name}");
        }
        for name in [
            "What do you do when the job that you have does not pay?",
            "¿Qué te gusta de tu trabajo?",
            "Wie ist die Arbeit?",
            "Was fehlt in Ihrer Gruppe?",
            "answer",
            "Comment trouvez-vous le poste ?",
            "普段どのように地域で計画を立てますか",
            "",
        ] {
            assert!(!tells_who(name), "{name}");
        }
        for name in ["occupation", "Beruf", "Métier", "職業", "user_type"] {
            assert!(tells_role(name), "{name}");
        }
        for name in ["Age", "Wohnort", "city"] {
            assert!(!tells_role(name), "{name}");
        }
    }
}
