//! What one person writes down: notes and minutes about others, cards, diaries and forms.
//!
//! Owns the line between what a researcher tells and what a participant said or wrote. Knows
//! blocks of text and conversations, and no file format.

pub(super) mod cards;
pub(super) mod diary;
mod evidence;
pub(super) mod filled;
pub(super) mod letters;
mod name_words;
pub(super) mod narration;
pub(super) mod posts;
pub(super) mod quoted;
pub(super) mod researchers;
pub(super) mod reviews;
mod subjects;
mod told_people;
mod unnamed;
