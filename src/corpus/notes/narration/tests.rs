//! What becomes of notes, by example.

use std::time::Instant;

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

/// Who says the quotations of a text that stands below notes about Sam.
fn who_says(text: &str) -> Vec<Option<String>> {
    let rows = load_markdown(&format!("# Notes\n\n## Visit\n\n{SAM}\n\n{text}\n"));
    let who: Vec<_> = said(&rows).into_iter().map(|(who, _)| who.map(str::to_owned)).collect();
    assert!(who.len() > 3, "{text}: {who:?}");
    who[3..].to_vec()
}

#[test]
fn a_capitalised_word_before_a_verb_of_speech_names_who_speaks() {
    for (text, who) in [
        ("Anne-Marie is a nurse. She said: \"I never get my slot at night.\"", "Anne-Marie"),
        ("Karl-Heinz said: \"I find my own way around it.\"", "Karl-Heinz"),
        ("McKenzie said: \"I find my own way around it.\"", "McKenzie"),
        ("JP said: \"I find my own way around it.\"", "JP"),
        ("April said: \"I find my own way around it.\"", "April"),
        ("We hope it rose. Rose said: \"I find my own way around it.\"", "Rose"),
        ("We hope it rose. Hope then told us: \"I find my own way around it.\"", "Hope"),
        ("Will asked for a scanner. \"I lost mine in the snow last year,\" Will said.", "Will"),
        ("His sister Mina said: \"I find my own way around it.\"", "Mina"),
        ("Ana told Ken he was late: \"I find my own way around it.\"", "Ana"),
        ("Ana came. She told Ken, and then Bo, \"I find my own way around it\".", "Ana"),
        ("Fatima Noor cooks. She told us of \"my own little list on paper\".", "Fatima Noor"),
        ("Then Ken came in. He had his own: \"I keep my list on paper.\"", "Ken"),
        ("Mark nodded. \"I share mine with my brother,\" he said.", "Mark"),
    ] {
        assert_eq!(who_says(text), [Some(who.to_owned())], "{text}");
    }
}

#[test]
fn a_word_that_begins_a_sentence_is_nobody_without_more() {
    for (text, who) in [
        ("Works as a driver on weekends. \"I lost my van in the snow last year.\"", None),
        ("Used to live in Leeds. \"I had my own room there.\"", Some("Sam")),
        ("Prices rose again, and we hope to see more. \"I had my own room there.\"", None),
        ("Asked about the app: \"I never use it on my phone.\"", Some("Sam")),
        ("He uses Uber on Mondays. \"I never use it on my phone.\"", Some("Sam")),
        ("Afterwards, he said: \"I never use it on my phone.\"", Some("Sam")),
        ("Suddenly he said: \"I never use it on my phone.\"", Some("Sam")),
        ("Mentioned the price: \"I never use it on my phone.\"", Some("Sam")),
    ] {
        assert_eq!(who_says(text), [who.map(str::to_owned)], "{text}");
    }
}

#[test]
fn whoever_speaks_and_is_not_named_is_not_who_was_named_before() {
    for text in [
        "His wife said: \"I never get my slot because I work nights.\"",
        "The receptionist said: \"I never get my slot because I work nights.\"",
        "The man at the till told us: \"I never get my slot because I work nights.\"",
        "\"I never get my slot because I work nights,\" his wife said.",
        "\"I never get my slot because I work nights,\" said the receptionist.",
        "Seine Frau sagte: „Ich komme nie an die Reihe, weil ich nachts arbeite.“",
        "Dann meinte die Verkäuferin: „Ich komme nie an die Reihe, weil ich nachts arbeite.“",
        "Sa femme a dit : « Je n'ai jamais mon tour parce que je travaille la nuit. »",
        "Su mujer dijo: \"Yo no tengo nunca mi turno porque trabajo.\"",
        "Customers said: \"I never get my slot because I work nights.\"",
    ] {
        assert_eq!(who_says(text), [None], "{text}");
    }
    let two = "His wife said: \"I never get my slot at night.\" She added: \"I find my own way.\"";
    assert_eq!(who_says(two), [None, None]);
}

