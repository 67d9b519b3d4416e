//! What this machine offers a model: memory, cores, instruction set.
//!
//! Owns the queries to the system, and the judgement which catalogue model suits the answers. Loads
//! no model.

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::catalogue::{self, ModelSpec, Role};
use crate::cli::table::human_bytes;
use crate::engine::kernels::Tier;
use crate::hub::{self, HubOptions, ModelRef};

/// Most parameters of a model that is recommended unasked, on a CPU. A judgement: at four bits
/// these are 5 GB to read for each step, which memory of 40 GB/s does eight times a second.
const UNHURRIED: u64 = 9_000_000_000;
/// Most such parameters where fewer than [`MANY_CORES`] cores read the prompt.
const UNHURRIED_FEW_CORES: u64 = 4_500_000_000;
const MANY_CORES: usize = 4;

/// This machine, as far as the system describes it.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// Name of the processor, as it reports it.
    pub(super) cpu: String,
    /// Physical cores.
    pub(super) cores: usize,
    /// Instruction set that the kernels use.
    pub(super) tier: Tier,
    /// Memory in bytes, within a container's limit; `None` where the system does not say.
    pub(super) total: Option<u64>,
    /// Free memory in bytes, within a container's limit. Where the system does not say, nothing is
    /// ruled out here, but a model that is too large is still refused when it is loaded.
    pub(super) free: u64,
}

impl Machine {
    pub(super) fn look() -> Self {
        let what = RefreshKind::nothing()
            .with_memory(MemoryRefreshKind::nothing().with_ram())
            .with_cpu(CpuRefreshKind::nothing());
        let system = System::new_with_specifics(what).ok();
        let limits = system.as_ref().and_then(System::cgroup_limits);
        let (limit, limit_free) =
            limits.map_or((u64::MAX, u64::MAX), |limits| (limits.total_memory, limits.free_memory));
        let brand = |s: &System| s.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
        Self {
            cpu: system
                .as_ref()
                .and_then(brand)
                .filter(|b| !b.is_empty())
                .unwrap_or_else(|| "a processor without a name".to_owned()),
            cores: System::physical_core_count().unwrap_or_else(|_| rayon::current_num_threads()),
            tier: Tier::detect(),
            total: system.as_ref().map(|s| s.total_memory().min(limit)).filter(|&bytes| bytes > 0),
            free: system.as_ref().map_or(u64::MAX, |s| s.available_memory().min(limit_free)),
        }
    }

    /// The processor in words: `AMD EPYC 9454, 2 cores, avx512 kernels`.
    pub(super) fn processor(&self) -> String {
        let cores = if self.cores == 1 { "core" } else { "cores" };
        format!("{}, {} {cores}, {} kernels", self.cpu, self.cores, self.tier_name())
    }

    /// The memory in words: `20.1 of 24.0 GB memory free`.
    pub(super) fn memory(&self) -> String {
        match (self.free, self.total) {
            (u64::MAX, _) => "the system does not say how much memory is free".to_owned(),
            (free, Some(total)) => {
                format!("{} of {} memory free", human_bytes(free), human_bytes(total))
            }
            (free, None) => format!("{} memory free", human_bytes(free)),
        }
    }

    pub(super) fn tier_name(&self) -> String {
        format!("{:?}", self.tier).to_lowercase()
    }

    /// Whether our own kernels compute with this quantisation here; candle's compute with all
    /// others.
    pub(super) fn is_fast(&self, quant: &str) -> bool {
        let packed = ["Q4_", "Q5_", "Q6_", "Q8_"].iter().any(|start| quant.starts_with(start));
        self.tier != Tier::Portable && packed
    }

    /// Whether a model of the catalogue fits the free memory.
    pub(super) fn fits(&self, spec: &ModelSpec, context: usize) -> bool {
        spec.memory_needed(context.min(spec.context)) <= self.free
    }

    /// Most parameters of a model that is recommended unasked.
    pub(super) fn unhurried(&self) -> u64 {
        if cfg!(any(feature = "cuda", feature = "metal")) {
            u64::MAX
        } else if self.cores < MANY_CORES {
            UNHURRIED_FEW_CORES
        } else {
            UNHURRIED
        }
    }

