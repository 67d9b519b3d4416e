//! The run folder: an append-only log, its replay, and atomic writes.
//!
//! Owns [`Event`], [`RunState`] and every byte under a run's directory. The log is the run:
//! resuming replays it and continues, a report is made from it, and a torn last line is dropped.
//! Does not know what the events mean for the next step.

mod event;
mod state;

use std::error::Error;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub use event::{
    CallCost, Card, DigestReport, DraftId, Event, JudgeReport, Pairwise, PlanReport, Purpose,
    Refinement, Reliability, SignalReport, SlotReport, Spread, Started, StretchId,
};
pub use state::{Body, Digested, Draft, Egress, Purchase, RunState};

/// Name of the log in a run folder.
const LOG: &str = "log.jsonl";
/// Name of the lock file, which the process that writes the run holds exclusively; it is empty.
const LOCK: &str = "lock";
/// Prefix of the names of files that are not yet whole.
const UNFINISHED: &str = ".tmp-";

/// An open run folder, locked for this process; or the record of work that is not kept.
#[derive(Debug)]
pub struct Run {
    /// Path of the run folder; empty where nothing is kept.
    pub dir: PathBuf,
    /// What the log adds up to so far.
    pub state: RunState,
    /// Rewrites every event before it is logged, for values that no log may hold.
    pub scrub: Option<Scrub>,
    /// The log on disk; `None` where nothing is kept.
    log: Option<Log>,
}

/// The log of a run on disk.
#[derive(Debug)]
struct Log {
    file: File,
    /// Whether an event could not be written. The log may then end in a torn line, which is mended
    /// when the run is opened again; another event after it would make the whole log unreadable.
    is_broken: bool,
    /// Holds the lock until the run is dropped.
    _lock: File,
}

impl Run {
    /// Makes a new run folder under `runs` and writes the first event.
    pub fn create(runs: &Path, started: Started) -> Result<Self, StoreError> {
        let dir = new_folder(runs, SystemTime::now())?;
        Self::begin(&dir, started).inspect_err(|_| {
            // The folder cannot be resumed. Where it cannot be removed either, listings skip it.
            let _ = fs::remove_dir_all(&dir);
        })
    }

    fn begin(dir: &Path, started: Started) -> Result<Self, StoreError> {
        let lock = take_lock(dir)?;
        let log = open_log(dir)?;
        let mut run = Self::new(dir, RunState::default(), log, lock);
        run.record(Event::Started(Box::new(started)))?;
        sync_folder(dir)?;
        Ok(run)
    }

    fn new(dir: &Path, state: RunState, file: File, lock: File) -> Self {
        let log = Log { file, is_broken: false, _lock: lock };
        Self { dir: dir.to_path_buf(), state, scrub: None, log: Some(log) }
    }

    /// A record in memory, for asking a server outside a run. It takes no booking of money, since
    /// that has to outlive the process.
    pub fn unkept() -> Self {
        Self { dir: PathBuf::new(), state: RunState::default(), scrub: None, log: None }
    }