#[test]
fn who_is_named_in_a_heading_says_what_stands_below_it_and_others_do_not() {
    let rows = load_markdown(
        "# Notes\n\n## Ravi, baker\n\n- \"I get up at four and I bake until nine.\"\n\
         - Asked about the app: \"I never use it on my phone.\"\n- Says: \"I only see the price on my \
         bill.\"\n- His wife said: \"I do the books for my husband.\"\n- Tesco is near: \"I never buy \
         my flour there.\"\n\n## Mina, sister\n\n- \"I open my shop at nine.\"\n- Told me \"I hate my \
         mornings\".\n- Mentioned her tablet: \"I want my tablet to show me the queue.\"\n",
    );
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| who.unwrap_or("")).collect();
    let (ravi, mina) = ("Ravi, baker", "Mina, sister");
    assert_eq!(who, [ravi, ravi, ravi, "", ravi, mina, mina, mina]);
}

#[test]
fn a_signature_below_a_quotation_names_who_said_it_and_a_remark_is_kept() {
    for (text, who) in [
        ("\"I never get my slot at night.\"\n\n— Bo", "Bo"),
        ("\"I never get my slot at night.\"\n\n— Cy, 34", "Cy"),
        ("\"I never get my slot at night.\"\n\n— Jan de Wit (driver)", "Jan de Wit"),
    ] {
        assert_eq!(who_says(text), [Some(who.to_owned())], "{text}");
    }
    let both = "\"I never get my slot at night.\"\n\n— Bo\n\n\"I find my own way.\"";
    assert_eq!(who_says(both), [Some("Bo".to_owned()), Some("Bo".to_owned())]);
    for remark in ["Uses paper instead of the tablet", "Keeps a folder", "Prefers the paper form"] {
        let text = format!("# Notes\n\n{SAM}\n\n\"I never get my slot at night.\"\n\n– {remark}\n");
        let rows = load_markdown(&text);
        assert_eq!(said(&rows)[3].0, Some("Sam"), "{remark}");
        assert_eq!(rows.findings.kinds(), [("narration", Some(7), 1)], "{remark}");
    }
}

#[test]
fn notes_in_other_languages_name_who_speaks_and_no_trade_or_pronoun() {
    for (text, expected) in [
        (
            "Anke, Bäckerin, öffnet um sechs. Sie sagte: „Ich schaue nie auf meine Liste im Tablet.“ \
             Der Laden war voll.\n\nJens arbeitet mit seiner Tochter. „Ich brauche eine Liste auf \
             Papier an meiner Tür“, sagte Jens.\n\nUwe, Fischer aus Kiel, erzählte: „Mein Telefon \
             geht in der Kälte aus.“",
            ["Anke", "Jens", "Uwe"],
        ),
        (
            "Carmen, pescadera, abre a las seis. Me dijo: \"Yo no miro nunca mis pedidos.\" El local \
             estaba lleno.\n\nLuis trabaja con su hija. \"Necesito una lista en mi puerta\", dijo \
             Luis.\n\nPablo, panadero, explicó: \"Mi teléfono se apaga con el calor.\"",
            ["Carmen", "Luis", "Pablo"],
        ),
        (
            "Anouk, bakker, opent om zes uur. Ze zei: \"Ik kijk nooit naar mijn bestellingen.\" De \
             zaak was vol.\n\nJan-Willem werkt met zijn dochter. \"Ik heb een lijst nodig bij mijn \
             deur\", zei Jan-Willem.\n\nPiet, visser, vertelde: \"Mijn telefoon gaat uit door de \
             kou.\"",
            ["Anouk", "Jan-Willem", "Piet"],
        ),
        (
            "Marco, barista, apre alle sei ma chiude presto. Ha detto: \"Io non guardo mai i miei \
             ordini.\" Il locale era pieno e i clienti aspettavano.\n\nLucia lavora con i figli. \"Mi \
             serve una lista ogni mattina\", ha detto Lucia. Ma il tablet era scarico.\n\nPaolo, \
             fornaio, ha detto: \"Il mio telefono si spegne con il caldo.\" I colleghi ridevano.",
            ["Marco", "Lucia", "Paolo"],
        ),
        (
            "Anna, piekarka, otwiera o szóstej. Powiedziała: „Ja nigdy nie patrzę na moje \
             zamówienia.”\n\nJan pracuje z córką. „Potrzebuję listy przy moich drzwiach”, powiedział \
             Jan.\n\nPiotr, rybak, mówi: „Mój telefon wyłącza się na zimnie.”",
            ["Anna", "Jan", "Piotr"],
        ),
        (
            "Marie tient le guichet depuis dix ans. Elle m'a dit : « Je ne peux pas regarder mon \
             écran. » Elle a ri.\n\nKarim, livreur, est arrivé en retard. «\u{a0}J'ai perdu ma \
             journée pour venir ici\u{a0}», dit Karim.\n\nMarie a ajouté : «\u{202f}Il me faut une \
             liste, sinon je me perds.\u{202f}»",
            ["Marie", "Karim", "Marie"],
        ),
    ] {
        let rows = load_markdown(&format!("# Visites\n\n{text}\n"));
        let who: Vec<_> = said(&rows).iter().map(|(who, _)| who.unwrap_or("")).collect();
        assert_eq!(who, expected, "{text}");
    }
}

