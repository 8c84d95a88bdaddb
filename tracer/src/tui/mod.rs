//! The terminal user interface: [`Model`](model::Model) is what the user looks at, [`Scene`](scene::Scene) what was seen, and what is drawn is a pure function of both.
//! `docs/tui.md` has the flow.

pub mod around;
pub mod detail;
pub mod feed;
pub mod graph;
pub mod keys;
pub mod list;
pub mod message;
pub mod model;
pub mod moment;
pub mod picture;
pub mod rows;
pub mod scene;
pub mod terminal;
pub mod theme;
pub mod update;
pub mod view;
