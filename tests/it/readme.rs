//! Every command line of the README: run where it needs neither a large model nor a key, else
//! parsed.

use crate::cli::Folder;

const README: &str = include_str!("../../README.md");

/// The arguments of lines of `sh` blocks that call persona, without comments.
fn commands() -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in README.lines() {
        match line.trim() {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => {
                let line = line.split(" # ").next().unwrap_or_default();
                let line = line
                    .strip_prefix("cargo run --release -- ")
                    .or_else(|| line.strip_prefix("persona "));
                commands.extend(
                    line.map(|line| line.split(" > ").next().unwrap_or(line).trim().to_owned()),
                );
            }
            _ => {}
        }
    }
    commands
}

/// Commands that succeed on a machine without a model, given a model that answers from a script.
const RUN: [&str; 8] =
    ["generate", "inspect", "privacy", "schema", "config", "init", "completions", "demo"];

#[test]
fn every_command_line_of_the_readme_is_one() {
    let commands = commands();
    assert!(commands.len() >= 15, "only {} found", commands.len());
    let mut ran = 0;
    for line in &commands {
        let folder = Folder::new();
        let interviews = include_bytes!("../../examples/interviews.csv");
        folder.write("interviews.csv", interviews);
        folder.write("examples/interviews.csv", interviews);
        let name = line.split(' ').next().unwrap();
        // Names in capitals stand for something that the reader has.
        let placeholder = ["RUN", "MODEL", "FILE", "DATA"].iter().any(|word| line.contains(word));
        // There is no server of the reader's own here, so such a command ends where it looks for
        // one.
        let run = RUN.contains(&name) && !placeholder && !line.contains("--backend ");
        let mut words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        if run && ["generate", "demo"].contains(&name) {
            match words.iter().position(|word| *word == "--model") {
                Some(at) => words[at + 1] = "scripted:ok",
                None => words.extend(["--model", "scripted:ok"]),
            }
        }
        if let Some(at) = words.iter().position(|word| *word == "--pii-model") {
            words[at + 1] = "scripted:empty";
        }
        let output = folder.output(&words.join(" "));
        let shown = folder.shown(&output);
        let parsed = !shown.contains("unexpected argument") && !shown.contains("Usage:");
        assert!(parsed, "{line}\n{shown}");
        if run {
            assert_eq!(output.status.code(), Some(0), "{line}\n{shown}");
            ran += 1;
        }
    }
    assert!(ran >= 8, "only {ran} were run");
}