#[test]
fn single_marks_set_words_off_as_double_ones_do() {
    for text in [
        "Ravi runs a bakery. He said: 'I get up at four and I bake until nine.' He added: 'I don't \
         see the bakers' price on my bill.'\n\nMina opens the shop. 'I hate my early mornings,' Mina \
         said.",
        "Ravi runs a bakery. He said: ‘I get up at four and I bake until nine.’ He added: ‘I only see \
         the price on my bill, it’s a mess.’\n\nMina opens the shop. ‘I hate my early mornings,’ Mina \
         said.",
    ] {
        let rows = load_markdown(&format!("# Visit\n\n{text}\n"));
        let who: Vec<_> = said(&rows).iter().map(|(who, _)| who.unwrap_or("")).collect();
        assert_eq!(who, ["Ravi", "Ravi", "Mina"], "{text}");
    }
}

#[test]
fn a_noun_behind_a_title_and_a_name_is_no_part_of_it() {
    let rows = load_markdown(
        "# Besuche\n\nFrau Klein Montag früh da. Sie sagte: „Ich komme um sieben und decke meine \
         Tische ein.“\n\nHerr Weber Rentner, 71. Er sagte: „Ich finde meine Brille nie.“\n\nWeil Frau \
         Klein Angst vor dem Gerät hat, fragt sie ihre Tochter. Frau Klein meinte: „Mir ist es zu \
         laut, ich gehe raus.“\n\nFrau Anna Roth sagte: „Ich lese meine Briefe nie.“\n",
    );
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| who.unwrap_or("")).collect();
    assert_eq!(who, ["Frau Klein", "Herr Weber", "Frau Klein", "Frau Anna Roth"]);
    let rows = load_markdown(
        "# Notes\n\nMrs Ann Day came first. \"I keep my letters in a tin,\" she said. Mrs Eva Day came \
         later. \"I throw mine away the same day,\" Mrs Eva Day said. Mr Roy said \"I leave it all to \
         my wife\". Mr Paul Roy said \"I do not read my letters\".\n",
    );
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| who.unwrap_or("")).collect();
    assert_eq!(who, ["Mrs Ann Day", "Mrs Eva Day", "Mr Paul Roy", "Mr Paul Roy"]);
}

