//! The `mtl` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    mtl::cli::main()
}
