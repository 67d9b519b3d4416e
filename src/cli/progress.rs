//! Progress on stderr: how far a stage or a download is.
//!
//! Owns the drawing of bars. Where stderr is not a terminal, or one that cannot move its cursor, a
//! long stage reports its progress in a plain line now and then; with --no-progress only notes are
//! shown.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::output::Output;
#[cfg(feature = "net")]
use crate::cli::table::human_bytes;
#[cfg(feature = "net")]
use crate::hub::PullProgress;
use crate::ledger::MicroUsd;
use crate::pipeline::{Observer, Progress};
use crate::report::plain_line;

/// Time between redraws of a bar without news.
const TICK: Duration = Duration::from_millis(120);

/// Longest time without a line where no bar is drawn: a log should have few lines, but some.
const SILENCE: Duration = Duration::from_secs(10);

/// A line that shows that something is happening, until it is dropped.
pub(super) struct Spinner(ProgressBar);

impl Spinner {
    /// Shows `message` at once.
    pub(super) fn start(output: Output, message: &str) -> Self {
        let bar = bar(output, None, "{spinner} {msg} {elapsed}");
        bar.set_message(plain_line(message));
        Self(bar)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Shows the progress of downloads: one bar of bytes per file, or a line now and then where no bar
/// is drawn.
#[cfg(feature = "net")]
pub(super) struct Downloads {
    output: Output,
    current: Mutex<Option<Download>>,
}

/// A file that is being downloaded.
#[cfg(feature = "net")]
struct Download {
    bar: ProgressBar,
    file: String,
    total: Option<u64>,
    /// When the first new bytes came, and how many bytes there were then.
    began: Option<(Instant, u64)>,
    told: Instant,
}

/// Time between lines about a download in a log.
#[cfg(feature = "net")]
const TOLD_EVERY: Duration = Duration::from_secs(15);

#[cfg(feature = "net")]
impl Download {
    /// A line such as `m.gguf: 40 % of 2.5 GB, 12.3 MB/s, 2 min left`; `None` while the last one is
    /// recent.
    fn line(&mut self, bytes: u64, now: Instant) -> Option<String> {
        let (start, before) = *self.began.get_or_insert((now, bytes));
        if now.duration_since(self.told) < TOLD_EVERY {
            return None;
        }
        self.told = now;
        let seconds = now.duration_since(start).as_secs_f64().max(0.001);
        let rate = bytes.saturating_sub(before) as f64 / seconds;
        let Some(total) = self.total else {
            return Some(format!(
                "{}: {}, {}/s",
                self.file,
                human_bytes(bytes),
                human_bytes(rate as u64)
            ));
        };
        let percent = bytes as f64 / total.max(1) as f64 * 100.0;
        let left = total.saturating_sub(bytes) as f64 / rate.max(1.0);
        let left = match left as u64 {
            0..120 => format!("{left:.0} s left"),
            _ => format!("{:.0} min left", left / 60.0),
        };
        let (total, rate) = (human_bytes(total), human_bytes(rate as u64));
        Some(format!("{}: {percent:.0} % of {total}, {rate}/s, {left}", self.file))
    }
}

#[cfg(feature = "net")]
impl Downloads {
    pub(super) fn new(output: Output) -> Self {
        Self { output, current: Mutex::new(None) }
    }

    pub(super) fn show(&self, progress: PullProgress<'_>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match (progress, current.as_mut()) {
            (PullProgress::Started { file, bytes }, _) => {
                let template = match bytes {
                    Some(_) => "{msg} [{bar:24}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left",
                    None => "{spinner} {msg} {bytes} {bytes_per_sec}",
                };
                let bar = bar(self.output, bytes, template);
                let file = plain_line(file);
                bar.set_message(file.clone());
                if bar.is_hidden() {
                    let size = bytes.map(|bytes| format!(", {}", human_bytes(bytes)));
                    self.output.note(&format!("fetching {file}{}", size.unwrap_or_default()));
                }
                let (began, told) = (None, Instant::now());
                *current = Some(Download { bar, file, total: bytes, began, told });
            }
            (PullProgress::At(bytes), Some(download)) => {
                download.bar.set_position(bytes);
                if download.bar.is_hidden()
                    && let Some(line) = download.line(bytes, Instant::now())
                {
                    self.output.note(&line);
                }
            }
            (PullProgress::At(_), None) => {}
            (PullProgress::Note(text), Some(download)) => {
                download.bar.suspend(|| self.output.note(text));
            }
            (PullProgress::Note(text), None) => self.output.note(text),
        }
    }
}

/// Shows a run's stages one after the other; each leaves a line behind.
pub(super) struct Stages {
    output: Output,
    current: Mutex<Option<Stage>>,
}

impl Stages {
    pub(super) fn new(output: Output) -> Self {
        Self { output, current: Mutex::new(None) }
    }

