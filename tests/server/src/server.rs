//! [`Server`].

use crate::account::Account;
use crate::binaries::Binaries;
use crate::keeper::Keeper;
use crate::process::run;
use crate::settings::Settings;
use anyhow::{Context, Result, bail};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Below the ports that systems give to outgoing connections, so that nobody takes ours while the server is down.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// How often another port is tried.
const PORTS_MAX: usize = 20;

/// How long a start waits for what is left of a killed server.
const REMAINS_WAIT_MAX: Duration = Duration::from_secs(30);

/// How many seconds a start may take.
const START_SECONDS_MAX: &str = "60";

/// How many lines of the server's log an error shows.
const LOG_LINES_SHOWN: usize = 30;

/// What the log says of a start that may go better next time.
const PORT_TAKEN: &str = "could not create any TCP/IP sockets";
const REMAINS: [&str; 2] =
    ["pre-existing shared memory block", "lock file \"postmaster.pid\" already exists"];

/// A private PostgreSQL server: its own data folder, its own port on 127.0.0.1, a password of its own. It is stopped
/// and removed when it is dropped, and when this process ends in whatever way.
#[derive(Debug)]
pub struct Server {
    // Fields are dropped in this order: the keeper stops the server before the folder is removed.
    _keeper: Keeper,
    folder: TempDir,
    data: PathBuf,
    binaries: Binaries,
    account: Account,
    port: u16,
    password: String,
}

impl Server {
    /// Finds or installs PostgreSQL, and starts a server that is ready when this returns.
    ///
    /// # Errors
    /// When there is no PostgreSQL, or it does not start; the error says what to do, or ends with the server's log.
    pub fn start(settings: Settings) -> Result<Self> {
        let binaries = Binaries::find_or_install()?;
        let account = Account::choose()?;
        let folder = match settings.folder() {
            Some(parent) => tempfile::Builder::new().prefix("es-postgres-").tempdir_in(parent),
            None => tempfile::Builder::new().prefix("es-postgres-").tempdir(),
        };
        let folder = folder.context("cannot make a folder for the server")?;
        account.owns(folder.path())?;
        let keeper = Keeper::start(folder.path(), &binaries, account)?;
        let (port, password) = (free_port()?, password()?);
        let data = folder.path().join("data");
        let mut server = Self { _keeper: keeper, folder, data, binaries, account, port, password };
        server.initialize(&settings)?;
        server.start_on_a_free_port()?;
        Ok(server)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database for the superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The password of the superuser `postgres`.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The folder of the data, which the server's account owns.
    pub fn data_folder(&self) -> &Path {
        &self.data
    }

    /// The server's own log.
    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// PostgreSQL's programs, of the version that runs here.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The process id of the server.
    ///
    /// # Panics
    /// When the server is stopped.
    pub fn postmaster_pid(&self) -> u32 {
        let text = fs::read_to_string(self.data_folder().join("postmaster.pid"));
        let text = text.expect("a server that runs has a file with its process id");
        let line = text.lines().next().unwrap_or_default();
        line.trim().parse().expect("the first line of the file is the process id")
    }

    /// Stops the server as a crash does: no transaction ends, no checkpoint is written.
    ///
    /// # Errors
    /// When the server does not run.
    pub fn stop_immediately(&self) -> Result<()> {
        run(self.pg_ctl("stop").args(["--mode", "immediate"])).map(drop)
    }

    /// Starts the server again after [`stop_immediately`](Self::stop_immediately), or after its process was killed:
    /// the same data, the same port.
    ///
    /// # Errors
    /// When it runs already, or does not start; the error ends with the server's log.
    pub fn start_again(&self) -> Result<()> {
        if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            bail!("the server at port {} runs already", self.port);
        }
        let begin = Instant::now();
        loop {
            match self.try_start() {
                // Its processes end soon, and until then it counts as running.
                Err(log) if has_remains(&log) && begin.elapsed() < REMAINS_WAIT_MAX => {}
                outcome => return outcome.map_err(|log| self.did_not_start(&log)),
            }
        }
    }

    /// A program of PostgreSQL as the server's account runs it, connected to the database `postgres` of this server
    /// unless its arguments say otherwise. It starts in the server's folder, where it may write.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.path(program));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        command.env("PGHOST", "127.0.0.1").env("PGPORT", self.port.to_string());
        command.env("PGUSER", "postgres").env("PGPASSWORD", &self.password).env("PGDATABASE", "postgres");
        command.env("PGCLIENTENCODING", "UTF8").env("LC_ALL", "C").current_dir(self.folder.path());
        self.account.runs(&mut command);
        command
    }

    fn pg_ctl(&self, action: &str) -> Command {
        let mut command = self.command("pg_ctl");
        command.args([action, "--silent", "--wait", "--timeout", START_SECONDS_MAX]);
        command.arg("--pgdata").arg(self.data_folder());
        command
    }

    fn initialize(&self, settings: &Settings) -> Result<()> {
        let password_file = self.folder.path().join("password");
        fs::write(&password_file, &self.password)?;
        self.account.owns(&password_file)?;
        let mut initdb = self.command("initdb");
        initdb.args([
            "--username",
            "postgres",
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
        ]);
        initdb.arg("--pwfile").arg(&password_file).arg("--pgdata").arg(self.data_folder());
        if !settings.is_durable() {
            initdb.arg("--no-sync");
        }
        run(&mut initdb).context("cannot make a data folder")?;
        fs::remove_file(&password_file)?;
        let conf = self.data_folder().join("postgresql.conf");
        OpenOptions::new().append(true).open(conf)?.write_all(settings.lines().as_bytes())?;
        let hba = self.data_folder().join("pg_hba.conf");
        fs::write(&hba, format!("{}{}", settings.hba(), fs::read_to_string(&hba)?))?;
        Ok(())
    }

    fn start_on_a_free_port(&mut self) -> Result<()> {
        for _ in 0..PORTS_MAX {
            match self.try_start() {
                // Somebody was faster between our look and the start.
                Err(log) if log.contains(PORT_TAKEN) => self.port = free_port()?,
                outcome => return outcome.map_err(|log| self.did_not_start(&log)),
            }
        }
        bail!("found no port that stays free in {PORTS_MAX} attempts")
    }

    /// Starts the server; the error is what this start wrote to the log, after what the program said.
    fn try_start(&self) -> Result<(), String> {
        let before = fs::metadata(self.log_file()).map_or(0, |log| log.len());
        let mut start = self.pg_ctl("start");
        start.arg("--log").arg(self.log_file()).args(["--options", &format!("-p {}", self.port)]);
        run(&mut start).map(drop).map_err(|error| {
            let log = fs::read(self.log_file()).unwrap_or_default();
            let news = log.get(usize::try_from(before).unwrap_or(0)..).unwrap_or_default();
            format!("{error:#}\n{}", String::from_utf8_lossy(news))
        })
    }

    fn did_not_start(&self, log: &str) -> anyhow::Error {
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        let version = self.binaries.version();
        anyhow::anyhow!("PostgreSQL {version} did not start; the end of its log:\n{}", tail.join("\n"))
    }
}

fn has_remains(log: &str) -> bool {
    REMAINS.iter().any(|line| log.contains(line))
}

/// A port that nobody listens on just now.
fn free_port() -> Result<u16> {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(PORTS)).take(1_000);
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.context("there is no free port on 127.0.0.1")
}

/// Other users of this machine can reach the port, so the password must not be guessed.
fn password() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes).context("cannot read /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
