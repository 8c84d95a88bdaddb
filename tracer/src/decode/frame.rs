//! Frames on their way into events: a module's are put into words at once.
//!
//! A module can be gone, and another at its address, before a report is made; the kernel's own text stays where it is.

use crate::{analysis::event::Frame, names::symbol::Symbols};

/// The frame of a return address.
pub(super) fn frame(address: u64, symbols: &Symbols) -> Frame {
    match symbols.module_at(address) {
        Some(_) => Frame::Text(symbols.describe(address).into()),
        None => Frame::Address(address),
    }
}

/// The function that a frame is in.
pub(super) fn function<'a>(frame: &'a Frame, symbols: &'a Symbols) -> Option<&'a str> {
    match frame {
        Frame::Address(address) => symbols.function(*address),
        Frame::Text(text) => Some(text.split_once('+').map_or(&**text, |(function, _)| function)),
    }
}

/// The module that a frame is in.
pub(super) fn module(frame: &Frame) -> Option<&str> {
    match frame {
        Frame::Address(_) => None,
        Frame::Text(text) => text.split_once(" [")?.1.strip_suffix(']'),
    }
}

/// Whether the function of a frame has one of these beginnings.
pub(super) fn is_one_of(frame: &Frame, beginnings: &[&str], symbols: &Symbols) -> bool {
    function(frame, symbols).is_some_and(|name| beginnings.iter().any(|begin| name.starts_with(begin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: &str = "\
ffffffff81000000 T rtnl_lock
ffffffff81000100 T end_of_text
ffffffffc0000000 t dlock_init\t[dlock]
";

    #[test]
    fn a_module_is_put_into_words_and_the_kernel_is_not() {
        let symbols = Symbols::parse(SYMBOLS);
        assert_eq!(
            frame(0xffff_ffff_8100_0010, &symbols),
            Frame::Address(0xffff_ffff_8100_0010)
        );
        let in_module = frame(0xffff_ffff_c000_0010, &symbols);
        assert_eq!(in_module, Frame::Text("dlock_init+0x10/0x1000 [dlock]".into()));
        assert_eq!(function(&in_module, &Symbols::default()), Some("dlock_init"));
        assert_eq!(module(&in_module), Some("dlock"));
    }
}
