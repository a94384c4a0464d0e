//! The server: a process of its own, this program with other arguments.

use anyhow::{Context, Result, bail};
use contender::Place;
use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

/// The first argument of the program when it is the server.
const SERVE: &str = "serve";
const START_MAX: Duration = Duration::from_secs(30);

/// Runs the server, if that is what the program was called for, until nobody holds its standard input.
pub(crate) fn serve_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != SERVE {
        return None;
    }
    let (listen_addr, db_path) = (arguments.next()?, arguments.next()?);
    spawn(|| {
        let ended = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(i32::from(ended.is_err()));
    });
    let options = umadb::CliOptions { listen_addr, db_path, ..umadb::CliOptions::default() };
    match umadb::start_server_with_cli_options(options) {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("the server: {error}");
            Some(ExitCode::FAILURE)
        }
    }
}

/// The server of a folder: the contender that comes first starts it, one that comes meanwhile finds it.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) process: u32,
    /// And the lock of the folder, of the one that has started it.
    own: Option<(Child, File)>,
}

impl Server {
    pub(crate) fn of(place: &Place) -> Result<Self> {
        fs::create_dir_all(&place.folder)?;
        let lock = File::create(place.folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Self::start(place, lock),
            Err(TryLockError::WouldBlock) => Self::find(place),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    fn start(place: &Place, lock: File) -> Result<Self> {
        // The port is free again as soon as the listener is gone.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let child = Command::new(std::env::current_exe()?)
            .args([SERVE, &address])
            .arg(place.folder.join("uma.db"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("the server cannot be started")?;
        let process = child.id();
        fs::write(note(place), format!("{process} {address}"))?;
        Ok(Self { url: format!("http://{address}"), process, own: Some((child, lock)) })
    }

    fn find(place: &Place) -> Result<Self> {
        let began = Instant::now();
        while began.elapsed() < START_MAX {
            // It may not be there yet.
            if let Some((process, address)) =
                fs::read_to_string(note(place)).unwrap_or_default().split_once(' ')
            {
                return Ok(Self { url: format!("http://{address}"), process: process.parse()?, own: None });
            }
            sleep(Duration::from_millis(10));
        }
        bail!("no server has said its address")
    }
}

fn note(place: &Place) -> PathBuf {
    place.folder.join("server")
}

impl Drop for Server {
    /// What was appended is on the disk, so that the server may just be ended.
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.own
            && let Err(error) = child.kill().and_then(|()| child.wait())
        {
            eprintln!("the server cannot be ended: {error}");
        }
    }
}
