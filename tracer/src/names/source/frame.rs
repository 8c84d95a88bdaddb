//! Frames as the kernel prints them (`%pS`), taken apart.

/// `function+0x1c/0x80 [module]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The whole of it.
    pub text: &'a str,
    /// The symbol.
    pub function: &'a str,
    /// Bytes from its begin.
    pub offset: u64,
    /// Bytes to the next symbol.
    pub size: u64,
    /// None for what is built in.
    pub module: Option<&'a str>,
}

impl<'a> Frame<'a> {
    /// None for anything that has no size, too: there would be no telling whether the function is that of the debug file.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (place, module) = match text.split_once(' ') {
            None => (text, None),
            // Since 6.7 a build ID can stand behind the name (CONFIG_STACKTRACE_BUILD_ID).
            Some((place, rest)) => {
                let inside = rest.strip_prefix('[')?.strip_suffix(']')?;
                (place, inside.split(' ').next())
            }
        };
        let (function, numbers) = place.rsplit_once("+0x")?;
        let (offset, size) = numbers.split_once("/0x")?;
        let (offset, size) = (
            u64::from_str_radix(offset, 16).ok()?,
            u64::from_str_radix(size, 16).ok()?,
        );
        // A return address behind the last instruction, a call that does not return, is called by the next function.
        (!function.is_empty() && offset < size).then_some(Self {
            text,
            function,
            offset,
            size,
            module,
        })
    }

    /// Bytes from the begin of the function to what is asked for. Frames are return addresses: what ran is the call before. That holds for the innermost
    /// one, too: it is where the hook, called at the begin of the lock function (`mutex_lock+0x9`), returns to, so its line is that of the function itself. At
    /// offset 0 (backend kprobe, a task that has not run yet) nothing has been called.
    pub(super) fn call_offset(&self) -> u64 {
        self.offset.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_a_size_is_looked_up() {
        let frame = Frame::parse("dlock_x.isra.0+0x41/0x50 [dlock]").expect("a frame");
        assert_eq!(
            (frame.function, frame.offset, frame.size),
            ("dlock_x.isra.0", 0x41, 0x50)
        );
        assert_eq!((frame.module, frame.call_offset()), (Some("dlock"), 0x40));
        let frame = Frame::parse("f+0x0/0x2 [m 0123456789abcdef]").expect("a frame");
        assert_eq!((frame.module, frame.call_offset()), (Some("m"), 0));
        for none in [
            "",
            "f",
            "f+0x1",
            "f+0x1/0x0",
            "f+0x2/0x2",
            "+0x1/0x2",
            "f+0x1/0x2 (net/core/dev.c:12)",
            "f+0xg/0x2",
            "120",
        ] {
            assert_eq!(Frame::parse(none), None, "{none}");
        }
    }
}
