//! Documents as services export them, and the records that come of what is said inside.

use crate::corpus::test_support::{load_json, said};

#[test]
fn accounts_beside_tickets_say_who_speaks_and_are_no_rows() {
    let rows = load_json(
        r#"{"users": [{"id": 501, "name": "Léa", "role": "end-user"},
                      {"id": 504, "name": "Sam", "role": "agent"}],
            "tickets": [{"id": 8, "requester_id": 501, "comments": [
                {"id": 1, "author_id": 501, "public": true, "body": "The export dies at ten thousand rows."},
                {"id": 2, "author_id": 504, "public": true, "body": "Could you split it by quarter?"},
                {"id": 3, "author_id": 504, "public": false, "body": "Known limit, ask the PM."},
                {"id": 4, "author_id": 501, "public": true, "body": "I could, and stitch four files."}]}]}"#,
    );
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
    assert_eq!(who, [Some("Léa"), Some("Léa")]);
    let asked: Vec<_> = rows.records.iter().map(crate::corpus::Record::question).collect();
    assert_eq!(asked, [None, Some("Could you split it by quarter?")]);
}

#[test]
fn names_in_two_parts_and_flags_of_staff_are_read() {
    let rows = load_json(
        r#"[{"id": 1, "threads": [
            {"body": "The barcode is cut off.", "createdBy": {"id": 0, "type": "customer", "first": "Gloria", "last": "Estevez"}},
            {"body": "Which printer is it?", "createdBy": {"id": 1, "type": "user", "first": "Carol", "last": "Finch"}}]}]"#,
    );
    assert_eq!(
        said(&rows).iter().map(|(who, _)| *who).collect::<Vec<_>>(),
        [Some("Gloria Estevez")]
    );
    let rows = load_json(
        r#"[{"username": "hjalmar", "staff": false, "cooked": "A power cut ate the database last night."},
            {"username": "trudi", "staff": true, "cooked": "Moved to support; please read the guidelines."}]"#,
    );
    assert_eq!(said(&rows).iter().map(|(who, _)| *who).collect::<Vec<_>>(), [Some("hjalmar")]);
}

#[test]
fn the_first_message_of_a_conversation_is_its_customers() {
    let rows = load_json(
        r#"{"conversations": [
            {"id": "1", "contact": {"id": "u1", "name": "Dana"},
             "source": {"body": "I cannot export my invoices.", "author": {"type": "user"}},
             "conversation_parts": [
                {"body": "Hi Dana, which browser is it?", "author": {"type": "admin", "name": "Kim"}},
                {"body": "It is Firefox, as always.", "author": {"type": "user", "name": "Dana"}}]},
            {"id": "2", "contact": {"id": "u2", "name": "Ed"},
             "source": {"body": "How do I add my wife?", "author": {"type": "user"}},
             "conversation_parts": [
                {"body": "It is under settings.", "author": {"type": "admin", "name": "Jo"}}]},
            {"id": "3", "contact": {"id": "u3", "name": "Flo"},
             "source": {"body": "Did you see our offer?", "author": {"type": "admin"}},
             "conversation_parts": [
                {"body": "I saw it twice today.", "author": {"type": "user", "name": "Flo"}}]}]}"#,
    );
    let words = |record: &crate::corpus::Record| {
        record.text.rsplit("body: ").next().unwrap_or_default().to_owned()
    };
    let found: Vec<_> =
        rows.records.iter().map(|r| (r.participant.as_deref().unwrap(), words(r))).collect();
    let expected = [
        ("Dana", "I cannot export my invoices."),
        ("Dana", "It is Firefox, as always."),
        ("Ed", "How do I add my wife?"),
        ("Flo", "I saw it twice today."),
    ];
    assert_eq!(found, expected.map(|(who, words)| (who, words.to_owned())));
}

