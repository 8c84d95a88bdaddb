//! Names as data: kernel symbols and the frames they make. No kernel access here.

pub mod symbol;
