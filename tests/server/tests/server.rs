//! What the tests of other crates rely on, seen from outside: with PostgreSQL's own programs and by its port.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use test_server::{Server, Settings};

const LOOK_INTERVAL: Duration = Duration::from_millis(20);
const WAIT_MAX: Duration = Duration::from_secs(60);

fn start() -> Server {
    Server::start(Settings::new()).unwrap_or_else(|error| panic!("{error:#}"))
}

/// What `psql` prints for one statement, or what it complains of.
fn ask(psql: &mut Command, sql: &str) -> Result<String, String> {
    let output =
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--command", sql]).output();
    let output = output.expect("psql is among the programs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn query(server: &Server, sql: &str) -> String {
    ask(&mut server.command("psql"), sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn is_listening(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn wait_until(what: &str, reached: impl Fn() -> bool) {
    let start = Instant::now();
    let (_open, tick) = mpsc::channel::<()>();
    while !reached() {
        assert!(start.elapsed() < WAIT_MAX, "waited in vain until {what}");
        // Nobody sends: the channel is a clock.
        let _ = tick.recv_timeout(LOOK_INTERVAL);
    }
}

#[test]
fn a_server_answers_as_soon_as_it_is_started() {
    let server = start();
    assert_eq!(query(&server, "SELECT 1"), "1");
    let by_url = ask(server.command("psql").arg(server.url("template1")), "SELECT current_database()");
    assert_eq!(by_url.as_deref(), Ok("template1"));
}

#[test]
fn a_server_has_the_settings_it_was_given() {
    let server = Server::start(Settings::new().with("work_mem", "5MB")).expect("the server starts");
    for (name, value) in [
        ("work_mem", "5MB"),
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("synchronous_commit", "on"),
        ("max_prepared_transactions", "20"),
        ("server_encoding", "UTF8"),
    ] {
        assert_eq!(query(&server, &format!("SHOW {name}")), value, "{name}");
    }
}

#[test]
fn a_durable_server_forces_what_it_writes_to_the_disk() {
    let server = Server::start(Settings::new().durable()).expect("the server starts");
    assert_eq!(query(&server, "SHOW fsync"), "on");
    assert_eq!(query(&server, "SHOW full_page_writes"), "on");
    assert_eq!(query(&server, "SHOW synchronous_commit"), "on");
}

#[test]
fn nobody_comes_in_without_the_password() {
    let server = start();
    for password in [None, Some("guessed")] {
        let mut psql = server.command("psql");
        psql.arg("--no-password").env_remove("PGPASSWORD").envs(password.map(|word| ("PGPASSWORD", word)));
        let error = ask(&mut psql, "SELECT 1").expect_err("the password is wrong");
        assert!(error.contains("password"), "{password:?}: {error}");
    }
}

#[test]
fn lines_for_pg_hba_come_before_ours() {
    let settings = Settings::new().with_hba("host template1 all 127.0.0.1/32 reject");
    let server = Server::start(settings).expect("the server starts");
    assert_eq!(query(&server, "SELECT 1"), "1");
    let error = ask(server.command("psql").env("PGDATABASE", "template1"), "SELECT 1").unwrap_err();
    assert!(error.contains("pg_hba.conf rejects"), "{error}");
}

#[test]
fn a_server_that_was_stopped_at_once_keeps_its_data_and_its_port() {
    let server = start();
    let (port, process) = (server.port(), server.postmaster_pid());
    query(&server, "CREATE TABLE kept AS SELECT 7 AS number");
    server.stop_immediately().expect("the server stops");
    assert!(!is_listening(port));
    server.start_again().expect("the server starts again");
    assert_eq!((query(&server, "SELECT number FROM kept").as_str(), server.port()), ("7", port));
    assert_ne!(server.postmaster_pid(), process);
}

#[test]
fn a_server_whose_process_was_killed_can_be_started_again() {
    let server = start();
    query(&server, "CREATE TABLE kept AS SELECT 7 AS number");
    let killed = Command::new("kill").args(["-KILL", &server.postmaster_pid().to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    wait_until("the port is closed", || !is_listening(server.port()));
    server.start_again().expect("the server starts again");
    assert_eq!(query(&server, "SELECT number FROM kept"), "7");
}

#[test]
fn nothing_is_left_of_a_server_that_was_dropped() {
    let parent = tempfile::tempdir_in("/tmp").expect("a folder can be made");
    open_to_all(&parent);
    let server = Server::start(Settings::new().in_folder(parent.path())).expect("the server starts");
    let (port, folder) = (server.port(), server.data_folder().to_owned());
    assert!(is_listening(port) && folder.starts_with(parent.path()) && server.log_file().exists());
    drop(server);
    assert!(!is_listening(port));
    assert_eq!(std::fs::read_dir(parent.path()).expect("the parent stays").count(), 0);
}

/// PostgreSQL may run as another user, who has to get through.
fn open_to_all(folder: &tempfile::TempDir) {
    use std::os::unix::fs::PermissionsExt;
    let opened = std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755));
    opened.expect("the folder is ours");
}

#[test]
fn nothing_is_left_of_a_server_whose_starter_was_killed() {
    let mut starter = Command::new(env!("CARGO_BIN_EXE_test-server"));
    let mut starter = starter.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let lines = BufReader::new(starter.stdout.take().expect("it is piped")).lines();
    let lines: Vec<String> = lines.take(2).map(|line| line.expect("it prints text")).collect();
    let port = lines[0].rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
    let port: u16 = port.unwrap_or_else(|| panic!("expected a URL with a port: {}", lines[0]));
    let data = PathBuf::from(lines[1].strip_prefix("# data folder ").expect("the second line"));
    let folder = data.parent().expect("the data lie in the server's folder").to_owned();
    assert!(is_listening(port) && data.exists());
    starter.kill().expect("it can be killed");
    let status = starter.wait().expect("it ends");
    assert!(!status.success(), "it came to its own end: {status}");
    wait_until("the server and its folder are gone", || !is_listening(port) && !folder.exists());
}