    /// Opens a run and replays its log; takes the lock, so that two processes never write one run.
    /// The remains of a torn last line are cut off, and files that a dead process left half written
    /// are removed.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOG);
        // Checked before the lock is taken, so that a mistyped path does not get a lock file.
        fs::metadata(&path).map_err(|e| StoreError::io("open", &path, e))?;
        let lock = take_lock(dir)?;
        let bytes = fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?;
        let replay = replay(&path, &bytes)?;
        if replay.state.started.is_none() {
            return Err(StoreError::Corrupt {
                path,
                line: 1,
                reason: "the run was stopped before it began\nhint: start a new run".into(),
            });
        }
        let mut log = open_log(dir)?;
        log.set_len(replay.whole as u64).map_err(|e| StoreError::io("mend", &path, e))?;
        if replay.newline_missing {
            log.write_all(b"\n").map_err(|e| StoreError::io("mend", &path, e))?;
        }
        log.sync_data().map_err(|e| StoreError::io("mend", &path, e))?;
        remove_unfinished(dir);
        Ok(Self::new(dir, replay.state, log, lock))
    }

    /// Reads a run without the lock, for reports and listings. A torn last line is skipped.
    pub fn read(dir: &Path) -> Result<RunState, StoreError> {
        let path = dir.join(LOG);
        let bytes = fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?;
        Ok(replay(&path, &bytes)?.state)
    }

    /// The events in a run's log, in order. A torn last line is skipped.
    pub fn events(dir: &Path) -> Result<Vec<Event>, StoreError> {
        let path = dir.join(LOG);
        let bytes = fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?;
        let whole = replay(&path, &bytes)?.whole;
        let lines = bytes[..whole].split(|&b| b == b'\n').filter(|line| !line.is_empty());
        let event = |(index, line): (usize, &[u8])| {
            serde_json::from_slice(line)
                .map_err(|e| StoreError::corrupt(&path, index, e.to_string()))
        };
        lines.enumerate().map(event).collect()
    }

    /// Whether a folder is a run folder.
    pub fn is_at(dir: &Path) -> Result<bool, StoreError> {
        use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};

        let path = dir.join(LOG);
        match fs::metadata(&path).map_err(|e| (e.kind(), e)) {
            Ok(about) => Ok(about.is_file()),
            Err((NotFound | NotADirectory | InvalidFilename | InvalidInput, _)) => Ok(false),
            Err((_, e)) => Err(StoreError::io("look at", &path, e)),
        }
    }

    /// The run folders under `runs`, newest first; empty where `runs` does not exist.
    pub fn list(runs: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let entries = match fs::read_dir(runs) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(StoreError::io("list", runs, e)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| StoreError::io("list", runs, e))?.path();
            if path.join(LOG).is_file() {
                found.push(path);
            }
        }
        // Names begin with the date and time, so their order is the order of creation.
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    /// Appends an event to the log, syncs it, then applies it. After a failure every further call
    /// fails.
    pub fn record(&mut self, event: Event) -> Result<(), StoreError> {
        let path = self.dir.join(LOG);
        let broken = |cause: Box<dyn Error + Send + Sync>| {
            StoreError::io("write", &path, io::Error::other(cause))
        };
        let event = match &self.scrub {
            Some(scrub) => scrub.apply(event).map_err(|e| broken(e.into()))?,
            None => event,
        };
        let mut line = serde_json::to_vec(&event).map_err(|e| broken(e.into()))?;
        line.push(b'\n');
        // A value that JSON cannot hold, such as a number that is not finite, would make the run
        // unreadable for good.
        serde_json::from_slice::<Event>(&line).map_err(|e| broken(e.into()))?;
        if self.log.is_some() {
            self.in_place()?;
        }
        match &mut self.log {
            Some(log) => log.append(&line).map_err(|e| StoreError::io("write", &path, e))?,
            None if event.books_money() => {
                return Err(broken("money is booked in a run folder, and there is none".into()));
            }
            None => {}
        }
        tracing::debug!(bytes = line.len(), "logged {}", event.name());
        self.state.apply(event);
        Ok(())
    }

    /// Fails where the folder is no longer that of this run: anything written there would be lost
    /// to the run, above all the bookings of paid calls.
    fn in_place(&self) -> Result<(), StoreError> {
        let path = self.dir.join(LOG);
        let gone = |cause: String| StoreError::io("write", &path, io::Error::other(cause));
        let log = self.log.as_ref().ok_or_else(|| gone("there is no run folder".to_owned()))?;
        let there =
            fs::metadata(&path).map_err(|e| gone(format!("the run folder is gone ({e})")))?;
        let own = log.file.metadata().map_err(|e| StoreError::io("look at", &path, e))?;
        if is_same(&there, &own) {
            Ok(())
        } else {
            Err(gone("another run has taken the place of its folder".to_owned()))
        }
    }

    /// Writes a file of the run folder atomically: a reader sees the old bytes or the new ones.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.in_place()?;
        tracing::debug!(bytes = bytes.len(), "writing {name}");
        write_atomically(&self.dir.join(name), bytes)
    }
}

impl Log {
    /// Appends a line and syncs it.
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_broken {
            return Err(io::Error::other("an earlier entry could not be written"));
        }
        let written = self.file.write_all(line).and_then(|()| self.file.sync_data());
        self.is_broken = written.is_err();
        written
    }
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

/// A function that every event passes through before it is logged. It may change only strings, and
/// returns whether it changed any.
#[derive(Clone)]
pub struct Scrub(pub Arc<dyn Fn(&mut serde_json::Value) -> bool + Send + Sync>);

impl std::fmt::Debug for Scrub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrub(…)")
    }
}

impl Scrub {
    fn apply(&self, event: Event) -> Result<Event, serde_json::Error> {
        let mut value = serde_json::to_value(&event)?;
        if (self.0)(&mut value) { serde_json::from_value(value) } else { Ok(event) }
    }
}

