//! Long text on a terminal goes through a pager: `$PAGER`, or less.

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

/// Leave at once when the text fits, show colours, leave the text on the screen.
const LESS: &str = "FRX";

/// Shows a text; false where there is no pager and it has to be written as it is.
pub(super) fn show(text: &[u8]) -> bool {
    let Some(mut command) = command(env::var("PAGER").ok().as_deref()) else {
        return false;
    };
    // What the user has set for less stays.
    if env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    let Ok(mut pager) = command.stdin(Stdio::piped()).spawn() else {
        return false;
    };
    if let Some(mut input) = pager.stdin.take() {
        // Who leaves the pager early has seen enough.
        let _ = input.write_all(text);
    }
    // 127 is what a shell says when there is no such command.
    pager.wait().is_ok_and(|status| status.code() != Some(127))
}

/// What `$PAGER` says is a shell's command; empty or `cat` is none.
fn command(pager: Option<&str>) -> Option<Command> {
    match pager.map(str::trim) {
        Some("" | "cat") => None,
        Some(text) => {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", text]);
            Some(command)
        }
        None => Some(Command::new("less")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_chooses_the_pager() {
        assert!(command(Some("")).is_none() && command(Some("cat")).is_none());
        let of = |pager| command(pager).map(|command| command.get_program().to_owned());
        assert_eq!(of(None), Some("less".into()));
        assert_eq!(of(Some("more -s")), Some("/bin/sh".into()));
    }
}
