//! How the markup of a document shows a block: in bold, in italics, as a quotation.
//!
//! Owns the common form in which readers report it, and how they find it out while the text of a
//! block comes in pieces. What it means is decided in `asked` and `narration`.

/// How a block is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Look {
    /// As ordinary text, or with single words set off.
    #[default]
    Plain,
    /// With this many bytes in bold at its beginning, which may be all of it.
    Bold(usize),
    /// All of it in italics.
    Italic,
    /// With this many bytes in italics at its beginning, and other text behind them.
    OpensItalic(usize),
    /// As a block quote.
    Quoted,
}

/// How a piece of text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    Plain,
    Bold,
    Italic,
}

impl Face {
    /// The face of text inside this many open elements for bold and for italics.
    pub(super) fn of(bold: usize, italic: usize) -> Self {
        match (bold, italic) {
            (0, 0) => Self::Plain,
            (0, _) => Self::Italic,
            _ => Self::Bold,
        }
    }
}

/// The look of a block whose text is still being collected.
#[derive(Debug, Clone, Default)]
pub(super) struct Faces {
    /// Bytes of the text up to the end of the bold part that it begins with.
    bold: usize,
    /// Bytes of the text up to the end of the part in italics that it begins with.
    italic: usize,
    has_plain: bool,
    has_italic: bool,
}

impl Faces {
    /// Takes note that `piece` was just added to `text`, at its end.
    pub(super) fn add(&mut self, text: &str, piece: &str, face: Face) {
        if piece.trim().is_empty() {
            return;
        }
        match face {
            Face::Bold if !self.has_plain && !self.has_italic => self.bold = text.len(),
            Face::Italic => {
                if !self.has_plain && self.bold == 0 {
                    self.italic = text.len();
                }
                self.has_italic = true;
            }
            Face::Bold | Face::Plain => self.has_plain = true,
        }
    }

    /// The look of the whole `text`.
    pub(super) fn look(&self, text: &str) -> Look {
        let bold = text.get(..self.bold).map_or(0, |part| part.trim_end().len());
        match self {
            _ if bold > 0 => Look::Bold(bold),
            Self { has_plain: false, has_italic: true, .. } => Look::Italic,
            Self { italic: 1.., .. } => {
                let part = text.get(..self.italic).unwrap_or_default();
                Look::OpensItalic(part.trim_end().len())
            }
            _ => Look::Plain,
        }
    }
}
