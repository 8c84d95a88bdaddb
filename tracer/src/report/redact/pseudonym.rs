//! What stands for a name: the same for the same name, numbered in order of appearance.

use indexmap::{IndexMap, IndexSet};

/// Names of kernel tasks as imports have them where the source does not tell: nothing to hide.
const UNKNOWN_TASK: &str = "unknown task";

/// All names that were hidden, and what stands for them.
#[derive(Debug, Default)]
pub(super) struct Pseudonyms {
    comms: IndexSet<String>,
    netns: IndexSet<u32>,
    netdevs: IndexSet<String>,
    devices: IndexSet<String>,
    /// Whole names of tasks as they stand in texts.
    tasks: IndexMap<String, String>,
    /// Names of locks, for the texts that have them.
    locks: IndexMap<String, String>,
}

impl Pseudonyms {
    /// `task-1`; of a worker the function of its work item stays, because it is no name but code: `task-2: cleanup_net`.
    pub(super) fn task(&mut self, task: &str) -> String {
        if task.starts_with(UNKNOWN_TASK) {
            return task.to_string();
        }
        let (comm, work) = match task.split_once(": ").filter(|_| task.starts_with("kworker/")) {
            Some((comm, work)) => (comm, work.rsplit(' ').next()),
            None => (task, None),
        };
        let number = self.comms.insert_full(comm.to_string()).0 + 1;
        let work = work.map(|work| format!(": {work}")).unwrap_or_default();
        let name = format!("task-{number}{work}");
        self.tasks.insert(task.to_string(), name.clone());
        self.tasks.insert(comm.to_string(), format!("task-{number}"));
        name
    }

    /// Network namespaces are numbered from 1.
    pub(super) fn netns(&mut self, inode: u32) -> u32 {
        let number = self.netns.insert_full(inode).0 + 1;
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    /// A label: `netdev eth0` is `netdev-1`. A devlink handle and the address of a device on its bus say what hardware it is, and stay.
    pub(super) fn label(&mut self, label: &str) -> String {
        let Some((kind, name)) = label.split_once(' ') else {
            return label.to_string();
        };
        match kind {
            "netdev" => format!("netdev-{}", self.netdevs.insert_full(name.to_string()).0 + 1),
            "netns" => name
                .parse()
                .map_or_else(|_| label.to_string(), |inode| format!("netns-{}", self.netns(inode))),
            "device" if !name.contains(['/', ':']) => {
                format!("device-{}", self.devices.insert_full(name.to_string()).0 + 1)
            }
            _ => label.to_string(),
        }
    }

    /// A lock's name, of which its label is a part. In the live kernel a name is the label itself, or a member behind it.
    pub(super) fn lock(&mut self, name: &str, label: Option<&str>) -> String {
        let label = label.or(Some(name)).filter(|label| name.starts_with(*label));
        let hidden = match label {
            Some(label) => {
                // `device eth0 #2`, the second lock of a name.
                let (own, number) = label
                    .split_once(" #")
                    .map_or((label, ""), |(own, _)| (own, &label[own.len()..]));
                format!("{}{number}{}", self.label(own), &name[label.len()..])
            }
            None => name.to_string(),
        };
        self.locks.insert(name.to_string(), hidden.clone());
        hidden
    }

    /// The sources of what was hidden, for a text that has them anywhere: locks first, because their names have words in them that are
    /// names of tasks as well.
    pub(super) fn text(&self, text: &str) -> String {
        let mut parts = vec![Part::Open(text.to_string())];
        replace(
            &mut parts,
            self.locks.iter().map(|(name, hidden)| (name.clone(), hidden.clone())),
        );
        let numbered = |kind: &'static str, names: &IndexSet<String>| {
            let names = names.iter().enumerate();
            names
                .map(move |(number, name)| (name.clone(), format!("{kind}-{}", number + 1)))
                .collect::<Vec<_>>()
        };
        let labelled = ["netdev", "device"].into_iter().zip([&self.netdevs, &self.devices]);
        for (kind, names) in labelled {
            let names = numbered(kind, names);
            replace(
                &mut parts,
                names
                    .iter()
                    .map(|(name, hidden)| (format!("{kind} {name}"), hidden.clone())),
            );
            replace(&mut parts, names.into_iter());
        }
        replace(
            &mut parts,
            self.tasks.iter().map(|(name, hidden)| (name.clone(), hidden.clone())),
        );
        let netns = self.netns.iter().enumerate();
        replace(
            &mut parts,
            netns.map(|(number, inode)| (inode.to_string(), (number + 1).to_string())),
        );
        parts.into_iter().map(|part| part.text()).collect()
    }
}

/// A part of a text: what was put in is not looked at again.
enum Part {
    Open(String),
    Done(String),
}

impl Part {
    fn text(self) -> String {
        match self {
            Self::Open(text) | Self::Done(text) => text,
        }
    }
}

/// Puts what stands for them in the place of names, the longest first, where they are whole words.
fn replace(parts: &mut Vec<Part>, names: impl Iterator<Item = (String, String)>) {
    let mut names: Vec<_> = names.filter(|(name, _)| !name.is_empty()).collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    for (name, hidden) in names {
        let whole = std::mem::take(parts);
        for part in whole {
            match part {
                Part::Open(text) => split(parts, &text, &name, &hidden),
                done @ Part::Done(_) => parts.push(done),
            }
        }
    }
}

fn split(parts: &mut Vec<Part>, text: &str, name: &str, hidden: &str) {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut begin = 0;
    for (at, found) in text.match_indices(name) {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        let inside = |c: Option<char>, own: Option<char>| c.is_some_and(is_word) && own.is_some_and(is_word);
        if at < begin || inside(before, name.chars().next()) || inside(after, name.chars().next_back()) {
            continue;
        }
        parts.push(Part::Open(text[begin..at].to_string()));
        parts.push(Part::Done(hidden.to_string()));
        begin = at + found.len();
    }
    parts.push(Part::Open(text[begin..].to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_has_the_same_pseudonym() {
        let mut names = Pseudonyms::default();
        assert_eq!(names.task("ip"), "task-1");
        assert_eq!(names.task("kworker/u8:3: netns cleanup_net"), "task-2: cleanup_net");
        assert_eq!(names.task("ip"), "task-1");
        assert_eq!(names.task("unknown task (chain #1)"), "unknown task (chain #1)");
        assert_eq!(names.label("netdev eth0"), "netdev-1");
        assert_eq!(names.label("netns 4026532141"), "netns-1");
        assert_eq!(names.label("devlink pci/0000:00:09.0"), "devlink pci/0000:00:09.0");
        assert_eq!(names.lock("device eth0 #2", Some("device eth0")), "device-1 #2");
        assert_eq!(names.lock("rtnl_mutex", Some("module x")), "rtnl_mutex");
    }

    #[test]
    fn a_text_has_no_name_left_and_keeps_the_rest() {
        let mut names = Pseudonyms::default();
        names.task("devlink");
        names.task("kworker/u8:3: netns cleanup_net");
        names.lock("devlink pci/0000:00:09.0", Some("devlink pci/0000:00:09.0"));
        names.lock("netdev eth0", Some("netdev eth0"));
        names.netns(4_026_532_141);
        assert_eq!(
            names.text("devlink holds devlink pci/0000:00:09.0 of netns 4026532141, kworker/u8:3: netns cleanup_net wants netdev eth0"),
            "task-1 holds devlink pci/0000:00:09.0 of netns 1, task-2: cleanup_net wants netdev-1"
        );
        assert_eq!(names.text("mydevlink devlinks eth01"), "mydevlink devlinks eth01");
    }
}
