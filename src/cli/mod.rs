//! The command line: its commands and flags, and which file implements each.
//!
//! Owns the clap tree, the exit codes and everything printed. One file per command; `output` is the
//! only printer, and `failure` the only place that maps errors to exit codes. The logic of a run is
//! elsewhere: commands resolve settings, call the library and show the result.

mod backend;
mod bench;
mod calibrate;
mod clearing;
mod compare;
mod config;
mod contradictions;
mod doctor;
mod estimate;
mod estimate_only;
mod evaluate;
mod failure;
mod frontier;
mod generate;
mod generate_args;
mod inspect;
mod interrupt;
mod job;
mod judge;
mod machine;
mod merge;
mod model;
mod models;
mod output;
mod privacy;
mod progress;
mod recommend;
mod report;
mod resume;
mod runs;
mod schema;
mod second_reader;
mod segments;
mod start;
mod table;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::catalogue::{self, ModelSpec};
use crate::config::{self as settings, Display, Environment, Layers, Settings, keys};
use crate::engine::DeviceChoice;
use crate::hub;

use failure::{Exit, Failure};
use output::Output;

const EXAMPLES: &str = "\
Without a command: what to do first on this machine.

Examples:
  persona demo
  persona generate --input interviews.csv --hybrid --no-frontier
  persona generate --input research/ --count 5 --hybrid --estimate-only
  persona generate --resume personas/RUN
  persona inspect research/
  persona models recommend
  persona doctor
  persona privacy scan interviews.csv
  persona evaluate personas/RUN/personas.json --source interviews.csv
  persona bench --model smollm2-135m

Exit codes: 0 done, 1 failed, 2 flag or setting, 3 no usable input, 4 model unavailable,
5 provider failed, 6 budget allows no draft (both without --hybrid), 7 partial result under --strict,
8 refused by a rule on privacy or the network, 130 interrupted (the run can be resumed).";

/// Turns research data into evidence-linked personas, with the language model inside the process.
#[derive(Debug, Parser)]
#[command(name = "persona", version, about, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    display: DisplayArgs,
    /// Without a command: what to do first on this machine
    #[command(subcommand)]
    command: Option<Command>,
}

/// How to talk to the user.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
struct DisplayArgs {
    /// Print the result as one JSON document
    #[arg(long, global = true, help_heading = "Display")]
    json: bool,
    /// Print nothing on stderr but errors
    #[arg(long, short, global = true, help_heading = "Display")]
    quiet: bool,
    /// Say on stderr what happens; twice for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet", help_heading = "Display")]
    verbose: u8,
    /// Draw no progress bars
    #[arg(long, global = true, help_heading = "Display")]
    no_progress: bool,
    /// Open no network connection; on Linux the kernel sees to it
    #[arg(long, global = true, help_heading = "Privacy")]
    offline: bool,
    /// Use no colour
    #[arg(long, global = true, help_heading = "Display")]
    no_color: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write personas from research data
    Generate(Box<generate_args::GenerateArgs>),
    /// Show what is understood of research data, without a model
    #[command(
        after_help = "Examples:\n  persona inspect interviews.csv\n  persona inspect research/ --json"
    )]
    Inspect(inspect::InspectArgs),
    /// Make personas both ways, hybrid and by the frontier alone, and compare quality and cost
    Compare(Box<compare::CompareArgs>),
    /// Score personas from any tool: judge, quotes, coverage, readability, stereotypes
    Evaluate(Box<evaluate::EvaluateArgs>),
    /// Measure what a judging model can see, and set the threshold for your data
    Calibrate(Box<calibrate::CalibrateArgs>),
    /// Measure how fast a model runs on this machine
    Bench(Box<bench::BenchArgs>),
    /// List, recommend, fetch, carry, verify and remove models
    #[command(
        subcommand,
        after_help = "Examples:\n  persona models recommend\n  persona models pull smollm2-135m"
    )]
    Models(models::ModelsCommand),
    /// Look for what would keep persona from working here, and say how to mend it
    Doctor(doctor::DoctorArgs),
    /// Find personal data, replace it, and put it back
    #[command(
        subcommand,
        after_help = "Examples:\n  persona privacy scan interviews.csv\n  persona privacy anonymise interviews.csv --output clean"
    )]
    Privacy(privacy::PrivacyCommand),
    /// List and show runs
    #[command(
        subcommand,
        after_help = "Examples:\n  persona runs list\n  persona runs show RUN --json"
    )]
    Runs(runs::RunsCommand),
    /// Write a run's report again, also of a run that died
    #[command(
        after_help = "Examples:\n  persona report\n  persona report personas/RUN --format markdown,csv,tinytroupe"
    )]
    Report(report::ReportArgs),
    /// Make one run of the shards of a run
    #[command(
        after_help = "Example, on two machines:\n  persona generate --input data.csv --hybrid --no-frontier --count 40 --seed 7 --shard 1/2\n  persona generate --input data.csv --hybrid --no-frontier --count 40 --seed 7 --shard 2/2\nand then, with both run folders in one place:\n  persona merge personas/RUN-OF-1 personas/RUN-OF-2"
    )]
    Merge(merge::MergeArgs),
    /// Print the JSON Schema of personas.json
    #[command(after_help = "Examples:\n  persona schema > personas.schema.json")]
    Schema,
    /// Run the whole way on built-in interviews
    #[command(
        after_help = "Examples:\n  persona demo\n  persona demo --model auto --output /tmp/demo"
    )]
    Demo(start::DemoArgs),
    /// Write a commented persona.toml into this folder
    #[command(after_help = "Examples:\n  persona init")]
    Init(config::InitArgs),
    /// Show settings and where they come from
    #[command(
        subcommand,
        after_help = "Examples:\n  persona config show --origin\n  persona config path"
    )]
    Config(config::ConfigCommand),
    /// Print a completion script: bash, zsh, fish, elvish or powershell
    #[command(
        after_help = "Examples:\n  persona completions bash > ~/.local/share/bash-completion/completions/persona\n  persona completions fish > ~/.config/fish/completions/persona.fish"
    )]
    Completions {
        /// Shell that the script is for
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(
        after_help = "Examples:\n  persona man | man -l -\n  persona man --output ~/.local/share/man/man1"
    )]
    Man {
        /// Write this page and one for each command into a folder instead
        #[arg(long, value_name = "DIR")]
        output: Option<std::path::PathBuf>,
    },
}

