//! Lines that a tool writes into a text again and again: `Reference 2 - 0.84% Coverage`,
//! `Page 3 of 12`, and above the words from each file or person
//! `<Files\\P02 Ruben> - § 3 references coded`.
//!
//! Owns which lines these are. What becomes of the words below them is decided in `text`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use super::layouts::heads_turn;
use super::speakers::{begins_turn, has_age, participant_of_heading};

/// Fewest times that a tool's line occurs.
const LEAST: usize = 3;

/// Fewest pages whose edges are known by their numbers.
const LEAST_PAGES: usize = 2;

/// Shortest line that underlines a heading, in bytes.
const LEAST_RULE: usize = 3;

/// Most words of a line that is taken for a heading because it numbers or names a participant.
const HEADING_WORDS: usize = 3;

/// Most words of a heading that also gives an age: `Ana Lee, 44, sells flowers`.
const AGED_WORDS: usize = 8;

/// What the heading above a part of a text says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Above {
    pub section: Option<String>,
    pub participant: Option<String>,
}

impl Above {
    /// The words of this participant.
    fn words_of(participant: String) -> Self {
        Self { section: None, participant: Some(participant) }
    }

    /// A part of the text, of nobody in particular.
    fn part(section: String) -> Self {
        Self { section: Some(section), participant: None }
    }
}

/// The lines of a text that nobody said.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    tools: HashSet<usize>,
    /// Lines that underline headings.
    rules: HashSet<usize>,
    headings: BTreeMap<usize, Above>,
    /// Whether headings name the files from which a tool took the words below them, so that what
    /// stands above the first of them is the tool's, too.
    pub are_sources: bool,
}

impl Frames {
    pub(crate) fn find(lines: &[&str]) -> Self {
        let is_blank = |at: usize| lines.get(at).is_none_or(|line| line.trim().is_empty());
        // Lines below a blank one, and those of them that stand alone.
        let first: Vec<(usize, &str)> = lines.iter().map(|line| line.trim()).enumerate().collect();
        let first: Vec<_> =
            first.into_iter().filter(|(at, _)| *at == 0 || is_blank(at - 1)).collect();
        let is_alone = |(at, line): &(usize, &str)| !line.is_empty() && is_blank(at + 1);
        let alone: Vec<(usize, &str)> = first.iter().copied().filter(is_alone).collect();
        let mut frames = Self::default();

        let mut sources = headings(&alone, |line| Some(Above::words_of(source(line)?)));
        let mut ruled = headings(&alone, between_rules);
        ruled.retain(|at, _| !sources.contains_key(at));
        let mut named = headings(&alone, |line| Some(Above::words_of(short_heading(line)?)));
        named.retain(|at, _| !sources.contains_key(at) && !ruled.contains_key(at));
        let sessions = headings(&first, |line| Some(Above::words_of(session(line)?)));
        let groups = headings(&first, |line| Some(Above::part(group(line)?)));
        for (at, line) in &first {
            let below = lines.get(at + 1).map_or("", |line| line.trim());
            if let Some(participant) = underlined(line, below) {
                named.insert(*at, Above::words_of(participant));
                frames.rules.insert(at + 1);
            }
        }

        let others = alone.iter().filter(|(at, _)| !named.contains_key(at));
        frames.tools = counted(others.copied());
        frames.tools.extend(pages(lines));
        frames.are_sources = differ(&sources) || !sources.is_empty() && !frames.tools.is_empty();
        if frames.are_sources {
            frames.headings.append(&mut sources);
        }
        // Above the first group stands the name of the whiteboard.
        let title = alone.first().filter(|(at, line)| {
            groups.first_key_value().is_some_and(|(first, _)| at < first) && !ends_sentence(line)
        });
        if let Some((at, _)) = title.filter(|_| differ(&groups)) {
            frames.tools.insert(*at);
        }
        for mut found in [ruled, named, sessions, groups] {
            if differ(&found) {
                frames.headings.append(&mut found);
            }
        }
        frames.tools.retain(|at| !frames.headings.contains_key(at));
        frames
    }

    pub(crate) fn is_tools(&self, line: usize) -> bool {
        self.tools.contains(&line)
    }

    /// Whether a line only underlines the heading above it.
    pub(crate) fn is_rule(&self, line: usize) -> bool {
        self.rules.contains(&line) && self.headings.contains_key(&(line - 1))
    }

    pub(crate) fn heading(&self, line: usize) -> Option<&Above> {
        self.headings.get(&line)
    }
}

/// The lines that are headings, with what each says.
fn headings(
    lines: &[(usize, &str)],
    read: impl Fn(&str) -> Option<Above>,
) -> BTreeMap<usize, Above> {
    lines.iter().filter_map(|(at, line)| Some((*at, read(line)?))).collect()
}

