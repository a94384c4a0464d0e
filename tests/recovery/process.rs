//! [`Teller`]: an application that runs as a process, and what it answers.

use es_core::metrics::{Kind, METRICS};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use tests::wait;

/// `teller run`, which answers at an address of its own.
pub struct Teller {
    process: Child,
    said: BufReader<ChildStderr>,
    address: String,
}

impl Teller {
    /// The program, which is told of no store.
    pub fn command() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teller"));
        command.env_remove("ES_STORE_URL").env_remove("DATABASE_URL");
        command
    }

    pub fn run(command: &mut Command, arguments: &[&str]) -> Self {
        command.args(["run", "--listen", "127.0.0.1:0"]).args(arguments);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let listening = line(&mut said);
        let address = listening.strip_prefix("listening on http://").expect(&listening).to_owned();
        assert_eq!(line(&mut said), "running 3 read models and 0 reactors; Ctrl-C or SIGTERM ends it");
        Self { process, said, address }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let (head, body) = ask(&self.address, &format!("GET {path} HTTP/1.0\r\n\r\n"));
        (status(&head), body)
    }

    /// Waits until it answers so, with all these texts.
    pub async fn answers(&self, path: &str, status: u16, texts: &[&str]) {
        let what = format!("{path} answers {status} with {texts:?}");
        wait::until(&what, async || {
            let (found, body) = self.get(path);
            found == status && texts.iter().all(|text| body.contains(text))
        })
        .await;
    }

    /// What it counts, which must be as the table of metrics says.
    pub fn metrics(&self) -> Metrics {
        let (head, text) = ask(&self.address, "GET /metrics HTTP/1.0\r\n\r\n");
        assert_eq!(status(&head), 200, "{text}");
        let head = head.to_lowercase();
        assert!(head.contains("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
        Metrics::declared(text)
    }

    /// The next line that it says.
    pub fn line(&mut self) -> String {
        line(&mut self.said)
    }

    /// How it ended, and what it said since it ran.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap(), rest)
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        // It has ended, or its test has failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn line(said: &mut impl BufRead) -> String {
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// Head and body of the answer to a request.
pub fn ask(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
    (head.to_owned(), body.to_owned())
}

pub fn status(head: &str) -> u16 {
    head.split(' ').nth(1).expect(head).parse().expect(head)
}

/// A page in the text format of Prometheus.
pub struct Metrics(String);

impl Metrics {
    /// Each metric stands under its kind and its meaning, as the table has them.
    fn declared(text: String) -> Self {
        let mut about = None;
        let mut declared = None;
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(help) = line.strip_prefix("# HELP ") {
                about = Some(help);
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let metric = METRICS.iter().find(|metric| kind.split(' ').next() == Some(metric.name));
                let metric = metric.unwrap_or_else(|| panic!("{line} is not in the table"));
                assert_eq!(kind, format!("{} {}", metric.name, metric.kind.as_str()));
                assert_eq!(about.take(), Some(format!("{} {}", metric.name, metric.about).as_str()));
                declared = Some(metric);
            } else {
                let metric = declared.unwrap_or_else(|| panic!("{line} has no kind"));
                let name = line.split('{').next().unwrap_or_default();
                let part = name.strip_prefix(metric.name).unwrap_or_else(|| panic!("{line} has no kind"));
                let parts: &[&str] =
                    if metric.kind == Kind::Histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
                assert!(parts.contains(&part), "{line} is no {}", metric.kind.as_str());
            }
        }
        assert!(declared.is_some(), "it is empty");
        Self(text)
    }

    /// The value of what is written so, with its labels in the order of the table.
    pub fn value(&self, series: &str) -> Option<f64> {
        let values = self.0.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let values: Vec<f64> = values.map(|value| value.parse().expect(value)).collect();
        assert!(values.len() <= 1, "{series} occurs {} times", values.len());
        values.first().copied()
    }
}
