//! [`Bouncer`]: a private PgBouncer in front of a private server.

use std::env;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use test_server::Server;
use tests::{shout, wait};

/// Names the program where it is not found by itself.
const VARIABLE: &str = "ES_TEST_PGBOUNCER";

const USUAL: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];

/// The program, found or installed.
pub struct Program {
    path: PathBuf,
    pub version: (u32, u32),
}

impl Program {
    /// `None`, and it was said aloud, where there is none and it cannot be installed. In CI it must be there if it can.
    pub fn find_or_install() -> Option<Self> {
        let found = Self::find().or_else(|| {
            let installed = can_install() && install();
            installed.then(Self::find).flatten()
        });
        if found.is_none() {
            shout(&format!("!!! SKIPPED: what needs PgBouncer; install it, or set {VARIABLE} to its path"));
            assert!(!(env::var_os("CI").is_some() && can_install()), "CI is set, and there is no PgBouncer");
        }
        found
    }

    fn find() -> Option<Self> {
        let chosen = env::var_os(VARIABLE).map(PathBuf::from);
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&path).chain(USUAL.map(PathBuf::from));
        chosen
            .into_iter()
            .chain(folders.map(|folder| folder.join("pgbouncer")))
            .find_map(|path| Self::at(&path))
    }

    fn at(path: &Path) -> Option<Self> {
        let output = Command::new(path).arg("--version").output().ok()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut numbers = said.lines().next()?.strip_prefix("PgBouncer ")?.split('.').map(str::parse);
        let version = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Self { path: path.to_owned(), version })
    }

    /// Whether it knows prepared statements in transaction mode.
    pub fn knows_prepared_statements(&self) -> bool {
        self.version >= (1, 21)
    }
}

/// Debian or its like, and root.
fn can_install() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    root && Command::new("apt-get").arg("--version").output().is_ok()
}

/// The package would start a pooler for everybody: a policy that says no is put in its way for the moment.
fn install() -> bool {
    shout("!!! PgBouncer is not installed; installing the package `pgbouncer` with apt-get");
    let install = "DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y pgbouncer";
    let script = format!("{install} || (apt-get update && {install})");
    Command::new("sh").args(["-c", &script]).output().is_ok_and(|output| output.status.success())
}

/// A running pooler in transaction mode.
pub struct Bouncer {
    child: Child,
    port: u16,
}

impl Bouncer {
    /// Starts one that holds as many connections to each database of the server.
    pub async fn start(program: &Program, server: &Server, pool: u32) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = server.data_folder().parent().unwrap();
        let prepared = if program.knows_prepared_statements() { "max_prepared_statements = 200" } else { "" };
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres password={}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = {pool}\nmax_client_conn = 200\n{prepared}\n",
            server.port(),
            server.password()
        );
        let file = folder.join("pgbouncer.ini");
        std::fs::write(&file, text).unwrap();
        let mut command = server.command(program.path.to_str().unwrap());
        command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let bouncer = Self { child: command.spawn().unwrap(), port };
        let listens = async || TcpStream::connect(("127.0.0.1", port)).is_ok();
        wait::until("the pooler listens", listens).await;
        bouncer
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        // It has ended, or it ends now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