/// Writes `bytes` to a temporary file in the same folder, syncs it and renames it to `path`.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    // The parent of a bare file name is empty, which is not a valid path.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| StoreError::io("make", folder, e))?;
    let write = || -> io::Result<()> {
        let made = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder);
        let mut file = made.map_err(|e| without_path(&e))?;
        file.as_file_mut().write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    write().map_err(|e| StoreError::io("write", path, e))?;
    sync_folder(folder)
}

/// An error of `tempfile` without the name of the temporary file, which is of no use to a user.
fn without_path(error: &io::Error) -> io::Error {
    let text = error.to_string();
    let cause = text.split(" at path ").next().unwrap_or_default();
    io::Error::new(error.kind(), cause)
}

/// Removes files that dead processes left half written. The caller holds the lock.
fn remove_unfinished(dir: &Path) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries.filter(|e| e.file_name().to_string_lossy().starts_with(UNFINISHED)) {
        // A file that cannot be removed does no harm.
        let _ = fs::remove_file(entry.path());
    }
}

/// What a log adds up to, and how its last line ended.
struct Replay {
    state: RunState,
    /// Number of bytes of whole events, from the start.
    whole: usize,
    /// Whether the last event is whole but its line end did not reach the disk.
    newline_missing: bool,
}

fn replay(path: &Path, bytes: &[u8]) -> Result<Replay, StoreError> {
    let mut replay = Replay { state: RunState::default(), whole: 0, newline_missing: false };
    for (index, line) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
        let torn = line.last() != Some(&b'\n');
        let event = match serde_json::from_slice::<Event>(line) {
            Ok(event) => event,
            // The process died while it wrote this line; the action that it logged will be done
            // again.
            Err(_) if torn => break,
            Err(e) => return Err(StoreError::corrupt(path, index, e.to_string())),
        };
        if (index == 0) != matches!(event, Event::Started(_)) {
            let reason = "'started' must be the first event and stand only there".to_owned();
            return Err(StoreError::corrupt(path, index, reason));
        }
        replay.state.apply(event);
        replay.whole += line.len();
        replay.newline_missing = torn;
    }
    Ok(replay)
}

/// Makes `runs/YYYYMMDD-HHMMSS-n`, with the first n from 1 that does not exist yet.
fn new_folder(runs: &Path, now: SystemTime) -> Result<PathBuf, StoreError> {
    fs::create_dir_all(runs).map_err(|e| StoreError::io("make", runs, e))?;
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let stamp = utc_stamp(seconds);
    let mut n = 1;
    loop {
        let dir = runs.join(format!("{stamp}-{n}"));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => n += 1,
            Err(e) => return Err(StoreError::io("make", &dir, e)),
        }
    }
}

/// Seconds since 1970 as `YYYYMMDD-HHMMSS` in UTC. The day count is turned into a date by
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn utc_stamp(seconds: u64) -> String {
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468; // days since 0000-03-01
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153; // 0 is March
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

fn take_lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| StoreError::io("open", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy(dir.to_path_buf())),
        Err(TryLockError::Error(e)) => Err(StoreError::io("lock", &path, e)),
    }
}

fn open_log(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOG);
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    // As private to the user as the results, which `tempfile` makes so.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path).map_err(|e| StoreError::io("open", &path, e))
}

/// Makes new names in a folder survive a power cut, where the system can do so.
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|e| StoreError::io("sync", folder, e))?;
    }
    Ok(())
}

/// What went wrong with a run folder.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {what} {path}: {source}{}", hint_for(source))]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// The path that it was tried on.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Another process holds the run's lock.
    #[error(
        "run {0} is in use by another process\nhint: wait for it, or start a new run without --resume"
    )]
    Busy(PathBuf),
    /// The log is not one that persona wrote.
    #[error("{path} line {line} is not a run log entry: {reason}")]
    Corrupt {
        /// Path of the log.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with the line.
        reason: String,
    },
}

impl StoreError {
    fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { what, path: path.to_path_buf(), source }
    }

    /// The error for the line with index `index`, counted from 0.
    fn corrupt(path: &Path, index: usize, reason: String) -> Self {
        Self::Corrupt { path: path.to_path_buf(), line: index + 1, reason }
    }
}

/// What to do about those refusals of the system that users meet.
fn hint_for(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "\nhint: free some space there"
        }
        io::ErrorKind::FileTooLarge => "\nhint: raise the limit on the size of files (ulimit -f)",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "\nhint: make that folder one that you may write to"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests;