#[test]
fn a_sentence_behind_a_label_of_staff_names_no_researcher() {
    let rows = load_markdown(
        "# Field notes\n\nNotes: Aaron was angry about the queue.\n\nAaron, delivery driver. He said: \
         \"I lost half a day's pay.\"\n\nAaron said: \"I would rather come at five, on my way.\"\n\n\
         Bo, nurse. She said: \"I never get my slot.\"\n",
    );
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| who.unwrap_or("")).collect();
    assert_eq!(who, ["Aaron", "Aaron", "Bo"]);
}

#[test]
fn a_label_with_a_number_says_whose_a_note_with_a_quotation_is() {
    let rows = load_markdown(
        "**P1 – nurse:** \"I never get my slot because I work nights.\" She gave up after two \
         tries.\n\n**P2 – driver:** \"I find my own way around it, I have my map.\" Uses radio.\n\n\
         **P3 – teacher:** Hates forms. \"I fill in my form at midnight.\"\n",
    );
    let expected = [
        (Some("P1"), "I never get my slot because I work nights."),
        (Some("P2"), "I find my own way around it, I have my map."),
        (Some("P3"), "I fill in my form at midnight."),
    ];
    assert_eq!(said(&rows), expected);
}

#[test]
fn a_signed_item_leaves_its_name_to_others_and_an_initial_may_end_a_sentence() {
    let rows = load_markdown(
        "# Visit notes\n\nRavi runs a bakery. He said: \"I get up at four and I bake until nine.\" His \
         sister Mina opens the shop. \"I hate my early mornings,\" Mina said.\n\n- \"I only see the \
         price on my bill.\" – Ravi\n- Mina: \"I want my tablet to show me the queue.\"\n",
    );
    let who: Vec<_> = said(&rows).iter().map(|(who, _)| who.unwrap_or("")).collect();
    assert_eq!(who, ["Ravi", "Mina", "Ravi", "Mina"]);
    let text = "Sam takes vitamin D. A woman behind him said: \"I never take my pills.\"";
    assert_eq!(who_says(text), [None]);
}

#[test]
fn many_short_quotations_in_a_paragraph_take_time_in_proportion() {
    let time = |times: usize| {
        let signs = "The sign says \"no way\" to Ana and Bo. ".repeat(times);
        let text = format!("# Notes\n\n{SAM} {signs}\n");
        let started = Instant::now();
        let rows = load_markdown(&text);
        let elapsed = started.elapsed();
        assert_eq!(said(&rows).len(), 3);
        elapsed
    };
    // The least of three is the one that other work on the machine held up least.
    let least = |times| (0..3).map(|_| time(times)).min().expect("three");
    let (once, four_times) = (least(1000), least(4000));
    assert!(four_times < once * 8, "{once:?}, then {four_times:?}");
}

#[test]
fn block_quotes_in_plain_text_are_read_as_in_markdown() {
    let text = format!(
        "Notes from the visit\n\n{SAM}\n\nAna came too. She wrote:\n> I walk round the block\n> until \
         nobody is there.\n> — Mrs D.\n\nShe left.\n"
    );
    let expected = (Some("Mrs D."), "I walk round the block until nobody is there.");
    assert_eq!(said(&load_text(&text))[3], expected);
    // An answer that quotes the question is none of it.
    let rows = load_text("> How do you travel?\n\nI take my bike to work.\n");
    assert!(rows.records.iter().any(|record| record.text.contains("I take my bike")));
}

#[test]
fn of_what_is_headed_as_notes_one_quotation_is_said_and_the_rest_is_not() {
    let notes = "P04 Hugh - notes RW\n- missed the cut-off, embarrassed\n- 14 people in season\n\
                 - \"I stay up till one in the morning\"\n";
    let rows = load_text(notes);
    let said: Vec<&str> = rows.records.iter().map(|record| record.text.as_str()).collect();
    assert!(said.iter().any(|text| text.contains("I stay up till one")), "{said:?}");
    assert!(!said.contains(&"missed the cut-off, embarrassed"), "{said:?}");
    let own =
        "My week\n\n- I missed the cut-off\n- I called them and they said \"come tomorrow\"\n";
    assert!(load_text(own).records.iter().any(|record| record.text == "I missed the cut-off"));
}
