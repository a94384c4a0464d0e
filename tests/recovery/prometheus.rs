//! [`Prometheus`]: a private server of the real thing, which watches a process.

use super::process::{ask, status};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::env;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;
use tests::ops::RULES;
use tests::{shout, wait};

/// Names the folder of the programs `prometheus` and `promtool` where they are not found by themselves.
const VARIABLE: &str = "ES_TEST_PROMETHEUS_BIN";
const USUAL: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];
const NEEDED: [&str; 2] = ["prometheus", "promtool"];

/// The folder of the programs, looked for once a process.
static PROGRAMS: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let found = find_or_install();
    if let Err(error) = &found {
        shout(&format!("!!! SKIPPED: what needs Prometheus: {error:#}"));
        shout(&format!("!!! install it, or set {VARIABLE} to the folder of {}", NEEDED.join(" and ")));
    }
    found.ok()
});

fn find_or_install() -> Result<PathBuf> {
    if let Some(chosen) = env::var_os(VARIABLE).filter(|folder| !folder.is_empty()) {
        let chosen = PathBuf::from(chosen);
        ensure!(has_all(&chosen), "{VARIABLE} is {}, where it is not", chosen.display());
        return Ok(chosen);
    }
    if let Some(found) = find() {
        return Ok(found);
    }
    test_server::install_package("prometheus")?;
    find().context("what was installed is not usable")
}

fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(USUAL.map(PathBuf::from)).find(|folder| has_all(folder))
}

fn has_all(folder: &Path) -> bool {
    NEEDED.iter().all(|name| folder.join(name).is_file())
}

/// The folder of the programs, or `None`, which is said aloud once per process; in CI it is a failure.
pub fn programs() -> Option<&'static Path> {
    let found = PROGRAMS.as_deref();
    assert!(found.is_some() || env::var_os("CI").is_none(), "CI is set, and there is no Prometheus");
    found
}

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Ends with this value.
pub struct Prometheus {
    process: Child,
    address: String,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one with our rules, which fetches what this address shows every second.
    pub async fn start(programs: &Path, target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = serde_json::json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [root().join(RULES)],
            "scrape_configs": [{"job_name": "teller", "static_configs": [{"targets": [target]}]}],
        });
        // JSON is YAML.
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, configuration.to_string()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(programs.join("prometheus"));
        command.current_dir(folder.path()).args(["--log.level", "error"]).arg("--config.file").arg(&file);
        command.arg("--storage.tsdb.path").arg(folder.path().join("data"));
        let process = command.args(["--web.listen-address", &address]).stdout(Stdio::null()).spawn().unwrap();
        let prometheus = Self { process, address, _folder: folder };
        wait::until("Prometheus listens", async || TcpStream::connect(&prometheus.address).is_ok()).await;
        wait::until("Prometheus is ready", async || {
            let (head, _) = ask(&prometheus.address, "GET /-/ready HTTP/1.0\r\n\r\n");
            status(&head) == 200
        })
        .await;
        prometheus
    }

    /// What an expression gives now: a list of series, each with its labels and its value.
    pub fn query(&self, expression: &str) -> Vec<Series> {
        let body = format!("query={}", encoded(expression));
        let request = format!(
            "POST /api/v1/query HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let data = self.data(expression, &request);
        assert_eq!(data["resultType"], "vector", "{expression}");
        data["result"].as_array().unwrap().iter().map(Series::of).collect()
    }

    /// The names of the alerts that were loaded, in order.
    pub fn alerts(&self) -> Vec<String> {
        let data = self.data("the rules", "GET /api/v1/rules HTTP/1.0\r\n\r\n");
        let groups = data["groups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
        rules.map(|rule| rule["name"].as_str().unwrap().to_owned()).collect()
    }

    fn data(&self, what: &str, request: &str) -> Value {
        let (head, body) = ask(&self.address, request);
        assert_eq!(status(&head), 200, "{what}: {body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["status"], "success", "{what}: {body}");
        answer["data"].clone()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It has ended, or it ends now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One of the results of an expression.
#[derive(Debug)]
pub struct Series {
    labels: Value,
    pub value: f64,
}

impl Series {
    fn of(result: &Value) -> Self {
        let value = result["value"][1].as_str().unwrap();
        Self { labels: result["metric"].clone(), value: value.parse().unwrap() }
    }

    /// The value of a label; empty where there is none, which is the same for Prometheus.
    pub fn label(&self, name: &str) -> &str {
        self.labels[name].as_str().unwrap_or_default()
    }
}

/// As forms are sent.
fn encoded(text: &str) -> String {
    let letters = text.bytes().map(|byte| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    letters.collect()
}
