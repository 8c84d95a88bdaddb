//! Kernel access: everything that needs root, aya or a running kernel.

mod addresses;
mod attach;
mod backend;
mod btf;
mod counters;
mod detach;
mod error;
mod heap;
mod hooks;
mod kcore;
pub mod kernel;
mod memory_limit;
mod misses;
mod multi;
mod object;
mod privilege;
mod reader;
mod reading;
mod shared;
mod start;
mod syscall;

pub use attach::{Attached, attach, read};
pub use backend::{Backend, Wanted, wanted};
pub use btf::Types;
pub use error::LiveError;
pub use heap::{give_memory_back, keep_memory};
pub use hooks::Missing;
pub use kcore::{Kcore, SysBtf, types};
pub use privilege::drop_privileges;
pub use reader::watch;
pub use reading::{Reading, Then, nothing};
pub use start::Start;
