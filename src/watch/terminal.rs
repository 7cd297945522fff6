//! The view in a terminal: a frame is lines of text, made of the view alone; drawing it and hearing keys is apart.

mod frame;
mod keys;

pub use frame::{Size, frame};
pub use keys::{Keys, size_of};

use super::{Screen, Told, View};
use std::io::{self, Write};

/// Draws the view over the whole terminal, on a screen of its own that is given back when it is dropped.
pub struct Terminal {
    out: Box<dyn Write + Send>,
    size: Box<dyn Fn() -> Size + Send>,
    colours: bool,
    before: Vec<String>,
    /// How large the terminal was.
    drawn: Size,
}

/// Another screen, no cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const CLEAR: &str = "\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

impl Terminal {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When it cannot be written to.
    pub fn new(mut out: Box<dyn Write + Send>, size: Box<dyn Fn() -> Size + Send>, colours: bool) -> io::Result<Self> {
        out.write_all(ENTER.as_bytes())?;
        out.flush()?;
        Ok(Self {
            out,
            size,
            colours,
            before: Vec::new(),
            drawn: Size { columns: 0, rows: 0 },
        })
    }

    /// Writes the lines that differ from those that stand there.
    fn draw(&mut self, lines: Vec<String>) -> io::Result<()> {
        for (row, line) in lines.iter().enumerate() {
            if self.before.get(row) != Some(line) {
                write!(self.out, "\x1b[{};1H{line}\x1b[0m\x1b[K", row + 1)?;
            }
        }
        if lines.len() < self.before.len() {
            write!(self.out, "\x1b[{};1H\x1b[J", lines.len() + 1)?;
        }
        self.out.flush()?;
        self.before = lines;
        Ok(())
    }
}

impl Screen for Terminal {
    fn show(&mut self, view: &View) {
        let size = (self.size)();
        if size != self.drawn {
            // What stood there was broken into other lines.
            self.drawn = size;
            self.before.clear();
            let _ = self.out.write_all(CLEAR.as_bytes());
        }
        let lines = frame(view, size, self.colours);
        // A terminal that went away is heard of as a signal.
        let _ = self.draw(lines);
    }

    fn idle(&mut self, view: &View) {
        if (self.size)() != self.drawn {
            self.show(view);
        }
    }

    fn told(&mut self, _: &Told<'_>) {}
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.out.write_all(LEAVE.as_bytes());
        let _ = self.out.flush();
    }
}
