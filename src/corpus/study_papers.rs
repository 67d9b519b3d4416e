//! Papers of a study that hold no participant's words of their own: consent forms, discussion guides,
//! screeners, syntheses.
//!
//! Owns telling them from interviews, by what a file that was read says. What becomes of such a
//! file is decided in `files`: only beside files with participants' words is it left out.

use std::collections::HashSet;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::Record;
use super::notes::narration::NOTES;
use super::notes::researchers::is_heading;
use super::talk::moderator::ends_in_question;

/// Most records of a consent form.
const LONGEST_FORM: usize = 80;

/// Fewest questions of a guide.
const LEAST_QUESTIONS: usize = 3;

/// Most words of a line that is a heading rather than something to say.
const HEADING_WORDS: usize = 4;

/// Records at the head of a file among which its title stands.
const TITLE: usize = 3;

/// Most characters of a title.
const LONGEST_TITLE: usize = 60;

/// Words in the name or the title of a file with questions to ask.
const GUIDES: [&str; 33] = [
    "guide",
    "guideline",
    "guidelines",
    "script",
    "screener",
    "protocol",
    "questionnaire",
    "topicguide",
    "leitfaden",
    "interviewleitfaden",
    "gesprächsleitfaden",
    "fragebogen",
    "skript",
    "guion",
    "guión",
    "guia",
    "guía",
    "pauta",
    "cuestionario",
    "roteiro",
    "questionário",
    "questionario",
    "guida",
    "traccia",
    "scaletta",
    "canevas",
    "grille",
    "trame",
    "gids",
    "leidraad",
    "gespreksleidraad",
    "topiclijst",
    "vragenlijst",
];

/// Words in the name or the title of a form that participants sign.
const FORMS: [&str; 15] = [
    "consent",
    "einwilligung",
    "einwilligungserklärung",
    "einverständnis",
    "einverständniserklärung",
    "consentimiento",
    "consentement",
    "consentimento",
    "consenso",
    "toestemming",
    "toestemmingsformulier",
    "waiver",
    "release",
    "nda",
    "datenschutzerklärung",
];

/// How somebody agrees on a form, in lower case.
const AGREEMENTS: [&str; 20] = [
    "i agree",
    "i consent",
    "i understand that",
    "i have read",
    "i allow",
    "ich willige",
    "ich stimme",
    "ich bin einverstanden",
    "ich habe die information",
    "j'accepte",
    "j'autorise",
    "je consens",
    "acepto",
    "autorizo",
    "concordo",
    "aceito",
    "acconsento",
    "autorizzo",
    "ik stem in",
    "ik ga akkoord",
];

/// Words beside the place for a signature, in lower case.
const SIGNATURES: [&str; 9] = [
    "signature",
    "signed",
    "unterschrift",
    "firma",
    "assinatura",
    "handtekening",
    "signé",
    "sign here",
    "print name",
];

/// Marks of a guide for the one who asks, in lower case.
const PROBES: [&str; 14] = [
    "probe:",
    "probes:",
    "prompt:",
    "prompts:",
    "follow-up:",
    "nachfrage:",
    "nachfragen:",
    "sondeo:",
    "repregunta:",
    "relance:",
    "relances:",
    "sondar:",
    "doorvragen:",
    "approfondire:",
];

/// Words in the name or the title of what researchers made of a study.
const SYNTHESES: [&str; 33] = [
    "synthesis",
    "report",
    "findings",
    "insights",
    "readout",
    "topline",
    "personas",
    "memo",
    "analysis",
    "themes",
    "takeaways",
    "synthese",
    "bericht",
    "abschlussbericht",
    "erkenntnisse",
    "auswertung",
    "analyse",
    "synthèse",
    "rapport",
    "bilan",
    "síntesis",
    "informe",
    "hallazgos",
    "análisis",
    "síntese",
    "relatório",
    "análise",
    "sintesi",
    "rapporto",
    "relazione",
    "analisi",
    "verslag",
    "bevindingen",
];

/// Words before the number of what somebody is to try in a test, in lower case.
const TASKS: [&str; 10] = [
    "task", "scenario", "aufgabe", "szenario", "tâche", "tarea", "tarefa", "compito", "taak",
    "opdracht",
];