/// Whether headings say different things; only then do they count.
fn differ(found: &BTreeMap<usize, Above>) -> bool {
    found.values().any(|above| Some(above) != found.values().next())
}

/// The participant whom a line names that is underlined, as in plain text that is written like
/// Markdown.
fn underlined(line: &str, below: &str) -> Option<String> {
    let is_rule =
        below.len() >= LEAST_RULE && below.bytes().all(|b| matches!(b, b'-' | b'=' | b'~'));
    participant_of_heading(line.trim_end_matches(':')).filter(|_| is_rule)
}

fn ends_sentence(line: &str) -> bool {
    line.ends_with(['.', '!', '?', '…', '。', '！', '？', '।'])
}

/// Indices of the lines that come back with only their numbers changed: two numbers or more
/// (`Page 3 of 12`), or one that counts up. Lines that end as sentences do, or begin with a name
/// and a colon, are what people say.
fn counted<'t>(alone: impl Iterator<Item = (usize, &'t str)>) -> HashSet<usize> {
    static NUMBER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\d+(?:[.,]\d+)*").expect("the pattern is valid"));
    let mut frames: HashMap<String, Vec<(usize, &str)>> = HashMap::new();
    for (at, line) in alone {
        let is_said = ends_sentence(line) || begins_turn(line);
        let is_words = is_said || heads_turn(line);
        if !is_words && line.contains(char::is_alphabetic) && NUMBER.is_match(line) {
            frames.entry(NUMBER.replace_all(line, "#").into_owned()).or_default().push((at, line));
        }
    }
    let first = |line: &str| NUMBER.find(line)?.as_str().parse::<u64>().ok();
    let counts = |lines: &[(usize, &str)]| {
        lines.windows(2).all(|pair| match (first(pair[0].1), first(pair[1].1)) {
            (Some(before), Some(after)) => after == before + 1 || after <= 1,
            _ => false,
        })
    };
    frames
        .into_iter()
        .filter(|(frame, lines)| {
            lines.len() >= LEAST && (frame.matches('#').count() >= 2 || counts(lines))
        })
        .flat_map(|(_, lines)| lines.into_iter().map(|(at, _)| at))
        .collect()
}

/// Indices of what stands at the edges of pages, wherever the page ended: `Page 2 of 12`, and a line
/// beside it that comes back on other pages.
fn pages(lines: &[&str]) -> HashSet<usize> {
    static PAGE: LazyLock<Regex> = LazyLock::new(|| {
        let page = "page|seite|página|pagina|pág\\.?|pag\\.?|strona|str\\.?|sida|side|sivu|strana\
            |sayfa|страница|стр\\.?|p\\.|s\\.";
        let of = "of|von|de|di|sur|van|z|av|af|ze|из|/";
        let pattern = format!(
            r"(?i)^[-–—\s]*(?:(?:{page})\s*\d{{1,4}}\s*(?:{of})\s*\d{{1,4}}|第\s*\d{{1,4}}\s*[页頁])[-–—\s]*$"
        );
        Regex::new(&pattern).expect("the pattern is valid")
    });
    let filled: Vec<(usize, &str)> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| (at, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .collect();
    let is_page = |at: usize| filled.get(at).is_some_and(|(_, line)| PAGE.is_match(line));
    let numbered: Vec<usize> = (0..filled.len()).filter(|at| is_page(*at)).collect();
    if numbered.len() < LEAST_PAGES {
        return HashSet::new();
    }
    let mut beside: HashMap<&str, usize> = HashMap::new();
    for at in &numbered {
        let neighbours = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
        for (_, line) in neighbours.filter_map(|at| filled.get(at)) {
            *beside.entry(line).or_default() += 1;
        }
    }
    beside.retain(|line, times| *times >= LEAST_PAGES && !begins_turn(line));
    let is_edge = |at: &usize| is_page(*at) || beside.contains_key(filled[*at].1);
    (0..filled.len()).filter(is_edge).map(|at| filled[at].0).collect()
}

/// The name of the file that a line is about, as in
/// `<Files\\Interviews 2024\\P02 Ruben> - § 3 references`.
fn source(line: &str) -> Option<String> {
    let (path, _) = line.strip_prefix('<')?.split_once('>')?;
    let is_path = path.contains(['\\', '/']) && !path.starts_with('/') && !path.contains("://");
    is_path.then(|| file_name(path)).filter(|name| !name.is_empty())
}

/// The last part of a path, without its extension.
fn file_name(path: &str) -> String {
    let name = path.trim_end_matches(['\\', '/']).rsplit(['\\', '/']).next().unwrap_or(path).trim();
    match name.rsplit_once('.') {
        Some((stem, kind))
            if (2..=4).contains(&kind.len()) && kind.is_ascii() && !kind.contains(' ') =>
        {
            stem.to_owned()
        }
        _ => name.to_owned(),
    }
}

/// Whom a heading names that numbers a session, as notes of a day of tests have it:
/// `Session 4 — Beatriz, 34, with two children`.
fn session(line: &str) -> Option<String> {
    static SESSION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\p{Lu}\p{L}+ #?\d{1,3}\s*[—–:-]\s*(?P<who>\p{L}.*)$")
            .expect("the pattern is valid")
    });
    let who = SESSION.captures(line)?.name("who")?.as_str();
    participant_of_heading(who).filter(|_| !who.ends_with('.'))
}

