//! Words that head the entries of diaries, forms and lists: days, times of day, `Likes`, `Goals`.
//!
//! Owns the list. Such words come back as the labels of speakers do, and are nobody's name.

/// The words in small letters, sorted.
const TOPICS: &str = "abend abends after afternoon attentes aufgabe avantages avond awareness ayer bad \
    bedürfnisse before behaviors behaviours behoeften benefits besoins bisogni breakfast cele \
    challenges chorus concerns consideration crosstalk czwartek dag day debilidades decision \
    demain desejos deseos desideri desires desvantagens desventajas dia dienstag dimanche \
    dinner dinsdag discovery dislikes doelen domani donderdag donnerstag dzień dziś día \
    evening expectations expectativas faiblesses fears feelings fortalezas fredag freitag \
    friday frustraciones frustrations frustrações frühstück fördelar gains gestern giorno \
    giovedì gisteren goals good gut habits heute hier hoje hopes hoy ieri improvements \
    inaudible inconvénients jeudi jour jueves kritik kväll laughs laughter likes lob loyalty \
    lunch lundi lunedì lunes lördag lørdag maandag mandag manhã mardi martedì matin mattina \
    mañana mercoledì mercredi middag midday midi mittag mittags mittwoch miércoles monday \
    montag month morgen morgens morgon morning motivations music måndag nachmittag nachmittags \
    nacht nachteile nackdelar nadelen necesidades necessidades needs negativ negatives \
    niedziela night no noc noche noite noon notte nuit obiettivi objectifs objetivos ochtend \
    oggi onboarding onsdag ontem opportunities pains pause piątek pomeriggio poniedziałek \
    positiv positives potrzeby probleme purchase quarta quinta rano renewal retention sabato \
    samedi samstag saturday schlecht schritt schwächen segunda semaine semana sera settimana \
    sexta silence sobota soir sonnabend sonntag sorgen souhaits step strengths stärken \
    suggestions sunday svantaggi sábado söndag søndag tag tarde tarea task terça thoughts \
    threats thursday tirsdag tisdag today tomorrow torsdag tuesday usage vandaag vantagens \
    vantaggi vendredi venerdì ventajas verse viernes voordelen vormittag vormittags vorteile \
    vrijdag wady weaknesses wednesday week weekend wensen wieczór wishes woche wochenende \
    woensdag worries wtorek wünsche yes yesterday zalety zaterdag ziele zondag ängste étape \
    środa вечер воскресенье вторник день минусы ночь плюсы понедельник пятница среда суббота \
    утро четверг";

/// Whether a label heads an entry, perhaps with a number: `Likes`, `Montag`, `Day 3`.
pub(super) fn is_topic(label: &str) -> bool {
    let word = label.trim_end_matches(|c: char| c.is_ascii_digit() || " #.-".contains(c));
    !word.contains(' ') && TOPICS.split(' ').any(|topic| topic == word.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_headings_are_topics_and_names_are_not() {
        for label in ["Likes", "MONDAY", "Mittwoch", "Day 3", "Wünsche", "среда", "Step #2"] {
            assert!(is_topic(label), "{label}");
        }
        for label in ["Ana", "Day Lewis", "P3", "Support", "Customer", "Domingo", "Q1", ""] {
            assert!(!is_topic(label), "{label}");
        }
        assert!(TOPICS.split(' ').is_sorted());
    }
}
