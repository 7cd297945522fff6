#!/usr/bin/env bash
# Cargo calls this in place of rustc. This crate is built with libFuzzer's counters (the flags of
# `cargo fuzz run --sanitizer none`, which work on stable Rust), what it rests on without them: some of that runs in the
# compiler too, where there is no libFuzzer.
rustc=$1
shift
case " $* " in
  *" --crate-name mtl "*)
    exec "$rustc" "$@" --cfg fuzzing -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
      -C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table \
      -C llvm-args=-sanitizer-coverage-trace-compares
    ;;
  *) exec "$rustc" "$@" ;;
esac
