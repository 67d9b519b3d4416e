//! Sheets that say something about the others: codebooks, legends, cover sheets.
//!
//! Owns the names of such sheets, in the languages that research is written in, and how they look.

use super::names::normalise;
use super::sheets::Sheet;

/// Names of sheets that explain others.
const ABOUT_OTHERS: [&str; 39] = [
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

/// Most rows of a cover sheet.
const LONGEST_COVER: usize = 30;

/// Whether the name of a sheet, without a number at its end, says that the sheet explains others.
pub(super) fn explains_others(name: &str) -> bool {
    is_named(name, &ABOUT_OTHERS)
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

fn is_named(name: &str, names: &[&str]) -> bool {
    let name = normalise(name);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
    names.contains(&name) || name.strip_suffix('v').is_some_and(|name| names.contains(&name))
}
