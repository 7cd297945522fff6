//! Requests and responses of HTTP/1.1, as far as a page on this machine needs them; `httparse` reads the heads.

use std::io::{self, BufRead, Read, Write};

/// Bytes that a head may have.
const MOST: u64 = 16 << 10;
/// Header fields that it may have.
const FIELDS: usize = 64;
/// Bytes of a body, which nobody reads.
const BODY: u64 = 4 << 10;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without what follows a question mark.
    pub(super) path: String,
    pub(super) host: Option<String>,
    pub(super) origin: Option<String>,
}

impl Request {
    /// The next request; none when the client asks for nothing more.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub(super) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let left = MOST.saturating_sub(head.len() as u64);
            if reader.by_ref().take(left).read_until(b'\n', &mut head)? == 0 {
                return if head.is_empty() { Ok(None) } else { Err(wrong()) };
            }
        }
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut parsed = httparse::Request::new(&mut fields);
        if !parsed.parse(&head).map_err(|_| wrong())?.is_complete() {
            return Err(wrong());
        }
        let field = |name: &str| {
            let found = parsed
                .headers
                .iter()
                .find(|field| field.name.eq_ignore_ascii_case(name));
            found.map(|field| String::from_utf8_lossy(field.value).into_owned())
        };
        let length = field("content-length").map_or(Ok(0), |length| length.parse::<u64>().map_err(|_| wrong()))?;
        if length > BODY || field("transfer-encoding").is_some() {
            return Err(wrong());
        }
        let request = Self {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: parsed
                .path
                .unwrap_or_default()
                .split('?')
                .next()
                .unwrap_or_default()
                .to_owned(),
            host: field("host"),
            origin: field("origin"),
        };
        io::copy(&mut reader.take(length), &mut io::sink())?;
        Ok(Some(request))
    }
}

fn wrong() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// What no page but ours may do with an answer: load from elsewhere, stand in another page, tell where it came from.
const GUARDS: &str = "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
                      X-Frame-Options: DENY\r\n";
/// For the page itself.
const OWN: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                   base-uri 'none'; form-action 'none'";
/// For reports, whose style and script stand in them.
const OUTPUT: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'";

/// The head of a stream of events.
pub(super) const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
                                 Connection: close\r\n\r\nretry: 1000\n\n";

/// An answer.
pub(super) struct Response {
    status: &'static str,
    kind: &'static str,
    policy: &'static str,
    body: Vec<u8>,
}

impl Response {
    pub(super) fn new(kind: &'static str, body: &str) -> Self {
        Self {
            status: "200 OK",
            kind,
            policy: OWN,
            body: body.as_bytes().to_vec(),
        }
    }

    /// A file of an output.
    pub(super) fn of_output(kind: &'static str, body: Vec<u8>) -> Self {
        Self {
            policy: OUTPUT,
            body,
            ..Self::new(kind, "")
        }
    }

    /// The same for what is not there and for what must not be seen.
    pub(super) fn not_found() -> Self {
        Self {
            status: "404 Not Found",
            ..Self::new("text/plain; charset=utf-8", "not here")
        }
    }

    pub(super) fn write(&self, mut to: impl Write) -> io::Result<()> {
        let Self {
            status,
            kind,
            policy,
            body,
        } = self;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
             Content-Security-Policy: {policy}\r\n{GUARDS}\r\n"
        );
        to.write_all(head.as_bytes())?;
        to.write_all(body)?;
        to.flush()
    }
}