/// The heading in a line by which a whiteboard begins a group of notes: `Section: What we heard`.
fn group(line: &str) -> Option<String> {
    static GROUP: LazyLock<Regex> = LazyLock::new(|| {
        let word = "section|frame|column|board|group|cluster|category|theme|bereich|rahmen|spalte\
                    |gruppe|thema|sección|marco|columna|grupo|tema|cadre|colonne|groupe|thème\
                    |seção|coluna|sezione|riquadro|colonna|gruppo|sectie|kolom|groep";
        Regex::new(&format!(r"(?i)^(?:{word})\s*:\s*(?P<name>\p{{L}}[^.!?]{{0,59}})$"))
            .expect("the pattern is valid")
    });
    Some(GROUP.captures(line)?["name"].trim().to_owned())
}

/// The heading in a line such as `=== P01.txt ===`, which is a participant's where it says so or
/// names a file.
pub(crate) fn between_rules(line: &str) -> Option<Above> {
    static RULED: LazyLock<Regex> = LazyLock::new(|| {
        let word = "file|document|source|transcript|participant|respondent|datei|dokument|quelle|\
                    archivo|documento|fichier|fonte|文件|ファイル";
        let rule = r"(?:={2,}|\*{2,}|#{2,}|~{2,}|_{2,}|-{2,}|\+{2,})";
        let pattern = format!(
            r"(?i)^{rule}\s*(?:(?P<word>{word})\s*[:：#]\s*)?(?P<name>[\p{{L}}\p{{N}}].*?)\s*{rule}$"
        );
        Regex::new(&pattern).expect("the pattern is valid")
    });
    let found = RULED.captures(line)?;
    let name = file_name(&found["name"]);
    let is_source = found.name("word").is_some() || name.len() < found["name"].trim().len();
    let participant = participant_of_heading(&name).or_else(|| is_source.then(|| name.clone()));
    let section = participant.is_none().then_some(name);
    Some(Above { section, participant })
}

