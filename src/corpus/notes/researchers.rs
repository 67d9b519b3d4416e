//! What researchers write to each other in the documents that hold the words of participants.
//!
//! Owns the headings and labels that say so, in the languages that research is written in. Whether
//! a document holds words of participants is known to `document`.

use std::sync::LazyLock;

use regex::Regex;

use crate::corpus::block::Block;
use crate::corpus::names::normalise;
use crate::corpus::rows::Rows;
use crate::corpus::talk::bystanders::is_remark;
use crate::corpus::talk::speakers::is_fact;

/// Headings over what researchers write to each other.
const RESEARCHERS: [&str; 148] = [
    // English.
    "howmightwe",
    "hmw",
    "parkinglot",
    "opportunities",
    "ideas",
    "severityratings",
    "nextsteps",
    "actionitems",
    "actions",
    "todo",
    "summary",
    "executivesummary",
    "synthesis",
    "recommendations",
    "agenda",
    "attendees",
    "method",
    "methods",
    "methodology",
    "background",
    "context",
    "objectives",
    "researchquestions",
    "hypotheses",
    "keyfindings",
    "findings",
    "insights",
    "reflections",
    "conclusions",
    "researchernotes",
    "researchersnotes",
    "notesoftheresearcher",
    "memo",
    "memos",
    "debrief",
    // German.
    "nächsteschritte",
    "zusammenfassung",
    "synthese",
    "empfehlungen",
    "methode",
    "methodik",
    "hintergrund",
    "kontext",
    "ziele",
    "forschungsfragen",
    "hypothesen",
    "erkenntnisse",
    "reflexion",
    "reflexionen",
    "fazit",
    "beobachtungen",
    "notizenderforscherin",
    "notizendesforschers",
    "forschernotizen",
    // Spanish.
    "próximospasos",
    "resumen",
    "síntesis",
    "recomendaciones",
    "metodología",
    "contexto",
    "objetivos",
    "hipótesis",
    "hallazgos",
    "reflexión",
    "reflexiones",
    "conclusiones",
    "observaciones",
    "notasdelinvestigador",
    "notasdelainvestigadora",
    // French.
    "prochainesétapes",
    "résumé",
    "synthèse",
    "recommandations",
    "méthode",
    "méthodologie",
    "contexte",
    "objectifs",
    "hypothèses",
    "constats",
    "réflexion",
    "réflexions",
    "observationsduchercheur",
    "notesduchercheur",
    "notesdelachercheuse",
    // Portuguese.
    "próximospassos",
    "resumo",
    "síntese",
    "recomendações",
    "metodologia",
    "hipóteses",
    "achados",
    "reflexão",
    "reflexões",
    "conclusões",
    "observações",
    "notasdopesquisador",
    "notasdapesquisadora",
    // Italian.
    "prossimipassi",
    "riassunto",
    "sintesi",
    "raccomandazioni",
    "contesto",
    "obiettivi",
    "ipotesi",
    "riflessione",
    "riflessioni",
    "conclusioni",
    "osservazioni",
    "notedelricercatore",
    "notedellaricercatrice",
    // Chinese.
    "小结",
    "小結",
    "总结",
    "總結",
    "观察",
    "觀察",
    "反思",
    "背景",
    "结论",
    "結論",
    "方法",
    "建议",
    "建議",
    "下一步",
    "备注",
    "備註",
    "研究者笔记",
    "研究笔记",
    // Japanese.
    "メモ",
    "観察",
    "考察",
    "まとめ",
    "所感",
    "要約",
    "目的",
    "次のステップ",
    // Korean, Arabic, Hindi.
    "요약",
    "관찰",
    "메모",
    "결론",
    "배경",
    "ملخص",
    "الخلاصة",
    "ملاحظات",
    "ملاحظاتالباحث",
    "सारांश",
    "निष्कर्ष",
    "अवलोकन",
];

/// What stands before the colon of a line that researchers put between the words of a participant.
const ASIDES: [&str; 24] = [
    "observation",
    "observations",
    "researchernote",
    "researchersnote",
    "memo",
    "beobachtung",
    "beobachtungen",
    "observación",
    "observaciones",
    "notadelinvestigador",
    "notadelainvestigadora",
    "observação",
    "observações",
    "notadopesquisador",
    "osservazione",
    "osservazioni",
    "noteduchercheur",
    "观察",
    "觀察",
    "研究者笔记",
    "観察",
    "メモ",
    "관찰",
    "메모",
];

