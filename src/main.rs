//! The `reflow` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    reflow::ops::cli::main()
}
