//! The part of Perfetto's trace format that a report needs: `protos/perfetto/trace/trace_packet.proto` and `track_event/*.proto` of
//! Perfetto, by the names and numbers of their fields. Strings stand where they are used, none is interned.

use prost::{Enumeration, Message, Oneof};

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub struct Trace {
    /// In order.
    #[prost(message, repeated, tag = "1")]
    pub packet: Vec<TracePacket>,
}

/// A track, or an event on one.
#[derive(Clone, PartialEq, Message)]
pub struct TracePacket {
    /// In ns.
    #[prost(uint64, optional, tag = "8")]
    pub timestamp: Option<u64>,
    /// Who writes: packets of one sequence stay in order.
    #[prost(uint32, optional, tag = "10")]
    pub trusted_packet_sequence_id: Option<u32>,
    /// [`STATE_CLEARED`] in the first packet of a sequence.
    #[prost(uint32, optional, tag = "13")]
    pub sequence_flags: Option<u32>,
    /// What it says.
    #[prost(oneof = "Data", tags = "11, 60")]
    pub data: Option<Data>,
}

/// `SEQ_INCREMENTAL_STATE_CLEARED`: nothing before this packet is needed to read it. Events of a sequence without it are skipped.
pub const STATE_CLEARED: u32 = 1;

/// What a packet says.
#[derive(Clone, PartialEq, Oneof)]
pub enum Data {
    /// Something that happened.
    #[prost(message, tag = "11")]
    TrackEvent(TrackEvent),
    /// A line of the screen.
    #[prost(message, tag = "60")]
    TrackDescriptor(TrackDescriptor),
}

/// A line of the screen, or a group of lines.
#[derive(Clone, PartialEq, Message)]
pub struct TrackDescriptor {
    /// Number of the track; 0 is the trace itself.
    #[prost(uint64, optional, tag = "1")]
    pub uuid: Option<u64>,
    /// What it is called.
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    /// The group that it is in.
    #[prost(uint64, optional, tag = "5")]
    pub parent_uuid: Option<u64>,
    /// How the tracks below it are sorted.
    #[prost(enumeration = "ChildTracksOrdering", optional, tag = "11")]
    pub child_ordering: Option<i32>,
    /// Its place below its parent.
    #[prost(int32, optional, tag = "12")]
    pub sibling_order_rank: Option<i32>,
}

/// How tracks are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum ChildTracksOrdering {
    /// As the reader likes.
    Unknown = 0,
    /// By `sibling_order_rank`.
    Explicit = 3,
}

/// Something that happened on a track.
#[derive(Clone, PartialEq, Message)]
pub struct TrackEvent {
    /// What is known of it.
    #[prost(message, repeated, tag = "4")]
    pub debug_annotations: Vec<DebugAnnotation>,
    /// What it is.
    #[prost(enumeration = "EventType", optional, tag = "9")]
    pub r#type: Option<i32>,
    /// On which track.
    #[prost(uint64, optional, tag = "11")]
    pub track_uuid: Option<u64>,
    /// What kind of thing it is, for filters.
    #[prost(string, repeated, tag = "22")]
    pub categories: Vec<String>,
    /// What it is called; an end has none.
    #[prost(string, optional, tag = "23")]
    pub name: Option<String>,
    /// Arrows that begin here.
    #[prost(fixed64, repeated, packed = "false", tag = "47")]
    pub flow_ids: Vec<u64>,
    /// Arrows that end here.
    #[prost(fixed64, repeated, packed = "false", tag = "48")]
    pub terminating_flow_ids: Vec<u64>,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum EventType {
    /// Not used.
    Unspecified = 0,
    /// A slice begins: inside of the one that has begun last on this track.
    SliceBegin = 1,
    /// The slice that began last on this track ends.
    SliceEnd = 2,
    /// A point in time.
    Instant = 3,
}

/// Something that is known, with its name.
#[derive(Clone, PartialEq, Message)]
pub struct DebugAnnotation {
    /// Its name; none in an array.
    #[prost(string, optional, tag = "10")]
    pub name: Option<String>,
    /// Its value; none for an array.
    #[prost(oneof = "Value", tags = "2, 3, 4, 6")]
    pub value: Option<Value>,
    /// The values of an array, which have no names.
    #[prost(message, repeated, tag = "12")]
    pub array_values: Vec<DebugAnnotation>,
}

/// A single value.
#[derive(Clone, PartialEq, Oneof)]
pub enum Value {
    /// Yes or no.
    #[prost(bool, tag = "2")]
    Bool(bool),
    /// A number.
    #[prost(uint64, tag = "3")]
    Uint(u64),
    /// A number that can be below zero.
    #[prost(int64, tag = "4")]
    Int(i64),
    /// A text.
    #[prost(string, tag = "6")]
    String(String),
}
