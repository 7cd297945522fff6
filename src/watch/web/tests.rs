use super::*;
use std::{
    io::{BufRead, Read},
    sync::mpsc,
};

struct Bench {
    server: Server,
    out: tempfile::TempDir,
    inbox: mpsc::Receiver<Message>,
}

fn bench() -> Bench {
    let out = tempfile::tempdir().expect("a folder");
    let (sender, inbox) = mpsc::channel();
    let door = Door::new().expect("random numbers");
    let server = Server::start(&door, out.path(), sender).expect("a port is free");
    Bench { server, out, inbox }
}

impl Bench {
    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.server.address).expect("it listens");
        let _ = stream.write_all(request.as_bytes());
        // It may have hung up already.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    fn get(&self, place: &str) -> String {
        let (host, token) = (self.server.address, &self.server.token);
        self.ask(&format!("GET /{token}/{place} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    }
}

fn is_found(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200 OK\r\n")
}

#[test]
fn the_page_is_there_for_those_who_know_its_address() {
    let bench = bench();
    assert!(bench.server.url().starts_with("http://127.0.0.1:"));
    for (place, part) in [
        ("", "<h1 id=\"program\">"),
        ("page.css", ":root"),
        ("page.js", "EventSource"),
    ] {
        let answer = bench.get(place);
        assert!(is_found(&answer) && answer.contains(part), "{place}");
        assert!(
            answer.contains("default-src 'none'"),
            "nothing is loaded from elsewhere"
        );
    }
    let (host, token) = (bench.server.address, bench.server.token.clone());
    let wrong = format!("{}0", &token[1..]);
    for (path, host) in [
        (format!("/{wrong}/"), host.to_string()),
        ("/".to_owned(), host.to_string()),
        (format!("/{token}"), host.to_string()),
        (format!("/{token}/"), "evil.example".to_owned()),
        (format!("/{token}/nothing"), host.to_string()),
    ] {
        let answer = bench.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path} {host}: {answer}");
        assert!(!answer.contains(&token));
    }
    assert!(!is_found(&bench.ask("GET / HTTP/1.1\r\n\r\n")), "a host must be named");
}

#[test]
fn requests_that_are_none_end_the_connection_and_no_more() {
    let bench = bench();
    for wrong in [
        "",
        "\r\n\r\n",
        "x",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
    ] {
        assert!(!is_found(&bench.ask(wrong)), "{wrong:?}");
    }
    let endless = "GET /".to_owned() + &"a".repeat(100_000);
    assert!(!is_found(&bench.ask(&endless)));
    assert!(is_found(&bench.get("")));
}

#[test]
fn outputs_are_served_and_nothing_else() {
    let bench = bench();
    let study = bench.out.path().join("study");
    fs::create_dir(&study).expect("a folder");
    fs::write(study.join("report.html"), "<p>results</p>").expect("a file");
    fs::write(
        bench.out.path().parent().expect("a folder").join("mtl-secret.txt"),
        "secret",
    )
    .expect("a file");
    let report = bench.get("out/study/report.html");
    assert!(is_found(&report) && report.contains("<p>results</p>") && report.contains("text/html"));
    assert!(!report.contains("connect-src"), "a report asks for nothing");
    for place in [
        "out/../mtl-secret.txt",
        "out//etc/hostname",
        "out/study",
        "out/study/other.html",
        "out/",
    ] {
        assert!(!is_found(&bench.get(place)), "{place}");
    }
    std::os::unix::fs::symlink("/etc", study.join("link")).expect("a link");
    assert!(!is_found(&bench.get("out/study/link/hostname")), "a link leads out");
    let _ = fs::remove_file(bench.out.path().parent().expect("a folder").join("mtl-secret.txt"));
}

#[test]
fn results_are_asked_for_by_the_page_alone() {
    let bench = bench();
    let (host, token) = (bench.server.address, bench.server.token.clone());
    let ask = |origin: &str| {
        bench.ask(&format!(
            "POST /{token}/reveal HTTP/1.1\r\nHost: {host}\r\n{origin}\r\n"
        ))
    };
    assert!(!is_found(&ask("Origin: https://evil.example\r\n")));
    assert!(bench.inbox.try_recv().is_err());
    assert!(is_found(&ask(&format!("Origin: http://{host}\r\n"))));
    assert!(matches!(bench.inbox.recv_timeout(PATIENCE), Ok(Message::Reveal)));
    assert!(!is_found(&bench.get("reveal")), "looking at an address reveals nothing");
}

#[test]
fn changes_are_told_as_they_come() {
    let mut bench = bench();
    let mut view = View::new("study.mtl");
    bench.server.show(&view);
    let (host, token) = (bench.server.address, bench.server.token.clone());
    let mut stream = TcpStream::connect(host).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    write!(stream, "GET /{token}/events HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("asked");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut next = |wanted: &str| -> serde_json::Value {
        let _ = lines
            .by_ref()
            .find(|line| line == &format!("event: {wanted}"))
            .expect("an event");
        let data = lines.next().expect("its data");
        serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON")
    };
    assert_eq!(next("outline")["program"], "study.mtl");
    assert_eq!(next("state")["trouble"], serde_json::Value::Null);
    view.state.trouble = Some("a mistake".to_owned());
    bench.server.show(&view);
    assert_eq!(next("state")["trouble"], "a mistake");
    drop(bench);
    assert_eq!(
        lines.find(|line| line.starts_with("event")),
        None,
        "it ends with the watch"
    );
}

#[test]
fn a_page_finds_its_way_back_after_a_restart() {
    let bench = bench();
    let door = bench.server.door();
    let (sender, _inbox) = mpsc::channel();
    let other = Server::start(&door, bench.out.path(), sender).expect("another port");
    assert_ne!(other.door().port, door.port, "the port is taken, and another is free");
    assert_eq!(other.door().token, door.token);
}
