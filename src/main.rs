//! Process-wide settings, then the command line.
//!
//! Owns what must happen before any thread starts. Does not know what the commands do.

use std::process::ExitCode;

use persona::cli::{AirGap, Keep, Process};

fn main() -> ExitCode {
    bear_file_size_limit();
    persona::cli::main(std::env::args_os(), Process { prepare_to_compute, close_network })
}

/// Makes a write past the limit on file sizes (`ulimit -f`) fail like one to a full disk, so that
/// it is reported as an error; by default the signal would end the process without a message.
fn bear_file_size_limit() {
    // SAFETY: no other thread runs yet, and ignoring a signal runs no code of ours.
    #[cfg(unix)]
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN)
    };
}

/// Sets the number of threads and the allocator's arenas, for which the computing libraries have no
/// other switch.
fn prepare_to_compute(threads: Option<usize>) {
    share_free_memory();
    // The thread pools that tensors are computed on, candle's own and rayon's, read the environment
    // when they start.
    for variable in ["CANDLE_NUM_THREADS", "RAYON_NUM_THREADS"] {
        if let Some(threads) = threads {
            // SAFETY: `cli` calls this while no other thread runs, so nobody reads the environment.
            unsafe { std::env::set_var(variable, threads.to_string()) };
        }
    }
}

/// Makes all threads allocate from two arenas. glibc makes up to eight arenas per core, and each
/// keeps the memory that was freed in it. Tensors are allocated by one thread and freed by another,
/// so they would be spread over all arenas: a third more memory in all, which keeps growing for
/// hundreds of personas.
fn share_free_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: changes how later allocations are served, and touches none that exists.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2)
    };
}

/// Installs a seccomp filter: from here on `socket` fails for this process and its children, and so
/// does `io_uring_setup`, which could create sockets too. With [`Keep::Unix`], sockets of AF_UNIX
/// are still allowed.
#[cfg(target_os = "linux")]
fn close_network(keep: Keep) -> Result<AirGap, String> {
    use std::collections::BTreeMap;

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };

    let not_unix = || {
        let family = libc::AF_UNIX as u64;
        let condition =
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)?;
        SeccompRule::new(vec![condition])
    };
    let refuse = || -> Result<BpfProgram, seccompiler::BackendError> {
        // An empty list of rules refuses every call.
        let sockets = match keep {
            Keep::Nothing => Vec::new(),
            Keep::Unix => vec![not_unix()?],
        };
        let mut rules =
            BTreeMap::from([(libc::SYS_socket, sockets), (libc::SYS_io_uring_setup, Vec::new())]);
        if keep == Keep::Nothing {
            rules.insert(libc::SYS_socketpair, Vec::new());
        }
        let errno = SeccompAction::Errno(libc::EACCES as u32);
        let arch = std::env::consts::ARCH.try_into()?;
        SeccompFilter::new(rules, SeccompAction::Allow, errno, arch)?.try_into()
    };
    let filter = refuse().map_err(|e| format!("the filter of system calls cannot be made: {e}"))?;
    seccompiler::apply_filter(&filter)
        .map_err(|e| format!("the kernel does not take the filter of system calls: {e}"))?;
    Ok(AirGap::Kernel)
}

/// On other systems no socket is opened, because no code does so; nothing enforces it.
#[cfg(not(target_os = "linux"))]
fn close_network(_: Keep) -> Result<AirGap, String> {
    Ok(AirGap::Construction)
}
