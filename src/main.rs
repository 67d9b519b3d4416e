//! Process-wide settings, then the command line.
//!
//! Owns what must happen before any thread starts; knows nothing of what the commands do.

fn main() -> std::process::ExitCode {
    persona::cli::main()
}
