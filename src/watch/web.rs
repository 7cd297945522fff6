//! The view in a browser: a page on the loopback interface, told of changes by server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! Whoever knows the address may look and reveal: it holds a random token. Nothing is loaded from elsewhere, and requests
//! that name another host, as those of a page that points its name at this machine, are refused.

mod hub;
mod request;

use super::{Message, Screen, Told, View};
use hub::{Hub, Latest};
use request::{Request, Response};
use std::{
    fs,
    io::{self, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Component, Path, PathBuf},
    sync::{Arc, mpsc::Sender},
    thread,
    time::Duration,
};

/// How long a client may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at once; an open page has one.
const MOST: usize = 64;
/// What an idle stream of events says so often, so that it is noticed when a client is gone.
const BEAT: Duration = Duration::from_secs(10);
/// Bytes of randomness in a token.
const TOKEN: usize = 16;

const PAGE: &str = include_str!("web/page.html");
const STYLE: &str = include_str!("web/page.css");
const SCRIPT: &str = include_str!("web/page.js");

/// Serves the view until the process ends.
pub struct Server {
    address: SocketAddr,
    token: String,
    hub: Arc<Hub>,
}

/// Where a page is found: kept between runs, so that an open page finds its way back.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Door {
    /// The port.
    pub port: u16,
    /// What the address must begin with.
    pub token: String,
}

impl Door {
    /// A new one, on any free port.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new() -> io::Result<Self> {
        let mut bytes = [0; TOKEN];
        let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
        if got < TOKEN {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self {
            port: 0,
            token: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}

impl Server {
    /// Listens on the loopback interface, at the port of `door` if it is free, else at any. `out` is the folder of the
    /// outputs; what is asked for is sent to the loop.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start(door: &Door, out: &Path, sender: Sender<Message>) -> io::Result<Self> {
        let at = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener = at(door.port).or_else(|_| at(0))?;
        let address = listener.local_addr()?;
        let hub = Arc::new(Hub::default());
        let service = Arc::new(Service {
            address,
            token: door.token.clone(),
            out: out.to_owned(),
            hub: Arc::clone(&hub),
            sender: sender.into(),
        });
        thread::Builder::new()
            .name("web".to_owned())
            .spawn(move || service.accept(&listener))?;
        Ok(Self {
            address,
            token: door.token.clone(),
            hub,
        })
    }

    /// The address to open.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.address, self.token)
    }

    /// Where it is found.
    #[must_use]
    pub fn door(&self) -> Door {
        Door {
            port: self.address.port(),
            token: self.token.clone(),
        }
    }
}

impl Screen for Server {
    fn show(&mut self, view: &View) {
        self.hub.show(view);
    }

    fn told(&mut self, _: &Told<'_>) {}
}

impl Drop for Server {
    fn drop(&mut self) {
        self.hub.close();
    }
}

/// What the threads of the server share.
struct Service {
    address: SocketAddr,
    token: String,
    out: PathBuf,
    hub: Arc<Hub>,
    sender: std::sync::Mutex<Sender<Message>>,
}

impl Service {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming().map_while(Result::ok) {
            if Arc::strong_count(self) > MOST {
                continue;
            }
            let service = Arc::clone(self);
            // A client that cannot be served, or has gone, is none of our business.
            let _ = thread::Builder::new()
                .name("page".to_owned())
                .spawn(move || service.serve(&stream));
        }
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = Request::read(&mut reader)? {
            let Some(place) = self.allowed(&request) else {
                Response::not_found().write(stream)?;
                continue;
            };
            match (request.method.as_str(), place.as_str()) {
                ("GET", "events") => return self.stream(stream),
                ("POST", "reveal") => {
                    let sender = self.sender.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    let _ = sender.send(Message::Reveal);
                    Response::new("text/plain; charset=utf-8", "asked for").write(stream)?;
                }
                ("GET", place) => self.get(place).write(stream)?,
                _ => Response::not_found().write(stream)?,
            }
        }
        Ok(())
    }

    /// What is asked for below the token; none of what must not be.
    fn allowed(&self, request: &Request) -> Option<String> {
        let port = self.address.port();
        let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        let host = request.host.as_deref()?;
        if !hosts.iter().any(|own| own == host) {
            return None;
        }
        // Another page in the same browser may send a form here; it cannot know the token, but need not be trusted with it.
        if request.method != "GET"
            && request
                .origin
                .as_deref()
                .is_some_and(|origin| origin != format!("http://{host}"))
        {
            return None;
        }
        let (token, place) = request.path.strip_prefix('/')?.split_once('/')?;
        is_same(token, &self.token).then(|| place.to_owned())
    }

    fn get(&self, place: &str) -> Response {
        match place {
            "" => Response::new("text/html; charset=utf-8", PAGE),
            "page.css" => Response::new("text/css; charset=utf-8", STYLE),
            "page.js" => Response::new("text/javascript; charset=utf-8", SCRIPT),
            _ => match place.strip_prefix("out/").and_then(|file| self.output(file)) {
                Some(response) => response,
                None => Response::not_found(),
            },
        }
    }

    /// A file of an output.
    fn output(&self, file: &str) -> Option<Response> {
        let inside = Path::new(file)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let path = self.out.join(file);
        // A link may lead anywhere, and what is no output is not shown.
        let real = fs::canonicalize(&path).ok().filter(|_| inside)?;
        let home = fs::canonicalize(&self.out).ok()?;
        let kind = match real.extension()?.to_str()? {
            "html" => "text/html; charset=utf-8",
            "json" => "application/json",
            "csv" => "text/csv; charset=utf-8",
            "tex" | "txt" | "md" => "text/plain; charset=utf-8",
            "png" => "image/png",
            "svg" => "image/svg+xml",
            _ => "application/octet-stream",
        };
        let bytes = real.starts_with(home).then(|| fs::read(&real).ok()).flatten()?;
        Some(Response::of_output(kind, bytes))
    }

    /// Events until the client or the watch is gone.
    fn stream(&self, mut stream: &TcpStream) -> io::Result<()> {
        stream.write_all(request::EVENTS.as_bytes())?;
        let mut seen = Latest::default();
        loop {
            let Some(latest) = self.hub.after(&seen, BEAT) else {
                return Ok(());
            };
            let mut text = String::new();
            for (name, now, before) in [
                ("outline", &latest.outline, &seen.outline),
                ("state", &latest.state, &seen.state),
            ] {
                if now.number > before.number {
                    text += &format!("event: {name}\ndata: {}\n\n", now.json);
                }
            }
            if text.is_empty() {
                text = ": here\n\n".to_owned();
            }
            stream.write_all(text.as_bytes())?;
            seen = latest;
        }
    }
}

/// Compares without telling by its time how much is right.
fn is_same(one: &str, other: &str) -> bool {
    let differences = one.bytes().zip(other.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && differences == 0
}

#[cfg(test)]
mod tests;