    /// Models for a role that fit and are not too slow here, best first.
    pub(super) fn suitable(&self, role: Role, context: usize) -> Vec<&'static ModelSpec> {
        let mut suitable = catalogue::ranked(role);
        suitable.retain(|m| self.fits(m, context) && m.parameters <= self.unhurried());
        suitable
    }

    /// The choice of `--model auto`: the best model on disk that fits, else the best suitable one.
    pub(super) fn automatic(&self, context: usize, hub: &HubOptions) -> Automatic {
        let suitable = self.suitable(Role::Draft, context);
        // A model that was fetched is meant to be run: on disk, it need only fit.
        let mut here = catalogue::ranked(Role::Draft);
        here.retain(|spec| {
            self.fits(spec, context) && hub::locate(&ModelRef::Catalogue(spec), hub).is_some()
        });
        match (here.first().copied(), suitable.first().copied()) {
            (Some(spec), _) => Automatic::OnDisk(spec),
            (None, Some(spec)) => Automatic::ToFetch(spec),
            (None, None) => Automatic::Nothing,
        }
    }
}

/// What `--model auto` stands for on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Automatic {
    /// A model that is on disk.
    OnDisk(&'static ModelSpec),
    /// A model that would have to be fetched.
    ToFetch(&'static ModelSpec),
    /// No model of the catalogue fits.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(cores: usize, free: u64) -> Machine {
        let (cpu, tier, total) = ("x".to_owned(), Tier::Avx2, Some(free * 2));
        Machine { cpu, cores, tier, total, free }
    }

    fn best(cores: usize, free: u64) -> Option<&'static str> {
        machine(cores, free).suitable(Role::Draft, 8192).first().map(|spec| spec.name.as_str())
    }

    #[test]
    fn memory_rules_out_what_does_not_fit_and_cores_what_would_take_too_long() {
        const GB: u64 = 1_000_000_000;
        assert_eq!(best(2, GB / 10), None);
        assert_eq!(best(8, 256 * GB), Some("qwen3-8b"));
        assert_eq!(best(2, 256 * GB), Some("qwen3-4b"));
        assert!(machine(8, 2 * GB).fits(catalogue::find("llama-3.2-1b").unwrap(), 8192));
        assert!(!machine(8, 2 * GB).fits(catalogue::find("llama-3.1-8b").unwrap(), 512));
    }

    #[test]
    fn a_context_longer_than_the_models_own_is_not_counted() {
        let small = catalogue::find("smollm2-135m").unwrap();
        let machine = machine(2, small.memory_needed(small.context));
        assert!(machine.fits(small, usize::MAX));
    }

    #[test]
    fn automatic_takes_what_is_here_before_what_is_better() {
        let dir = tempfile::tempdir().unwrap();
        let hub = HubOptions::new(dir.path().join("hub"), dir.path().join("data"));
        let machine = machine(8, 256_000_000_000);
        let large = catalogue::find("qwen3-8b").unwrap();
        assert_eq!(machine.automatic(8192, &hub), Automatic::ToFetch(large));
        let spec = catalogue::find("qwen3-0.6b").unwrap();
        let repo = dir.path().join("hub/models--Qwen--Qwen3-0.6B-GGUF");
        std::fs::create_dir_all(repo.join("refs")).unwrap();
        std::fs::create_dir_all(repo.join("snapshots/c")).unwrap();
        std::fs::write(repo.join("refs/main"), "c").unwrap();
        std::fs::write(repo.join("snapshots/c").join(&spec.file), "GGUF").unwrap();
        assert_eq!(machine.automatic(8192, &hub), Automatic::OnDisk(spec));
    }

    #[test]
    fn only_quantisations_with_tiles_are_fast() {
        let machine = machine(2, 1);
        assert!(machine.is_fast("Q4_K_M") && machine.is_fast("Q8_0") && !machine.is_fast("Q2_K"));
        assert!(!Machine { tier: Tier::Portable, ..machine }.is_fast("Q4_K_M"));
    }
}
