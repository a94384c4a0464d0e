//! What the `loans` example reaches, beside a bare loop that inserts the same rows into one SQLite table.
//!
//! `cargo run --release --example measure -- PATH.csv[.gz] [postgres://…]`, with `loans` built before. Ratios count;
//! figures do not carry over to another machine. On PostgreSQL every run has a schema of its own, `measure_1` and so on,
//! in a database that should be empty.

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

/// How many rows the bare loop commits at a time.
const ROWS_PER_COMMIT: usize = 64;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let log = std::env::args().nth(1).ok_or("usage: measure PATH.csv[.gz] [postgres://…]")?;
    let postgres = std::env::args().nth(2);
    let folder = tempfile::tempdir()?;
    let bare = bare_loop(Path::new(&log), &folder.path().join("bare.db")).await?;
    println!("{:<28} {:>10.0} rows/s", "bare loop, 64 a commit", bare);
    let stores = [Some("sqlite"), postgres.as_ref().map(|_| "postgres"), Some("memory")];
    let url = |store: &str, in_flight: u32| match (store, &postgres) {
        ("sqlite", _) => format!("sqlite:{}", folder.path().join(format!("{in_flight}.db")).display()),
        ("postgres", Some(url)) => {
            let separator = if url.contains('?') { '&' } else { '?' };
            format!("{url}{separator}schema=measure_{in_flight}")
        }
        _ => "memory".to_owned(),
    };
    for store in stores.into_iter().flatten() {
        for in_flight in [1, 16, 64] {
            import(&log, store, &url(store, in_flight), in_flight, bare)?;
        }
    }
    let events = 5.0 * rows(Path::new(&log))?.len() as f64;
    for store in stores.into_iter().flatten().filter(|store| *store != "memory") {
        for workers in ["1", "2", "4"] {
            let replay = run(&["--store", &url(store, 64), "replay", "--all", "--workers", workers])?;
            let rate = events / replay.elapsed.as_secs_f64();
            let name = format!("replay, {store}, {workers} workers");
            println!("{name:<28} {rate:>10.0} events/s, {} MiB at its peak", replay.peak_kib / 1024);
        }
    }
    Ok(())
}

/// Imports the log, and prints how that went beside the bare loop's rate.
fn import(log: &str, store: &str, url: &str, in_flight: u32, bare: f64) -> Result<(), Failure> {
    let flights = in_flight.to_string();
    let import = run(&["--log", log, "--store", url, "--in-flight", &flights, "--json"])?;
    let timings = &serde_json::from_slice::<Value>(&import.stdout)?["timings"];
    let rate = timings["commands_per_second"].as_f64().ok_or("loans prints its rate")?;
    println!(
        "{:<28} {rate:>10.0} commands/s {:>6.2} of the bare loop, {} MiB at its peak",
        format!("import, {store}, {in_flight} in flight"),
        rate / bare,
        import.peak_kib / 1024,
    );
    Ok(())
}

/// The rows of the log, in memory: reading them is not what is measured. No field of this log is quoted.
fn rows(log: &Path) -> Result<Vec<Vec<String>>, Failure> {
    let file = BufReader::new(File::open(log)?);
    let zipped = log.extension().is_some_and(|extension| extension == "gz");
    let text: Box<dyn Read> = if zipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let row = |line: std::io::Result<String>| Ok(line?.split(',').map(str::to_owned).collect());
    BufReader::new(text).lines().skip(1).map(row).collect()
}

/// Rows a second of a loop that does nothing but insert them, durably.
async fn bare_loop(log: &Path, database: &Path) -> Result<f64, Failure> {
    let rows = rows(log)?;
    let options =
        SqliteConnectOptions::new().filename(database).create_if_missing(true).disable_statement_logging();
    let mut connection: SqliteConnection = options
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .connect()
        .await?;
    sqlx::raw_sql(
        "CREATE TABLE log (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT, d TEXT, e TEXT, f TEXT, g TEXT)",
    )
    .execute(&mut connection)
    .await?;
    let began = Instant::now();
    for chunk in rows.chunks(ROWS_PER_COMMIT) {
        let mut transaction = connection.begin().await?;
        for row in chunk {
            let insert = sqlx::query("INSERT INTO log (a, b, c, d, e, f, g) VALUES (?, ?, ?, ?, ?, ?, ?)");
            row.iter()
                .fold(insert, |insert, field| insert.bind(field.as_str()))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
    }
    Ok(rows.len() as f64 / began.elapsed().as_secs_f64())
}

/// A program that came to its end.
struct Finished {
    stdout: Vec<u8>,
    elapsed: Duration,
    peak_kib: u64,
}

/// Runs `loans`, and watches how much memory it takes.
fn run(arguments: &[&str]) -> Result<Finished, Failure> {
    let loans: PathBuf = std::env::current_exe()?.with_file_name("loans");
    let began = Instant::now();
    let output = tempfile::tempfile()?;
    let mut child =
        Command::new(loans).args(arguments).stdout(output.try_clone()?).stderr(Stdio::null()).spawn()?;
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(peak_memory_kib(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let elapsed = began.elapsed();
    if !status.success() {
        return Err(format!("loans {arguments:?} ended with {status}").into());
    }
    let mut stdout = Vec::new();
    let mut output = output;
    std::io::Seek::rewind(&mut output)?;
    output.read_to_end(&mut stdout)?;
    Ok(Finished { stdout, elapsed, peak_kib })
}

/// The most memory a process has had, as Linux knows it.
fn peak_memory_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
