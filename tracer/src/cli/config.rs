//! Configuration files: flags that are not said on the command line have their values from there.
//!
//! ```toml
//! color = "never"        # for every subcommand that has the flag
//!
//! [run]                  # for this one, before what is said for all
//! profile = "devlink"
//! rules = ["/etc/tracer/known.toml"]
//! ```
//!
//! A value becomes the default of its flag: the command line wins.

use std::{
    env, fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, Command, error::ErrorKind};
use toml::de::{DeTable, DeValue};

use super::failure::Failure;

/// The machine's file; the user's own one (`$XDG_CONFIG_HOME/tracer/config.toml`) goes before it.
const MACHINE: &str = "/etc/tracer/config.toml";

/// Flags that a file cannot set.
const NOT_HERE: [&str; 3] = ["config", "help", "version"];

/// Gives the flags of `command` the values of the configuration as their defaults. `wanted` is a file to be read instead of the usual ones; `none` is
/// no file at all.
///
/// # Errors
/// When a file cannot be read, must not be trusted, or says what means nothing.
pub(super) fn configure(mut command: Command, wanted: Option<&Path>) -> Result<Command, Failure> {
    match wanted {
        Some(path) if path == Path::new("none") => {}
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
            command = File { path, text: &text }.apply(command)?;
        }
        None => {
            for path in [Some(PathBuf::from(MACHINE)), own()].into_iter().flatten() {
                let unreadable = |error| unreadable(&path, &error);
                let file = match fs::File::open(&path) {
                    Err(error) if is_absent(&error) => continue,
                    file => file.map_err(unreadable)?,
                };
                trusted(&path, &file.metadata().map_err(unreadable)?)?;
                let text = io::read_to_string(file).map_err(unreadable)?;
                command = File {
                    path: &path,
                    text: &text,
                }
                .apply(command)?;
            }
        }
    }
    Ok(command)
}

/// The user's own file, as the XDG Base Directory Specification has it: relative paths are ignored.
fn own() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(folder.join("tracer/config.toml"))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("configuration {}: {error}", path.display()))
}

/// A file that nobody named is obeyed only when nobody but its reader and root can have written it: the reader may be root, through sudo.
fn trusted(path: &Path, file: &fs::Metadata) -> Result<(), Failure> {
    let reader = fs::metadata("/proc/self").map(|own| own.uid()).unwrap_or_default();
    let why = if ![0, reader].contains(&file.uid()) {
        format!("belongs to user {}", file.uid())
    } else if file.mode() & 0o022 != 0 {
        "can be written by others than its owner".to_owned()
    } else {
        return Ok(());
    };
    let message = format!("configuration {}: not obeyed, since it {why}", path.display());
    Err(Failure::usage(message).hint("change that, name the file with --config FILE, or do without: --config none"))
}

/// One file.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn apply(&self, mut command: Command) -> Result<Command, Failure> {
        let document = DeTable::parse(self.text)
            .map_err(|error| self.wrong(error.span().map_or(0, |span| span.start), error.message()))?;
        let (tables, flags): (Vec<_>, Vec<_>) = document
            .get_ref()
            .iter()
            .partition(|(_, value)| value.get_ref().is_table());
        for (key, value) in flags {
            let mut is_known = false;
            for name in names(&command) {
                if let Some(argument) = argument(&command, &name, key.get_ref()) {
                    is_known = true;
                    command = self.set(command, &name, &argument, value)?;
                }
            }
            if !is_known {
                let message = format!("no subcommand has a flag --{}", key.get_ref());
                return Err(self.wrong(key.span().start, &message));
            }
        }
        for (name, table) in tables {
            if !names(&command).contains(&name.get_ref().to_string()) {
                let message = format!("there is no subcommand `{}`", name.get_ref());
                return Err(self.wrong(name.span().start, &message));
            }
            for (key, value) in table.get_ref().as_table().into_iter().flatten() {
                let Some(argument) = argument(&command, name.get_ref(), key.get_ref()) else {
                    let message = format!("`{}` has no flag --{}", name.get_ref(), key.get_ref());
                    return Err(self.wrong(key.span().start, &message));
                };
                command = self.set(command, name.get_ref(), &argument, value)?;
            }
        }
        Ok(command)
    }

    /// Makes `value` the default of an argument of the subcommand `name`.
    fn set(
        &self,
        command: Command,
        name: &str,
        argument: &Arg,
        value: &toml::Spanned<DeValue<'_>>,
    ) -> Result<Command, Failure> {
        let (flag, action) = (argument.get_long().unwrap_or_default(), argument.get_action());
        let wrong = |message: &str| self.wrong(value.span().start, &format!("--{flag}: {message}"));
        let values = values(value.get_ref(), action).map_err(wrong)?;
        if matches!(action, ArgAction::Set | ArgAction::Append) {
            for value in &values {
                // What clap says against it on a command line.
                let line = [command.get_name(), name, &format!("--{flag}={value}")].map(str::to_owned);
                if let Err(error) = command.clone().try_get_matches_from(line)
                    && matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation)
                {
                    let text = error.to_string();
                    let said: Vec<_> = text
                        .lines()
                        .map(str::trim)
                        .take_while(|line| !line.is_empty())
                        .collect();
                    return Err(wrong(said.join(" ").trim_start_matches("error: ")));
                }
            }
        }
        Ok(command.mut_subcommand(name, |sub| {
            sub.mut_arg(argument.get_id(), |argument| {
                argument.required(false).default_values(values)
            })
        }))
    }

    /// An error with the line in it.
    fn wrong(&self, position: usize, message: &str) -> Failure {
        let line = self.text[..position.min(self.text.len())].matches('\n').count() + 1;
        let failure = Failure::usage(format!("configuration {}:{line}: {message}", self.path.display()));
        failure.hint("it is TOML: FLAG = VALUE, as in --FLAG VALUE, for all subcommands that have it, or below [SUBCOMMAND] for one")
    }
}