#[test]
fn the_part_of_an_author_stands_in_one_field() {
    let rows = load_json(
        r#"{"messages": [
            {"author": {"id": "u7", "role": "customer", "name": "Dana"}, "text": "I was home all day."},
            {"author": {"id": "a1", "role": "agent", "name": "Kim"}, "text": "Which order is it?"},
            {"author": {"id": "u7", "role": "customer", "name": "Dana"}, "text": "It is the old one."},
            {"author": {"id": "u9", "role": "customer", "name": "Ravi"}, "text": "How do I move?"},
            {"author": {"id": "a1", "role": "agent", "name": "Kim"}, "text": "Tap on addresses."}]}"#,
    );
    assert_eq!(said(&rows).len(), 3);
    assert!(said(&rows).iter().all(|(_, text)| !text.contains("author.role")), "{:?}", said(&rows));
    assert!(said(&rows)[1].1.contains("question: Which order is it?"));
    assert!(!said(&rows)[2].1.contains("question"), "{:?}", said(&rows)[2]);
}

#[test]
fn answers_inside_a_person_are_rows_of_that_person() {
    let rows = load_json(
        r#"[{"id": "r1", "age": 31, "answers": [
               {"id": 1, "question": "How do you travel?", "answer": "By bus, mostly."},
               {"id": 2, "question": "How often?", "answer": "Daily"}]},
            {"id": "r2", "age": 40, "answers": [
               {"id": 1, "question": "How do you travel?", "answer": "On foot."}]},
            {"id": "r3", "age": 50, "answers": []}]"#,
    );
    assert_eq!(
        said(&rows),
        [
            (
                Some("r1"),
                "participant: r1\nid: r1\nage: 31\nquestion: How do you travel?\nanswer: By bus, mostly."
            ),
            (Some("r1"), "participant: r1\nid: r1\nage: 31\nquestion: How often?\nanswer: Daily"),
            (
                Some("r2"),
                "participant: r2\nid: r2\nage: 40\nquestion: How do you travel?\nanswer: On foot."
            ),
            (Some("r3"), "participant: r3\nid: r3\nage: 50"),
        ]
    );
    assert_eq!(rows.findings.kinds(), [("nested-rows", None, 1)]);
}

#[test]
fn messages_inside_a_conversation_are_their_authors_and_staff_asks() {
    let rows = load_json(
        r#"[{"id": 7, "plan": "Free",
             "source": {"body": "I cannot print my invoice.", "author": {"type": "user", "id": 1, "name": "Fia"}},
             "parts": {"parts": [
               {"body": "Sorry to hear that, which printer is it?", "author": {"type": "admin", "name": "Jess"}},
               {"body": "It is the old one in the hall.", "author": {"type": "user", "name": "Fia"}},
               {"body": "Did you switch it on?", "author": {"type": "admin", "name": "Jess"}},
               {"body": null, "author": {"type": "bot", "name": "Bot"}}]}}]"#,
    );
    assert_eq!(
        said(&rows),
        [
            (
                Some("Fia"),
                "speaker: Fia\nspeaker_role: user\nid: 7\nplan: Free\nbody: I cannot print my invoice."
            ),
            (
                Some("Fia"),
                "question: Sorry to hear that, which printer is it?\nspeaker: Fia\nspeaker_role: user\nid: 7\nplan: Free\nbody: It is the old one in the hall."
            ),
        ]
    );
}

#[test]
fn whoever_writes_in_a_ticket_beside_its_customer_works_on_it() {
    let rows = load_json(
        r#"[{"id": 40, "requester": {"id": 7, "name": "Ana"}, "comments": [
              {"author_id": 7, "body": "I cannot print my invoice."},
              {"author_id": 3, "body": "Could you please try it again?"},
              {"author_id": 7, "body": "It is as white as before."}]},
            {"id": 41, "requester": {"id": 8, "name": "Bo"}, "comments": [
              {"author_id": 8, "body": "Where do I find my orders?"},
              {"author_id": 3, "body": "Have you tried the menu?"}]}]"#,
    );
    let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref()).collect();
    assert_eq!(who, [Some("Ana"), Some("Ana"), Some("Bo")]);
    assert!(rows.records[1].text.starts_with("question: Could you please try it again?\n"));
}

#[test]
fn what_goes_out_and_what_is_private_is_staffs() {
    let rows = load_json(
        r#"[{"id": 1, "requester_id": 7, "conversations": [
              {"user_id": 7, "incoming": true, "private": false, "body_text": "My meter shows nothing."},
              {"user_id": 3, "incoming": false, "private": false, "body_text": "Since when is that so?"},
              {"user_id": 3, "incoming": false, "private": true, "body_text": "Vulnerable customer, be quick."},
              {"user_id": 7, "incoming": true, "private": false, "body_text": "Since the storm on Monday."}]}]"#,
    );
    let texts: Vec<_> = rows.records.iter().map(|r| r.text.as_str()).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[1].starts_with("question: Since when is that so?"), "{}", texts[1]);
}