/// Whether a heading says that the interviewer wrote what stands below it, or read it to the
/// participant: `Interviewer's impressions`, `Introduction read to the participant`.
pub(crate) fn is_of_interviewer(heading: &str) -> bool {
    static THEIRS: LazyLock<Regex> = LazyLock::new(|| {
        let who = "interviewers?|moderators?|facilitators?|researchers?|observers?\
            |interviewer(?:s|in)?|forscher(?:s|in)?\
                   |entrevistador(?:a|es)?|investigador(?:a|es)?|intervieweuse|intervieweur\
                   |enquêt(?:eur|rice)|chercheu(?:r|se)\
                   |pesquisador(?:a|es)?|intervistator[ei]|ricercator[ei]|onderzoekers?";
        let what = "impressions?|notes?|observations?|comments?|reflections?|thoughts|remarks?\
            |summary|memo\
                    |eindr[uü]cke?|notizen|beobachtungen|kommentare?|anmerkungen|impresiones\
                    |notas|observaciones|comentarios\
                    |remarques|commentaires|impressões|observações|comentários|impressioni\
                    |osservazioni|commenti\
                    |indrukken|notities|opmerkingen|samenvatting|zusammenfassung|resumen|résumé\
                    |resumo|riassunto";
        let read = "(?:introduction|intro|instructions?|text|script|statement)s? read (?:out \
            |aloud )?(?:to|by)\\b\
                    |vorgelesen|leído al? |lu(?:e)? (?:au|à la) |lido ao? |letto (?:al|alla) \
                    |voorgelezen";
        let pattern = format!(
            r"(?i)\b(?:{who})(?:['’]s|s['’])?[ -]+(?:\p{{L}}+ )?(?:{what})\b|\b(?:{what})[ -]+(?:of|by|from|der|des|von|de|du|da|do|del|della|di|van)(?: la| the| l['’])? ?(?:{who})\b|\b(?:{read})"
        );
        Regex::new(&pattern).expect("the pattern is valid")
    });
    THEIRS.is_match(heading)
}

/// Whether a heading is one over what researchers write.
pub(crate) fn is_heading(heading: &str) -> bool {
    // Sections are often numbered.
    let plain = normalise(heading);
    RESEARCHERS.contains(&plain.trim_start_matches(char::is_numeric)) || is_of_interviewer(heading)
}

/// Most words of a label; what is longer before a colon is part of a sentence.
const MOST_IN_LABEL: usize = 5;

/// Whether a block is a remark that says itself that it is a researcher's.
pub(crate) fn remarks(block: &Block) -> bool {
    let label = block.lines().first().and_then(|line| line.split_once([':', '：']));
    label.is_some_and(|(label, _)| {
        let is_short = label.split_whitespace().count() <= MOST_IN_LABEL;
        is_short && (is_remark(label) || is_of_interviewer(label))
    })
}

/// Leaves out the sections of a text that are researchers' by their headings.
pub(crate) fn drop_sections(blocks: &mut Vec<Block>, rows: &mut Rows) {
    let is_theirs = |block: &Block| block.section.as_deref().is_some_and(is_heading);
    if blocks.iter().all(is_theirs) {
        return;
    }
    for block in blocks.extract_if(.., |block| is_theirs(block)) {
        note_section(block.line, rows);
    }
}

/// Reports a section or a remark of researchers that is left out.
pub(crate) fn note_section(line: usize, rows: &mut Rows) {
    rows.findings.note("researchers-section", line, || {
        "sections such as 'Next steps' and 'Summary' beside those of participants, and lines such as \
         'Observation: …' and 'Date: …', are the researchers' words; left out"
            .to_owned()
    });
}

/// Whether researchers wrote a block, in a document that also holds the words of participants.
pub(crate) fn wrote(block: &Block) -> bool {
    let lines = || block.lines().iter().filter(|line| !line.trim().is_empty());
    let is_aside = || {
        let label = lines().next().and_then(|line| line.split_once([':', '：']));
        label.is_some_and(|(label, _)| ASIDES.contains(&normalise(label).as_str()))
            || remarks(block)
    };
    let are_facts = || lines().next().is_some() && lines().all(|line| is_fact(line));
    let section = block.section.as_deref();
    section.is_some_and(is_of_interviewer)
        || is_aside()
        || block.participant.is_none() && (section.is_some_and(is_heading) || are_facts())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_say_what_interviewers_wrote_and_read_aloud() {
        for heading in [
            "Interviewer's impressions",
            "Researchers’ notes",
            "Introduction read to the participant",
            "Eindrücke der Interviewerin",
            "Remarques de l'enquêteur",
            "Researcher summary",
        ] {
            assert!(is_of_interviewer(heading), "{heading}");
        }
        for heading in [
            "Interview",
            "Researcher 3",
            "First impressions",
            "Notes",
            "Introduction",
            "Le temps voulu au travail",
            "O meu bilhete era válido a partir de hoje",
        ] {
            assert!(!is_of_interviewer(heading), "{heading}");
        }
    }
}
