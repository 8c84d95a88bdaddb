//! Scenario files: set this up, run these commands under `tracer run`, expect these findings and none else.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    expect::{Expect, Forbid},
    failure::usage,
    kernel,
};

/// One scenario, as in `lab/scenarios/NAME.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The file's name without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// What it shows, in one line.
    pub about: String,
    /// Kernels it runs on.
    #[serde(default = "all_kernels")]
    pub kernels: Vec<String>,
    /// Modules that the guest can load: those that the lab builds (`dlock`, `hotpath`, `netdevsim`), or the kernel's.
    #[serde(default)]
    pub modules: Vec<String>,
    /// Whether those that the lab builds are in the guest's `/debug` with their debug information, too.
    #[serde(default)]
    pub debug_files: bool,
    /// Whether the kernel's own selftests of netdevsim are in the guest's `/selftests`.
    #[serde(default)]
    pub selftests: bool,
    /// Whether the guest has what the tracer's cost is compared with: klockstat, and empty programs.
    #[serde(default)]
    pub rivals: bool,
    /// Whether the guest has tmux, to drive the TUI with.
    #[serde(default)]
    pub terminal: bool,
    /// Whether `/out/check.json` is held against the record of verified instructions.
    #[serde(default)]
    pub verified: bool,
    /// Further words of the kernel's command line.
    #[serde(default)]
    pub boot: String,
    /// Runs for minutes: only `cargo xtask test --long` runs it too.
    #[serde(default)]
    pub long: bool,
    /// Limit for the whole guest, in seconds of the host.
    #[serde(default = "default_timeout")]
    pub timeout: u64,
    /// Memory of the guest in MB.
    #[serde(default = "default_memory")]
    pub memory: u32,
    /// Bash, run before tracing.
    #[serde(default)]
    pub setup: String,
    /// Bash, run under `tracer run`.
    pub run: String,
    /// Further flags of `tracer run`.
    #[serde(default)]
    pub args: Vec<String>,
    /// Bash, run beside the tracer; when it ends, the tracer is sent SIGINT.
    #[serde(default)]
    pub interrupt: String,
    /// Bash, run after tracing; must succeed.
    #[serde(default)]
    pub after: String,
    /// Bash, run on this machine in the folder of the results when all else is as expected; must succeed. `$TRACER` is the tracer, `$SCRIPTS` the folder
    /// `scripts` of the kernel's source, `$MODULES` the folder of the lab's modules with their debug information.
    #[serde(default)]
    pub host: String,
    /// Expected exit status of the tracer.
    #[serde(default)]
    pub status: i32,
    /// Texts on the console that are no failure here although they would be elsewhere.
    #[serde(default)]
    pub tolerate: Vec<String>,
    /// Findings that must be there.
    #[serde(default)]
    pub expect: Vec<Expect>,
    /// Findings that may be there.
    #[serde(default)]
    pub allow: Vec<Expect>,
    /// Findings that must not be there, unless expected or allowed.
    #[serde(default)]
    pub forbid: Vec<Forbid>,
    /// Reload windows that must be there: each key must match.
    #[serde(default)]
    pub window: Vec<Map<String, Value>>,
    /// What `capture` must hold: each key must match.
    #[serde(default)]
    pub capture: Map<String, Value>,
    /// Least number of entries in lists of the report.
    #[serde(default)]
    pub at_least: Map<String, Value>,
    /// Limits between two times noted by `mark`.
    #[serde(default)]
    pub within: Vec<Within>,
}

/// From one noted time to another no more than some seconds may pass.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// Name of the first time.
    pub from: String,
    /// Name of the second time.
    pub to: String,
    /// Limit in seconds.
    pub seconds: f64,
}

fn all_kernels() -> Vec<String> {
    kernel::ALL.iter().map(|series| series.name.to_owned()).collect()
}

fn default_timeout() -> u64 {
    240
}

fn default_memory() -> u32 {
    1024
}

impl Scenario {
    /// Reads the text of a scenario file.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let mut scenario: Self =
            toml::from_str(text).map_err(|error| usage(format!("scenario {name} is malformed: {error}")))?;
        scenario.name = name.to_owned();
        for kernel in &scenario.kernels {
            kernel::find(kernel).with_context(|| format!("scenario {name} is malformed"))?;
        }
        let expected = scenario.expect.iter().chain(&scenario.allow);
        let about = expected
            .map(|expect| &expect.kernels)
            .chain(scenario.forbid.iter().map(|forbid| &forbid.kernels));
        if let Some(kernel) = about.flatten().find(|kernel| !scenario.kernels.contains(kernel)) {
            return Err(usage(format!(
                "scenario {name} is malformed: it tells of kernel {kernel}, but runs on {}",
                scenario.kernels.join(", ")
            )));
        }
        Ok(scenario)
    }

    /// The scenario with what it says about one kernel alone.
    pub fn on(&self, kernel: &str) -> Self {
        let concerns = |kernels: &[String]| kernels.is_empty() || kernels.iter().any(|name| name == kernel);
        let mut scenario = self.clone();
        scenario.expect.retain(|expect| concerns(&expect.kernels));
        scenario.allow.retain(|expect| concerns(&expect.kernels));
        scenario.forbid.retain(|forbid| concerns(&forbid.kernels));
        scenario
    }
}

/// All scenarios of a directory, by name.
pub fn all(dir: &Path) -> Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for file in fs::read_dir(dir)
        .with_context(|| format!("cannot read {}", dir.display()))?
        .flatten()
    {
        let path = file.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            scenarios.push(Scenario::parse(&name, &fs::read_to_string(&path)?)?);
        }
    }
    scenarios.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(scenarios)
}

/// The scenarios called `names`, in that order; an unknown one is answered with the list.
pub fn select(dir: &Path, names: &[String]) -> Result<Vec<Scenario>> {
    let mut known = all(dir)?;
    let list = known
        .iter()
        .map(|scenario| scenario.name.clone())
        .collect::<Vec<_>>()
        .join(", ");
    let mut selected = Vec::new();
    for name in names {
        let place = known.iter().position(|scenario| scenario.name == *name);
        let Some(place) = place else {
            return Err(usage(format!("no scenario {name}; there are {list}")));
        };
        selected.push(known.remove(place));
    }
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_what_a_short_file_leaves_out() {
        let scenario = Scenario::parse("s", "about = 'a'\nrun = 'true'").unwrap();
        assert_eq!((scenario.kernels.len(), scenario.timeout, scenario.status), (4, 240, 0));
    }

    #[test]
    fn tells_kernels_apart() {
        let text = "about = 'a'\nrun = 'true'\nkernels = ['6.1', '6.12']\n[[expect]]\nkernels = ['6.1']\nkind = 'recursion'\n[[expect]]\n[[forbid]]\nseverity = 'error'";
        let scenario = Scenario::parse("s", text).unwrap();
        let counts = |kernel| {
            let on = scenario.on(kernel);
            (on.expect.len(), on.forbid.len())
        };
        assert_eq!((counts("6.1"), counts("6.12")), ((2, 1), (1, 1)));
        let error = Scenario::parse("s", &text.replace("kernels = ['6.1']", "kernels = ['7.2']")).unwrap_err();
        assert!(error.to_string().contains("kernel 7.2"), "{error}");
    }

    #[test]
    fn refuses_unknown_keys_and_kernels() {
        assert!(Scenario::parse("s", "about = 'a'\nrun = 'true'\nkernel = '6.12'").is_err());
        assert!(Scenario::parse("s", "about = 'a'\nrun = 'true'\nkernels = ['4.19']").is_err());
    }
}
