//! Dates with or without a time, in figures and in words: `2024-05-01 10:22:31`,
//! `Dienstag, 5. März 2024 um 14:14 Uhr`.
//!
//! Owns the words of which dates are made, in the languages that research is written in. A sentence
//! that holds a date is none.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::names::{is_among, is_of_word};

const MONTHS: &str = "\
    jan january feb february mar march apr april may jun june jul july aug august sep sept \
    september oct october nov november dec december \
    jän januar jänner feber februar mär mrz märz mai juni juli okt oktober dez dezember \
    ene enero febrero marzo abr abril mayo junio julio ago agosto septiembre setiembre octubre \
    noviembre dic diciembre \
    janv janvier févr février mars avr avril juin juil juillet août aoû sept septembre octobre \
    novembre déc décembre \
    janeiro fev fevereiro março maio mai junho julho set setembro out outubro novembro dez dezembro \
    gen gennaio febbraio mag maggio giu giugno lug luglio settembre ott ottobre dicembre \
    januari februari mrt maart mei augustus \
    maj augusti marts \
    tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta \
    lokakuuta marraskuuta joulukuuta tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu \
    stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia \
    sty lut kwi cze lip sie wrz paź lis gru \
    ledna února března dubna května června července srpna září října listopadu prosince \
    января февраля марта апреля мая июня июля августа сентября октября ноября декабря \
    янв фев мар апр июн июл авг сен сент окт ноя нояб дек \
    ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık oca şub nis haz tem ağu eyl eki kas ara \
    يناير فبراير مارس أبريل ابريل مايو يونيو يوليو أغسطس اغسطس سبتمبر أكتوبر اكتوبر نوفمبر ديسمبر \
    जनवरी फ़रवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर सितम्बर अक्टूबर अक्तूबर नवंबर नवम्बर दिसंबर दिसम्बर";

const DAYS: &str = "\
    mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun sunday \
    montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so \
    lunes martes miércoles miercoles jueves viernes sábado sabado domingo lun mar mié jue vie sáb dom \
    lundi mardi mercredi jeudi vendredi samedi dimanche mer jeu ven sam dim \
    segunda terça quarta quinta sexta feira seg ter qua qui sex \
    lunedì martedì mercoledì giovedì venerdì sabato domenica gio \
    maandag dinsdag woensdag donderdag vrijdag zaterdag zondag ma wo vr za zo \
    måndag tisdag onsdag torsdag fredag lördag söndag mån tis ons tors fre lör sön \
    mandag tirsdag lørdag søndag man tir tor lør søn \
    maanantai maanantaina tiistai tiistaina keskiviikko keskiviikkona torstai torstaina perjantai perjantaina \
    lauantai lauantaina sunnuntai sunnuntaina ke to pe la su ti \
    poniedziałek wtorek środa czwartek piątek sobota niedziela \
    pondělí úterý středa čtvrtek pátek neděle \
    понедельник вторник среда четверг пятница суббота воскресенье пн вт ср чт пт сб вс \
    pazartesi salı çarşamba perşembe cuma cumartesi pazar \
    월요일 화요일 수요일 목요일 금요일 토요일 일요일 \
    الاثنين الإثنين الثلاثاء الأربعاء الخميس الجمعة السبت الأحد \
    सोमवार मंगलवार बुधवार गुरुवार शुक्रवार शनिवार रविवार";

/// Halves of the day, units, and what stands between the parts of a date.
const BESIDE: &str = "\
    am pm a m p at on the of st nd rd th o clock h hrs hours \
    uhr um am den der \
    de del a las la los el año \
    le à er du \
    às as do da e o ao \
    alle ore il \
    om uur op \
    kl klokken den \
    klo \
    godz o r dnia \
    v ve dne hod \
    г в ч года \
    saat \
    년 월 일 시 분 초 오전 오후 \
    ص م عند الساعة في \
    बजे को पूर्वाह्न अपराह्न º ª";

/// Zones of time.
const ZONES: &str = "\
    z t gmt utc cet cest wet west eet eest msk bst ist jst kst est edt cst cdt mst mdt pst pdt akst hst aest aedt \
    acst awst nzst nzdt sgt hkt sast mez mesz brt art clt coordinated universal greenwich mean central eastern \
    western european pacific mountain standard daylight summer time";

