//! Why this machine cannot be traced, and what to do about it.

use thiserror::Error;

use super::Backend;

/// What keeps the tracer from tracing. Every message says what to do.
#[derive(Debug, Error)]
pub enum LiveError {
    /// Not root.
    #[error("tracing needs root: run it with sudo (`tracer report FILE` does not)")]
    Privilege,
    /// No `/sys/kernel/btf/vmlinux`.
    #[error(
        "this kernel has no BTF: {path} is missing; \
         boot a kernel with CONFIG_DEBUG_INFO_BTF=y (Debian's and other distributions' stock kernels have it)"
    )]
    NoBtf {
        /// The file that is missing.
        path: &'static str,
    },
    /// BTF that cannot be read.
    #[error("{path} cannot be read as BTF: {reason}")]
    BadBtf {
        /// The file.
        path: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Lockdown forbids reading kernel memory.
    #[error(
        "kernel lockdown is in mode `{mode}`, which forbids eBPF programs to read kernel memory; \
         boot with `lockdown=none` (with Secure Boot also switch that off) or trace in a VM"
    )]
    Lockdown {
        /// As in `/sys/kernel/security/lockdown`.
        mode: String,
    },
    /// Hooks would be attached, and never called.
    #[error("function hooks are switched off on this machine: switch them on with `sysctl kernel.ftrace_enabled=1`")]
    HooksOff,
    /// The kernel refuses a hook without which there is nothing to see.
    #[error(
        "this kernel does not let eBPF programs hook functions ({backend}): {function}: {reason}; \
         `not permitted` means that a policy forbids it (lockdown, a container, a hosted VM), anything else that the kernel lacks \
         CONFIG_FUNCTION_TRACER, CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS or CONFIG_BPF_JIT (fentry), CONFIG_KPROBE_EVENTS (kprobe). \
         A distribution's stock kernel in a VM can be traced: `cargo xtask lab shell` boots one"
    )]
    NoHook {
        /// How it was to be hooked.
        backend: Backend,
        /// The function that could not be hooked.
        function: &'static str,
        /// What the kernel said.
        reason: String,
    },
    /// The program was refused.
    #[error("the kernel refuses to load the eBPF program: {reason}")]
    Load {
        /// What the kernel said.
        reason: String,
    },
    /// A file of the kernel that is needed cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The object and this program do not fit together.
    #[error("the eBPF object lacks `{name}`: tracer was built from mixed sources, build it again")]
    Object {
        /// The map or program.
        name: String,
    },
    /// A system call failed that should not.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// An error with all its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    // Where the verifier was not asked, there is nothing behind this.
    text.trim_end().trim_end_matches(". Verifier output:").to_owned()
}