    /// The current stage. A lock that is poisoned by a panic elsewhere is still used, so that
    /// progress goes on.
    fn current(&self) -> MutexGuard<'_, Option<Stage>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Stages {
    fn on(&self, progress: Progress<'_>) {
        let mut current = self.current();
        match (progress, current.as_mut()) {
            (Progress::StageStarted { stage, total }, _) => {
                *current = Some(Stage::start(self.output, stage.name(), total));
            }
            (Progress::UnitDone, Some(stage)) => {
                stage.bar.inc(1);
                stage.say(self.output, SILENCE);
            }
            (Progress::Tokens { prefilled, decoded }, Some(stage)) => {
                stage.meter.add(prefilled, decoded);
                stage.bar.set_message(stage.meter.text(stage.started.elapsed()));
            }
            (Progress::Spent { charged, cap }, Some(stage)) => {
                stage.meter.spent = Some((charged, cap));
                stage.bar.set_message(stage.meter.text(stage.started.elapsed()));
            }
            (Progress::StageEnded, Some(stage)) => {
                let total = stage.bar.length().unwrap_or_default();
                tracing::info!(
                    units = total,
                    seconds = stage.started.elapsed().as_secs_f64(),
                    "stage {} ended",
                    stage.bar.prefix()
                );
                if stage.started.elapsed() >= SILENCE && !stage.said_all {
                    stage.say(self.output, Duration::ZERO);
                }
                stage.bar.finish_with_message(stage.meter.text(stage.started.elapsed()));
                *current = None;
            }
            (Progress::Note(text), Some(stage)) => stage.bar.suspend(|| self.output.note(text)),
            (Progress::Note(text), None) => self.output.note(text),
            (_, None) => {}
        }
    }
}

struct Stage {
    bar: ProgressBar,
    started: Instant,
    meter: Meter,
    /// When a line last reported the progress, where no bar is drawn.
    said: Instant,
    /// Whether that line reported the stage as done.
    said_all: bool,
}

impl Stage {
    fn start(output: Output, name: &str, total: usize) -> Self {
        let bar = bar(
            output,
            Some(total as u64),
            "{prefix:>10} [{bar:24}] {pos}/{len} {elapsed}, {eta} left  {wide_msg}",
        );
        bar.set_prefix(name.to_owned());
        tracing::info!(units = total, "stage {name} begins");
        let now = Instant::now();
        Self { bar, started: now, meter: Meter::default(), said: now, said_all: false }
    }

    /// Prints a line on the stage's progress, where no bar is drawn and the last line is old
    /// enough.
    fn say(&mut self, output: Output, silence: Duration) {
        if output.draws_bars() || !output.wants_progress() || self.said.elapsed() < silence {
            return;
        }
        self.said = Instant::now();
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or_default());
        self.said_all = done >= total;
        let elapsed = self.started.elapsed();
        let left = remaining(done, total, elapsed)
            .map(|left| format!(", about {:.0} s left", left.as_secs_f64()))
            .unwrap_or_default();
        let tokens = self.meter.text(elapsed);
        let tokens = if tokens.is_empty() { tokens } else { format!(", {tokens}") };
        output.note(&format!(
            "{}: {done} of {total} in {:.0} s{left}{tokens}",
            self.bar.prefix(),
            elapsed.as_secs_f64()
        ));
    }
}

/// An estimate of the time that a stage still takes; `None` where it is done, or too early to tell:
/// its units are worked on side by side, so that the first is done when the others nearly are.
fn remaining(done: u64, total: u64, elapsed: Duration) -> Option<Duration> {
    let is_told = done < total && 2 * done >= total;
    is_told.then(|| elapsed.mul_f64((total - done) as f64 / done as f64))
}

/// Tokens of a stage, and what the run has spent.
#[derive(Debug, Default, PartialEq)]
struct Meter {
    prefilled: usize,
    decoded: usize,
    /// What is booked or paid, and the cap.
    spent: Option<(MicroUsd, Option<MicroUsd>)>,
}

impl Meter {
    fn add(&mut self, prefilled: usize, decoded: usize) {
        self.prefilled += prefilled;
        self.decoded += decoded;
    }