/// Signs of which dates and times of day are written in Chinese and Japanese.
const SIGNS: &str = "年月日号號時时分秒点點曜火水木金土星期周週一二三四五六天午前後后上下晚早";

/// Longest date, in bytes.
const LONGEST: usize = 100;
/// Fewest digits: of a day and a year.
const LEAST_DIGITS: usize = 5;

/// Whether a value is a date, with or without a time and a zone: `2024-05-01 10:22:31`,
/// `1/5/24 10:22`, `March 5, 2024 3:12 pm`.
pub(super) fn is_time_stamp(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    if digits < LEAST_DIGITS || value.len() > LONGEST {
        return false;
    }
    let marks = value.bytes().filter(|b| b"-/:.".contains(b)).count();
    value.starts_with(|c: char| c.is_ascii_digit())
        && marks >= 2
        && value.bytes().all(|b| b.is_ascii_digit() || b"-/:. +TZAPM".contains(&b))
        || is_in_words(value)
}

/// Whether a line is a day and nothing else: `6 May 2024`, `Day 3 - Wed 8 May`.
pub(super) fn is_day(line: &str) -> bool {
    static DAY: LazyLock<Regex> = LazyLock::new(|| {
        let month = "jan(?:uary|uar|vier|eiro)?|feb(?:ruary|ruar|braio)?|février|fevereiro\
            |februari|mar(?:ch|s|zo|ço)?|maart|märz|apr(?:il|ile)?|avril|abril|may|mai|mayo|maio\
            |maggio|mei\
            |june?|juni|juin|junio|junho|giugno|july?|juli|juillet|julio|julho|luglio|aug(?:ust\
            |ustus)?|août|agosto|sep(?:t|tember|tembre|tiembre)?|settembre|setembro|oct(?:ober\
            |obre)?|okt(?:ober)?|ottobre|outubro|nov(?:ember|embre|iembre|embro)?|de[cz](?:ember\
            |embre|iembre|embro)?|dicembre|décembre|januari|gennaio|enero|janeiro";
        let weekday = "mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun|montag|dienstag\
            |mittwoch|donnerstag|freitag|samstag|sonntag|mo|di|mi|do|fr|sa|so\
            |lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|miércoles|jueves\
            |viernes|sábado|domingo|(?:segunda|terça|quarta|quinta|sexta)(?:-feira)?\
            |luned[ìi]|marted[ìi]|mercoled[ìi]|gioved[ìi]|venerd[ìi]|sabato|domenica|maandag\
            |dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag";
        let date = format!(
            r"(?:\d{{1,2}}[./-]\d{{1,2}}[./-](?:\d{{4}}|\d{{2}})?|\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}(?:st|nd|rd|th|\.|º)?\s+(?:de\s+)?(?:{month})\.?(?:\s+(?:de\s+)?\d{{4}})?|(?:{month})\.?\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?)"
        );
        let date = format!(r"(?:(?:{weekday})(?:day)?\.?[\s,]+)?{date}|(?:{weekday})(?:day)?\.?");
        let number =
            r"(?:day|tag|jour|d[íi]a|giorno|dag|week|woche|semaine|semana|settimana)\s+\d{1,3}";
        let time = r"(?:[\s,]+(?:at\s+|um\s+)?\d{1,2}[:.h]\d{2}(?:\s*[ap]m|\s*uhr)?)?";
        let pattern = format!(
            r"(?i)^[\[(]?(?:{number}(?:[\s,:(–—-]+(?:{date})\)?)?|{date}){time}[\])]?[:.]?$"
        );
        Regex::new(&pattern).expect("the pattern is valid")
    });
    let line = line.trim();
    line.contains(|c: char| c.is_ascii_digit()) && DAY.is_match(line)
}

/// Whether a value is a day, a time of day, or both: `12 March`, `09:15`, `2024-05-01 10:22`,
/// `2024-05`.
pub(crate) fn is_moment(value: &str) -> bool {
    let is_of = |signs: &[u8]| value.bytes().all(|b| b.is_ascii_digit() || signs.contains(&b));
    let begins = value.starts_with(|c: char| c.is_ascii_digit());
    let is_clock = begins && value.contains(':') && is_of(b": .apmAPM");
    let is_month = is_of(b"-/") && value.len() == 7 && value.find(['-', '/']) == Some(4);
    is_clock || is_month || is_time_stamp(value) || is_day(value)
}

