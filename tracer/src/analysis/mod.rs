//! Events in, findings out: held stacks, order graph, cycles, verdicts. Pure: no kernel access, no clock, no terminal.
//!
//! [`model::Model`] is the way in ([`model::Model::apply`]) and the way out ([`model::Model::snapshot`]).

mod assemble;
mod breaks;
mod chain;
pub mod component;
mod concurrency;
pub mod context;
mod cycle;
pub mod diff;
mod duration;
pub mod event;
pub mod filter;
mod findings;
pub(crate) mod fingerprint;
mod graph;
mod held;
mod level;
mod lock;
pub mod model;
mod objects;
mod rotation;
pub mod rules;
mod scenario;
pub mod snapshot;
pub mod source;
mod stack;
mod step;
mod strand;
mod task;
mod verdict;
mod view;
mod wait_for;
pub mod without;
