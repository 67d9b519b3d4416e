#!/usr/bin/env bash
# Correctness and speed on a machine with an NVIDIA GPU: builds with `--features cuda`, runs the
# tests, writes personas on the CPU and on the GPU from the same seed, and measures both.
# Usage: benches/gpu.sh [MODEL]       (default: smollm2-135m)
# Leaves in benches/runs/: gpu.json, the figures of `persona bench` on both devices.
set -euo pipefail
cd "$(dirname "$0")/.."
model="${1:-smollm2-135m}"

if ! command -v nvidia-smi >/dev/null 2>&1 || ! nvidia-smi -L; then
  echo "no NVIDIA GPU here: nothing was measured" >&2
  exit 2
fi
if ! command -v nvcc >/dev/null 2>&1; then
  echo "nvcc is missing: install the CUDA toolkit and put its bin folder on PATH" >&2
  exit 2
fi

cargo build --release --locked --features cuda
cargo test --release --locked --features cuda
persona=target/release/persona

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# Quotes are checked by the program itself as it writes them; a device that computes nonsense shows
# in the judge's measurement, which is the same set of controls on both.
for device in cpu cuda; do
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

{
  "$persona" bench --model "$model" --device cpu --json
  "$persona" bench --model "$model" --device cuda --json
} | tee benches/runs/gpu.json
