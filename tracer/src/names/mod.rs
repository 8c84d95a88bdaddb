//! Names as data: kernel symbols and the frames they make, types, and what the code says about the locks that it takes. No kernel access here.

#[cfg(test)]
mod blob;
pub mod btf;
mod code;
mod facts;
mod flow;
pub mod init_site;
pub mod later;
pub mod memory;
pub mod site;
pub mod slab;
pub mod source;
pub mod symbol;
pub mod types;
mod value;