/// Words for whoever is spoken to, in lower case.
const ADDRESSED: [&str; 18] = [
    "you", "your", "please", "sie", "ihr", "ihre", "ihren", "bitte", "vous", "votre", "usted",
    "su", "você", "seu", "lei", "suo", "u", "uw",
];

/// Names of files that say what is in a folder.
const READMES: [&str; 5] = ["readme", "liesmich", "lisezmoi", "leeme", "leiame"];

/// Whether a file, by its name and what it says, is a paper of the study and holds nobody's words.
pub(super) fn is_paper(name: &Path, records: &[Record]) -> bool {
    // What stands behind `Moderator:` at the head of a guide looks like a question.
    let is_prose = |record: &Record| {
        let is_known =
            |name: &str| matches!(name, "section" | "question" | "text") || name == NOTES;
        record.columns.iter().all(|column| is_known(&column.name))
    };
    let stem = name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let lines: Vec<&str> = records.iter().flat_map(lines_of).collect();
    let heads = lines.iter().take(TITLE).filter(|line| line.chars().count() <= LONGEST_TITLE);
    let sections = records.iter().take(TITLE).filter_map(section_of);
    let titles: Vec<&str> = heads.copied().chain(sections).chain([stem.as_str()]).collect();
    let is_titled = |words: &[&str]| titles.iter().any(|title| has_word(title, words));
    let is_text = records.iter().all(is_prose);
    // What is printed before a place to sign looks like the label of a speaker.
    if is_text && records.len() <= LONGEST_FORM && is_form(&lines, is_titled(&FORMS)) {
        return true;
    }
    let is_nobodys = records.iter().all(|record| record.participant.is_none());
    // A table of findings may stand in a report.
    let is_report = || {
        let sections = records.iter().filter_map(section_of);
        is_titled(&SYNTHESES)
            && (sections.into_iter().any(is_heading) || is_text && sums_up(&lines))
    };
    let is_readme = || has_word(&stem, &READMES);
    let is_asked =
        || is_guide(&lines, is_titled(&GUIDES)) || is_titled(&GUIDES) && gives_tasks(&lines);
    is_nobodys && (is_report() || is_text && (is_readme() || is_asked()))
}

/// Fewest participants whom a report names by their codes.
const LEAST_CODES: usize = 2;

/// Whether lines hold a heading of researchers, or speak of several participants by their codes.
fn sums_up(lines: &[&str]) -> bool {
    static CODE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b\p{Lu}{1,3}-?\d{1,3}\b").expect("the pattern is valid"));
    let is_heading =
        |line: &&str| line.split_whitespace().count() <= HEADING_WORDS && is_heading(line);
    let codes: HashSet<&str> =
        lines.iter().flat_map(|line| CODE.find_iter(line)).map(|found| found.as_str()).collect();
    lines.iter().any(is_heading) || codes.len() >= LEAST_CODES
}

/// Fewest tasks of a script.
const LEAST_TASKS: usize = 2;

/// Whether lines give somebody several tasks: `Task 2: Please find a place for tonight.`
fn gives_tasks(lines: &[&str]) -> bool {
    let words = |line: &str| -> Vec<String> {
        let words = line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    let lines: Vec<Vec<String>> = lines.iter().map(|line| words(line)).collect();
    let is_task = |words: &&Vec<String>| {
        words.first().is_some_and(|word| TASKS.contains(&word.as_str()))
            && words.get(1).is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()))
    };
    let speaks_to =
        |words: &&Vec<String>| words.iter().any(|word| ADDRESSED.contains(&word.as_str()));
    lines.iter().filter(is_task).count() >= LEAST_TASKS
        && lines.iter().filter(speaks_to).count() * 2 >= lines.len()
}

/// Fewest signs of a form besides a place to fill in: its title, an agreement, a signature.
const FORM_SIGNS: usize = 2;

/// Whether a text is a form to sign.
fn is_form(lines: &[&str], is_titled: bool) -> bool {
    let any = |is: &dyn Fn(&str) -> bool| lines.iter().any(|line| is(line));
    let holds = |line: &str, words: &[&str]| {
        let line = line.to_lowercase().replace('’', "'");
        words.iter().any(|word| line.contains(word))
    };
    let has_blank =
        any(&|line| line.contains("___") || line.contains(".....") || line.contains('☐'));
    let signs = usize::from(is_titled)
        + usize::from(any(&|line| holds(line, &AGREEMENTS)))
        + usize::from(any(&|line| holds(line, &SIGNATURES)));
    has_blank && signs >= FORM_SIGNS
}

