//! `mtl lsp` as a process.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
};

fn send(to: &mut impl Write, message: &Value) {
    let text = message.to_string();
    write!(to, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("the server reads");
    to.flush().expect("the server reads");
}

fn receive(from: &mut impl BufRead) -> Value {
    let mut length = 0;
    loop {
        let mut line = String::new();
        assert!(
            from.read_line(&mut line).expect("the server writes") > 0,
            "the server answers"
        );
        match line.trim().split_once(": ") {
            Some(("Content-Length", number)) => length = number.parse().expect("a number"),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).expect("the whole message");
    serde_json::from_slice(&body).expect("JSON")
}

#[test]
fn the_command_speaks_over_standard_input_and_output() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut server = Command::new(env!("CARGO_BIN_EXE_mtl"))
        .arg("lsp")
        .env("XDG_CACHE_HOME", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut to = server.stdin.take().expect("piped");
    let mut from = BufReader::new(server.stdout.take().expect("piped"));
    let uri = format!("file://{}/a.mtl", folder.path().display());
    send(
        &mut to,
        &json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "capabilities": {} } }),
    );
    let greeting = receive(&mut from);
    assert_eq!(greeting["result"]["serverInfo"]["name"], "mtl");
    send(
        &mut to,
        &json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }),
    );
    let text = "/// What it is.\nlet a = 1 + \"b\"\n";
    let document = json!({ "uri": uri, "languageId": "mtl", "version": 1, "text": text });
    send(
        &mut to,
        &json!({ "jsonrpc": "2.0", "method": "textDocument/didOpen", "params": { "textDocument": document } }),
    );
    let published = receive(&mut from);
    assert_eq!(published["method"], "textDocument/publishDiagnostics");
    assert_eq!(published["params"]["uri"], uri);
    assert_eq!(
        published["params"]["diagnostics"].as_array().map(Vec::len),
        Some(1),
        "{published}"
    );
    let at = json!({ "textDocument": { "uri": uri }, "position": { "line": 1, "character": 4 } });
    send(
        &mut to,
        &json!({ "jsonrpc": "2.0", "id": 2, "method": "textDocument/hover", "params": at }),
    );
    let hover = loop {
        let message = receive(&mut from);
        if message["id"] == 2 {
            break message;
        }
    };
    assert!(
        hover["result"]["contents"]["value"].to_string().contains("What it is."),
        "{hover}"
    );
    send(&mut to, &json!({ "jsonrpc": "2.0", "id": 3, "method": "shutdown" }));
    while receive(&mut from)["id"] != 3 {}
    send(&mut to, &json!({ "jsonrpc": "2.0", "method": "exit" }));
    let mut rest = Vec::new();
    from.read_to_end(&mut rest).expect("the stream ends");
    assert_eq!(server.wait().expect("the server ends").code(), Some(0));
}

/// Frames that hold no message, and lengths that are wrong, are answered with errors; the server lives on.
#[test]
fn bad_frames_do_not_end_the_server() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut server = Command::new(env!("CARGO_BIN_EXE_mtl"))
        .arg("lsp")
        .env("XDG_CACHE_HOME", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut to = server.stdin.take().expect("piped");
    let mut from = BufReader::new(server.stdout.take().expect("piped"));
    let mut next = 0;
    for (bad, code) in [
        ("Content-Length: 9\r\n\r\n{ \"id\": 1", -32700),
        ("Content-Length: 2\r\n\r\n[]", -32600),
        ("Content-Length: none\r\n\r\n", -32700),
        ("Content-Length: 4\r\n\r\n{}{}{}", -32700),
        ("nothing of the kind\r\n", -32700),
    ] {
        to.write_all(bad.as_bytes()).expect("the server reads");
        next += 1;
        send(&mut to, &json!({ "jsonrpc": "2.0", "id": next, "method": "early" }));
        let mut codes = Vec::new();
        loop {
            let answer = receive(&mut from);
            codes.push(answer["error"]["code"].clone());
            if answer["id"] == next {
                break;
            }
            assert_eq!(answer["id"], Value::Null, "{answer}");
        }
        // The last is the good request's, which comes before `initialize`.
        assert_eq!(
            (codes.first(), codes.last()),
            (Some(&json!(code)), Some(&json!(-32002))),
            "{bad:?}: {codes:?}"
        );
    }
    send(
        &mut to,
        &json!({ "jsonrpc": "2.0", "id": 90, "method": "initialize", "params": { "capabilities": {} } }),
    );
    assert_eq!(receive(&mut from)["result"]["serverInfo"]["name"], "mtl");
    send(&mut to, &json!({ "jsonrpc": "2.0", "id": 91, "method": "shutdown" }));
    assert_eq!(receive(&mut from)["id"], 91);
    send(&mut to, &json!({ "jsonrpc": "2.0", "method": "exit" }));
    assert_eq!(server.wait().expect("the server ends").code(), Some(0));
}
