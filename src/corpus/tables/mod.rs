//! Tables: where one begins and ends, what its columns hold, whose its rows are.
//!
//! Owns everything between rows of cells, as a file format gives them, and records. Knows no file
//! format.
//!
//! [`header`] and [`footer`] cut the table out of what stands around it, [`transposed`] and
//! [`options`] bring it into the shape of one participant a row, [`voices`], [`owner`] and
//! [`people`] tell whose each row is, [`staff`] which columns no participant wrote, [`table`] makes
//! the records, [`across_files`] tells who is the same in several files, and [`facts`] joins tables
//! about the same people.

pub(super) mod across_files;
mod cell_talk;
pub(super) mod cover;
mod documents;
mod extent;
pub(super) mod facts;
pub(super) mod footer;
mod form;
pub(super) mod header;
mod messages;
mod options;
mod owner;
pub(super) mod people;
mod repeated;
pub(super) mod sheets;
pub(super) mod staff;
mod stamped;
mod stickies;
mod survey_rows;
pub(super) mod table;
mod titles;
pub(super) mod transposed;
mod turns;
mod voices;
