//! Transcripts as people and tools write them, and the records that come of them.

use super::*;
use crate::corpus::test_support::{load_markdown, load_text, said};

#[test]
fn turns_of_one_speaker_are_joined_and_carry_the_question() {
    let rows = load_text(
        "[00:01] Moderator: How does your day\nbegin?\n[00:05] Ana: With coffee.\n\
         [00:09] Ana: Then the lists.\n\nAnd they are long.\n[00:20] Bo: Mine too.\n",
    );
    assert_eq!(
        said(&rows),
        [
            (
                Some("Ana"),
                "question: How does your day begin?\n\
                 text: With coffee.\nThen the lists.\nAnd they are long."
            ),
            (Some("Bo"), "question: How does your day begin?\ntext: Mine too."),
        ]
    );
    assert!(rows.findings.kinds().is_empty());
}

#[test]
fn an_interpreter_between_others_is_nobody_and_alone_speaks_for_the_participant() {
    let talk = |who: &str| {
        format!(
            "Interviewer: How do you pay?\n{who}: ¿Cómo paga?\nRosa: En la tienda.\n\
             {who}: At the shop.\nInterviewer: Why?\n{who}: ¿Por qué?\nRosa: Por la cola.\n"
        )
    };
    for who in ["Interpreter", "Intérprete 1", "Luis (Dolmetscher)", "通訳"] {
        let rows = load_text(&talk(who));
        let expected = [
            (Some("Rosa"), "question: How do you pay?\ntext: En la tienda."),
            (Some("Rosa"), "question: Why?\ntext: Por la cola."),
        ];
        assert_eq!(said(&rows), expected, "{who}");
    }
    let rows = load_text("Interviewer: How do you pay?\nInterpreter: She pays at the shop.\n");
    assert_eq!(rows.records.len(), 1);
}

#[test]
fn letters_of_other_languages_are_told_by_what_they_do() {
    let rows = load_text(
        "Lugar: el mercado\nEntrevistada: mujer, 52 años\n\nP: ¿Cómo se enteró?\nR: Por mi cuñada.\n\nP: ¿Y qué le costó?\n\
         R: Decir que no.\n",
    );
    let texts: Vec<_> = said(&rows).iter().map(|(_, text)| *text).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].ends_with("question: ¿Cómo se enteró?\ntext: Por mi cuñada."), "{texts:?}");
    let rows = load_text("P: I wait.\nM: Why?\nP: Who knows?\nM: I see.\nP: So?\n");
    let is_heard = said(&rows).iter().any(|(_, text)| *text == "I wait.");
    assert!(is_heard, "both ask now and then: {:?}", said(&rows));
}

#[test]
fn a_voice_that_a_program_does_not_know_is_nobodys_beside_known_ones() {
    let talk = "Ana  0:01\nI get up at five for the goats.\n\nInterviewer  0:05\nWhy?\n\n\
                Unknown Speaker  0:07\nHave you got the keys?\n\nAna  0:09\nOn the hook.\n";
    let rows = load_text(talk);
    assert_eq!(said(&rows).len(), 2, "{:?}", said(&rows));
    let rows = load_text(&talk.replace("Ana", "Unknown Speaker"));
    assert!(!rows.records.is_empty(), "here nobody else is known");
}

#[test]
fn what_stands_above_the_first_labelled_question_is_nobodys() {
    let talk = "Henrike is 29 and sublets a room.\n\nQ: How did you choose it?\nA: I did not choose it at \
                all.\n\nQ: What then?\nA: We play cards.\n";
    assert_eq!(said(&load_text(talk))[0].0, Some("A"));
}

#[test]
fn a_job_in_brackets_tells_who_is_not_interviewed() {
    let talk = "Priya (UX Research): How do you start?\nAna: With the list.\nJon (Observer): Which one?\n\
                Ana: The long one.\n";
    let rows = load_text(talk);
    assert!(rows.records.iter().all(|record| record.participant.as_deref() == Some("Ana")));
    assert_eq!(said(&rows)[1].1, "question: Which one?\ntext: The long one.");
    assert_eq!(rows.other_names, ["Jon", "Priya"]);
}

