//! What a recording says of itself: the first frame, as JSON, so that a field more does not make another format.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tracer_common::{
    offset::{ABSENT, Offsets},
    probe::{MAX_PROBES, PROBES},
    wire,
};

use crate::{
    analysis::snapshot::{Capture, Kernel, Tool},
    trace::setup::Setup,
};

/// The first frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Who wrote it.
    pub tool: Tool,
    /// [`wire::LAYOUT`] of the records.
    pub layout: u64,
    /// The kernel that was traced.
    pub kernel: Kernel,
    /// How, and what for.
    pub capture: Capture,
    /// `CLOCK_MONOTONIC` at the start.
    pub start_ns: u64,
    /// Members of the kernel's structures with their places: `mutex.owner`. Absent ones are not in it.
    pub offsets: BTreeMap<String, i64>,
    /// The probes in the order by which records number them.
    pub probes: Vec<ProbeAt>,
    /// Only locks of these classes or names; all where there is none.
    pub only: Vec<String>,
    /// None of these.
    pub exclude: Vec<String>,
}

/// A probe and where its function is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeAt {
    /// The row of the table.
    pub program: String,
    /// Address of the function; 0 when unknown.
    pub address: u64,
}

impl Header {
    /// Of a trace that begins.
    pub fn new(setup: &Setup) -> Self {
        let known = setup.offsets.entries().filter(|(_, _, offset)| *offset != ABSENT);
        let address = |index: usize| setup.functions.get(index).copied().unwrap_or(0);
        let probes = PROBES.iter().enumerate().map(|(index, probe)| ProbeAt {
            program: probe.program.to_owned(),
            address: address(index),
        });
        Self {
            tool: Tool {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            layout: wire::LAYOUT,
            kernel: setup.kernel.clone(),
            capture: setup.capture.clone(),
            start_ns: setup.start_ns,
            offsets: known
                .map(|(structure, member, offset)| (format!("{structure}.{member}"), offset))
                .collect(),
            probes: probes.collect(),
            only: setup.only.clone(),
            exclude: setup.exclude.clone(),
        }
    }

    /// What a trace begins with.
    pub fn setup(&self) -> Setup {
        let offset = |structure: &str, member: &str| self.offsets.get(&format!("{structure}.{member}")).copied();
        let mut functions: Vec<u64> = PROBES
            .iter()
            .map(|probe| {
                let known = self.probes.iter().find(|known| known.program == probe.program);
                known.map_or(0, |known| known.address)
            })
            .collect();
        functions.resize(MAX_PROBES, 0);
        Setup {
            kernel: self.kernel.clone(),
            capture: self.capture.clone(),
            offsets: Offsets::resolve(offset),
            functions,
            start_ns: self.start_ns,
            only: self.only.clone(),
            exclude: self.exclude.clone(),
        }
    }

    /// The number that each probe of the recording has in this version's table; none when it is the same one for all.
    pub(super) fn renumbered(&self) -> Option<Vec<u32>> {
        let number = |probe: &ProbeAt| {
            let here = PROBES.iter().position(|here| here.program == probe.program);
            here.and_then(|here| u32::try_from(here).ok()).unwrap_or(u32::MAX)
        };
        let numbers: Vec<u32> = self.probes.iter().map(number).collect();
        let is_same = (0u32..).zip(&numbers).all(|(index, number)| index == *number);
        (!is_same).then_some(numbers)
    }
}
