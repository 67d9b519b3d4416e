//! What becomes of notes, by example.

use super::*;
use crate::corpus::test_support::{load_html, load_markdown, load_org, load_text};

type Reader = fn(&str) -> Rows;

#[test]
fn a_line_above_the_notes_of_a_test_names_whose_all_quotations_are() {
    let notes = |who: &str, label: &str| {
        format!(
            "# Usability test\n{who}\n**Date:** 14 May · **Moderator:** Ines\n\n## Task 1\n\
             - Found it quickly. Participant switched to the phone.\n\
             - {label}\"I'm looking for a number and all I see is a horse.\"\n- Abandoned.\n\n\
             ## Task 2\n- Looked for a phone number, did not find one.\n\
             - {label}\"I never put my card into a thing I don't know.\"\n\n## Debrief\n\
             - Q: What would have helped?\n- {label}\"Let me reserve it and I pay at the desk.\"\n\n\
             ## Next steps\n- Rename it to \"Pay at the desk later\" and test.\n"
        )
    };
    for label in ["", "P1: "] {
        let rows = load_markdown(&notes("**Participant:** P1, 71, retired teacher", label));
        let found = said(&rows);
        let who: Vec<_> = found.iter().filter_map(|(who, _)| *who).collect();
        assert_eq!(who, ["P1", "P1", "P1"], "{label}: {found:?}");
        assert_eq!(found[2].1, "Let me reserve it and I pay at the desk.");
        assert!(rows.records[0].text.contains("profile: 71, retired teacher"));
    }
    let rows = load_markdown(&notes("Session 4", ""));
    assert!(said(&rows).iter().all(|(who, _)| who.is_none()), "{:?}", said(&rows));
}

/// Participant and words of each record that has words.
fn said(rows: &Rows) -> Vec<(Option<&str>, &str)> {
    let words = rows.records.iter().filter_map(|record| {
        let span = record.columns.iter().find(|span| &*span.name == "text")?;
        Some((record.participant.as_deref(), &record.text[span.start..span.end]))
    });
    words.collect()
}

#[test]
fn in_notes_only_what_stands_in_quotation_marks_is_said() {
    let rows = load_text(
        "We met three people. The first was Wanjiru, who sells fruit. “I put the rent money \
            with my sister,” she told us. \
         We think she fears it.\n\nOtieno drives. When we asked him he laughed and said, “I \
         fix my bike on some days.”\n\n\
         Our own view is that \"trust\" is too broad.\n\nAccording to Brian, a student, it \
         is dear: “They take thirty of my own hundred.”\n",
    );
    let expected = [
        (Some("Wanjiru"), "I put the rent money with my sister,"),
        (Some("Otieno"), "I fix my bike on some days."),
        (Some("Brian"), "They take thirty of my own hundred."),
    ];
    assert_eq!(said(&rows), expected);
    assert!(rows.records[0].text.contains("researcher notes: We met three people."));
    assert_eq!(rows.findings.kinds(), [("narration", Some(5), 1)]);
}

#[test]
fn the_one_who_moderates_is_not_quoted() {
    let rows = load_text(
        "Moderator: Gwen Parry. Minutes: Todd.\nPresent: Ana, Steve, Yuki.\n\n\
         Gwen asked, \"How do you know what he learns?\" Ana does not. \"I look at my stars \
         and hope.\" Steve laughed.\n\n\
         Todd noted it. \"Ten quid for my three kids each month,\" Steve said. Yuki shares \
         it, \"so please don't tell on me\".\n\n\
         Gwen closed. \"I think this was a great group,\" she said.\n",
    );
    let expected = [
        (Some("Ana"), "I look at my stars and hope."),
        (Some("Steve"), "Ten quid for my three kids each month,"),
        (Some("Yuki"), "so please don't tell on me"),
    ];
    assert_eq!(said(&rows), expected);
}

