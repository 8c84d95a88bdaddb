//! Whether KVM can be used: asked by really booting with it, since a `/dev/kvm` that opens may still not boot.

use std::{fs, time::Duration};

use anyhow::Result;

use crate::{
    cache,
    initramfs::Initramfs,
    kernel::Kernel,
    progress,
    qemu::{End, Guest},
};

/// `kvm` where it boots, else `tcg`. The answer is kept until this machine boots again.
pub fn accelerator(kernel: &Kernel) -> Result<&'static str> {
    if fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_err() {
        return Ok("tcg");
    }
    let _lock = cache::lock("kvm")?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let place = cache::dir()?.join("kvm");
    let known = fs::read_to_string(&place).unwrap_or_default();
    let answer = match known.strip_prefix(boot.trim()).map(str::trim) {
        Some(answer) if !answer.is_empty() => answer.to_owned(),
        _ => {
            let answer = if boots(kernel)? { "kvm" } else { "tcg" };
            progress::say("probe", &format!("guests run under {answer}"));
            cache::write("kvm", &format!("{} {answer}\n", boot.trim()))?;
            answer.to_owned()
        }
    };
    Ok(if answer == "kvm" { "kvm" } else { "tcg" })
}

fn boots(kernel: &Kernel) -> Result<bool> {
    let dir = cache::scratch("kvm")?;
    let initramfs = Initramfs::new(kernel)?;
    initramfs.add_file("lab/config", "MODE=probe\n")?;
    let packed = dir.path().join("initramfs");
    initramfs.pack(&packed)?;
    let guest = Guest {
        image: kernel.image(),
        initramfs: &packed,
        memory: 1024,
        boot: "",
        accelerator: "kvm",
        disk: None,
    };
    let log = dir.path().join("console.log");
    let end = guest.run(&log, Duration::from_secs(15), &[], false)?;
    Ok(end == End::Itself && fs::read_to_string(log)?.contains("lab: up"))
}