/// What a command needs beside its settings.
struct Surroundings<'a> {
    environment: &'a Environment,
    process: Process,
    output: Output,
    /// How the network is closed; `None` where it is open.
    air_gap: Option<AirGap>,
}

/// Operations that only `main` can do, because they act on the whole process.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// Prepares the process for computing, with this many threads where a number is given. Called
    /// at most once, while no other thread runs.
    pub prepare_to_compute: fn(Option<usize>),
    /// Takes the network away from this process and its children for good, except for the sockets
    /// that [`Keep`] names. Called at most once, while no other thread runs. An error says why it
    /// cannot be done.
    pub close_network: fn(Keep) -> Result<AirGap, String>,
}

/// Which sockets a closed network still allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// No sockets at all.
    Nothing,
    /// Sockets of `AF_UNIX`, which GPU drivers use.
    Unix,
}

/// How the network is kept closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AirGap {
    /// The kernel refuses every socket.
    Kernel,
    /// This program opens no socket, but the system has no means to enforce it.
    Construction,
}

impl AirGap {
    /// The name of the means in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel (seccomp)",
            Self::Construction => "construction",
        }
    }
}

/// Message after a panic, the place of which has already been printed.
const DEFECT: &str = "persona has a defect, and this command met it\nhint: please report the line 'internal error at'; a run that was begun is kept: 'persona runs list'";

/// Runs the command line `arguments`, which begins with the program's name, and returns how it
/// ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>, process: Process) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let environment = Environment::read();
    output::install_panic_hook();
    let ends = |failure: Failure| {
        let json = arguments.iter().any(|argument| argument == "--json");
        let output = flags_only(&Layers::default().switch(keys::JSON, json), &environment);
        fail(output, &failure)
    };
    // Clap's own message names neither the argument nor a way out.
    if let Some(odd) = arguments.iter().find(|argument| argument.to_str().is_none()) {
        let exit = ends(Failure::usage(format!(
            "the argument '{}' is not valid UTF-8\nhint: rename the file, or give the folder that it is in",
            odd.to_string_lossy()
        )));
        return ExitCode::from(exit as u8);
    }
    let ended = catch_unwind(AssertUnwindSafe(|| match Cli::try_parse_from(&arguments) {
        Ok(cli) => run(cli, &environment, process),
        Err(error) => refuse(&arguments, &environment, &error),
    }));
    let exit = ended.unwrap_or_else(|_| ends(Failure::failed(DEFECT)));
    ExitCode::from(exit as u8)
}

