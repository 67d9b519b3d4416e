//! Papers of a study that hold no participant's words of their own: consent forms, discussion guides,
//! screeners, syntheses.
//!
//! Owns telling them from interviews, by what a file that was read says. What becomes of such a
//! file is decided in `files`: only beside files with participants' words is it left out.

use std::path::Path;

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
const SYNTHESES: [&str; 22] = [
    "synthesis",
    "report",
    "findings",
    "insights",
    "readout",
    "topline",
    "personas",
    "synthese",
    "bericht",
    "abschlussbericht",
    "erkenntnisse",
    "synthèse",
    "rapport",
    "síntesis",
    "informe",
    "hallazgos",
    "síntese",
    "relatório",
    "sintesi",
    "rapporto",
    "relazione",
    "verslag",
];

/// Names of files that say what is in a folder.
const READMES: [&str; 5] = ["readme", "liesmich", "lisezmoi", "leeme", "leiame"];

/// Whether a file, by its name and what it says, is a paper of the study and holds nobody's words.
pub(super) fn is_paper(name: &Path, records: &[Record]) -> bool {
    let is_prose = |record: &Record| {
        let is_known = |name: &str| matches!(name, "section" | "text") || name == NOTES;
        record.columns.iter().all(|column| is_known(&column.name))
    };
    if !records.iter().all(is_prose) {
        return false;
    }
    let stem = name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let lines: Vec<&str> = records.iter().flat_map(lines_of).collect();
    let heads = lines.iter().take(TITLE).filter(|line| line.chars().count() <= LONGEST_TITLE);
    let sections = records.iter().take(TITLE).filter_map(section_of);
    let titles: Vec<&str> = heads.copied().chain(sections).chain([stem.as_str()]).collect();
    let is_titled = |words: &[&str]| titles.iter().any(|title| has_word(title, words));
    // What is printed before a place to sign looks like the label of a speaker.
    if records.len() <= LONGEST_FORM && is_form(&lines, is_titled(&FORMS)) {
        return true;
    }
    let is_synthesis =
        || is_titled(&SYNTHESES) && records.iter().filter_map(section_of).any(is_heading);
    records.iter().all(|record| record.participant.is_none())
        && (is_guide(&lines, is_titled(&GUIDES))
            || is_synthesis()
            || READMES.contains(&stem.to_lowercase().as_str()))
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
                || line.starts_with(|c: char| c.is_ascii_digit()) && has_minutes(line))
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

/// The lines of what a record says, without its heading.
fn lines_of(record: &Record) -> impl Iterator<Item = &str> {
    let text = record.columns.iter().find(|column| &*column.name == "text");
    let said = text.map_or(record.text.as_str(), |column| &record.text[column.start..column.end]);
    said.lines().map(str::trim).filter(|line| !line.is_empty())
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
        assert!(is_paper("README.md", "Owner: Farah. Please do not share.\n"));
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
