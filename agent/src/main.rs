//! The program `kubeopt-agent`: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubeopt_agent::main(std::env::args().skip(1))
}
