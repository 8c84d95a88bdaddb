//! What the program counts, by probe and CPU.

use std::sync::atomic::{AtomicU64, Ordering};

use tracer_common::{
    counter::{Cells, Counter},
    probe::{MAX_PROBES, PROBES, Probe},
};

use super::shared::Shared;
use crate::analysis::snapshot::CountedAt;

/// What one CPU has, in words.
const WORDS: usize = size_of::<Cells>() / size_of::<u64>();

/// The counters of the program in the kernel.
pub(super) struct Counters {
    /// Those of the first CPU, those of the next, ...
    cells: Shared,
    /// For how many CPUs there is room.
    cpus: usize,
    /// There are more: what is counted there is counted for one of these.
    is_shared: bool,
    /// What was counted before all hooks were there, of what tells nothing then: locks and calls that began before could not be seen, and a stand-in that is there before the
    /// first program does what nobody skipped.
    before: Vec<CountedAt>,
}

impl Counters {
    /// What is counted is in `cells`, with room for so many CPUs; there are `possible` ones.
    pub(super) fn new(cells: Shared, cpus: usize, possible: usize) -> Self {
        Self {
            cells,
            cpus,
            is_shared: possible > cpus,
            before: Vec::new(),
        }
    }

    /// All hooks are there: what was seen so far of what began before is left out from here on.
    pub(super) fn begin(&mut self) {
        let tells_nothing = [Counter::UnmatchedRelease, Counter::CallHalfSeen, Counter::StoodIn].map(Counter::name);
        self.before = self.read();
        self.before
            .retain(|place| tells_nothing.contains(&place.counter.as_str()));
    }

    /// Where counters were counted: only those above zero.
    pub(super) fn counted(&self) -> Vec<CountedAt> {
        let mut counted = self.read();
        for place in &mut counted {
            let same = |before: &&CountedAt| {
                (&before.counter, &before.probe, before.cpu) == (&place.counter, &place.probe, place.cpu)
            };
            let before = self.before.iter().find(same).map_or(0, |before| before.count);
            place.count = place.count.saturating_sub(before);
        }
        counted.retain(|place| place.count > 0);
        counted
    }

    /// How often the stand-ins of a program did its work.
    pub(super) fn stood_in(&self, probe: &Probe) -> u64 {
        let row = PROBES.iter().position(|row| row.program == probe.program);
        let cell = row.map(|row| Counter::StoodIn.cell(row));
        let all: u64 = cell.map_or(0, |cell| self.by_cpu(cell).map(|(_, count)| count).sum());
        let before = self
            .before
            .iter()
            .filter(|place| place.counter == Counter::StoodIn.name() && place.probe.as_deref() == Some(probe.program));
        all.saturating_sub(before.map(|place| place.count).sum())
    }

    fn read(&self) -> Vec<CountedAt> {
        let mut counted = Vec::new();
        for row in (0..PROBES.len()).chain([MAX_PROBES]) {
            for (counter, name, _) in Counter::ALL {
                for (cpu, count) in self.by_cpu(counter.cell(row)).filter(|(_, count)| *count > 0) {
                    counted.push(CountedAt {
                        counter: name.to_owned(),
                        probe: PROBES.get(row).map(|probe| probe.program.to_owned()),
                        cpu: (!self.is_shared).then_some(cpu),
                        count,
                    });
                }
            }
        }
        counted
    }

    /// The number in a cell of each CPU.
    fn by_cpu(&self, cell: usize) -> impl Iterator<Item = (u32, u64)> {
        let of_cpu = move |words: &[AtomicU64]| words.get(cell).map_or(0, |cell| cell.load(Ordering::Relaxed));
        let cpus = self.cells.words().chunks_exact(WORDS).take(self.cpus);
        (0..).zip(cpus.map(of_cpu))
    }
}
