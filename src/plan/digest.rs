//! Digests of bytes and files: BLAKE3 with 256 bits (O'Connor, Aumasson, Neves and Wilcox-O'Hearn 2020).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, fs::File, io, path::Path, str::FromStr};

/// Bytes read at once: a multiple of what BLAKE3's widest vector code takes (16 chunks of 1 KiB), and little for the stack.
const BUFFER: usize = 32 * 1024;

/// The BLAKE3 digest of some bytes. As text, and in formats that people read, it is 64 lower-case hexadecimal digits; in
/// canonical bytes it is its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of all that `reader` gives.
    ///
    /// # Errors
    /// Whatever the reader fails with.
    pub fn of_reader(mut reader: impl io::Read) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = [0; BUFFER];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(Self(*hasher.finalize().as_bytes())),
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The digest of a file's contents.
    ///
    /// The file is read, not mapped: a mapped file that somebody shortens meanwhile would end the process.
    ///
    /// # Errors
    /// When the file cannot be opened or read.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        Self::of_reader(File::open(path)?)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // Paths of objects are made of this, ten thousand times in a run with nothing to do.
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        f.pad(&text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a digest of 64 lower-case hexadecimal digits")]
pub struct NotADigest {
    /// The text.
    pub text: String,
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut digest = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let parsed = pairs.len() == digest.len()
            && rest.is_empty()
            && digest
                .iter_mut()
                .zip(pairs)
                .all(|(byte, [high, low])| match (digit(*high), digit(*low)) {
                    (Some(high), Some(low)) => {
                        *byte = high << 4 | low;
                        true
                    }
                    _ => false,
                });
        if parsed {
            Ok(Self(digest))
        } else {
            Err(NotADigest { text: text.to_owned() })
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first and the last of the official test vectors for `hash` (`test_vectors.json` of the BLAKE3 repository:
    /// input lengths 0 and 102400, input bytes counting 0..=250 again and again).
    #[test]
    fn agrees_with_the_official_vectors() {
        let input: Vec<u8> = (0..102_400_u32).map(|place| (place % 251) as u8).collect();
        assert_eq!(
            Digest::of(&[]).to_string(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
        assert_eq!(
            Digest::of(&input).to_string(),
            "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"
        );
    }

    #[test]
    fn a_file_has_the_digest_of_its_bytes() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("file");
        for length in [0, 1, BUFFER - 1, BUFFER, BUFFER + 1, 3 * BUFFER + 7] {
            let bytes: Vec<u8> = (0..length).map(|place| (place % 253) as u8).collect();
            std::fs::write(&path, &bytes).expect("the file can be written");
            assert_eq!(
                Digest::of_file(&path).expect("the file can be read"),
                Digest::of(&bytes)
            );
        }
        assert!(Digest::of_file(&folder.path().join("absent")).is_err());
    }

    #[test]
    fn other_texts_are_refused() {
        let good = Digest::of(b"x").to_string();
        for bad in [
            String::new(),
            good[1..].to_owned(),
            format!("{good}0"),
            good.to_uppercase(),
            good.replace(&good[..1], "g"),
            format!("+{}", &good[1..]),
            "é".repeat(32),
        ] {
            assert_eq!(bad.parse::<Digest>(), Err(NotADigest { text: bad.clone() }));
            assert!(serde_json::from_value::<Digest>(bad.into()).is_err());
        }
    }

    proptest! {
        #[test]
        fn text_and_back(bytes: [u8; 32]) {
            let digest = Digest(bytes);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
            let json = serde_json::to_string(&digest).expect("a digest is text");
            prop_assert_eq!(serde_json::from_str::<Digest>(&json).expect("it is its own text"), digest);
        }
    }
}