#[test]
fn a_question_without_an_answer_is_reported() {
    let rows = load_text("Q: First?\nA: Yes, always.\nQ: Thank you.\n");
    assert_eq!(said(&rows), [(Some("A"), "question: First?\ntext: Yes, always.")]);
    assert_eq!(rows.findings.kinds(), [("moderator-turn", Some(3), 1)]);
}

#[test]
fn a_moderator_who_is_alone_is_heard_and_one_without_a_label_is_found() {
    let rows = load_text("Interviewer: They wait a lot.\nInterviewer: And they hate it.\n");
    assert_eq!(said(&rows), [(Some("Interviewer"), "They wait a lot.\nAnd they hate it.")]);
    let answer = "I wait for the lift with the whole ward until somebody comes down.";
    let talk = ["How do you start?", "And what then?", "Who helps you?"]
        .map(|asked| format!("[00:01] Eva: {asked}\n[00:02] Ana: {answer}\n"));
    let rows = load_text(&talk.concat());
    let expected = format!("question: Who helps you?\ntext: {answer}");
    assert_eq!(said(&rows)[2], (Some("Ana"), expected.as_str()));
    assert_eq!(rows.findings.kinds(), [("moderator-guessed", None, 1)]);
}

#[test]
fn whoever_helps_a_customer_is_not_the_one_to_hear() {
    let rows = load_text(
        "Agent: How may I help?\nCustomer: The line is dead again.\nAgent: I am sorry.\nCustomer: It was dead on Monday, too.\n",
    );
    let who: Vec<_> = rows.records.iter().filter_map(|r| r.participant.as_deref()).collect();
    assert_eq!(who, ["Customer", "Customer"]);
    assert!(rows.records[0].text.starts_with("question: How may I help?"));
    let rows = load_text(
        "Interviewer: How is it?\nAgent: We read from a script.\nInterviewer: Why?\nAgent: They want it so.\n",
    );
    assert_eq!(rows.records.len(), 2, "here the agent is interviewed");
}

#[test]
fn a_question_of_one_customer_is_not_the_next_ones() {
    let rows = load_text(
        "Dana: My order never came.\nAgent: Could you share your number?\nDana: It is 5521.\n\
         Ravi: How do I change my address?\nAgent: Go to settings.\nRavi: It just spins.\n",
    );
    let ravi = said(&rows).into_iter().find(|(who, _)| *who == Some("Ravi"));
    assert_eq!(ravi.unwrap().1, "How do I change my address?");
    assert!(said(&rows)[1].1.starts_with("question: Could you share your number?"));
}

#[test]
fn a_label_with_a_full_stop_is_one_where_it_has_colons_elsewhere() {
    let talk = "Q: How do you shop?\nA: On Saturdays.\nQ: And online?\nA: Once. A. Smith told me to.\n\
                Q. Anything else?\nA. No, that's it.\n";
    let expected = [
        (Some("A"), "question: How do you shop?\ntext: On Saturdays."),
        (Some("A"), "question: And online?\ntext: Once. A. Smith told me to."),
        (Some("A"), "question: Anything else?\ntext: No, that's it."),
    ];
    assert_eq!(said(&load_text(talk)), expected);
    let rows = load_text("Ana: I came.\nBo: I left.\nAna: Why?\nBo: No reason.\nA. It was late.\n");
    assert_eq!(said(&rows).last().unwrap().1, "No reason.\nA. It was late.");
}

#[test]
fn a_question_ends_with_its_section_and_a_heading_names_whom_to_hear() {
    let text = "# Participant 1\n\nModerator: Anything else?\n\nAna: No.\n\n# Participant 2\n\nBo: I was late.\n";
    let rows = load_markdown(text);
    assert!(rows.records[0].text.contains("question: Anything else?"));
    assert!(!rows.records[1].text.contains("question"), "{:?}", rows.records[1].text);
    let asks = ["What do I do?", "Do I tap here?", "And now what?"].map(|asked| {
        format!("Tom: {asked}\n\nSarah: That is the settings page, where all of it is.\n\n")
    });
    let text = format!("# Interview with Tom\n\n{}", asks.concat());
    let rows = load_markdown(&text);
    assert_eq!(rows.records.len(), 6, "he thinks aloud in questions");
}

