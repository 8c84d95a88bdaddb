//! What is changed in the kernel's `/proc/lockdep`: it then tells which classes are mutexes and rwsems, all dependencies that lockdep has, and
//! where it found those between two of these locks. Lockdep itself stays as it is.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::failure::unable;

/// The file that prints it.
const FILE: &str = "kernel/locking/lockdep_proc.c";

/// A place in the file and what stands there instead.
type Change = (&'static str, &'static str);

/// A class is followed by `SLEEP` when a task that takes a lock of it may sleep. A dependency that lockdep keeps but does not print, because it was
/// only ever seen with another lock in between, begins with `~>`. Behind both come the frames of the request.
pub const ALL: [Change; 4] = [
    (
        "\tseq_printf(m, \": \");\n\tprint_name(m, class);\n",
        "\tseq_puts(m, class->wait_type_inner == LD_WAIT_SLEEP ? \" SLEEP: \" : \": \");\n\tprint_name(m, class);\n",
    ),
    (
        "\t\t\tif (entry->distance == 1) {\n\t\t\t\tseq_printf(m, \" -> [%p] \", entry->class->key);\n",
        "\t\t\tif (entry->distance) {\n\t\t\t\tseq_printf(m, entry->distance == 1 ? \" -> [%p] \" : \" ~> [%p] \", entry->class->key);\n",
    ),
    (
        "\t\t\t\tprint_name(m, entry->class);\n\t\t\t\tseq_puts(m, \"\\n\");\n",
        "\t\t\t\tprint_name(m, entry->class);\n\t\t\t\tseq_puts(m, \"\\n\");\n\t\t\t\tprint_place(m, class, entry);\n",
    ),
    ("static int l_show(", PRINT_PLACE),
];

/// The structure is that of `kernel/locking/lockdep.c`, which keeps it to itself.
const PRINT_PLACE: &str = r#"/* For the lab of tracer: where a dependency between two sleeping locks was found. */
static void print_place(struct seq_file *m, struct lock_class *from,
			struct lock_list *entry)
{
	const struct {
		struct hlist_node hash_entry;
		u32 hash;
		u32 nr_entries;
		unsigned long entries[];
	} *trace = (const void *)entry->trace;
	u32 i;

	if (!trace || from->wait_type_inner != LD_WAIT_SLEEP ||
	    entry->class->wait_type_inner != LD_WAIT_SLEEP)
		return;
	for (i = 0; i < trace->nr_entries && i < 24; i++)
		seq_printf(m, "    %pS\n", (void *)trace->entries[i]);
}

static int l_show("#;

/// Changes the file in a kernel tree.
///
/// # Errors
/// When a place is not there, or more than once: the change has to be written anew for this kernel then.
pub fn apply(tree: &Path) -> Result<()> {
    let file = tree.join(FILE);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    fs::write(&file, changed(&text)?).with_context(|| format!("cannot write {}", file.display()))
}

fn changed(text: &str) -> Result<String> {
    ALL.iter().try_fold(text.to_owned(), |text, (place, instead)| {
        match text.matches(place).count() {
            1 => Ok(text.replacen(place, instead, 1)),
            found => Err(unable(format!(
                "{FILE} of this kernel has {found} times what has to be changed once; adapt xtask/src/lockdep/change.rs:\n{place}"
            ))),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_changed_once() {
        let text: String = ALL.iter().map(|(place, _)| *place).collect();
        let changed = changed(&text).unwrap();
        for (_, instead) in ALL {
            assert!(changed.contains(instead), "{changed}");
        }
    }

    #[test]
    fn a_place_that_is_not_there_is_told() {
        let error = changed("static int l_show(void)\n").unwrap_err().to_string();
        assert!(error.contains("0 times") && error.contains("seq_printf"), "{error}");
    }
}