fn names(command: &Command) -> Vec<String> {
    command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect()
}

/// The argument behind a flag of the subcommand `name`, if a file can set it.
fn argument(command: &Command, name: &str, flag: &str) -> Option<Arg> {
    let mut arguments = command.find_subcommand(name)?.get_arguments();
    let found = arguments.find(|argument| argument.get_long() == Some(flag))?;
    (!NOT_HERE.contains(&flag) && !found.is_hide_set()).then(|| found.clone())
}

/// The values as a command line would have them.
fn values(value: &DeValue<'_>, action: &ArgAction) -> Result<Vec<String>, &'static str> {
    let one = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        _ => Err("a text or a number is wanted"),
    };
    match (action, value) {
        (ArgAction::SetTrue, DeValue::Boolean(value)) => Ok(vec![value.to_string()]),
        (ArgAction::SetTrue, _) => Err("true or false is wanted"),
        (ArgAction::Count, DeValue::Integer(number)) if number.as_str().parse::<u8>().is_ok() => {
            Ok(vec![number.as_str().to_owned()])
        }
        (ArgAction::Count, _) => Err("a number from 0 to 255 is wanted"),
        (ArgAction::Append, DeValue::Array(values)) => values.iter().map(|value| one(value.get_ref())).collect(),
        (_, value) => Ok(vec![one(value)?]),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use clap::CommandFactory as _;

    use super::{super::Cli, *};

    fn apply(text: &str) -> Result<Command, Failure> {
        let path = Path::new("config.toml");
        File { path, text }.apply(Cli::command())
    }

    fn report(text: &str, flags: &[&str]) -> clap::ArgMatches {
        let line = [&["tracer", "report"], flags, &["FILE"]].concat();
        let matches = apply(text).unwrap().try_get_matches_from(line).unwrap();
        matches.subcommand().unwrap().1.clone()
    }

    fn refused(text: &str) -> String {
        apply(text).unwrap_err().message
    }

    #[test]
    fn what_is_configured_is_the_default() {
        let text = "color = 'always'\nstrict = true\n[report]\ncolor = 'never'\nwithout = ['a', 'b']\n[diff]\nlockdep = true\n";
        let matches = report(text, &[]);
        let text_of = |name: &str| {
            matches
                .get_raw(name)
                .unwrap()
                .map(|value| value.to_string_lossy())
                .collect::<Vec<_>>()
        };
        assert_eq!(text_of("color"), ["never"], "for one subcommand goes before for all");
        assert_eq!(text_of("without"), ["a", "b"]);
        assert!(matches.get_flag("strict") && !matches.get_flag("lockdep"));
    }

    #[test]
    fn the_command_line_wins() {
        let text = "fail-on = 'never'\nwithout = ['a', 'b']\n";
        let matches = report(text, &["--fail-on", "note", "--without", "c"]);
        assert_eq!(matches.get_raw("fail_on").unwrap().collect::<Vec<_>>(), ["note"]);
        assert_eq!(matches.get_raw("without").unwrap().collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn a_flag_without_a_default_gets_one() {
        let text = "[report]\noutput = 'report.txt'\nverify = false\n";
        assert_eq!(
            report(text, &[]).get_raw("output").unwrap().collect::<Vec<_>>(),
            ["report.txt"]
        );
    }

    #[test]
    fn what_means_nothing_is_told_with_its_line() {
        for (text, expected) in [
            (
                "\nfial-on = 'note'",
                "config.toml:2: no subcommand has a flag --fial-on",
            ),
            ("[report]\n\nverbos = 1", "config.toml:3: `report` has no flag --verbos"),
            ("[rapport]", "config.toml:1: there is no subcommand `rapport`"),
            ("config = 'x'", "config.toml:1: no subcommand has a flag --config"),
            ("strict = 'yes'", "config.toml:1: --strict: true or false is wanted"),
            (
                "rules = [1979-05-27]",
                "config.toml:1: --rules: a text or a number is wanted",
            ),
            (
                "color = ['never']",
                "config.toml:1: --color: a text or a number is wanted",
            ),
            ("a = 1\nb", "config.toml:2: "),
        ] {
            let message = refused(text);
            assert!(message.contains(expected), "{text}: {message}");
        }
        let message = refused("[report]\nfail-on = 'notes'");
        assert!(
            message.starts_with("configuration config.toml:2: --fail-on: invalid value 'notes'"),
            "{message}"
        );
        assert!(message.contains("[possible values: critical, error"), "{message}");
    }

    #[test]
    fn a_file_that_others_can_write_is_not_obeyed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, "").unwrap();
        for (mode, is_trusted) in [(0o600, true), (0o644, true), (0o664, false), (0o646, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let file = fs::metadata(&path).unwrap();
            assert_eq!(trusted(&path, &file).is_ok(), is_trusted, "{mode:o}");
        }
    }
}
