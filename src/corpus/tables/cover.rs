//! Sheets that say something about the others: codebooks, legends, cover sheets, summaries.
//!
//! Owns the names of such sheets, in the languages that research is written in, and how they look.

use std::collections::HashSet;

use super::sheets::Sheet;
use crate::corpus::Record;
use crate::corpus::names::{is_who, normalise, participant_rank};
use crate::corpus::values::SENTENCE_WORDS;

/// Names of sheets that explain others.
const ABOUT_OTHERS: [&str; 45] = [
    "readme",
    "codebook",
    "codeplan",
    "codebuch",
    "codeboek",
    "kodebok",
    "kodbok",
    "codierung",
    "codierplan",
    "kodierung",
    "kodierplan",
    "dictionary",
    "datadictionary",
    "datenwörterbuch",
    "legend",
    "legende",
    "légende",
    "legenda",
    "leyenda",
    "glossary",
    "glossar",
    "variablelabels",
    "variables",
    "variablen",
    "variablenliste",
    "metadata",
    "metadaten",
    "librodecódigos",
    "diccionario",
    "diccionariodedatos",
    "livrodecódigos",
    "dicionário",
    "dictionnaire",
    "dictionnairedesvariables",
    "livredecodes",
    "dizionario",
    "кодификатор",
    "コードブック",
    "编码表",
    "koodikirja",
    "kodbog",
    "kódkönyv",
    "książkakodów",
    "libretocodici",
    "코드북",
];

/// Names of cover sheets.
const COVERS: [&str; 15] = [
    "cover",
    "coversheet",
    "titlepage",
    "about",
    "info",
    "deckblatt",
    "titelblatt",
    "portada",
    "capa",
    "couverture",
    "pagedegarde",
    "copertina",
    "voorblad",
    "обложка",
    "表紙",
];

/// Names of facts on a cover sheet, for those that no colon marks.
const COVER_FACTS: [&str; 32] = [
    "institute",
    "institut",
    "client",
    "project",
    "projekt",
    "study",
    "studie",
    "date",
    "datum",
    "fecha",
    "data",
    "contact",
    "kontakt",
    "contacto",
    "contatto",
    "author",
    "autor",
    "auteur",
    "version",
    "created",
    "createdby",
    "exported",
    "exportedby",
    "fieldwork",
    "feldzeit",
    "auftraggeber",
    "bearbeitung",
    "stand",
    "proyecto",
    "projet",
    "cliente",
    "source",
];

/// Names of sheets in which researchers say what they make of the others.
const READINGS: [&str; 59] = [
    "memo",
    "memos",
    "codingmemo",
    "summary",
    "overview",
    "themes",
    "theme",
    "codes",
    "coding",
    "codingscheme",
    "codeframe",
    "analysis",
    "synthesis",
    "insights",
    "findings",
    "keyfindings",
    "takeaways",
    "recommendations",
    "affinity",
    "results",
    // German
    "zusammenfassung",
    "übersicht",
    "themen",
    "auswertung",
    "analyse",
    "synthese",
    "erkenntnisse",
    "ergebnisse",
    "empfehlungen",
    // Spanish
    "resumen",
    "temas",
    "códigos",
    "análisis",
    "hallazgos",
    "resultados",
    "conclusiones",
    // French
    "résumé",
    "synthèse",
    "thèmes",
    "analyses",
    "résultats",
    "constats",
    // Portuguese
    "resumo",
    "análise",
    "síntese",
    "achados",
    "conclusões",
    // Italian
    "riassunto",
    "riepilogo",
    "sintesi",
    "temi",
    "codici",
    "analisi",
    "risultati",
    // Dutch
    "samenvatting",
    "thema",
    "bevindingen",
    "resultaten",
    "inzichten",
];

/// Words in the names of columns that hold what participants said.
const QUOTES: [&str; 27] = [
    "quote",
    "quotes",
    "quotation",
    "verbatim",
    "verbatims",
    "excerpt",
    "answer",
    "answers",
    "response",
    "responses",
    "zitat",
    "zitate",
    "antwort",
    "antworten",
    "cita",
    "citas",
    "respuesta",
    "respuestas",
    "citation",
    "citations",
    "réponse",
    "citação",
    "resposta",
    "citazione",
    "risposta",
    "citaat",
    "antwoord",
];

/// Lines of a sheet among which its header is looked for.
const TOP: usize = 10;

/// Fewest rows with a sentence in a sheet that holds answers.
const ANSWERS: usize = 2;

/// Most rows of a cover sheet.
const LONGEST_COVER: usize = 30;

