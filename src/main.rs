//! Process-wide settings, then the command line.
//!
//! Owns what must happen before any thread starts; knows nothing of what the commands do.

use std::process::ExitCode;

use persona::cli::Process;

fn main() -> ExitCode {
    persona::cli::main(std::env::args_os(), Process { set_compute_threads })
}

/// Sets the size of the thread pools that tensors are computed on: candle's own and rayon's. They
/// read the environment when they start, and have no other switch.
fn set_compute_threads(threads: usize) {
    for variable in ["CANDLE_NUM_THREADS", "RAYON_NUM_THREADS"] {
        // SAFETY: `cli` calls this while no other thread runs, so nobody reads the environment.
        unsafe { std::env::set_var(variable, threads.to_string()) };
    }
}