#[test]
fn list_items_in_quotation_marks_are_said_and_the_others_describe() {
    let rows = load_markdown(
        "## P1 – Kev\n\n- Starts early, loads his van\n- \"I scan them all at the \
            gate.\"\n- On the app: \"It wants my photo.\"\n\n\
         ## Quotes\n\n- \"I took the day off.\" (P4)\n- “I ring and ring.” – Helen, \
         carer\n- P3: \"I come at nine.\"\n",
    );
    let expected = [
        (Some("P1 – Kev"), "I scan them all at the gate."),
        (Some("P1 – Kev"), "It wants my photo."),
        (Some("P4"), "I took the day off."),
        (Some("Helen"), "I ring and ring."),
        (Some("P3"), "I come at nine."),
    ];
    assert_eq!(said(&rows), expected);
    assert_eq!(
        rows.records[0].text.lines().last(),
        Some("researcher notes: Starts early, loads his van")
    );
}

#[test]
fn block_quotes_are_said_by_whom_they_name() {
    let quotes = [
        ("I print it at work.", "Anouk, 34"),
        ("My hall is full.", "Carla, 28"),
        ("I take a photo.", "Finn, 22"),
    ];
    let expected: Vec<_> =
        quotes.iter().map(|(words, who)| (Some(told::name_of(who)), *words)).collect();
    let all = |form: fn(&str, &str) -> String| -> String {
        quotes.iter().map(|(words, who)| form(words, who)).collect()
    };
    let note = "We believe this is the quickest win.";
    for (reader, text) in [
        (
            load_html as Reader,
            format!(
                "<p>{note}</p>{}",
                all(|w, a| format!("<blockquote>{w}<cite>{a}</cite></blockquote>"))
            ),
        ),
        (
            load_html,
            format!(
                "<p>{note}</p>{}",
                all(|w, a| format!(
                    "<blockquote><p>{w}</p><footer>— <cite>{a}</cite></footer></blockquote>"
                ))
            ),
        ),
        (
            load_html,
            format!(
                "<p>{note}</p>{}",
                all(|w, a| format!(
                    "<figure><blockquote>“{w}”</blockquote><figcaption>{a}</figcaption></figure>"
                ))
            ),
        ),
        (load_markdown, format!("{note}\n\n{}", all(|w, a| format!("> \"{w}\"\n> — {a}\n\n")))),
    ] {
        assert_eq!(said(&reader(&text)), expected, "{text}");
    }
    let text = "* Ida, nurse\n#+BEGIN_QUOTE\nI wait.\n#+END_QUOTE\n- seems tired\n* Jan, \
        driver\n#+BEGIN_QUOTE\nI drive my bus.\n#+END_QUOTE\n#+BEGIN_QUOTE\nI \
        sleep.\n#+END_QUOTE\n";
    let expected = [
        (Some("Ida, nurse"), "I wait."),
        (Some("Jan, driver"), "I drive my bus."),
        (Some("Jan, driver"), "I sleep."),
    ];
    assert_eq!(said(&load_org(text)), expected);
}

#[test]
fn whoever_tells_their_own_story_is_heard_with_those_they_quote() {
    for text in [
        "I came home late. My boss said, “I need you to stay here.” I was angry and I told \
            him so.\n\nI went to my room. “I am not hungry,” I said to my wife.\n\nI slept. \
            She said, “I told you so my dear.” I cried.\n",
        "I like the “big red button” most.\n\nI never found “the other one”.\n\nI said “no” \
            to my boss.\n",
        "Dear Sir or Madam,\nyour website says: “Relax, we get you there.” I did not.\n\n\
            The toilet was locked. The driver told me, “I don't clean it, so I don't open it.” I \
            am 68. He said, “I only drive, I told you so.”\n\nThe coach was late. Your letter \
            states: “I have checked our systems.” It was cold.\n",
    ] {
        let rows = load_text(text);
        assert_eq!(rows.records.len(), 3, "{text}");
        assert!(rows.records.iter().all(|record| record.columns.is_empty()), "{text}");
    }
}