/// The participant of a line that is nothing but a heading for one: `P02`, `Participant 3`.
fn short_heading(line: &str) -> Option<String> {
    let most = if has_age(line) { AGED_WORDS } else { HEADING_WORDS };
    let is_short = line.split_whitespace().nth(most).is_none();
    let is_said = line.ends_with(['.', '!', '?', '…', '。']) || begins_turn(line);
    participant_of_heading(line.trim_end_matches(':')).filter(|_| is_short && !is_said)
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_text, said};

    #[test]
    fn what_a_coding_tool_writes_between_words_names_whose_they_are() {
        let rows = load_text(
            "Name: Frustrations\n\n<Files\\\\Talks\\\\P01 Dalia> - § 2 references coded  [ 2.04% Coverage]\n\n\
             Reference 1 - 1.20% Coverage\n\nI have four passwords.\n\nReference 2 - 0.84% Coverage\n\n\
             Nobody could find it.\n\n<Files\\\\Talks\\\\Ruben.docx> - § 1 reference coded  [ 3% Coverage]\n\n\
             Reference 1 - 2.31% Coverage\n\nWe still print it.\n",
        );
        let expected = [
            (Some("P01 Dalia"), "I have four passwords."),
            (Some("P01 Dalia"), "Nobody could find it."),
            (Some("Ruben"), "We still print it."),
        ];
        assert_eq!(said(&rows), expected);
        assert_eq!(
            rows.findings.kinds(),
            [("above-headings", Some(1), 1), ("tool-line", Some(3), 5)]
        );
    }

    #[test]
    fn a_line_that_numbers_a_session_names_whose_words_follow() {
        let rows = load_text(
            "Day 2\n\nSession 4 — Bea, 34, two children\nI ended up being the guide.\n\n\
             Session 5 — Leo, 68, retired\nIt whistles at me.\n",
        );
        let found = said(&rows);
        assert!(
            found.contains(&(Some("Bea, 34, two children"), "I ended up being the guide.")),
            "{found:?}"
        );
        assert!(found.contains(&(Some("Leo, 68, retired"), "It whistles at me.")), "{found:?}");
    }

    #[test]
    fn a_line_that_is_underlined_names_whose_words_follow() {
        let rows = load_text(
            "Respondentka 1 (Halina, 67 lat)\n---------\n\nP: Jak pani kupuje?\nO: Rano, z wózkiem.\n\n\
             P: A kasy?\nO: Raz.\n\nRespondent 2 (Igor)\n-----\n\nP: Jak pan kupuje?\nO: Telefonem.\n",
        );
        let expected = [
            (
                Some("Respondentka 1 (Halina, 67 lat)"),
                "question: Jak pani kupuje?\ntext: Rano, z wózkiem.",
            ),
            (Some("Respondentka 1 (Halina, 67 lat)"), "question: A kasy?\ntext: Raz."),
            (Some("Respondent 2 (Igor)"), "question: Jak pan kupuje?\ntext: Telefonem."),
        ];
        assert_eq!(said(&rows), expected);
    }

    #[test]
    fn a_line_of_its_own_with_a_name_and_an_age_names_whose_words_follow() {
        let rows = load_text(
            "Frau Demir, 44, Blumenstand\n\nF: Wie lange?\nA: Elf Jahre.\n\nF: Was fehlt?\nA: Strom.\n\n\
             Herr Olbrich, 61, Käse\n\nF: Wie lange?\nA: Seit der Wende.\n",
        );
        let who: Vec<_> = said(&rows).iter().filter_map(|(who, _)| *who).collect();
        assert_eq!(
            who,
            [
                "Frau Demir, 44, Blumenstand",
                "Frau Demir, 44, Blumenstand",
                "Herr Olbrich, 61, Käse"
            ]
        );
    }

    #[test]
    fn the_groups_of_a_whiteboard_are_headings_and_nobody() {
        let rows = load_text(
            "Kitchen board\n\nSection: What we heard\nP1: It beeps like the alarm.\nP2: I clean it with a toothbrush.\n\n\
             Section: How might we\nHMW tell alarms apart\n",
        );
        let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
        assert_eq!(who, [Some("P1"), Some("P2")], "{:?}", said(&rows));
    }

    #[test]
    fn the_edge_of_a_page_may_stand_anywhere_and_has_a_running_title() {
        let rows = load_text(
            "Projekt 2024 | Poufne\n\nBadaczka: Gdzie?\nAnna: Na dwóch\nStrona 1 z 2\nProjekt 2024 | Poufne\n\
             grupach.\nBadaczka: Czemu?\nAnna: Bo tak.\n\nStrona 2 z 2\nProjekt 2024 | Poufne\n",
        );
        let expected = [
            (Some("Anna"), "question: Gdzie?\ntext: Na dwóch\ngrupach."),
            (Some("Anna"), "question: Czemu?\ntext: Bo tak."),
        ];
        assert_eq!(said(&rows), expected);
    }

    #[test]
    fn pages_are_nobodys_words_and_answers_that_look_alike_are_kept() {
        let rows = load_text("I wait.\n\nPage 1\n\nI queue.\n\nPage 2\n\nI walk.\n\nPage 3\n");
        assert_eq!(rows.records.len(), 3);
        assert_eq!(rows.findings.kinds(), [("tool-line", Some(3), 3)]);
        for text in [
            "5 minutes\n\n20 minutes\n\n10 minutes\n",
            "I wait 5 or 6 minutes.\n\nI wait 3 or 4 minutes.\n\nI wait 7 or 8 minutes.\n",
            "Page 1\n\nI wait.\n\nPage 2\n",
        ] {
            assert_eq!(load_text(text).records.len(), 3, "{text}");
        }
    }

    #[test]
    fn lines_that_name_one_participant_after_the_other_are_headings() {
        let rows = load_text("P01\n\nI wait.\n\nP02\n\nI queue.\n\nAnd I walk.\n");
        let expected =
            [(Some("P01"), "I wait."), (Some("P02"), "I queue."), (Some("P02"), "And I walk.")];
        assert_eq!(said(&rows), expected);
        let rows = load_text("=== Ana.txt ===\n\nI wait.\n\n=== Bo.txt ===\n\nI queue.\n");
        assert_eq!(said(&rows), [(Some("Ana"), "I wait."), (Some("Bo"), "I queue.")]);
        let rows = load_text("User 3 cannot log in\n\nUser 4 cannot log out\n");
        assert_eq!(rows.records.len(), 2);
        assert_eq!(load_text("P01\n\nI wait.\n").records.len(), 2, "one is chance");
    }
}
