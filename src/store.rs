//! The run folder: an append-only log, its replay, and atomic writes.
//!
//! Owns [`Event`], [`RunState`] and every byte under a run's directory. The log is the run: resume
//! replays it and goes on, a report is made from it, and a torn last line is dropped. Knows nothing
//! of what the events mean for the next step.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::schema::{Persona, RecordId, Segment, Verdict};

/// The log's file name in a run folder.
const LOG: &str = "log.jsonl";
/// Held exclusively by the process that writes the run; empty.
const LOCK: &str = "lock";

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Always first.
    Started(Box<Started>),
    /// A process took the run up again.
    Resumed,
    /// How the data was laid out over slots.
    Planned(PlanReport),
    /// Something the user should know; shown as it happens and kept for the report.
    Noted {
        /// One line.
        note: String,
    },
    /// A draft was written and parsed.
    Drafted {
        /// Which.
        draft: DraftId,
        /// The persona, unjudged.
        persona: Box<Persona>,
        /// What it cost.
        cost: CallCost,
    },
    /// A draft came to nothing, at once or after it was [`Event::Drafted`].
    DraftDropped {
        /// Which.
        draft: DraftId,
        /// Why.
        cause: String,
        /// What it cost, where nothing else in the log says so.
        #[serde(default)]
        cost: CallCost,
    },
    /// The judge was measured on the built-in controls.
    Calibrated(JudgeReport),
    /// A draft was judged.
    Judged {
        /// Which.
        draft: DraftId,
        /// The verdict.
        verdict: Verdict,
        /// What it cost.
        cost: CallCost,
    },
    /// The final personas, in output order.
    Selected {
        /// As they will stand in `personas.json`.
        personas: Vec<Persona>,
        /// Drafts not chosen, with the cause.
        dropped: Vec<(DraftId, String)>,
    },
    /// A stage ended, with its wall-clock seconds in this process.
    StageEnded {
        /// `draft`, `calibrate`, `judge`, `select`.
        stage: String,
        /// Seconds.
        seconds: f64,
    },
    /// Everything is written.
    Finished,
}

/// Which draft: `s2r0d1` is slot 2, round 0, draft 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DraftId {
    /// Slot, from 0.
    pub slot: usize,
    /// Round, from 0.
    pub round: usize,
    /// Index in slot and round, from 0.
    pub index: usize,
}

impl std::fmt::Display for DraftId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s{}r{}d{}", self.slot, self.round, self.index)
    }
}

/// How the data was laid out over slots: what the drafts could see and what they could not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// `extractive` or `free`, after `auto` was resolved.
    pub style: String,
    /// How the records were parted: `participants`, `records` or `shared`.
    pub grouping: String,
    /// One per final persona.
    pub slots: Vec<SlotReport>,
    /// Records that at least one first-round draft was shown.
    pub used: usize,
    /// Records of some slot that no first-round draft was shown.
    pub unused: usize,
    /// Records left out of every slot, with the cause.
    pub left_out: Vec<(RecordId, String)>,
    /// Records too long for a prompt, shown in part.
    pub excerpted: Vec<RecordId>,
    /// True when every draft sees the whole corpus beside its focus.
    pub corpus_shared: bool,
}

/// One slot of the plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SlotReport {
    /// Slot, from 0.
    pub slot: usize,
    /// What it covers.
    pub segment: Segment,
    /// Words that set it apart, most telling first.
    pub terms: Vec<String>,
    /// Drafts in the first round.
    pub drafts: usize,
    /// Records that its first-round drafts were shown.
    pub used: usize,
    /// Records that they were not shown.
    pub unused: usize,
}

/// Everything that a resumed run must find unchanged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// `CARGO_PKG_VERSION`.
    pub version: String,
    /// The pipeline's settings as JSON; opaque here.
    pub settings: serde_json::Value,
    /// Absolute input paths, so that `--resume` needs no `--input`.
    pub inputs: Vec<PathBuf>,
    /// File name and SHA-256 of each input, in order.
    pub input_hashes: Vec<(String, String)>,
    /// The drafting model.
    pub model: crate::llm::Capabilities,
    /// How to find the model again: the `--model` value and the backend.
    pub model_ref: String,
    /// Seed of the run.
    pub seed: u64,
}

