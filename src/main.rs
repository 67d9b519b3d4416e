//! Process-wide settings, then the command line.
//!
//! Owns what must happen before any thread starts; knows nothing of what the commands do.

use std::process::ExitCode;

use persona::cli::Process;

fn main() -> ExitCode {
    keep_freed_memory();
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

/// Tells glibc to serve large blocks from the heap and to keep them when they are freed.
///
/// Every tensor operation allocates and frees temporaries of megabytes. By default each is a
/// mapping of its own, and the page faults of fresh mappings cost a third to a half of prefill.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_freed_memory() {
    /// The largest threshold that glibc takes on 64-bit systems; it refuses a larger one.
    const MMAP_FROM_BYTES: libc::c_int = 32 << 20;
    /// Free memory at the top of the heap that is kept for the next operation.
    const KEEP_BYTES: libc::c_int = 1 << 30;
    // SAFETY: `mallopt` takes plain integers and no other thread runs yet. A refused value leaves
    // the default in place, which is only slower.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEEP_BYTES);
    }
}

/// Other allocators keep what they free.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_freed_memory() {}
