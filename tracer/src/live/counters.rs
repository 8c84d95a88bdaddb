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
    /// What was counted before all hooks were there, of what tells nothing then: locks and calls that began before could not be seen, and a stand-in that is there before the
    /// first program does what nobody skipped.
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
        let cpus = row.and_then(|row| self.map.get(&(row as u32), 0).ok());
        let counts = cpus.iter().flat_map(|cpus| cpus.iter());
        let all: u64 = counts.map(|cells| cells[Counter::StoodIn as usize]).sum();
        let before = self
            .before
            .iter()
            .filter(|place| place.counter == Counter::StoodIn.name() && place.probe.as_deref() == Some(probe.program));
        all.saturating_sub(before.map(|place| place.count).sum())
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
