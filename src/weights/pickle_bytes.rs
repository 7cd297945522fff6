//! The bytes of pickles, counted against [`MOST_BYTES`].

use super::pickle::{MOST_BYTES, Refused, damaged};
use std::io;

/// Bytes with a count.
pub(super) struct Bytes<R> {
    inner: R,
    /// Bytes read so far.
    pub(super) read: u64,
}

impl<R: io::Read> Bytes<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, read: 0 }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        self.count(N as u64)?;
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Refused> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// So many bytes; memory grows with what is there, not with what is announced.
    pub(super) fn many(&mut self, len: u64) -> Result<Vec<u8>, Refused> {
        self.count(len)?;
        let mut bytes = Vec::new();
        let mut part = io::Read::take(&mut self.inner, len);
        io::Read::read_to_end(&mut part, &mut bytes)?;
        if (bytes.len() as u64) < len {
            return Err(Refused::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(bytes)
    }

    pub(super) fn line(&mut self) -> Result<String, Refused> {
        let mut bytes = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return text(bytes),
                byte => bytes.push(byte),
            }
        }
    }

    fn count(&mut self, len: u64) -> Result<(), Refused> {
        self.read = self.read.saturating_add(len);
        if self.read > MOST_BYTES {
            return Err(Refused::TooLarge(format!(
                "its pickles take more than {MOST_BYTES} bytes"
            )));
        }
        Ok(())
    }
}

/// Bytes as text.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, Refused> {
    String::from_utf8(bytes).map_err(|_| damaged("its pickle holds a text that is not UTF-8"))
}