fn run(mut cli: Cli, environment: &Environment, process: Process) -> Exit {
    output::trace(cli.display.verbose);
    if let Some(Command::Demo(args)) = &cli.command {
        let output = flags_only(&cli.display.add_to(Layers::default()), environment);
        match start::demo(args, output) {
            Ok(command) => match Cli::try_parse_from(&command) {
                Ok(demo) => cli.command = demo.command,
                Err(error) => return refuse(&command, environment, &error),
            },
            Err(failure) => return fail(output, &failure),
        }
    }
    let said = match &cli.command {
        Some(Command::Generate(args)) => args.layers(),
        Some(Command::Bench(args)) => args.layers(),
        Some(Command::Compare(args)) => args.layers(),
        Some(Command::Inspect(args)) => args.layers(),
        Some(Command::Evaluate(args)) => args.layers(),
        Some(Command::Calibrate(args)) => args.layers(),
        Some(Command::Runs(command)) => command.layers(),
        Some(Command::Report(args)) => args.layers(),
        Some(Command::Merge(args)) => args.layers(),
        Some(Command::Privacy(command)) => command.layers(),
        Some(Command::Doctor(args)) => args.layers(),
        _ => Layers::default(),
    };
    let said = cli.display.add_to(said);
    if let Some(Command::Doctor(_)) = &cli.command {
        // It is for `doctor` to find out what is wrong with the settings.
        return examine(&said, environment, process);
    }
    // Errors in the settings are reported in the form that the flags alone ask for.
    let fallback = said.clone();
    let resolved = said.with_environment(environment).and_then(|layers| {
        let display = Display::resolve(&layers, environment)?;
        learn_models(environment.own_models()?, environment);
        Ok((layers, Output::new(display)))
    });
    let (layers, output) = match resolved {
        Ok(resolved) => resolved,
        Err(error) => {
            let output = flags_only(&fallback, environment);
            return fail(output, &error.into());
        }
    };
    let ended = close_network(cli.command.as_ref(), &layers, process).and_then(|air_gap| {
        let closed = air_gap.map(|_| environment.clone().offline());
        let environment = closed.as_ref().unwrap_or(environment);
        let around = Surroundings { environment, process, output, air_gap };
        dispatch(cli.command, &layers, &around)
    });
    ended.unwrap_or_else(|failure| fail(output, &failure))
}

/// Adds the user's own models and those that came with imported ones to the catalogue.
fn learn_models(own: Vec<ModelSpec>, environment: &Environment) {
    // An imported entry never replaces a built-in name.
    let imported = hub::entries(&environment.hub_options());
    let imported = imported.into_iter().filter(|entry| !catalogue::is_built_in(&entry.name));
    catalogue::extend(own.into_iter().chain(imported).collect());
}

/// Runs `doctor` with whatever settings can be read.
fn examine(flags: &Layers, environment: &Environment, process: Process) -> Exit {
    let readable = flags.clone().with_environment(environment);
    let layers = readable.as_ref().unwrap_or(flags);
    let output = match Display::resolve(layers, environment) {
        Ok(display) => Output::new(display),
        Err(_) => flags_only(flags, environment),
    };
    let own = environment.own_models();
    learn_models(own.as_ref().cloned().unwrap_or_default(), environment);
    let offline = settings::offline(layers).unwrap_or(true);
    let closed = offline.then(|| (process.close_network)(Keep::Unix));
    let found =
        doctor::Found { settings: readable.as_ref().err().or(own.as_ref().err()), air_gap: closed };
    doctor::run(layers, environment, &found, output)
        .unwrap_or_else(|failure| fail(output, &failure))
}

/// Closes the network under `--offline`, before anything else is done.
fn close_network(
    command: Option<&Command>,
    layers: &Layers,
    process: Process,
) -> Result<Option<AirGap>, Failure> {
    if !settings::offline(layers)? {
        return Ok(None);
    }
    let needs = match command {
        Some(Command::Compare(_)) => Some("compare asks a paid model"),
        Some(Command::Models(command)) if command.downloads() => {
            Some("models pull downloads a model")
        }
        _ => None,
    };
    if let Some(needs) = needs {
        return Err(Failure::usage(format!(
            "'persona {needs}', and --offline forbids that\nhint: leave --offline out; on a machine without a network, 'persona models import FILE'"
        )));
    }
    let gpu = cfg!(any(feature = "cuda", feature = "metal"))
        && Settings::resolve(layers)
            .is_ok_and(|settings| settings.engine.device != DeviceChoice::Cpu);
    let keep = if gpu { Keep::Unix } else { Keep::Nothing };
    (process.close_network)(keep).map(Some).map_err(|cause| {
        Failure::new(
            Exit::Refused,
            anyhow::anyhow!("--offline cannot be enforced here: {cause}\nhint: run without --offline, in a container or namespace without a network"),
        )
    })
}

