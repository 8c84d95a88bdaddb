//! `cargo xtask`: builds, runs, tests and demonstrates tracer.

mod apt;
mod batch;
mod bench;
mod browser;
mod build;
mod cache;
mod cli;
mod demo;
mod expect;
mod failure;
mod fuzz;
mod guest_files;
mod hot_path;
mod initramfs;
mod kernel;
mod kvm;
mod lab;
mod lockdep;
mod module;
mod on_host;
mod place;
mod process;
mod progress;
mod qemu;
mod scenario;
mod setup;
mod source;
mod test;
mod toolchain;
mod verdict;
mod verified;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    progress::start();
    match cli::Cli::parse().run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(
                error
                    .downcast_ref::<failure::Failure>()
                    .map_or(1, |failure| failure.status),
            )
        }
    }
}
