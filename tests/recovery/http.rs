//! The `http` example as a process, on each store.

use super::kill::example;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use tests::Database;

const ACCOUNT: &str = "/accounts/0198c0de-0000-7000-8000-000000000001";

/// The process; a test that fails leaves none behind.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        // One that has ended cannot be killed, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is answered, head and body.
fn send(address: &str, request: &str, headers: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(stream, "{request} HTTP/1.0\r\nContent-Length: {length}\r\n{headers}\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
    (head.to_owned(), body.to_owned())
}

fn is_served_on(store: &str) {
    let mut command = example("http");
    command.args(["--store", store, "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut served = Served(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(served.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on http://").expect(&line);

    send(address, &format!("POST {ACCOUNT}/open"), "", r#"{"owner":"Ada"}"#);
    let deposit = || {
        let headers = "If-Match: \"1\"\r\nIdempotency-Key: 17\r\n";
        send(address, &format!("POST {ACCOUNT}/deposit"), headers, r#"{"cents":500}"#)
    };
    let ((head, first), (_, again)) = (deposit(), deposit());
    assert!(head.contains(" 200 OK\r\n") && head.contains("\r\netag: \"2\"\r\n"), "{store}: {head}");
    assert!(first.contains(r#""cents":500"#), "{store}: {first}");
    assert_eq!(first, again, "{store}");

    let token = head.lines().find(|line| line.starts_with("read-after: ")).expect(&head);
    let (head, statement) = send(address, &format!("GET {ACCOUNT}/statement"), &format!("{token}\r\n"), "");
    assert_eq!(statement, r#"{"movements":1,"deposited":500,"withdrawn":0}"#, "{store}: {head}");

    kill_process(Pid::from_child(&served.0), Signal::INT).unwrap();
    assert_eq!(served.0.wait().unwrap().code(), Some(0), "{store}: Ctrl-C ends it in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_example_serves_on_every_store() {
    let folder = tempfile::tempdir().unwrap();
    is_served_on("memory");
    is_served_on(&format!("sqlite:{}", folder.path().join("http.db").display()));
    if tests::database::server().is_some() {
        is_served_on(Database::create().await.url());
    }
}
