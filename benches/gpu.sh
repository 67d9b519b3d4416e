#!/usr/bin/env bash
# Correctness and speed on a machine with an NVIDIA GPU: builds with `--features cuda`, writes
# personas on the CPU and on the GPU from the same seed, measures both, and runs the tests.
# Usage: benches/gpu.sh [MODEL]       (default: smollm2-135m; a name of the catalogue, or a file)
# Leaves in benches/runs/: gpu-cpu.json and gpu-cuda.json, the figures of `persona bench` on either
# device; the second holds the ratios, too. Ends with the status of the tests, which come last: a
# test that fails there costs no figures.
set -euo pipefail
model="${1:-smollm2-135m}"
# A path is the caller's, not the repository's.
if [ -e "$model" ]; then model="$(realpath "$model")"; fi
cd "$(dirname "$0")/.."

if ! command -v nvidia-smi >/dev/null 2>&1 || ! nvidia-smi -L; then
  echo "no NVIDIA GPU here: nothing was measured" >&2
  exit 2
fi
if ! command -v nvcc >/dev/null 2>&1; then
  echo "nvcc is missing: install the CUDA toolkit and put its bin folder on PATH" >&2
  exit 2
fi
if ! command -v python3 >/dev/null 2>&1; then
  echo "python3 is missing: it reads the results" >&2
  exit 2
fi

cargo build --release --locked --features cuda
persona="${CARGO_TARGET_DIR:-target}/release/persona"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export HF_HOME="${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}"
# Quotes are checked by the program itself as it writes them; a device that computes nonsense shows
# in the judge's measurement, which is of the same controls on both. It is kept by the model's hash:
# without a cache of its own, the second device would be given the figures of the first.
for device in cpu cuda; do
  XDG_CACHE_HOME="$work/cache-$device" \
    "$persona" generate examples/interviews.csv --hybrid --no-frontier --model "$model" --seed 7 \
    --device "$device" --output "$work/$device" --json >"$work/$device.json"
  python3 - "$device" "$work/$device.json" <<'PY'
import json, sys
device, path = sys.argv[1:]
result = json.load(open(path))
auc = result["report"]["judge"]["controls"]["held_out"]["all"]
print(f"{device}: {len(result['personas'])} personas; AUC of the judge's score, held out: {auc}")
PY
done

runs=benches/runs
"$persona" bench --model "$model" --device cpu --json >"$runs/gpu-cpu.json"
"$persona" bench --model "$model" --device cuda --compare "$runs/gpu-cpu.json" --json \
  >"$runs/gpu-cuda.json"
python3 - "$runs/gpu-cuda.json" <<'PY'
import json, sys
for test in json.load(open(sys.argv[1]))["comparison"]["tests"]:
    print(f"{test['test']:<14} {test['before']:10.1f} → {test['now']:10.1f} tokens/s: {test['ratio']:.2f} ×")
PY

cargo test --release --locked --features cuda
