//! Whether the name of a column is a word for somebody who may have answered: `Employee No.`,
//! `N° de patient`.
//!
//! Owns these words. Those for the participant of a study belong to `names`; what a column holds is
//! looked at in `tables`.

use super::names::is_of_word;

/// How a name speaks of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Person {
    /// By a word for them alone, which may as well ask whether they are one: `Patient`.
    Bare,
    /// By a word for them and one for an id: `patient no.`.
    WithId,
}

/// Words for an id, and those that may stand between them and what the id is of.
const ID_WORDS: &str = "id ids no nr num number code key ref name initials alias pseudonym n nº nro núm numéro \
    numero número nummer nome nombre nom kennung kürzel kod numer matricule код номер numara 编号 \
    番号 번호 رقم de du des del da do di of the la le l d van von der";

/// Endings of compounds with such a word, and letters that join them: `Patientennummer`.
const COMPOUNDS: [&str; 9] =
    ["nummer", "nr", "kennung", "kürzel", "code", "numero", "编号", "番号", "번호"];
const JOINTS: [&str; 5] = ["en", "n", "s", "es", ""];

/// Words for a number of people, which tell one of them only beside a word for an id.
const GROUPS: &str = "staff personnel personal panel household";

/// Words for people whom research asks, in the languages that it is often written in.
const PEOPLE: &str = "person individual employee emp worker colleague leaver volunteer patient client customer \
    cust consumer shopper buyer user member subscriber student pupil learner teacher resident \
    tenant citizen guest visitor passenger traveller traveler rider driver farmer nurse carer \
    caregiver tester informant panelist panellist candidate applicant mitarbeiter mitarbeiterin \
    mitarbeitende mitarbeitender beschäftigte beschäftigter angestellte angestellter kunde \
    kundin klient klientin patientin nutzer nutzerin mitglied bewohner bewohnerin mieter \
    mieterin bürger bürgerin studentin studierende studierender schüler schülerin besucher \
    besucherin gast testperson versuchsperson personne individu salarié salariée employé \
    employée collaborateur collaboratrice patiente cliente usager usagère utilisateur \
    utilisatrice adhérent adhérente membre étudiant étudiante élève résident résidente locataire \
    habitant habitante visiteur visiteuse bénéficiaire enquêté enquêtée persona empleado \
    empleada trabajador trabajadora paciente usuario usuaria socio socia miembro estudiante \
    alumno alumna residente inquilino inquilina vecino vecina visitante informante pessoa \
    funcionário funcionária colaborador colaboradora usuário usuária utilizador utilizadora \
    utente membro estudante aluno aluna morador moradora dipendente lavoratore lavoratrice \
    collaboratore paziente studente studentessa persoon medewerker medewerkster werknemer \
    patiënt patiënte cliënt klant gebruiker lid bewoner huurder leerling bezoeker anställd \
    medarbetare kund användare medlem boende hyresgäst elev medarbejder medarbeider ansat ansatt \
    bruger bruker pasient beboer henkilö työntekijä potilas asiakas käyttäjä jäsen opiskelija \
    asukas osoba pracownik pracownica pacjent pacjentka klientka użytkownik członek studentka \
    mieszkaniec zaměstnanec pacient pacientka zákazník uživatel člen сотрудник пациент клиент \
    пользователь студент житель kişi çalışan hasta müşteri kullanıcı öğrenci 员工 患者 客户 顾客 用户 学生 \
    会员 従業員 社員 顧客 お客様 利用者 직원 환자 고객 사용자 회원 학생 الموظف المريض العميل المستخدم कर्मचारी मरीज ग्राहक \
    उपयोगकर्ता";

/// How the name of a column speaks of somebody who may have answered; `None` where it does not.
pub(super) fn person(name: &str) -> Option<Person> {
    let words = words(name);
    let is_id = |word: &&String| is_among(ID_WORDS, word);
    let mut others = words.iter().filter(|word| !is_id(word));
    let (word, None) = (others.next()?, others.next()) else { return None };
    let has_id = words.iter().any(|word| is_id(&word));
    if has_id && (is_among(PEOPLE, word) || is_among(GROUPS, word)) {
        return Some(Person::WithId);
    }
    let stems = COMPOUNDS.iter().filter_map(|id| word.strip_suffix(id));
    let mut stems = stems.flat_map(|stem| JOINTS.iter().filter_map(|s| stem.strip_suffix(s)));
    if stems.any(|stem| is_among(PEOPLE, stem) || is_among(GROUPS, stem)) {
        return Some(Person::WithId);
    }
    is_among(PEOPLE, word).then_some(Person::Bare)
}

fn is_among(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

/// The words of a name in lower case: `empNo` has two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let is_new = !is_of_word(c) || c.is_uppercase() && before.is_lowercase();
        if is_new && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| is_of_word(c)) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_people_is_known_by_its_name_in_many_forms() {
        for name in [
            "Employee No.",
            "emp_id",
            "empNo",
            "staff number",
            "customer_no",
            "N° de patient",
            "n° patient",
            "Patientennummer",
            "Kundennr.",
            "Número de socio",
            "user code",
        ] {
            assert_eq!(person(name), Some(Person::WithId), "{name}");
        }
        for name in ["employee", "Mitarbeiterin", "salarié", "paciente", "patient", "患者"] {
            assert_eq!(person(name), Some(Person::Bare), "{name}");
        }
        for name in [
            "staff",
            "user needs",
            "id",
            "number of employees",
            "participants",
            "Are you a patient?",
            "order no",
            "",
        ] {
            assert_eq!(person(name), None, "{name}");
        }
    }
}