#[test]
fn sentences_inside_turns_are_one_text_of_whom_the_item_knows_by_id() {
    let rows = load_json(
        r#"{"calls": [{"callId": "c1",
             "parties": [{"speakerId": 1, "name": "Kim", "affiliation": "Internal"},
                         {"speakerId": 2, "name": "Ulla", "affiliation": "External"}],
             "turns": [
             {"speakerId": 2, "sentences": [{"start": 0, "text": "We lost two weeks on that. "},
                                            {"start": 9, "text": " It was the forms, really."}]},
             {"speakerId": 1, "sentences": [{"start": 12, "text": "We will mend the forms soon."}]},
             {"speakerId": 2, "sentences": [{"start": 15, "text": "I only sign what I can read."}]}]}]}"#,
    );
    let (texts, who): (Vec<_>, Vec<_>) =
        rows.records.iter().map(|r| (r.text.as_str(), r.participant.as_deref())).unzip();
    assert_eq!(who, [Some("Ulla"), Some("Ulla")]);
    assert!(texts[0].ends_with("\ntext: We lost two weeks on that. It was the forms, really."));
}

#[test]
fn single_words_with_their_times_are_not_read_again() {
    let words = r#"[{"start": 0, "word": "We"}, {"start": 1, "word": "wait."}]"#;
    let rows = load_json(&format!(r#"[{{"text": "We wait.", "words": {words}}}]"#));
    assert_eq!(said(&rows), [(None, "text: We wait.")]);
    assert_eq!(rows.findings.kinds(), [("timed-words", None, 1)]);
    let rows = load_json(&format!(r#"{{"segments": [{{"text": "We wait."}}], "words": {words}}}"#));
    assert_eq!(said(&rows), [(None, "section: segments\ntext: We wait.")]);
}

#[test]
fn what_is_written_as_one_text_and_by_turn_is_read_by_turn() {
    let rows = load_json(
        r#"{"results": {
             "channels": [{"transcript": "I wait for hours. Then I go home. Nobody calls me."}],
             "utterances": [{"speaker": 0, "transcript": "I wait for hours. Then I go home."},
                            {"speaker": 1, "transcript": "Nobody calls me."}]}}"#,
    );
    let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref()).collect();
    assert_eq!(who, [Some("0"), Some("1")]);
    assert_eq!(rows.findings.kinds(), [("repeated-text", None, 1)]);
}

#[test]
fn a_long_conversation_costs_no_more_than_its_size() {
    let message =
        |i: usize| format!(r#"{{"text": "I wait for bus {i} again.", "user_id": {}}}"#, i % 9);
    let messages: Vec<String> = (0..20_000).map(message).collect();
    let people = r#"[{"user_id": 3, "name": "Ana"}]"#;
    let began = std::time::Instant::now();
    let rows =
        load_json(&format!(r#"[{{"people": {people}, "messages": [{}]}}]"#, messages.join(",")));
    assert_eq!(rows.records.len(), 20_000);
    assert_eq!(rows.records[3].participant.as_deref(), Some("Ana"));
    // With quadratic cost it takes minutes.
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
}

#[test]
fn rich_text_is_one_text() {
    let rows = load_json(
        r#"[{"id": 1, "from": "Ana", "text": ["See ", {"type": "link", "text": "this"}, ", it is slow."]},
            {"id": 2, "from": "Bo", "text": {"type": "doc", "version": 1, "content": [
                {"type": "paragraph", "content": [{"type": "text", "text": "It is fast."}]},
                {"type": "paragraph", "content": [{"type": "text", "text": "Here."}]}]}}]"#,
    );
    assert_eq!(
        said(&rows),
        [
            (Some("Ana"), "id: 1\nfrom: Ana\ntext: See this, it is slow.\nspeaker: Ana"),
            (Some("Bo"), "id: 2\nfrom: Bo\ntext: It is fast.\nHere.\nspeaker: Bo"),
        ]
    );
}

#[test]
fn a_long_text_is_not_repeated_in_each_row_around_it() {
    let (long, answer) = ("x ".repeat(200), r#"{"text": "I wait for hours."}"#);
    let answers = [answer; 3].join(",");
    let rows = load_json(&format!(r#"[{{"id": 1, "memo": "{long}", "answers": [{answers}]}}]"#));
    let lengths: Vec<_> = rows.records.iter().map(|record| record.text.len() / 100).collect();
    assert_eq!(lengths, [4, 0, 0, 0], "once, in a row of its own");
}

#[test]
fn answers_are_their_owners_and_not_the_askers() {
    let rows = load_json(
        r#"{"items": [{"owner": {"user_id": 11, "display_name": "Rukhsana"}, "question_id": 1, "title": "Dough",
            "body": "I proof my dough overnight and it collapses.",
            "answers": [
                {"owner": {"user_id": 12, "display_name": "Bertil"}, "answer_id": 2, "body": "I use less yeast in summer."},
                {"owner": {"user_id": 13, "display_name": "Lupe"}, "answer_id": 3, "body": "I put it into the cellar at ten."}]}]}"#,
    );
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
    assert_eq!(who, [Some("Rukhsana"), Some("Bertil"), Some("Lupe")]);
    // The owner of a ticket is not who wrote it.
    let rows = load_json(
        r#"[{"id": 1, "requester": "Ana", "owner": {"id": 7, "name": "Desk"}, "description": "My card is gone again."},
            {"id": 2, "requester": "Bo", "owner": {"id": 7, "name": "Desk"}, "description": "I print my statements."}]"#,
    );
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
    assert_eq!(who, [Some("Ana"), Some("Bo")]);
}

#[test]
fn posts_further_in_win_over_lists_of_titles() {
    let account = |id: usize, name: &str| {
        format!(
            r#"{{"id": {id}, "username": "{name}", "avatar_template": "/x.png", "post_count": 1}}"#
        )
    };
    let rows = load_json(&format!(
        r#"{{"post_stream": {{"posts": [
            {{"id": 1, "username": "goran", "cooked": "<p>I never write down the year of my seeds.</p>"}},
            {{"id": 2, "username": "makena", "cooked": "<p>I use egg boxes with a strip of tape.</p>"}}], "stream": [1, 2]}},
            "details": {{"participants": [{}, {}]}},
            "suggested_topics": [{{"id": 8, "title": "How to mend a leaky can"}}], "id": 77, "title": "Seeds"}}"#,
        account(1, "goran"),
        account(2, "makena")
    ));
    let all = said(&rows);
    let who: Vec<_> = all.iter().map(|(who, _)| *who).collect();
    assert_eq!(who, [Some("goran"), Some("makena")], "{all:?}");
    // A list near the top that says something stays.
    let rows = load_json(
        r#"{"log": {"entries": [{"author": "lena", "text": "I moved this to another place."}, {"author": "kim", "text": "We met in the library."}]},
            "interviews": [{"participant": "P1", "hardest": "I cannot read my own list."}, {"participant": "P2", "hardest": "I forget the year."}]}"#,
    );
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
    assert_eq!(who, [Some("P1"), Some("P2")]);
}

#[test]
fn the_post_at_the_root_is_the_first_of_its_thread() {
    let rows = load_json(
        r#"{"id": 1, "type": "story", "author": "mkl95", "title": "Photos", "text": "I have two disks in a drawer.", "children": [
            {"id": 2, "type": "comment", "author": "ostrich", "text": "I print one book a year.", "children": [
                {"id": 4, "type": "comment", "author": "mkl95", "text": "I might do that.", "children": []}]},
            {"id": 3, "type": "comment", "author": "pvdh", "text": "I keep two of them.", "children": []}]}"#,
    );
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
    assert_eq!(who, [Some("mkl95"), Some("ostrich"), Some("mkl95"), Some("pvdh")]);
    // Who wrote a document down is not who speaks in it.
    let rows = load_json(
        r#"{"author": "Kim Lee", "description": "Two people talk of photos.", "turns": [
            {"speaker": "Ana", "text": "I print one book a year."}, {"speaker": "Bo", "text": "I keep two of them."}]}"#,
    );
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
    assert_eq!(who, [Some("Ana"), Some("Bo")]);
}
