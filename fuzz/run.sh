#!/usr/bin/env bash
# Fuzzes parser, checker, formatter and the reader of weight files, SECONDS each (600 if not said); fails on a crash, a broken
# promise, or what takes more than ten seconds. Needs a C++ compiler for libFuzzer; no nightly Rust, no cargo-fuzz.
#
#   fuzz/run.sh [SECONDS] [TARGET...]
#
# What is found lies in fuzz/artifacts; put it into fuzz/regressions as a `.mtl` or a `.weights` file when it is mended.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-600}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(parse check format weights)

# The versions of the repository's own lock file; what only the fuzzers need comes on top.
cp ../Cargo.lock Cargo.lock
RUSTC_WRAPPER="$PWD/rustc.sh" cargo build --release
built=${CARGO_TARGET_DIR:-target}/release

# The seeds: every program of the repository.
mkdir -p corpus/seeds artifacts
find ../stdlib ../pipelines ../tests/golden regressions -type f -name '*.mtl' -size -16k | sort | while read -r program; do
  cp "$program" "corpus/seeds/$(echo "${program#../}" | tr / _)"
done
# Of weight files: what PyTorch wrote, and its pickles alone are what the fuzzer breaks best.
mkdir -p corpus/weight_seeds
find ../tests/reference/weights regressions -type f \( -name '*.pth' -o -name '*.weights' \) | sort | while read -r file; do
  cp "$file" "corpus/weight_seeds/$(echo "${file#../}" | tr / _)"
done
failed=0
for target in "${targets[@]}"; do
  echo "== $target, $seconds s"
  mkdir -p "corpus/$target"
  seeds=(-dict=mtl.dict "corpus/$target" corpus/seeds)
  [ "$target" != weights ] || seeds=("corpus/$target" corpus/weight_seeds)
  "$built/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -max_len=16384 \
    -artifact_prefix="artifacts/$target-" -print_final_stats=1 "${seeds[@]}" || failed=1
done
exit "$failed"
