//! What another thread finds out meanwhile.

use std::{
    cell::OnceCell,
    sync::mpsc::{self, Receiver, Sender},
};

/// A value on its way.
pub struct Later<T> {
    value: OnceCell<Option<T>>,
    from: Option<Receiver<T>>,
}

impl<T> Later<T> {
    /// A value, and the end by which it is sent.
    pub fn new() -> (Sender<T>, Self) {
        let (sender, receiver) = mpsc::channel();
        let later = Self {
            value: OnceCell::new(),
            from: Some(receiver),
        };
        (sender, later)
    }

    /// A value that is there.
    pub fn now(value: T) -> Self {
        Self {
            value: OnceCell::from(Some(value)),
            from: None,
        }
    }

    /// Waits for it; none when it will not come.
    pub fn get(&self) -> Option<&T> {
        let wait = || self.from.as_ref()?.recv().ok();
        self.value.get_or_init(wait).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_once_it_was_sent_and_stays() {
        let (sender, later) = Later::new();
        let thread = std::thread::spawn(move || sender.send(7));
        assert_eq!((later.get(), later.get()), (Some(&7), Some(&7)));
        assert!(thread.join().is_ok());
        assert_eq!(Later::now(8).get(), Some(&8));
    }

    #[test]
    fn what_is_not_sent_does_not_come() {
        let (sender, later) = Later::<u32>::new();
        drop(sender);
        assert_eq!(later.get(), None);
    }
}