/// Whether a value is made of nothing but a date and words that belong to one.
fn is_in_words(value: &str) -> bool {
    // Asked of each cell that holds some digits.
    static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        [MONTHS, DAYS, BESIDE, ZONES].into_iter().flat_map(|all| all.split(' ')).collect()
    });
    static FIGURES: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\D{0,20}\d{1,4}([-/.])\s?\d{1,2}[-/.]\s?\d{1,4}")
            .expect("the pattern is valid")
    });
    let is_mark = |c: char| c.is_whitespace() || "-/:.,+()[]|–'’".contains(c);
    let words = value.split(|c: char| !is_of_word(c) || c.is_ascii_digit());
    let words: Vec<String> = words.filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    let is_known =
        |word: &String| KNOWN.contains(word.as_str()) || word.chars().all(|c| SIGNS.contains(c));
    let has_date = || {
        words.iter().any(|word| is_among(MONTHS, word))
            || FIGURES.is_match(value)
            || value.contains(['年', '년']) && value.contains(['月', '월'])
    };
    value.chars().all(|c| is_of_word(c) || is_mark(c)) && words.iter().all(is_known) && has_date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_known_in_figures_and_in_the_words_of_many_languages() {
        for value in [
            "2024-05-01 10:22:31",
            "2024-05-02T09:00:00Z",
            "1/5/24 10:22",
            "Dienstag, 5. März 2024 um 14:14 Uhr",
            "March 5, 2024 3:12 pm",
            "5 March 2024",
            "Tuesday, March 5th, 2024 at 3:12 PM",
            "2024/03/12 10:00:00 AM GMT+1",
            "2024/03/01 1:00:00 p. m. GMT+1",
            "martes, 5 de marzo de 2024 a las 14:14",
            "mardi 5 mars 2024 à 14:14",
            "1er mars 2024 10h30",
            "terça-feira, 5 de março de 2024 às 14:14",
            "martedì 5 marzo 2024 alle ore 14:14",
            "5 maart 2024 om 14:14 uur",
            "den 5 mars 2024 kl. 14:14",
            "5. maaliskuuta 2024 klo 14.14",
            "5 marca 2024 r. o godz. 14:14",
            "5. března 2024 v 14:14",
            "5 марта 2024 г. в 14:14",
            "5 Mart 2024 Salı, saat 14:14",
            "2024年3月5日(火) 14:14",
            "2024年3月5日 星期二 下午2:14",
            "2024. 3. 12 오전 10:00:00",
            "2024년 3월 5일 오후 2:14",
            "Tue Mar 05 2024 14:14:00 GMT+0100 (Central European Standard Time)",
        ] {
            assert!(is_time_stamp(value), "{value}");
        }
    }

    #[test]
    fn a_sentence_or_span_of_time_is_no_date() {
        for value in [
            "I moved here on March 5, 2024.",
            "Since 5 March 2024 my bus is late",
            "Am 5. März 2024 kam der Bus nicht",
            "El 5 de marzo de 2024 llegué tarde",
            "Depuis le 5 mars 2024",
            "March 2024",
            "May",
            "12345",
            "um 14:14 Uhr",
            "from 10:00 to 12:30 pm",
            "de 10:00 à 12:30",
            "between 1/5/24 and 2/5/24",
            "1,200 to 1,500 a day",
            "2024年3月5日に引っ越しました",
            "10 of 12345",
        ] {
            assert!(!is_time_stamp(value), "{value}");
        }
    }

    #[test]
    fn days_are_told_from_sentences() {
        for day in [
            "6 May 2024",
            "Day 3 - Wed 8 May",
            "Tag 2, 7. Mai",
            "2024-05-06",
            "Jour 1",
            "lunes 6 de mayo de 2024",
            "Monday, May 6, 2024",
            "06/05/2024 20:15",
        ] {
            assert!(is_day(day), "{day}");
        }
        for other in ["May I go?", "Monday", "Day 3 was bad", "6 May was hot", "12", "8 of 10"] {
            assert!(!is_day(other), "{other}");
        }
    }
}
