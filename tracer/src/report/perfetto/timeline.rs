//! The events of a trace in order of time, and the arrows between them.

use std::collections::BTreeSet;

use prost::Message as _;

use super::note::Notes;
use super::proto::{Data, EventType, STATE_CLEARED, Trace, TracePacket, TrackDescriptor, TrackEvent};
use crate::report::clean;

/// All packets are of one writer: those of one time stay in order.
const SEQUENCE: u32 = 1;

/// An arrow: it leads from the first to the second event that has it.
pub(super) type Flow = u64;

/// A slice that begins, or an instant.
pub(super) struct Event {
    pub(super) category: &'static str,
    pub(super) name: String,
    pub(super) notes: Notes,
    pub(super) flows: Vec<Flow>,
}

/// Events with their times. Those of one time happen in the order in which they were added.
#[derive(Default)]
pub(super) struct Timeline(Vec<(u64, TrackEvent)>);

impl Timeline {
    pub(super) fn begin(&mut self, track: u64, time_ns: u64, event: Event) {
        self.named(EventType::SliceBegin, track, time_ns, event);
    }

    pub(super) fn instant(&mut self, track: u64, time_ns: u64, event: Event) {
        self.named(EventType::Instant, track, time_ns, event);
    }

    /// Ends what began last on this track.
    pub(super) fn end(&mut self, track: u64, time_ns: u64, flows: Vec<Flow>) {
        self.0.push((
            time_ns,
            TrackEvent {
                r#type: Some(EventType::SliceEnd.into()),
                track_uuid: Some(track),
                flow_ids: flows,
                ..TrackEvent::default()
            },
        ));
    }

    /// A slice of no length: it was so at this moment.
    pub(super) fn moment(&mut self, track: u64, time_ns: u64, event: Event) {
        self.begin(track, time_ns, event);
        self.end(track, time_ns, Vec::new());
    }

    fn named(&mut self, r#type: EventType, track: u64, time_ns: u64, event: Event) {
        self.0.push((
            time_ns,
            TrackEvent {
                debug_annotations: event.notes.into_annotations(),
                r#type: Some(r#type.into()),
                track_uuid: Some(track),
                categories: vec![event.category.to_string()],
                name: Some(clean::text(&event.name).into_owned()),
                flow_ids: event.flows,
                terminating_flow_ids: Vec::new(),
            },
        ));
    }

    /// The file: all tracks, then all events in order of time.
    pub(super) fn encode(mut self, tracks: Vec<TrackDescriptor>) -> Vec<u8> {
        self.0.sort_by_key(|&(time_ns, _)| time_ns);
        self.end_flows();
        let tracks = tracks.into_iter().map(|track| (None, Data::TrackDescriptor(track)));
        let events = self.0.into_iter();
        let events = events.map(|(time_ns, event)| (Some(time_ns), Data::TrackEvent(event)));
        let packets = tracks.chain(events).enumerate();
        let packet = packets.map(|(index, (timestamp, data))| TracePacket {
            timestamp,
            trusted_packet_sequence_id: Some(SEQUENCE),
            sequence_flags: (index == 0).then_some(STATE_CLEARED),
            data: Some(data),
        });
        Trace {
            packet: packet.collect(),
        }
        .encode_to_vec()
    }

    /// Perfetto draws an arrow from the earlier to the later event: the second time that a flow is seen ends it.
    fn end_flows(&mut self) {
        let mut begun = BTreeSet::new();
        for (_, event) in &mut self.0 {
            let flows = std::mem::take(&mut event.flow_ids);
            (event.flow_ids, event.terminating_flow_ids) = flows.into_iter().partition(|&flow| begun.insert(flow));
        }
    }
}