/// Tokens and seconds of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CallCost {
    /// Tokens.
    pub usage: crate::llm::Usage,
    /// Seconds.
    pub timings: crate::llm::Timings,
}

/// How far the judge can be trusted: measured on the built-in controls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JudgeReport {
    /// Model measured.
    pub model: String,
    /// Its hash, the cache key.
    pub model_sha256: Option<String>,
    /// Each signal's measurement.
    pub signals: BTreeMap<String, SignalReport>,
    /// False when no model signal reaches AUC 0.65 and the score rests on computed support.
    pub model_can_judge: bool,
    /// The score that best parts good from corrupted controls: `--quality-threshold auto`.
    #[serde(default)]
    pub auto_threshold: f64,
    /// Good and corrupted controls that were scored.
    #[serde(default)]
    pub controls: (usize, usize),
}

/// One signal on the controls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SignalReport {
    /// Area under the ROC curve, good against corrupted.
    pub auc: f64,
    /// `max(0, auc − 0.5)`, normalised over all signals used.
    pub weight: f64,
    /// Raw value mapped to 0.
    pub low: f64,
    /// Raw value mapped to 1.
    pub high: f64,
    /// Whether it comes from the model (true) or is computed (false).
    pub from_model: bool,
}

/// A run's state: the log, folded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    /// The first event.
    pub started: Option<Started>,
    /// How the data was laid out over slots.
    pub plan: Option<PlanReport>,
    /// What the user was told, in order, without repetitions.
    pub notes: Vec<String>,
    /// Drafts by id, those that were dropped not among them.
    pub drafts: BTreeMap<DraftId, Draft>,
    /// Drafts that came to nothing.
    pub dropped: BTreeMap<DraftId, String>,
    /// What the dropped drafts cost, summed.
    pub wasted: CallCost,
    /// The judge's measurement.
    pub judge: Option<JudgeReport>,
    /// The final personas.
    pub selected: Option<Vec<Persona>>,
    /// Drafts that were judged but not chosen, with the cause.
    pub not_selected: Vec<(DraftId, String)>,
    /// Seconds by stage, over all processes.
    pub seconds: BTreeMap<String, f64>,
    /// How often the run was resumed.
    pub resumed: usize,
    /// Whether everything was written.
    pub finished: bool,
}

/// One draft as the log has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The persona.
    pub persona: Persona,
    /// What drafting cost.
    pub cost: CallCost,
    /// The judge's word and what it cost.
    pub verdict: Option<(Verdict, CallCost)>,
}

impl CallCost {
    /// Adds another call's tokens and seconds.
    pub fn add(&mut self, other: &CallCost) {
        self.usage.prompt += other.usage.prompt;
        self.usage.cached_prompt += other.usage.cached_prompt;
        self.usage.completion += other.usage.completion;
        self.usage.reasoning += other.usage.reasoning;
        self.timings.queue_s += other.timings.queue_s;
        self.timings.prefill_s += other.timings.prefill_s;
        self.timings.decode_s += other.timings.decode_s;
    }
}

impl RunState {
    /// Folds one event in. Events about unknown drafts are taken as they come: the log is the truth.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Started(started) => self.started = Some(*started),
            Event::Resumed => self.resumed += 1,
            Event::Planned(plan) => self.plan = Some(plan),
            Event::Noted { note } => {
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
            Event::Drafted { draft, persona, cost } => {
                self.drafts.insert(draft, Draft { persona: *persona, cost, verdict: None });
            }
            Event::DraftDropped { draft, cause, cost } => {
                let written = self.drafts.remove(&draft);
                self.wasted.add(&written.map_or(cost, |written| written.cost));
                self.dropped.insert(draft, cause);
            }
            Event::Calibrated(report) => self.judge = Some(report),
            Event::Judged { draft, verdict, cost } => {
                if let Some(draft) = self.drafts.get_mut(&draft) {
                    draft.verdict = Some((verdict, cost));
                }
            }
            Event::Selected { personas, dropped } => {
                self.selected = Some(personas);
                self.not_selected = dropped;
            }
            Event::StageEnded { stage, seconds } => {
                *self.seconds.entry(stage).or_default() += seconds;
            }
            Event::Finished => self.finished = true,
        }
    }
}

