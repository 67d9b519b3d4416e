//! Documents as a reader would build them, and the records that come of them.

use super::*;
use crate::corpus::test_support::said;

fn read(write: impl FnOnce(&mut Document<'_>)) -> Rows {
    let mut rows = Rows::new(1);
    let mut document = Document::new(&mut rows);
    write(&mut document);
    document.finish().unwrap();
    rows
}

fn rows_of(lines: &[&[&str]]) -> Vec<DocumentRow> {
    let own = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
    let row = |(i, cells): (usize, &&[&str])| DocumentRow {
        line: i + 1,
        is_header: false,
        cells: own(cells),
    };
    lines.iter().enumerate().map(row).collect()
}

#[test]
fn a_table_with_a_column_of_names_says_who_speaks() {
    let rows = read(|document| {
        document.table(rows_of(&[&["Name", "Pain", ""], &["Ana", "the rota", "x"], &["Bo"]]));
    });
    let expected =
        [(Some("Ana"), "Name: Ana\nPain: the rota\ncolumn_3: x"), (Some("Bo"), "Name: Bo")];
    assert_eq!(said(&rows), expected);
}

#[test]
fn lines_that_introduce_the_only_table_are_left_out() {
    let table: [&[&str]; 4] = [
        &["No", "What should we change?"],
        &["1", "I need more than one hour a month."],
        &["2", "Let me choose my mentor myself, please."],
        &["3", "Start in the very first year of it."],
    ];
    let write = |above: &str, below: &str| {
        read(|document| {
            document.heading(1, "Survey");
            document.paragraph(1, above);
            document.table(rows_of(&table));
            document.paragraph(9, below);
        })
    };
    let rows = write("Collected in June. We removed two empty answers.", "");
    assert_eq!((rows.records.len(), rows.findings.kinds()), (3, vec![("above-table", Some(1), 1)]));
    assert_eq!(write("I wait for my mentor.", "He never calls.").records.len(), 5);
    assert_eq!(write(&"I wait for my mentor. ".repeat(9), "").records.len(), 4);
}

#[test]
fn a_sheet_says_above_its_table_who_filled_it_in() {
    let row = |time: &str, did: &str| [time.to_owned(), did.to_owned()];
    let rows = read(|document| {
        document.heading(1, "My day");
        document.paragraph(2, "Instructions: fill one row each time. There are no wrong answers.");
        document.paragraph(3, "Name: Bo Lee    Participant code: S-09");
        let filled = [
            row("Time", "What I did"),
            row("21:20", "I read forty messages about a tent."),
            row("22:05", "I watched a man restore a lawnmower."),
            row("22:50", "I checked the alarm once more, again."),
        ];
        let cells: Vec<Vec<&str>> =
            filled.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
        document.table(rows_of(&cells.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        document.paragraph(9, "Researcher comment: strong effect, cf. S-04.");
    });
    assert_eq!(rows.records.len(), 3, "{:?}", said(&rows));
    assert!(said(&rows).iter().all(|(who, _)| *who == Some("Bo Lee")), "{:?}", said(&rows));
}

#[test]
fn all_below_a_sheet_about_the_only_participant_is_theirs() {
    let sheet: [&[&str]; 2] = [&["Participant", "Rosalind, 52"], &["Job", "Nurse"]];
    let write = |other: &str| {
        let rows = read(|document| {
            document.heading(1, "Interview");
            document.table(rows_of(&sheet));
            document.heading(1, other);
            document.paragraph(4, "I have a paper in my pocket.");
        });
        rows.records.last().and_then(|record| record.participant.clone())
    };
    assert_eq!(write("The night").as_deref(), Some("Rosalind, 52"));
    assert_eq!(write("Participant 2 – Bo").as_deref(), Some("Participant 2 – Bo"));
}

#[test]
fn a_table_of_one_row_or_column_is_a_frame_around_text() {
    let rows = read(|document| {
        document.table(rows_of(&[&["one", "two"], &["", " "]]));
        document.table(rows_of(&[&["three"], &["four", ""]]));
    });
    let texts: Vec<_> = said(&rows).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["one", "two", "three", "four"]);
}

#[test]
fn a_table_in_which_somebody_asks_is_a_conversation() {
    let answers = ["question: Why?\ntext: The lift is slow.", "question: And?\ntext: I walk."];
    let talk: [&[&str]; 4] = [
        &["Interviewer:", "Why?"],
        &["P1", "The lift is slow."],
        &["Interviewer:", "And?"],
        &["P1", "I walk."],
    ];
    let rows = read(|document| document.table(rows_of(&talk)));
    assert_eq!(said(&rows), answers.map(|text| (Some("P1"), text)));

    let timed: Vec<Vec<&str>> = std::iter::once(vec!["Time", "Speaker", "Text"])
        .chain(talk.iter().map(|turn| vec!["00:01", turn[0], turn[1]]))
        .collect();
    let timed: Vec<&[&str]> = timed.iter().map(Vec::as_slice).collect();
    let rows = read(|document| document.table(rows_of(&timed)));
    assert_eq!(said(&rows), answers.map(|text| (Some("P1"), text)));
    assert_eq!(rows.records[0].row, 3);
}

#[test]
fn a_column_of_speakers_makes_a_conversation_in_any_language() {
    let rows = read(|document| {
        document.paragraph(1, "Durée : 48 minutes. Enquêteurs : Anne Roy, Karim B.");
        document.table(rows_of(&[
            &["Minutage", "Locuteur", "Propos"],
            &["00:10", "Anne Roy", "Depuis quand ?"],
            &["00:22", "Mme Petit", "Depuis dix-neuf ans."],
            &["00:30", "Karim B.", "Et la fuite ?"],
            &["00:40", "Mme Petit", "Trois plombiers sont venus."],
        ]));
    });
    let expected = [
        (Some("Mme Petit"), "question: Depuis quand ?\ntext: Depuis dix-neuf ans."),
        (Some("Mme Petit"), "question: Et la fuite ?\ntext: Trois plombiers sont venus."),
    ];
    assert_eq!(said(&rows), expected);
}

#[test]
fn a_label_left_out_is_the_one_above_and_whoever_asks_needs_no_role() {
    let long = "I wait for the lift with the whole ward until somebody comes down to us.";
    let round: [&[&str]; 3] = [&["Eva", "How do you start?"], &["Ana", long], &["", "Always."]];
    let rows = read(|document| document.table(rows_of(&round.repeat(3))));
    let text = format!("question: How do you start?\ntext: {long}\nAlways.");
    assert_eq!(said(&rows), vec![(Some("Ana"), text.as_str()); 3]);
    assert_eq!(rows.findings.kinds(), [("moderator-guessed", None, 1)]);
}

#[test]
fn a_sheet_names_the_participant_of_what_follows() {
    let rows = read(|document| {
        document.table(rows_of(&[&["Participant", "Beth"], &["Age", "38"], &["Phone", ""]]));
        document.paragraph(9, "It is always the same.");
    });
    let expected =
        [(Some("Beth"), "Participant: Beth\nAge: 38"), (Some("Beth"), "It is always the same.")];
    assert_eq!(said(&rows), expected);
    let quotes: [&[&str]; 3] = [&["Participant", "Quote"], &["P1", "I walk."], &["P2", "I wait."]];
    let rows = read(|document| document.table(rows_of(&quotes)));
    assert_eq!(said(&rows)[1], (Some("P2"), "Participant: P2\nQuote: I wait."));
}

#[test]
fn what_researchers_write_to_each_other_is_left_out_beside_participants() {
    let rows = read(|document| {
        document.heading(1, "Participant 1");
        document.paragraph(2, "I walk.");
        document.heading(1, "Next steps");
        document.paragraph(4, "Fix the labels.");
    });
    assert_eq!(said(&rows).len(), 1);
    assert_eq!(rows.findings.kinds(), [("researchers-section", Some(4), 1)]);
    let rows = read(|document| {
        document.heading(1, "Summary");
        document.paragraph(2, "They walk.");
    });
    assert_eq!(rows.records.len(), 1, "there is nothing else");
}

#[test]
fn researchers_headings_and_asides_are_known_in_several_languages() {
    let rows = read(|document| {
        document.heading(1, "Notas de campo");
        document.paragraph(2, "Fecha: 14 de mayo de 2024. Investigadora: Lucía");
        document.heading(2, "Contexto");
        document.paragraph(4, "El mercado abre a las siete.");
        document.heading(2, "Carmen, 58, pescadera");
        document.paragraph(6, "Apunto los encargos en la mano.");
        document.paragraph(7, "Observación: no mira la pantalla.");
        document.heading(2, "小结");
        document.paragraph(9, "They need a list.");
    });
    let text = "age: 58\nsection: Carmen, 58, pescadera\ntext: Apunto los encargos en la mano.";
    assert_eq!(said(&rows), [(Some("Carmen, 58, pescadera"), text)]);
    assert_eq!(rows.findings.kinds(), [("researchers-section", Some(2), 4)]);
    let rows = read(|document| document.paragraph(1, "Observation: they walk."));
    assert_eq!(rows.records.len(), 1, "nobody is named");
}

#[test]
fn themes_beside_what_was_said_are_no_speakers_and_no_column_is_lost() {
    let themes: [&[&str]; 4] = [
        &["Theme", "Quote"],
        &["Access", "The lift is slow."],
        &["Access", "I walk."],
        &["Cost", "It is dear."],
    ];
    let rows = read(|document| document.table(rows_of(&themes)));
    assert_eq!(said(&rows)[0], (None, "Theme: Access\nQuote: The lift is slow."));
    let coded: [&[&str]; 3] = [
        &["Speaker", "Text", "Code"],
        &["Interviewer", "Why?", ""],
        &["P1", "The lift is slow.", "access"],
    ];
    let rows = read(|document| document.table(rows_of(&coded)));
    let last = (Some("P1"), "Speaker: P1\nText: The lift is slow.\nCode: access");
    assert_eq!(said(&rows).last(), Some(&last));
}