/// Whether most lines that are no headings are questions, under a title that says so or beside
/// marks for the one who asks. A guide that somebody filled in has an answer to each question.
fn is_guide(lines: &[&str], is_titled: bool) -> bool {
    let questions = lines.iter().filter(|line| ends_in_question(line)).count();
    let is_heading = |line: &&&str| {
        !ends_in_question(line)
            && (line.split_whitespace().count() <= HEADING_WORDS && !line.ends_with(['.', '!'])
                || line.starts_with('#')
                || has_minutes(line))
    };
    let others = lines.len() - questions - lines.iter().filter(is_heading).count();
    let is_marked = lines.iter().any(|line| {
        let line = line.to_lowercase();
        PROBES.iter().any(|probe| line.starts_with(probe)) || has_minutes(&line)
    });
    questions >= LEAST_QUESTIONS && questions > others && (is_titled || is_marked)
}

/// Whether a line says how long a part takes: `Warm-up (5 min)`.
fn has_minutes(line: &str) -> bool {
    let Some((_, bracket)) = line.rsplit_once('(') else { return false };
    let bracket = bracket.trim_end_matches(')').trim().to_lowercase();
    bracket.starts_with(|c: char| c.is_ascii_digit())
        && bracket.split(|c: char| !c.is_alphabetic()).any(|word| word.starts_with("min"))
}

fn has_word(title: &str, words: &[&str]) -> bool {
    let title = title.to_lowercase();
    title.split(|c: char| !c.is_alphabetic()).any(|word| words.contains(&word))
}

fn section_of(record: &Record) -> Option<&str> {
    let column = record.columns.iter().find(|column| &*column.name == "section")?;
    record.text.get(column.start..column.end)
}