#[test]
fn notes_without_any_words_of_participants_are_quoted_and_reported() {
    let rows = load_markdown(
        "## P1\n\n- likes the map\n- wants to see prices\n\n## P2\n\n- asks his son\n",
    );
    assert_eq!(said(&rows).len(), 3);
    assert_eq!(rows.findings.kinds(), [("third-person-notes", Some(3), 1)]);
    let rows = load_markdown("- likes: my map\n- I want prices\n- my son asks\n");
    assert!(rows.findings.kinds().is_empty());
}

/// Notes about somebody who is named.
const SAM: &str = "Sam runs the desk. He told me: \"I count the stock every Friday night.\" \
                   Sam said \"we have my two lists\". Sam added \"I need one of my own\".";

/// Field notes with an attendance line in one of two sections.
fn field_notes(present: &str) -> String {
    format!(
        "# Field notes\n\nObserver: M. Okafor. Written up the same evening.\n\n## Visit 1\n\n\
         Bernadette runs the desk. She told me: \"I come in at seven and I lay the tables out.\" \
         When I asked about it she pulled a face. \"I can't look at a person and at that thing.\"\n\n\
         Mrs D., about 70, first visit. \"My husband would turn in his grave,\" she said.\n\n\
         > I walk round the block until nobody is there.\n> — Mrs D.\n\n\
         Aaron, delivery driver, two kids. He was angry: \"I lost half a day's pay to get it.\" \
         What would help? \"Let me do it on my phone at five.\"\n\n\
         ## Visit 2\n\n{present}Rev. Alison opened. Action: Bernadette to print the list.\n\n\
         Bernadette: \"If he prints it for me I'll use it.\" Rev. Alison worries about pride. \
         \"I want to find a way to them.\" Later Alison said \"so that the neighbours see nothing\".\n\n\
         After it I spoke to Curtis, 34, in the doorway. \"I sell it for fags, my friend.\" He'd \
         want \"stuff you can eat cold\".\n"
    )
}

#[test]
fn those_listed_as_present_take_nobody_away_whom_the_notes_introduce() {
    for present in ["", "Present: Bernadette, Ken, Rev. Alison, me. Apologies: Lorraine.\n\n"] {
        let rows = load_markdown(&field_notes(present));
        let expected = [
            (Some("Bernadette"), "I come in at seven and I lay the tables out."),
            (Some("Bernadette"), "I can't look at a person and at that thing."),
            (Some("Mrs D."), "My husband would turn in his grave,"),
            (Some("Mrs D."), "I walk round the block until nobody is there."),
            (Some("Aaron"), "I lost half a day's pay to get it."),
            (Some("Aaron"), "Let me do it on my phone at five."),
            (Some("Bernadette"), "If he prints it for me I'll use it."),
            (Some("Rev. Alison"), "I want to find a way to them."),
            (Some("Rev. Alison"), "so that the neighbours see nothing"),
            (Some("Curtis"), "I sell it for fags, my friend."),
            (Some("Curtis"), "stuff you can eat cold"),
        ];
        assert_eq!(said(&rows), expected, "{present}");
    }
}

#[test]
fn those_present_are_known_where_the_list_stands_and_other_words_there_are_nobody() {
    let rows = load_markdown(
        "# Board\n\nPresent: Ana, Bo, Mrs Ode.\n\n## Letters\n\nAna said: \"I read mine three \
         times over.\" Discussion followed, she added \"I need my own copy of it.\"\n\nMrs Ode laughed: \"I \
         file it in my piano stool.\"\n",
    );
    let expected = [
        (Some("Ana"), "I read mine three times over."),
        (Some("Ana"), "I need my own copy of it."),
        (Some("Mrs Ode"), "I file it in my piano stool."),
    ];
    assert_eq!(said(&rows), expected);
}