/// An open run folder, locked for this process.
#[derive(Debug)]
pub struct Run {
    /// Where it is.
    pub dir: PathBuf,
    /// The log, folded.
    pub state: RunState,
    log: File,
    /// Holds the lock until the run is dropped.
    _lock: File,
}

impl Run {
    /// Makes a new run folder under `runs` and writes the first event.
    pub fn create(runs: &Path, started: Started) -> Result<Self, StoreError> {
        let dir = new_folder(runs, SystemTime::now())?;
        let lock = take_lock(&dir)?;
        let log = open_log(&dir)?;
        let mut run = Self { dir, state: RunState::default(), log, _lock: lock };
        run.record(Event::Started(Box::new(started)))?;
        sync_folder(&run.dir)?;
        Ok(run)
    }

    /// Opens a run and replays its log; takes the lock, so that two processes never write one run.
    /// What is left of a torn last line is cut off.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOG);
        // Before the lock, so that a mistyped path does not gain a lock file.
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
        Ok(Self { dir: dir.to_path_buf(), state: replay.state, log, _lock: lock })
    }

    /// Reads a run without the lock, for reports and listings. A torn last line is passed over.
    pub fn read(dir: &Path) -> Result<RunState, StoreError> {
        let path = dir.join(LOG);
        let bytes = fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?;
        Ok(replay(&path, &bytes)?.state)
    }

    /// The run folders under `runs`, newest first; none where `runs` does not exist.
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

    /// Appends and syncs an event, then applies it.
    pub fn record(&mut self, event: Event) -> Result<(), StoreError> {
        let path = self.dir.join(LOG);
        let mut line = serde_json::to_vec(&event)
            .map_err(|e| StoreError::io("write", &path, io::Error::other(e)))?;
        line.push(b'\n');
        self.log.write_all(&line).map_err(|e| StoreError::io("write", &path, e))?;
        self.log.sync_data().map_err(|e| StoreError::io("write", &path, e))?;
        self.state.apply(event);
        Ok(())
    }

    /// Writes a file of the run folder atomically: a reader sees the old bytes or the new ones.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        write_atomically(&self.dir.join(name), bytes)
    }
}

/// Writes `bytes` to a temporary file in the same folder, syncs it and puts it in place.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| StoreError::io("make", folder, e))?;
    let write = || -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    write().map_err(|e| StoreError::io("write", path, e))?;
    sync_folder(folder)
}

/// What a log says.
struct Replay {
    state: RunState,
    /// Bytes of whole events, from the start.
    whole: usize,
    /// True when the last event is whole but its line end did not reach the disk.
    newline_missing: bool,
}

fn replay(path: &Path, bytes: &[u8]) -> Result<Replay, StoreError> {
    let mut replay = Replay { state: RunState::default(), whole: 0, newline_missing: false };
    for (index, line) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
        let torn = line.last() != Some(&b'\n');
        let event = match serde_json::from_slice::<Event>(line) {
            Ok(event) => event,
            // The process died while it wrote this line; its action will be done again.
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

/// Makes `runs/YYYYMMDD-HHMMSS-n`, n from 1: the first that does not exist yet.
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

/// Seconds since 1970 as `YYYYMMDD-HHMMSS`, UTC. The day count is turned into a date by
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
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|e| StoreError::io("open", &path, e))
}

/// Makes new names in a folder last over a power cut, where the system has that notion.
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
    /// The system refused.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Another process has the run.
    #[error(
        "run {0} is in use by another process\nhint: wait for it, or start a new run without --resume"
    )]
    Busy(PathBuf),
    /// The log is not one of ours.
    #[error("{path} line {line} is not a run log entry: {reason}")]
    Corrupt {
        /// The log.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Why.
        reason: String,
    },
}

impl StoreError {
    fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { what, path: path.to_path_buf(), source }
    }

    /// `index` counts lines from 0.
    fn corrupt(path: &Path, index: usize, reason: String) -> Self {
        Self::Corrupt { path: path.to_path_buf(), line: index + 1, reason }
    }
}

#[cfg(test)]
mod tests;
