//! Why this machine cannot be traced, and what to do about it.

use thiserror::Error;

use super::Backend;

/// What keeps the tracer from tracing. Every message says what to do.
#[derive(Debug, Error)]
pub enum LiveError {
    /// Not root.
    #[error("tracing needs root: run it with sudo (`tracer report FILE` does not)")]
    Privilege,
    /// Root of a user namespace only.
    #[error(
        "tracing needs root of the machine, and this is root of a user namespace (a rootless container, `unshare -U`), \
         to whom the kernel grants no eBPF: run it outside, with sudo"
    )]
    UserNamespace,
    /// Root without what makes root.
    #[error(
        "this root lacks {missing}, without which the kernel grants no tracing by eBPF: \
         run it in a full root shell, or grant it (`docker run --cap-add`, `CapabilityBoundingSet=` of a systemd unit)"
    )]
    Capability {
        /// The capabilities that are not there.
        missing: String,
    },
    /// What eBPF may take of memory is too little, and cannot be made more.
    #[error(
        "the limit of locked memory is {kib} KiB, too little for the maps and programs of eBPF, which kernels before 5.11 count as such, \
         and without CAP_SYS_RESOURCE tracer cannot lift it: run `ulimit -l unlimited` as root before (systemd: LimitMEMLOCK=infinity), \
         or grant CAP_SYS_RESOURCE ({reason})"
    )]
    MemoryLimit {
        /// The limit.
        kib: u64,
        /// What the kernel refused.
        reason: String,
    },
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
    #[error(
        "{path} cannot be read as BTF: {reason}; it is the kernel's own, so something hides or changes it: \
         look for it in `mount`, or boot a distribution's stock kernel"
    )]
    BadBtf {
        /// The file.
        path: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A program cannot be hooked to many functions at once: each of them gets its own.
    #[error("the program `{program}` is not hooked to many functions: {reason}")]
    NotMany {
        /// The program.
        program: &'static str,
        /// What the kernel says.
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
    /// The verifier has looked at a program, and refuses it.
    #[error(
        "this kernel's verifier refuses the program for {function}: a defect of tracer, report it with this message and the output of `uname -a`; \
         `--backend kprobe` has other programs ({reason})"
    )]
    Refused {
        /// The function.
        function: &'static str,
        /// What the verifier said.
        reason: String,
    },
    /// The program was refused.
    #[error(
        "the kernel refuses to load the eBPF program: {reason}; `not permitted` means that a policy forbids it (a container's seccomp filter, an LSM): \
         trace outside of it; anything else is a defect: report it with this message and the output of `uname -a`"
    )]
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
