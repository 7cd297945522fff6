//! Messages over standard input and output, as the protocol frames them: `Content-Length: 12`, an empty line, JSON.
//!
//! What cannot be read is answered with an error, and reading goes on at the next header: one bad frame must not take
//! the user's other work down with the server.

use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use lsp_server::{Connection, ErrorCode, Message};
use serde_json::{Value, json};

/// The longest message that is read, in bytes; a header that promises more is taken for a mistake.
const LONGEST: usize = 1 << 30;

/// The longest header that is read, in bytes.
const LONGEST_HEADER: usize = 8 << 10;

const LENGTH: &[u8] = b"content-length:";

/// What was read.
#[derive(Debug)]
pub(super) enum Frame {
    Message(Message),
    /// No message: the protocol's code for it, what is wrong, and the id of the request that it may have been.
    Bad(ErrorCode, String, Value),
}

/// The frames of a stream.
pub(super) struct Frames<R> {
    from: R,
    /// Bytes that were read and belong to no frame yet.
    pending: Vec<u8>,
    ended: bool,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            pending: Vec::new(),
            ended: false,
        }
    }

    /// The next frame; none at the end of the stream.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame>> {
        if let Some(noise) = self.skip_to_header()? {
            return Ok(Some(noise));
        }
        if self.pending.is_empty() {
            return Ok(None);
        }
        let (length, body) = match self.header()? {
            Ok(found) => found,
            Err(problem) => {
                // The next line may be a good header.
                let line = self.pending.iter().position(|&byte| byte == b'\n');
                self.pending.drain(..line.map_or(self.pending.len(), |at| at + 1));
                return Ok(Some(bad(ErrorCode::ParseError, problem)));
            }
        };
        while self.pending.len() < body + length && self.fill()? {}
        let end = (body + length).min(self.pending.len());
        let text = &self.pending[body..end];
        let frame = frame(text);
        // A length that is too large takes the next frame's header along.
        let next = match frame {
            Frame::Message(_) => None,
            Frame::Bad(..) => find(text, LENGTH).map(|at| body + at),
        };
        self.pending.drain(..next.unwrap_or(end));
        Ok(Some(frame))
    }

    /// Drops what stands before the next `Content-Length`; something to complain of, unless it is blank or a header.
    fn skip_to_header(&mut self) -> io::Result<Option<Frame>> {
        let mut noise = Vec::new();
        loop {
            let found = find(&self.pending, LENGTH);
            // The word may be cut in two by the end of what was read.
            let keep = if self.ended { 0 } else { LENGTH.len() - 1 };
            let until = found.unwrap_or(self.pending.len().saturating_sub(keep));
            // A beginning tells what it is.
            let dropped = self.pending.drain(..until);
            noise.extend(dropped.take(LONGEST_HEADER - noise.len()));
            if found.is_some() || self.ended {
                let text = String::from_utf8_lossy(&noise).to_ascii_lowercase();
                let harmless = text.trim().is_empty() || text.trim_start().starts_with("content-type:");
                let problem = "there is something between the messages";
                return Ok((!harmless).then(|| bad(ErrorCode::ParseError, problem)));
            }
            self.fill()?;
        }
    }

    /// Length and beginning of the body whose header is the next to come.
    fn header(&mut self) -> io::Result<Result<(usize, usize), &'static str>> {
        loop {
            let ends = [&b"\r\n\r\n"[..], b"\n\n"];
            let ends = ends
                .iter()
                .filter_map(|end| Some((find(&self.pending, end)?, end.len())));
            if let Some((at, length)) = ends.min() {
                let header = String::from_utf8_lossy(&self.pending[LENGTH.len()..at]);
                let number = header.lines().next().unwrap_or("").trim().parse::<usize>();
                return Ok(match number {
                    Ok(number) if number <= LONGEST => Ok((number, at + length)),
                    _ => Err("`Content-Length` is no length of a message"),
                });
            }
            if self.pending.len() > LONGEST_HEADER || !self.fill()? {
                return Ok(Err("the header of a message does not end"));
            }
        }
    }

    /// Reads on; false at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        let mut piece = vec![0; 64 << 10];
        let read = loop {
            match self.from.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.pending.extend_from_slice(&piece[..read]);
        self.ended |= read == 0;
        Ok(read > 0)
    }
}

/// Where a text begins in bytes, letter case of ASCII ignored.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window.eq_ignore_ascii_case(wanted))
}

fn bad(code: ErrorCode, problem: impl Into<String>) -> Frame {
    Frame::Bad(code, problem.into(), Value::Null)
}

fn frame(text: &[u8]) -> Frame {
    if let Ok(message) = serde_json::from_slice(text) {
        return Frame::Message(message);
    }
    match serde_json::from_slice::<Value>(text) {
        Err(error) => bad(ErrorCode::ParseError, format!("a message is no JSON: {error}")),
        Ok(value) => {
            let id = value.get("id").filter(|id| id.is_number() || id.is_string());
            let problem = "a message is neither request, response nor notification".to_owned();
            Frame::Bad(ErrorCode::InvalidRequest, problem, id.cloned().unwrap_or_default())
        }
    }
}