#[test]
fn the_short_name_of_whom_a_heading_names_is_kept_for_anonymisation() {
    let talk = |who: &str| {
        let asked = ["Wie heizen Sie?", "Was stört Sie?", "Was wünschen Sie sich?"];
        asked.map(|q| format!("**Lenz:** {q}\n\n**{who}:** Ich lese den Zähler ab.\n\n")).concat()
    };
    let text = format!(
        "## Interview 1: Herr Bauer, 63\n\n{}## Interview 2: Frau Kern, 31\n\n{}",
        talk("Bauer"),
        talk("Kern")
    );
    let rows = load_markdown(&text);
    assert_eq!(rows.records[0].participant.as_deref(), Some("Interview 1: Herr Bauer, 63"));
    assert!(rows.other_names.contains(&"Bauer".to_owned()), "{:?}", rows.other_names);
}

#[test]
fn times_inside_of_turns_are_nobodys_words() {
    let rows = load_text(
        "Rhea: [00:00:12] How do you check?\nDev: [00:00:42] With a register. #00:01:02-3#\n\
         Rhea: [00:01:12] And then?\nDev: (00:12) I let him train\nand wait. [00:02:13]\n",
    );
    let who = |record: &crate::corpus::Record| record.text.contains("00:");
    assert!(!rows.records.iter().any(who), "{:?}", said(&rows));
    assert!(said(&rows)[1].1.ends_with("I let him train and wait."), "{:?}", said(&rows));
    assert_eq!(rows.findings.kinds()[0], ("time-mark", Some(1), 5));
    let rows = load_text("I wrote it down.\n\nIt was on the tape [00:12]\n");
    assert_eq!(said(&rows)[1].1, "It was on the tape [00:12]", "nobody speaks here");
}

#[test]
fn a_role_in_brackets_is_one() {
    let rows = load_text(
        "Sarah (Interviewer): Why?\nTom (nurse): Habit.\nSarah (Interviewer): And?\nTom (nurse): Fear.\n",
    );
    assert_eq!(said(&rows)[1], (Some("Tom"), "question: And?\ntext: Fear."));
}

#[test]
fn what_a_tool_writes_above_the_first_turn_is_nobodys_words() {
    let head =
        "Interview P07 – discovery\nTue, Mar 12, 2024 2:02PM • 31:48\n\nSPEAKERS\nAna, Bo\n\n";
    let talk = "Ana (Acme)  0:02\nHow do you start?\n\nBo  0:16\nWith coffee.\n";
    let rows = load_text(&format!("{head}{talk}"));
    let expected = [(Some("Ana"), "How do you start?"), (Some("Bo"), "With coffee.")];
    assert_eq!(said(&rows), expected);
    assert_eq!(rows.findings.kinds(), [("above-transcript", Some(1), 2)]);
    let rows =
        load_text("We met in spring.\n\nAna: It was late.\nBo: It was.\nAna: Very.\nBo: Yes.\n");
    assert_eq!(said(&rows)[0], (None, "We met in spring."), "notes above a typed one are kept");
}

#[test]
fn numbered_questions_are_all_the_moderators() {
    let rows = load_text("Q1: Why?\nA1: Habit.\nQ2: Since when?\nA2: Always.\n");
    let question = "question: Since when?\ntext: Always.";
    assert_eq!(said(&rows)[1], (Some("A"), question));
}

#[test]
fn a_colon_in_prose_makes_no_speaker() {
    for text in [
        "My advice: do nothing.\n\nNothing else helps.",
        "Note: it rained.\n\nNote: it snowed.",
        "See https://example.org for more.\n\nMeet at 10:30 then.",
        "There are two of these things here: one and two.",
    ] {
        let rows = load_text(text);
        assert!(rows.records.iter().all(|r| r.participant.is_none()), "{text}");
    }
}

