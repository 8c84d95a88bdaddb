//! Events in, findings out: held stacks, order graph, cycles, verdicts. Pure: no kernel access, no clock, no terminal.
//!
//! [`model::Model`] is the way in ([`model::Model::apply`]) and the way out ([`model::Model::snapshot`]).

mod assemble;
pub mod component;
pub mod context;
mod cycle;
pub mod event;
mod findings;
mod fingerprint;
mod graph;
mod held;
mod lock;
pub mod model;
mod rotation;
mod scenario;
pub mod snapshot;
mod stack;
mod task;
mod verdict;
mod view;
