//! The binary as users meet it: exit code, stdout and stderr of whole commands in fresh folders.
//!
//! Models answer from scripts (`--model scripted:…`), so that every case is exact and takes
//! milliseconds. The environment is empty but for a home in the temp folder.
