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
        let all: u64 = cell.map_or(0, |cell| self.by_cpu(cell).sum());
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
                let cell = counter.cell(row);
                let mut tell = |cpu, count| {
                    if count > 0 {
                        counted.push(CountedAt {
                            counter: name.to_owned(),
                            probe: PROBES.get(row).map(|probe| probe.program.to_owned()),
                            cpu,
                            count,
                        });
                    }
                };
                if self.is_shared {
                    tell(None, self.by_cpu(cell).sum());
                } else {
                    (0..)
                        .zip(self.by_cpu(cell))
                        .for_each(|(cpu, count)| tell(Some(cpu), count));
                }
            }
        }
        counted
    }

    /// The number in a cell of each CPU.
    fn by_cpu(&self, cell: usize) -> impl Iterator<Item = u64> {
        let of_cpu = move |words: &[AtomicU64]| words.get(cell).map_or(0, |cell| cell.load(Ordering::Relaxed));
        let cpus = self.cells.words().chunks_exact(WORDS).take(self.cpus);
        cpus.map(of_cpu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: Option<&str> = None;

    /// Counters of so many possible CPUs, with room for two.
    fn counters(possible: usize) -> Counters {
        Counters::new(Shared::alone(2 * size_of::<Cells>()), 2, possible)
    }

    fn count(counters: &Counters, cpu: usize, counter: Counter, row: usize, times: u64) {
        counters.cells.words()[cpu * WORDS + counter.cell(row)].fetch_add(times, Ordering::Relaxed);
    }

    fn told(counters: &Counters) -> Vec<(String, Option<String>, Option<u32>, u64)> {
        let counted = counters.counted().into_iter();
        counted
            .map(|place| (place.counter, place.probe, place.cpu, place.count))
            .collect()
    }

    fn place(
        counter: Counter,
        probe: Option<&str>,
        cpu: u32,
        count: u64,
    ) -> (String, Option<String>, Option<u32>, u64) {
        (counter.name().to_owned(), probe.map(str::to_owned), Some(cpu), count)
    }

    #[test]
    fn each_cpu_and_probe_has_a_count_of_its_own() {
        let counters = counters(2);
        count(&counters, 0, Counter::RingFull, 0, 3);
        count(&counters, 1, Counter::RingFull, 0, 4);
        count(&counters, 1, Counter::NamesFull, MAX_PROBES, 5);
        let first = Some(PROBES[0].program);
        assert_eq!(
            told(&counters),
            [
                place(Counter::RingFull, first, 0, 3),
                place(Counter::RingFull, first, 1, 4),
                place(Counter::NamesFull, UNKNOWN, 1, 5),
            ]
        );
    }

    #[test]
    fn what_tells_nothing_is_not_told_of_the_time_before_all_hooks_were_there() {
        let mut counters = counters(2);
        count(&counters, 0, Counter::UnmatchedRelease, 1, 7);
        count(&counters, 0, Counter::StoodIn, 1, 2);
        count(&counters, 0, Counter::RingFull, 1, 1);
        counters.begin();
        count(&counters, 0, Counter::UnmatchedRelease, 1, 1);
        count(&counters, 1, Counter::StoodIn, 1, 3);
        assert_eq!(counters.stood_in(&PROBES[1]), 3);
        let probe = Some(PROBES[1].program);
        assert_eq!(
            told(&counters),
            [
                place(Counter::RingFull, probe, 0, 1),
                place(Counter::UnmatchedRelease, probe, 0, 1),
                place(Counter::StoodIn, probe, 1, 3),
            ]
        );
    }

    #[test]
    fn which_cpu_it_was_is_not_told_where_several_have_one_place() {
        let mut counters = counters(3);
        count(&counters, 0, Counter::UnmatchedRelease, 0, 2);
        counters.begin();
        count(&counters, 0, Counter::UnmatchedRelease, 0, 1);
        count(&counters, 1, Counter::UnmatchedRelease, 0, 4);
        let name = Counter::UnmatchedRelease.name().to_owned();
        assert_eq!(told(&counters), [(name, Some(PROBES[0].program.to_owned()), None, 5)]);
    }
}