/// The lines of what a record says, without its heading. Numbered lines of a paragraph stand in one.
fn lines_of(record: &Record) -> impl Iterator<Item = &str> {
    static NEXT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"\s+(?:\d{1,2}[.)]|(?:Task|Aufgabe|Tâche|Tarea|Tarefa|Compito|Taak) \d{1,2}[.:])\s",
        )
        .expect("the pattern is valid")
    });
    let text = record.columns.iter().find(|column| &*column.name == "text");
    let said = text.map_or(record.text.as_str(), |column| &record.text[column.start..column.end]);
    let lines = said.lines().flat_map(|line| {
        let starts = std::iter::once(0).chain(NEXT.find_iter(line).map(|found| found.start()));
        let ends = NEXT.find_iter(line).map(|found| found.start()).chain([line.len()]);
        starts.zip(ends).map(|(start, end)| line[start..end].trim())
    });
    lines.filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::formats::{markdown, text};
    use super::super::rows::Rows;
    use super::*;

    fn is_paper(name: &str, content: &str) -> bool {
        let mut rows = Rows::new(1);
        let is_markdown = name.ends_with("md");
        let read = if is_markdown { markdown::read } else { text::read };
        read(content, &mut rows).unwrap();
        super::is_paper(Path::new(name), &rows.records)
    }

    const FORM: &str = "CONSENT FORM\n\nI agree to take part in this study. I can stop at any time.\n\n\
                        Name: ____________   Signature: ____________\n";
    const GUIDE: &str = "DISCUSSION GUIDE\n\n1. Warm-up (5 min)\n   - Tell me a bit about yourself.\n   \
                         - How often do you come here?\n2. Boxes (15 min)\n   - What happened last time?\n   \
                         - Probe: How did that feel?\n   - Show the picture of the box.\n";

    #[test]
    fn forms_to_sign_and_guides_are_papers_of_the_study() {
        assert!(is_paper("a.txt", FORM));
        assert!(is_paper("a.txt", GUIDE));
        assert!(is_paper(
            "Einwilligung.txt",
            "Ich stimme der Aufnahme zu.\n\nOrt, Datum: ________\n"
        ));
        assert!(is_paper(
            "Leitfaden.txt",
            "- Wie beginnt Ihr Tag?\n- Was stört Sie?\n- Und warum?\n- Bitte Bild zeigen und warten.\n"
        ));
    }

    #[test]
    fn a_form_with_labels_a_synthesis_and_a_readme_are_papers_too() {
        let form = "PARTICIPANT CONSENT FORM\n\nI understand that I can stop at any time.\n\n\
                    Name of participant: ________  Signature: _______\nName of researcher: Farah Siddiqui\n";
        assert!(is_paper("01.txt", form));
        let synthesis = "# Synthesis – plots\n\n## Executive summary\n\nWe spoke with three of them.\n\n\
                         ## Busy Bella\n\nBella, 34, wants to relax. Quote: \"I just want my carrots to grow!\"\n";
        assert!(is_paper("Synthesis_v2.md", synthesis));
        assert!(!is_paper("plots.md", synthesis));
        let by_one = synthesis.replace("Executive summary", "The morning");
        assert!(!is_paper("incident report.md", &by_one));
        assert!(is_paper("00_README.txt", "Owner: Farah. Please do not share.\n"));
    }

    #[test]
    fn papers_are_known_beside_the_names_of_those_who_ask() {
        let form = "Consent\n\nResearcher: Dr. Nadia Faye\n\nPlease read this form carefully.\n\n\
                    I have read it and I agree to take part.\n\nSignature ______   Date ______\n";
        assert!(is_paper("consent.txt", form));
        let guide = GUIDE.replacen("\n\n", "\n\nModerator: Priya Nair\nDuration: 90 min\n\n", 1);
        assert!(is_paper("guide.txt", &guide));
        let topics = "TOPIC GUIDE - ROBOTS\n\nIntroduction: explain purpose, recording.\n\n\
                      Section 1 - The farm\n1. Can you tell me about it?\n2. Who does the milking?\n\n\
                      Section 2 - Future\n3. What worries you about it?\n";
        assert!(is_paper("Topics.txt", topics));
        let script = "Hello, my name is Jo. I'd like you to think aloud.\n\n\
                      Task 1: Please find a site near a lake.\nTask 2: You need a place for tonight.\n\n\
                      After each task, ask: How easy was that for you?\n";
        assert!(is_paper("test_script.txt", script));
        let tried =
            "Task 1: I looked for the lake and gave up.\n\nTask 2: That one was easy for me.\n";
        assert!(!is_paper("test_script.txt", tried));
    }

    #[test]
    fn reports_are_known_without_headings_of_a_format() {
        let report =
            "Auswertung (Entwurf)\n\nZusammenfassung\n\nDrei Gruppen brauchen Verschiedenes.\n";
        assert!(is_paper("a.txt", report));
        let memo = "Analysis memo\n\nNew participants (D1, D4) measure far too often.\n\n\
                    Old hands (D2) have routines and want to be left alone.\n";
        assert!(is_paper("a.txt", memo));
        let own = "My week in a memo\n\nI measured twice and wrote it all down on a B5 pad.\n";
        assert!(!is_paper("a.txt", own));
        let table = "# Findings\n\n## Summary\n\nTask 2 failed for all.\n\n| ID | Finding |\n|---|---|\n\
                     | F1 | Filter is overlooked |\n| F2 | Price appears late |\n";
        assert!(is_paper("findings.md", table));
    }

    #[test]
    fn interviews_stay_whatever_their_name() {
        let talk =
            "Q: How often do you come?\nA: Daily.\nQ: Why?\nA: I agree to it.\nQ: And?\nA: So.\n";
        assert!(!is_paper("guide.txt", talk));
        let filled = "How often do you come here?\n\nI come every day after work.\n\nWhat is missing?\n\n\
                      There is no chair to sit on.\n\nWhat else comes to mind?\n\nI never know the price.\n";
        assert!(!is_paper("interview_guide.txt", filled));
        let notes = "I read the script and I agree with it.\n\nI had to sign a form, the signature was wrong.\n\n\
                     Nobody told me why I had to wait for it.\n";
        assert!(!is_paper("tour_guide_consent.txt", notes));
        assert!(!is_paper("questions.txt", "Why is it dear?\nWhy so late?\nWho pays for it?\n"));
    }
}
