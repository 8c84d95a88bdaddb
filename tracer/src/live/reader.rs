//! The ring, as tokio sees it.

use std::io;

use aya::maps::{Map, MapData, RingBuf};
use tokio::io::{Interest, unix::AsyncFd};

use super::LiveError;

/// Reads records as they come.
pub struct Reader {
    ring: RingBuf<MapData>,
}

impl Reader {
    pub(super) fn new(map: Map) -> Result<Self, LiveError> {
        let ring = RingBuf::try_from(map).map_err(|error| LiveError::Load { reason: error.to_string() })?;
        Ok(Self { ring })
    }

    /// Wraps it for tokio; must be called within a runtime.
    pub fn into_async(self) -> io::Result<AsyncFd<RingBuf<MapData>>> {
        AsyncFd::with_interest(self.ring, Interest::READABLE)
    }
}
