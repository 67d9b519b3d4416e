//! Conversations: who speaks, who asks, and where one turn ends and the next begins.
//!
//! Owns what labels, time marks, headers and chat stamps look like, and whose words are a question.
//! Knows blocks of text, and neither tables nor file formats.
//!
//! A text is cut into blocks by its format. [`label_forms`] and [`layouts`] learn how this file
//! writes its labels, [`speakers`] reads each, [`moderator`] tells who asks, and [`transcript`]
//! makes records of the turns.

mod agents;
pub(super) mod asked;
mod asking;
pub(super) mod bystanders;
pub(super) mod chat;
mod chat_heads;
mod chat_marks;
pub(super) mod frames;
pub(super) mod header_lines;
pub(super) mod label_forms;
pub(super) mod layouts;
pub(super) mod list_heads;
pub(super) mod moderator;
pub(super) mod name_suffixes;
mod question;
mod roster;
mod session_log;
pub(super) mod speakers;
mod time_marks;
mod topics;
pub(super) mod transcript;
mod transcript_header;
mod turns;
mod writer_sheet;