#[test]
fn a_list_of_those_present_at_one_of_several_visits_holds_for_that_one() {
    let rows = load_markdown(
        "# Visits\n\n## Visit 1\n\nPresent: Ana, Bo.\n\nAna said: \"I read mine three times.\" \
         Bo said: \"I file it in my stool.\"\n\n## Visit 2\n\nCy runs the desk. She told us: \"I \
         come in at seven.\"\n",
    );
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| who.unwrap_or("")).collect();
    assert_eq!(who, ["Ana", "Bo", "Cy"]);
}

#[test]
fn what_somebody_says_who_is_not_named_is_not_given_to_whoever_was_named_before() {
    for (text, who) in [
        ("A woman with a pram, first visit. She said: \"I don't want to be known here.\"", None),
        ("Later a young man next to Sam laughed: \"I don't want to be known here.\"", None),
        ("\"I don't want to be known here!\" said a woman in the queue.", None),
        ("\"I don't want to be known here.\" (a woman in the queue)", None),
        ("Someone at the back: “I don't want to be known here.”", None),
        ("Ein Mann in der Schlange: „Ich will hier nicht erkannt werden, niemals.“", None),
        ("Une dame au guichet a dit : «je ne veux pas être connue ici.»", None),
        ("One of the cooks, Ken, laughed: \"I don't want to be known here.\"", Some("Ken")),
        ("A man called Ken came. He said: \"I don't want to be known here.\"", Some("Ken")),
        ("A week later he said: \"I don't want to be known here.\"", Some("Sam")),
        ("He'd say: \"I don't want to be known here.\"", Some("Sam")),
    ] {
        let rows = load_markdown(&format!("# Notes\n\n{SAM}\n\n{text}\n"));
        let found = said(&rows);
        assert_eq!(found.len(), 4, "{text}: {found:?}");
        assert_eq!(found[3].0, who, "{text}");
    }
}

#[test]
fn block_quotes_among_notes_with_marks_are_said_by_whom_they_name_or_nobody() {
    for (text, who) in [
        ("> I walk round the block.\n> — Mrs D.", Some("Mrs D.")),
        ("> I walk round the block.\n— Yasmin", Some("Yasmin")),
        ("> I walk round the block.\n\n— Yasmin, cleaner", Some("Yasmin")),
        ("> \"I walk round the block.\" (Aaron)", Some("Aaron")),
        ("> I walk round the block.", None),
        ("And then:\n\n> I walk round the block.", Some("Sam")),
    ] {
        let rows = load_markdown(&format!("# Notes\n\n{SAM}\n\n{text}\n\nHe left.\n"));
        let found = said(&rows);
        assert_eq!(found.len(), 4, "{text}: {found:?}");
        assert_eq!(found[3], (who, "I walk round the block."), "{text}");
    }
}

#[test]
fn a_question_right_before_a_quotation_is_what_it_answers() {
    let text = "Ana said: \"I read mine three times.\" What would help? \"Let me read it on my \
                phone.\" I asked her, \"And your neighbours?\" \"I bring them theirs.\" Ana said \
                \"I need my own copy\".";
    let rows = load_markdown(&format!("# Notes\n\n{text}\n"));
    let questions: Vec<_> =
        rows.records.iter().map(|record| record.text.strip_prefix("question: ")).collect();
    let questions: Vec<_> =
        questions.iter().map(|text| text.and_then(|text| text.lines().next())).collect();
    let expected = [None, Some("What would help?"), Some("And your neighbours?"), None];
    assert_eq!(questions, expected);
}

#[test]
fn many_block_quotes_leave_what_stands_in_marks_around_them_to_who_says_it() {
    let quotes = "> I wait.\n> — Bo\n\n".repeat(3);
    let text = format!(
        "# Notes\n\nAna said: \"I read mine three times.\" Ana said \"I need my own copy\". Cy, \
         34, replied: \"I file it in my stool.\"\n\n{quotes}"
    );
    let rows = load_markdown(&text);
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| who.unwrap_or("")).collect();
    assert_eq!(who, ["Ana", "Ana", "Cy", "Bo", "Bo", "Bo"]);
}