    /// A text such as `1200 read, 340 written, 56 tok/s, $0.0120 of $2.0000`. The rate is of
    /// written tokens where there are any, else of those read.
    fn text(&self, elapsed: Duration) -> String {
        let money = self.spent.map(|(spent, cap)| match cap {
            Some(cap) => format!("{spent} of {cap}"),
            None => spent.to_string(),
        });
        let said = [self.tokens(elapsed), money.unwrap_or_default()];
        said.into_iter().filter(|said| !said.is_empty()).collect::<Vec<_>>().join(", ")
    }

    fn tokens(&self, elapsed: Duration) -> String {
        let counted = if self.decoded > 0 { self.decoded } else { self.prefilled };
        let seconds = elapsed.as_secs_f64();
        let rate = if seconds > 0.0 { counted as f64 / seconds } else { 0.0 };
        match self.decoded {
            0 if self.prefilled == 0 => String::new(),
            0 => format!("{} tokens read, {rate:.0} tok/s", self.prefilled),
            _ => format!("{} read, {} written, {rate:.0} tok/s", self.prefilled, self.decoded),
        }
    }
}

/// A bar that is drawn on stderr where that is a terminal and the user wants bars; else it stays
/// hidden.
fn bar(output: Output, total: Option<u64>, template: &str) -> ProgressBar {
    let target = if output.draws_bars() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(total, target);
    let style =
        ProgressStyle::with_template(template).expect("the templates in this file are valid");
    bar.set_style(style.progress_chars("=> "));
    bar.enable_steady_tick(TICK);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Display;

    #[test]
    fn what_is_left_of_a_stage_is_told_from_its_middle_to_its_end() {
        let of = |done| remaining(done, 6, Duration::from_secs(30));
        assert_eq!([of(0), of(1), of(2), of(6)], [None; 4]);
        assert_eq!(of(3), Some(Duration::from_secs(30)));
        assert_eq!(of(5), Some(Duration::from_secs(6)));
        assert_eq!(remaining(0, 0, Duration::ZERO), None);
    }

    #[test]
    fn the_rate_counts_what_the_stage_is_about() {
        let mut meter = Meter::default();
        assert_eq!(meter.text(Duration::from_secs(2)), "", "a stage without tokens");
        meter.add(1000, 0);
        assert_eq!(meter.text(Duration::from_secs(2)), "1000 tokens read, 500 tok/s");
        meter.add(0, 80);
        assert_eq!(meter.text(Duration::from_secs(2)), "1000 read, 80 written, 40 tok/s");
        assert_eq!(meter.text(Duration::ZERO), "1000 read, 80 written, 0 tok/s");
    }

    #[test]
    fn money_stands_beside_the_tokens_and_alone_where_there_are_none() {
        let spent = Some((MicroUsd(12_000), Some(MicroUsd(2_000_000))));
        let mut meter = Meter { spent, ..Meter::default() };
        assert_eq!(meter.text(Duration::ZERO), "$0.0120 of $2.0000");
        meter.add(0, 80);
        meter.spent = Some((MicroUsd(12_000), None));
        assert_eq!(meter.text(Duration::from_secs(2)), "0 read, 80 written, 40 tok/s, $0.0120");
    }

    #[cfg(feature = "net")]
    #[test]
    fn a_log_is_told_of_a_download_now_and_then() {
        let begin = Instant::now();
        let mut download = Download {
            bar: ProgressBar::hidden(),
            file: "m.gguf".to_owned(),
            total: Some(1_000_000_000),
            began: None,
            told: begin,
        };
        let mut at = |bytes, seconds| download.line(bytes, begin + Duration::from_secs(seconds));
        assert_eq!(at(200_000_000, 0), None, "what an earlier attempt left is no speed");
        assert_eq!(at(250_000_000, 10), None);
        let said = at(400_000_000, 20).unwrap();
        assert_eq!(said, "m.gguf: 40 % of 1.0 GB, 10.0 MB/s, 60 s left");
        assert_eq!(at(400_000_001, 21), None);
        assert_eq!(at(1_000_000_000, 60).unwrap(), "m.gguf: 100 % of 1.0 GB, 13.3 MB/s, 0 s left");
    }

    #[test]
    fn news_without_a_stage_is_no_panic() {
        let display = Display { quiet: true, ..Display::default() };
        let stages = Stages::new(Output::new(display));
        for news in [Progress::UnitDone, Progress::StageEnded, Progress::Note("x")] {
            stages.on(news);
        }
        stages.on(Progress::StageStarted { stage: crate::pipeline::Stage::Draft, total: 2 });
        stages.on(Progress::UnitDone);
        assert_eq!(stages.current().as_ref().unwrap().bar.position(), 1);
    }
}