/// Whether the name of a sheet, without a number at its end, says that the sheet explains others.
pub(super) fn explains_others(name: &str) -> bool {
    is_named(name, &ABOUT_OTHERS)
}

/// Whether a sheet, by its name and its columns, holds what researchers make of the others: none of
/// its columns is a participant's or holds quotes.
pub(super) fn is_reading(sheet: &Sheet) -> bool {
    let mut top = sheet.lines().take(TOP).flatten();
    let is_words = |name: &str| {
        let name = name.to_lowercase();
        name.split(|c: char| !c.is_alphanumeric()).any(|word| QUOTES.contains(&word))
            || participant_rank(&name).is_some()
            || is_who(&name)
    };
    is_named(&sheet.name, &READINGS) && !top.any(|(_, cell)| is_words(cell.trim()))
}

/// Whether a sheet is a pivot table: it begins as spreadsheets head the values that its rows sum up.
pub(super) fn is_pivot(sheet: &Sheet) -> bool {
    const HEADS: [&str; 18] = [
        "rowlabels",
        "zeilenbeschriftungen",
        "étiquettesdelignes",
        "étiquettesdeligne",
        "etiquetasdefila",
        "rótulosdelinha",
        "rótulosderow",
        "etichettediriga",
        "rijlabels",
        "radetiketter",
        "rækkemærkater",
        "rivitunnisteet",
        "etykietywierszy",
        "popiskyřádků",
        "названиястрок",
        "行标签",
        "行ラベル",
        "행레이블",
    ];
    let mut firsts = sheet.lines().take(TOP).filter_map(|cells| cells.first());
    firsts.any(|(_, cell)| HEADS.contains(&normalise(cell).as_str()))
}

/// Whether some rows of a sheet have sentences in them, as answers do.
pub(super) fn has_sentences(sheet: &Sheet) -> bool {
    let is_sentence =
        |(_, cell): &(usize, String)| cell.split_whitespace().nth(SENTENCE_WORDS - 1).is_some();
    let mut rows = sheet.lines().skip(1).filter(|cells| cells.iter().any(is_sentence));
    rows.nth(ANSWERS - 1).is_some()
}

/// Whether a sheet holds a few facts and no table: the name of each, and the fact beside it.
pub(super) fn is_cover(sheet: &Sheet) -> bool {
    let lines: Vec<&[(usize, String)]> = sheet.lines().take(LONGEST_COVER + 1).collect();
    if lines.len() > LONGEST_COVER || lines.iter().any(|cells| cells.len() > 2) {
        return false;
    }
    if is_named(&sheet.name, &COVERS) {
        return true;
    }
    let pairs = || lines.iter().filter(|cells| cells.len() == 2);
    let is_fact = |cells: &&&[(usize, String)]| {
        let name = cells[0].1.trim();
        name.ends_with([':', '：']) || COVER_FACTS.contains(&normalise(name).as_str())
    };
    let facts = pairs().filter(is_fact).count();
    facts >= 2 && facts * 2 > pairs().count()
}

/// Whether the records of a file are the lines of a codebook: for each variable of other files its
/// meaning, and what it can be.
pub(crate) fn is_codebook(records: &[Record]) -> bool {
    const VARIABLE: [&str; 12] = [
        "variable",
        "variablename",
        "variablefieldname",
        "fieldname",
        "varname",
        "column",
        "columnname",
        "item",
        "variablenname",
        "nomdelavariable",
        "nombredelavariable",
        "nomedavariável",
    ];
    const MEANING: [&str; 13] = [
        "label",
        "variablelabel",
        "fieldlabel",
        "questiontext",
        "question",
        "description",
        "definition",
        "wording",
        "frage",
        "beschreibung",
        "descripción",
        "libellé",
        "descrição",
    ];
    const VALUES: [&str; 13] = [
        "type",
        "fieldtype",
        "datatype",
        "values",
        "valuelabels",
        "choices",
        "choicescalculationsorsliderlabels",
        "codes",
        "coding",
        "options",
        "scale",
        "werte",
        "valores",
    ];
    let names: HashSet<String> = records
        .iter()
        .take(TOP)
        .flat_map(|record| record.columns.iter().map(|column| normalise(&column.name)))
        .collect();
    let has = |words: &[&str]| words.iter().any(|word| names.contains(*word));
    has(&VARIABLE) && has(&MEANING) && has(&VALUES)
}

fn is_named(name: &str, names: &[&str]) -> bool {
    let name = normalise(name);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
    names.contains(&name) || name.strip_suffix('v').is_some_and(|name| names.contains(&name))
}
