//! Keys, one by one, without echo; signals stay signals.

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use std::{
    io::{self, Read},
    os::fd::AsFd,
    thread,
};

/// Hears keys until it is dropped; then the terminal is as it was.
pub struct Keys {
    before: Termios,
}

impl Keys {
    /// Passes each key on to `hear`, in a thread of its own. None when standard input is no terminal.
    #[must_use]
    pub fn hear(hear: impl FnMut(u8) + Send + 'static) -> Option<Self> {
        let before = termios::tcgetattr(io::stdin()).ok()?;
        let mut changed = before.clone();
        changed.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &changed).ok()?;
        // It waits for a key when the process ends, and ends with it.
        thread::spawn(move || io::stdin().lock().bytes().map_while(Result::ok).for_each(hear));
        Some(Self { before })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing put back.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Columns and rows of the terminal behind a file; 80 and 24 where it is none.
#[must_use]
pub fn size_of(file: impl AsFd) -> super::Size {
    let size = termios::tcgetwinsize(file)
        .ok()
        .filter(|size| size.ws_col > 0 && size.ws_row > 0);
    super::Size {
        columns: size.map_or(80, |size| size.ws_col.into()),
        rows: size.map_or(24, |size| size.ws_row.into()),
    }
}