fn dispatch(
    command: Option<Command>,
    layers: &Layers,
    around: &Surroundings<'_>,
) -> Result<Exit, Failure> {
    let (environment, output) = (around.environment, around.output);
    let Some(command) = command else {
        return start::first(layers, environment, output).map(|()| Exit::Done);
    };
    match command {
        Command::Generate(args) => generate::run(&args, layers, around),
        Command::Bench(args) => bench::run(&args, layers, around),
        Command::Compare(_) => compare::run(layers, around),
        Command::Evaluate(args) => evaluate::run(&args, layers, around),
        Command::Calibrate(args) => calibrate::run(&args, layers, around),
        Command::Inspect(_) => inspect::run(layers, environment, output),
        Command::Models(command) => models::run(command, environment, output).map(|()| Exit::Done),
        Command::Privacy(command) => privacy::run(command, layers, around),
        Command::Runs(command) => runs::run(command, layers, output).map(|()| Exit::Done),
        Command::Doctor(_) => unreachable!("it runs before the settings are resolved"),
        Command::Report(args) => report::run(&args, layers, around).map(|()| Exit::Done),
        Command::Merge(args) => merge::run(&args, layers, around),
        Command::Schema => schema::run(output).map(|()| Exit::Done),
        // `demo` was turned into a `generate` before its settings were read.
        Command::Demo(_) => Ok(Exit::Done),
        Command::Init(args) => config::init(&args, output).map(|()| Exit::Done),
        Command::Config(command) => {
            config::run(&command, layers, environment, output).map(|()| Exit::Done)
        }
        Command::Completions { shell } => {
            start::completions::<Cli>(shell, output).map(|()| Exit::Done)
        }
        Command::Man { output: folder } => {
            start::man::<Cli>(folder.as_deref(), output).map(|()| Exit::Done)
        }
    }
}

fn fail(output: Output, failure: &Failure) -> Exit {
    output.failure(failure);
    failure.exit
}

/// Handles what clap returns in place of arguments: help and versions are results, the rest are
/// usage errors.
fn refuse(arguments: &[OsString], environment: &Environment, error: &clap::Error) -> Exit {
    let json = arguments.iter().any(|argument| argument == "--json");
    let output = flags_only(&Layers::default().switch(keys::JSON, json), environment);
    output.usage(error);
    if !error.use_stderr() {
        return Exit::Done;
    }
    if json {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default();
        let hints = text.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
        let hints: Vec<String> = hints.map(str::to_owned).collect();
        output.error_document(Exit::Usage, message.trim_start_matches("error: "), &hints);
    }
    Exit::Usage
}

/// An output for when the settings could not be resolved: only the flags count, which cannot be
/// invalid.
fn flags_only(flags: &Layers, environment: &Environment) -> Output {
    let plain = Display { colour: false, ..Display::default() };
    Output::new(Display::resolve(flags, environment).unwrap_or(plain))
}

impl DisplayArgs {
    fn add_to(&self, layers: Layers) -> Layers {
        layers
            .switch(keys::JSON, self.json)
            .switch(keys::QUIET, self.quiet)
            .switch(keys::NO_PROGRESS, self.no_progress)
            .switch(keys::NO_COLOR, self.no_color)
            .switch(keys::OFFLINE, self.offline)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_clap_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_key_is_a_flag_of_generate() {
        let command = Cli::command();
        let generate = command.find_subcommand("generate").unwrap();
        let flags: Vec<_> = generate
            .get_arguments()
            .chain(command.get_arguments())
            .filter_map(clap::Arg::get_long)
            .collect();
        for key in keys::ALL {
            assert!(flags.contains(&key.flag), "{key} can be set in a file but not as a flag");
        }
    }

    /// The command lines in a help text, as words.
    fn examples(help: &str) -> Vec<Vec<String>> {
        let lines = help.lines().filter_map(|line| {
            let (_, said) = line.split_once("persona ")?;
            let alone = line.trim_start().starts_with("persona ") || line.contains("=http");
            alone.then_some(said)
        });
        let until = |line: &str, end: &str| line.split(end).next().unwrap_or(line).to_owned();
        lines
            .map(|line| until(&until(&until(line, " #"), " > "), " | "))
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect()
    }

    #[test]
    fn every_command_has_examples_that_can_be_given() {
        let mut open = vec![Cli::command()];
        while let Some(mut command) = open.pop() {
            open.extend(command.get_subcommands().cloned());
            let help = command.render_long_help().to_string();
            let name = command.get_name();
            assert!(help.contains("Example") || name == "help", "{name} has no example");
            let (_, shown) = help.split_once("Example").unwrap_or_default();
            for words in examples(shown) {
                let line = words.join(" ");
                let given = Cli::try_parse_from(["persona".to_owned()].into_iter().chain(words));
                assert!(given.is_ok(), "{name}: persona {line}: {}", given.unwrap_err());
            }
        }
    }
}
