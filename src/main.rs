//! Parse, run, report: the only place where a process ends.

use std::process::ExitCode;

fn main() -> ExitCode {
    gitops::cli::main()
}
