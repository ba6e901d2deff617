//! The binary: everything is in the library.

use std::process::ExitCode;

/// Hands over to the command line.
fn main() -> ExitCode {
    tiersync::cli::main()
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
