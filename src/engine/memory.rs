//! Decides whether a model fits the memory, and how much of it the cache may take.
//!
//! Only computes, except that [`available`] asks the system how much memory is free.

/// Memory of the weights as a multiple of the file's size. Our tiles keep a format's bits, except
/// that the inner scales of K formats take eight bits in place of six; a tensor that is being
/// repacked into tiles is held twice.
const WEIGHTS: f64 = if cfg!(target_arch = "x86_64") { 1.15 } else { 2.5 };

/// Tokens of its own (question and answer) for which each sequence of a batch gets room, beside one
/// whole context that all may share.
const OWN_TOKENS: usize = 1024;

/// What a model needs of the memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    /// Size of the file in bytes.
    pub(super) file: u64,
    /// Keys and values of one token, in bytes.
    pub(super) token: u64,
}

/// What fits the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit {
    /// Sequences at a time; at most as many as were asked for.
    pub(super) batch: usize,
    /// Most tokens that the cache may hold.
    pub(super) tokens: usize,
}

/// Fits `batch` sequences with one context of `context` tokens into `available` bytes; the batch is
/// smaller where that many do not fit.
///
/// # Errors
///
/// A text that says how much is needed, when not even one sequence fits.
pub(super) fn fit(
    needs: Needs,
    context: usize,
    batch: usize,
    available: u64,
) -> Result<Fit, String> {
    let weights = (needs.file as f64 * WEIGHTS) as u64;
    let one = needs.token.saturating_mul(context as u64);
    let left = available.checked_sub(weights).and_then(|left| left.checked_sub(one));
    let Some(left) = left else {
        let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
        return Err(format!(
            "needs about {:.1} GiB ({:.1} for weights, {:.1} for a context of {context} tokens), \
             but {:.1} GiB are free\nhint: choose a smaller model or quantisation, or lower \
             --context (now {context})",
            gib(weights.saturating_add(one)),
            gib(weights),
            gib(one),
            gib(available),
        ));
    };
    let own = needs.token.max(1) * OWN_TOKENS.min(context) as u64;
    let more = usize::try_from(left / own).unwrap_or(usize::MAX);
    let tokens = usize::try_from((left + one) / needs.token.max(1)).unwrap_or(usize::MAX);
    Ok(Fit { batch: batch.max(1).min(more.saturating_add(1)), tokens })
}

/// Free memory in bytes, within a container's limit; `None` where the system does not say.
pub(super) fn available() -> Option<u64> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    Some(system.available_memory().min(limit)).filter(|&bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Needs = Needs { file: 1_000_000_000, token: 100_000 };

    #[test]
    fn a_batch_that_does_not_fit_is_made_smaller() {
        // The weights take 1.15 or 2.5 GB, a context of 4096 takes 0.41 GB, and each further
        // sequence 0.1 GB.
        let weights = (1e9 * WEIGHTS) as u64;
        let fit = |more: u64| fit(NEEDS, 4096, 8, weights + 409_600_000 + more);
        assert_eq!(fit(1_000_000_000).map(|fit| fit.batch), Ok(8));
        assert_eq!(fit(250_000_000).map(|fit| fit.batch), Ok(3));
        assert_eq!(fit(0).map(|fit| (fit.batch, fit.tokens)), Ok((1, 4096)));
    }

    #[test]
    fn a_model_that_does_not_fit_is_refused_with_the_figure() {
        let error = fit(NEEDS, 4096, 8, 1_000_000_000).expect_err("too large");
        assert!(error.contains("but 0.9 GiB are free") && error.contains("--context"), "{error}");
    }
}
