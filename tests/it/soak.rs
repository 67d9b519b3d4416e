//! Hundreds of personas in one process: memory, threads, file handles and speed must not change.
//!
//! Each measurement runs in a process of its own, in which this binary runs only [`measured`], so
//! that other tests cannot influence it. The figures come from `/proc`, so this works on Linux
//! only.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona::engine::{DeviceChoice, Engine, EngineOptions};
use persona::llm::ChatModel;
use persona::llm::embedded::EmbeddedModel;
use persona::llm::scripted::ScriptedModel;
use persona::privacy::Cleared;

use crate::real_model::real_model;
use crate::whole_run::{plain, whole_run};

/// Variable that says what to measure: number of personas and model, as in `500 scripted`.
const ORDER: &str = "PERSONA_TEST_SOAK";
/// Personas of a run.
const COUNT: usize = 10;
/// Runs repeat the same work after this many, so that stretches of runs can be compared.
const CYCLE: usize = 5;
/// Most growth of memory, in bytes per 100 personas.
const SLOPE: f64 = 1e6;
/// Share by which the last stretch may take longer than the first.
const SLOWER: f64 = 0.05;

/// What the process uses after a run.
#[derive(Debug, Clone, Copy)]
struct Reading {
    /// Resident memory, in bytes.
    resident: u64,
    threads: usize,
    handles: usize,
    /// Processor time of the run alone, over all threads.
    processor: Duration,
    /// Wall-clock time of the run alone.
    wall: Duration,
}

fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("on Linux");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<u64>().expect("a number of ticks");
    // User and system time, fields 14 and 15 of proc_pid_stat(5), in hundredths of a second.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("on Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("a number of pages") * 4096
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).expect("on Linux").count()
}

fn model(name: &str) -> Arc<dyn ChatModel> {
    if name == "scripted" {
        return Arc::new(ScriptedModel::parse("scripted:ok,large").expect("a script"));
    }
    let options = EngineOptions { device: DeviceChoice::Cpu, ..EngineOptions::default() };
    let engine = Engine::load(&real_model(), &options).expect("the model loads");
    Arc::new(EmbeddedModel::new(engine, "smollm2-135m"))
}

/// The slope of a line fitted to points that are one apart.
fn slope(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let (middle, mean) = ((n - 1.0) / 2.0, values.iter().sum::<f64>() / n);
    let at = |i: usize| i as f64 - middle;
    let along: f64 = values.iter().enumerate().map(|(i, value)| at(i) * (value - mean)).sum();
    along / (0..values.len()).map(|i| at(i) * at(i)).sum::<f64>()
}

#[test]
#[ignore = "run by the others, in a process of its own"]
fn measured() {
    let Ok(order) = std::env::var(ORDER) else { return println!("skipped: {ORDER} not set") };
    let (personas, name) = order.split_once(' ').expect("a number and a model");
    let runs = personas.parse::<usize>().expect("a number").div_ceil(COUNT);
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = folder.expect("a folder");
    let data = folder.path().join("data.csv");
    fs::write(&data, crate::kills::many_voices(2 * COUNT)).expect("written");
    let corpus = Cleared::as_is(persona::corpus::load(&[data]).expect("records"));
    let model = model(name);
    let mut readings: Vec<Reading> = Vec::new();
    let mut written = 0;
    for at in 0..runs {
        let (wall, processor) = (Instant::now(), processor_time());
        let settings = plain(COUNT, (at % CYCLE) as u64);
        let state = whole_run(&corpus, &model, &settings, folder.path());
        written += state.selected.as_ref().map_or(0, Vec::len);
        drop(state);
        readings.push(Reading {
            resident: resident(),
            threads: entries("/proc/self/task"),
            handles: entries("/proc/self/fd"),
            processor: processor_time().saturating_sub(processor),
            wall: wall.elapsed(),
        });
    }
    // The first cycle warms up.
    let warm = &readings[CYCLE.min(readings.len() / 4)..];
    let resident: Vec<f64> = warm.iter().map(|reading| reading.resident as f64).collect();
    let growth = slope(&resident) * 100.0 / COUNT as f64;
    let stretch = |of: &[Reading]| {
        let wall: Duration = of.iter().map(|reading| reading.wall).sum();
        let processor: Duration = of.iter().map(|reading| reading.processor).sum();
        (wall.as_secs_f64(), processor.as_secs_f64())
    };
    let tenth = CYCLE * (readings.len() / 10).div_ceil(CYCLE);
    let (first, last) = (stretch(&warm[..tenth]), stretch(&warm[warm.len() - tenth..]));
    let (now, then) = (readings[readings.len() - 1], warm[0]);
    println!(
        "{written} personas in {runs} runs on {name}: {:.1} MB resident after warm-up, {:.1} at the end, slope {:.2} MB per 100 personas",
        then.resident as f64 / 1e6,
        now.resident as f64 / 1e6,
        growth / 1e6
    );
    let cycles = resident.chunks(CYCLE).map(|cycle| cycle.iter().copied().fold(0.0, f64::max));
    let cycles: Vec<String> = cycles.map(|most| format!("{:.0}", most / 1e6)).collect();
    println!("most of each {CYCLE} runs, in MB: {}", cycles.join(" "));
    println!(
        "threads {} then {}, handles {} then {}; first tenth {:.1} s ({:.1} s of processor), last {:.1} s ({:.1} s)",
        then.threads, now.threads, then.handles, now.handles, first.0, first.1, last.0, last.1
    );
    assert!(growth < SLOPE, "memory grows by {:.2} MB per 100 personas", growth / 1e6);
    assert_eq!((then.threads, then.handles), (now.threads, now.handles), "threads and handles");
    // Processor time, since other processes also use the machine; a time too short shows nothing.
    let slower = last.1 / first.1 - 1.0;
    assert!(slower < SLOWER || first.1 < 5.0, "slower by {:.1} %", slower * 100.0);
}

/// Runs a measurement in a process of its own.
fn soak(personas: usize, model: &str) {
    if !cfg!(target_os = "linux") {
        return println!("skipped: no /proc here");
    }
    let this = std::env::current_exe().expect("this binary");
    let mut child = Command::new(this);
    child.args(["--exact", "soak::measured", "--ignored", "--nocapture"]);
    // The setting that `main` makes for itself.
    child.env("MALLOC_ARENA_MAX", "2");
    let output = child.env(ORDER, format!("{personas} {model}")).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{text}");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("MB per 100 personas"), "{text}");
}

#[test]
fn hundreds_of_scripted_personas_leave_nothing_behind() {
    soak(300, "scripted");
}

#[test]
#[ignore = "long: 500 personas on the real model"]
fn five_hundred_personas_leave_nothing_behind() {
    let personas = std::env::var("PERSONA_TEST_SOAK_PERSONAS");
    soak(personas.map_or(500, |text| text.parse().expect("a number of personas")), "real");
}