#[test]
fn those_who_answer_once_in_a_round_are_speakers() {
    let said = |text: &str| -> Vec<Option<String>> {
        load_text(text).records.into_iter().map(|record| record.participant).collect()
    };
    let some = |names: &[&str]| names.iter().map(|n| Some((*n).to_owned())).collect::<Vec<_>>();
    let numbered = "Moderator: What happened?\nP01: The lift was out.\nP02: I took the stairs.";
    assert_eq!(said(numbered), some(&["P01", "P02"]));
    let named = "Moderator: What happened?\n\nAna: The lift was out.\n\nBen: I took the stairs.";
    assert_eq!(said(named), some(&["Ana", "Ben"]));
    let prose = "Moderator: What happened?\nAna: The lift was out.\nAnd so on.\nAna: Twice.\n\n\
                 A long day.\n\nThe lesson: take the stairs.\n\nNobody came.\n\nThen it rained.";
    assert!(!said(prose).contains(&Some("The lesson".to_owned())));
}

#[test]
fn answers_that_somebody_collected_are_of_those_whose_names_stand_before_them() {
    let names = |text: &str| -> Vec<Option<String>> {
        load_text(text).records.into_iter().map(|record| record.participant).collect()
    };
    let some = ["Ana", "Ben", "Carla Ruiz"].map(|name| Some(name.to_owned()));
    let titled = "Five minutes at the counter, 3 Oct\n\nAna: I come on Thursdays.\n\n\
                  Ben: I buy two a month. They bore my friends.\n\nCarla Ruiz: It is too loud.\n";
    assert_eq!(names(titled), some, "and the title is nobody's");
    let lines = "Ana: I come on Thursdays.\nBen: I buy two a month.\nCarla Ruiz: Me too.";
    assert_eq!(names(lines), some);
    let items =
        "- **Ana**: I come on Thursdays.\n- **Ben**: I buy two.\n- **Carla Ruiz**: Me too.\n";
    assert_eq!(names(items), some);
    let rare = "Wanjiru: I come on Thursdays.\n\nSøren: I buy two.\n\nĐức: It is my lunch.\n\n\
                Xqlo: I never come.\n";
    assert_eq!(names(rare), ["Wanjiru", "Søren", "Đức", "Xqlo"].map(|name| Some(name.to_owned())));
    let aged = "Xqlo (nurse, 34): I come.\n\nQaaba (51 years): I buy two.\n\nUmzz: I rest.\n";
    assert_eq!(names(aged), ["Xqlo", "Qaaba", "Umzz"].map(|name| Some(name.to_owned())));
    for (why, text) in [
        ("likes", "Likes: I love my run.\n\nDislikes: I hate the ads.\n\nWishes: I want my watch."),
        ("a day", "Morning: I got up.\n\nLunch: I ate.\n\nEvening: I slept."),
        ("days", "Montag: Ich nahm den Bus.\n\nMittwoch: Ich ging.\n\nFreitag: Ich fuhr."),
        ("stages", "Awareness: I saw it.\n\nPurchase: I bought it.\n\nSupport: I waited."),
        ("topics", "Parking: I saw it.\n\nQueue: I bought it.\n\nCounter: I waited."),
        (
            "again",
            "Likes: I love it.\n\nDislikes: I hate it.\n\nLikes: I run.\n\nDislikes: I wait.",
        ),
        ("about others", "Ana: She comes late.\n\nBen: He buys two.\n\nCarla: They leave."),
        ("two names", "Ana: I come on Thursdays.\n\nBen: I buy two a month."),
        ("no names", "first day: I walk.\n\nsecond day: I ride.\n\nthird day: I rest."),
        ("prose between", "Ana: I come.\n\nBen: I buy.\n\nA long day it was.\n\nCarla: I rest."),
    ] {
        assert!(names(text).iter().all(Option::is_none), "{why}: {:?}", names(text));
    }
}

#[test]
fn a_long_monologue_is_parted() {
    let line = format!("[00:01] Ana: {}\n", "word ".repeat(100));
    let rows = load_text(&line.repeat(12));
    assert!(rows.records.len() > 2, "{}", rows.records.len());
    assert!(rows.records.iter().all(|r| r.text.len() <= turns::MAX_JOINED_TURN + 501));
}
