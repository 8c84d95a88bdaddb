//! What the program counts, by probe and CPU.

use aya::maps::{MapData, PerCpuArray};
use tracer_common::{
    counter::{COUNTERS, Counter},
    probe::{MAX_PROBES, PROBES, Probe},
};

use crate::analysis::snapshot::CountedAt;

/// The counters of the program in the kernel.
pub(super) struct Counters {
    map: PerCpuArray<MapData, [u64; COUNTERS]>,
    /// What was counted of locks and calls that began before all hooks were there: that could not be seen, so it tells nothing.
    before: Vec<CountedAt>,
}

impl Counters {
    pub(super) fn new(map: PerCpuArray<MapData, [u64; COUNTERS]>) -> Self {
        Self {
            map,
            before: Vec::new(),
        }
    }

    /// All hooks are there: what was seen so far of what began before is left out from here on.
    pub(super) fn begin(&mut self) {
        let began_before = [Counter::UnmatchedRelease, Counter::CallHalfSeen].map(Counter::name);
        self.before = self.read();
        self.before
            .retain(|place| began_before.contains(&place.counter.as_str()));
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

    /// How often the stand-in of a program did its work.
    pub(super) fn stood_in(&self, probe: &Probe) -> u64 {
        let row = PROBES.iter().position(|row| row.program == probe.program);
        let cpus = row.and_then(|row| self.map.get(&(row as u32), 0).ok());
        let counts = cpus.iter().flat_map(|cpus| cpus.iter());
        counts.map(|cells| cells[Counter::StoodIn as usize]).sum()
    }

    fn read(&self) -> Vec<CountedAt> {
        let mut counted = Vec::new();
        for row in (0..PROBES.len()).chain([MAX_PROBES]) {
            let Ok(cpus) = self.map.get(&(row as u32), 0) else {
                continue;
            };
            for (cpu, cells) in (0..).zip(cpus.iter()) {
                for ((_, name, _), &count) in Counter::ALL.iter().zip(cells).filter(|(_, count)| **count > 0) {
                    counted.push(CountedAt {
                        counter: (*name).to_owned(),
                        probe: PROBES.get(row).map(|probe| probe.program.to_owned()),
                        cpu: Some(cpu),
                        count,
                    });
                }
            }
        }
        counted
    }
}