/// Runs a server on standard input and output; what it gives back once it ends.
pub(super) fn stdio(serve: impl FnOnce(&Connection) -> u8) -> io::Result<u8> {
    let (ours, theirs) = Connection::memory();
    let output = Arc::new(Mutex::new(io::stdout()));
    let Connection { sender, receiver } = ours;
    let errors = Arc::clone(&output);
    // Not waited for: it stands in a read that may never end.
    thread::Builder::new().name("reader".to_owned()).spawn(move || {
        let mut frames = Frames::new(io::stdin());
        while let Ok(Some(frame)) = frames.next() {
            match frame {
                Frame::Message(message) => {
                    let last = matches!(&message, Message::Notification(note) if note.method == "exit");
                    if sender.send(message).is_err() || last {
                        break;
                    }
                }
                Frame::Bad(code, problem, id) => {
                    let error = json!({ "code": code as i32, "message": problem });
                    let answer = json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string();
                    let mut output = errors.lock().unwrap_or_else(PoisonError::into_inner);
                    let written = write!(output, "Content-Length: {}\r\n\r\n{answer}", answer.len());
                    if written.and_then(|()| output.flush()).is_err() {
                        break;
                    }
                }
            }
        }
    })?;
    let writer = thread::Builder::new().name("writer".to_owned()).spawn(move || {
        for message in receiver {
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            message.write(&mut *output)?;
        }
        io::Result::Ok(())
    })?;
    let code = serve(&theirs);
    // The writer ends when nobody can send to it any more.
    drop(theirs);
    writer
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the writer broke off")))?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Methods of messages and codes of errors, in order. The stream comes in pieces of a few bytes.
    fn read(bytes: &[u8], piece: usize) -> Vec<String> {
        struct Pieces<'a>(&'a [u8], usize);
        impl Read for Pieces<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let length = self.1.min(into.len());
                self.0.read(&mut into[..length])
            }
        }
        let mut frames = Frames::new(Pieces(bytes, piece));
        let mut found = Vec::new();
        while let Some(frame) = frames.next().expect("bytes can be read") {
            found.push(match frame {
                Frame::Message(Message::Notification(note)) => note.method,
                Frame::Message(Message::Request(request)) => request.method,
                Frame::Message(Message::Response(_)) => "response".to_owned(),
                Frame::Bad(code, _, id) => format!("{} {id}", code as i32),
            });
        }
        found
    }

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    fn note(method: &str) -> String {
        json!({ "jsonrpc": "2.0", "method": method, "params": {} }).to_string()
    }

    #[test]
    fn messages_are_read_whatever_stands_between_them() {
        let good = framed(&note("a"));
        let typed = format!(
            "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n{}",
            framed(&note("b"))
        );
        let lower = framed(&note("c")).to_ascii_lowercase();
        let cases: [(&str, &[&str]); 9] = [
            (&good, &["a"]),
            (&format!("{good}{typed}{lower}"), &["a", "b", "c"]),
            (&format!("{}{good}", framed("{ nonsense")), &["-32700 null", "a"]),
            (&format!("{}{good}", framed("[1, 2]")), &["-32600 null", "a"]),
            (
                &format!("{}{good}", framed("{\"id\": 7, \"method\": 3}")),
                &["-32600 7", "a"],
            ),
            (&format!("noise\r\n{good}"), &["-32700 null", "a"]),
            (&format!("Content-Length: many\r\n\r\n{good}"), &["-32700 null", "a"]),
            (
                &format!("Content-Length: 99999999999999\r\n\r\n{good}"),
                &["-32700 null", "a"],
            ),
            ("Content-Length: 5\r\n", &["-32700 null"]),
        ];
        for (stream, expected) in cases {
            for piece in [1, 7, 100_000] {
                assert_eq!(read(stream.as_bytes(), piece), expected, "{stream:?}");
            }
        }
    }

    #[test]
    fn a_wrong_length_costs_one_message() {
        let body = note("a");
        let good = framed(&note("b"));
        let short = format!("Content-Length: {}\r\n\r\n{body}{good}", body.len() - 3);
        let long = format!("Content-Length: {}\r\n\r\n{body}{good}", body.len() + 30);
        for stream in [short, long] {
            let found = read(stream.as_bytes(), 10);
            assert_eq!(found.last().map(String::as_str), Some("b"), "{stream:?}: {found:?}");
            assert!(
                found.iter().rev().skip(1).all(|one| one.starts_with("-32700")),
                "{found:?}"
            );
        }
    }

    proptest! {
        /// Reading ends, and good frames after a blank line's worth of noise are found.
        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200), piece in 1_usize..50) {
            let mut stream = noise;
            let _ = read(&stream, piece);
            stream.extend_from_slice(framed(&note("a")).as_bytes());
            let _ = read(&stream, piece);
        }
    }
}
