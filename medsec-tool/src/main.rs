//! The `medsec` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    medsec_tool::main()
}
