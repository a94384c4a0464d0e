//! The disk of the server is full.

use super::ground::{Plain, answer, log, open, options, places, private_server, until};
use es_core::{Append, AppendError, EventStore, Payload, Position, StoreError};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use test_server::{Server, Settings};
use tests::{database, shout, tally};

const DISK: &str = "size=160m,mode=0755";
const RESERVE_BYTES: usize = 48 * 1024 * 1024;
const EVENT_BYTES: usize = 200_000;
/// How many appends are sent to the full disk.
const FAILURES: u64 = 5;
/// The bit of the right to mount, in the mask that Linux shows.
const CAP_SYS_ADMIN: u64 = 1 << 21;

/// A small disk in memory.
struct Disk(tempfile::TempDir);

impl Disk {
    /// Nothing, said aloud, where we may not mount one.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(folder.path());
        let mounted = mount.output();
        if mounted.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        let expected = std::env::var_os("CI").is_some() && may_mount();
        assert!(!expected, "we may mount a disk, but could not: {mounted:?}");
        shout("!!! SKIPPED: a full disk under PostgreSQL, because this process may not mount a small one");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // If it cannot be unmounted, its folder cannot be removed either, and stays.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn may_mount() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & CAP_SYS_ADMIN != 0)
}

/// An append that needs space, and that compression does not help.
fn large(number: u64) -> Append {
    let mut append = tally::append(&tally::stream("large"), number);
    let mut dice = fastrand::Rng::with_seed(number);
    let text: String = std::iter::repeat_with(|| dice.alphanumeric()).take(EVENT_BYTES).collect();
    append.events[0].payload = Payload::new(format!(r#"{{"number":{number},"text":"{text}"}}"#));
    append
}

/// Waits until the server is well again, and starts it where its crashes have ended it; gives how often.
async fn recover(server: &Server) -> u32 {
    let mut starts = 0;
    until("the server is well", async || {
        // One that is at recovering refuses nobody; it says so.
        if TcpStream::connect(("127.0.0.1", server.port())).is_err() {
            // If it does not start yet, its processes are still ending.
            starts += u32::from(tokio::task::block_in_place(|| server.start_again()).is_ok());
        }
        match options(&server.url("postgres")).open().await {
            Ok(store) => store.close().await.is_ok(),
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                false
            }
        }
    })
    .await;
    starts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_25_a_full_disk_loses_nothing_that_was_acknowledged() {
    if database::server().is_none() {
        return;
    }
    let Some(disk) = Disk::mount() else { return };
    let settings = Settings::new().durable().in_folder(disk.path());
    let settings = settings.with("max_connections", "20").with("shared_buffers", "16MB");
    let settings = settings.with("min_wal_size", "32MB").with("max_wal_size", "64MB");
    let Some(server) = private_server(settings) else { return };
    let reserve = disk.path().join("reserve");
    std::fs::write(&reserve, vec![1; RESERVE_BYTES]).unwrap();
    let store = open(&options(&server.url("postgres"))).await;

    let mut acked: Vec<(u64, Position)> = Vec::new();
    let mut failed = Vec::new();
    let (mut unknown, mut number) = (0, 0);
    while failed.len() < FAILURES as usize {
        number += 1;
        match answer("an append", store.append(large(number))).await {
            Ok(appended) => acked.push((number, appended.position)),
            Err(AppendError::Store(StoreError::OutcomeUnknown { .. })) => {
                unknown += 1;
                failed.push(number);
            }
            Err(AppendError::Store(StoreError::Unavailable { .. })) => failed.push(number),
            Err(error) => panic!("{error:?}"),
        }
    }
    std::fs::remove_file(&reserve).unwrap();
    let starts = recover(&server).await;
    let mut repeated = 0;
    for number in &failed {
        let appended = loop {
            match answer("an append", store.append(large(*number))).await {
                Ok(appended) => break appended,
                Err(AppendError::Store(error)) if error.is_transient() => {}
                Err(error) => panic!("{error:?}"),
            }
        };
        repeated += u32::from(appended.repeated);
        acked.push((*number, appended.position));
    }
    let places = places(&log(&store).await);
    assert_eq!(places.len(), acked.len());
    for (number, position) in &acked {
        assert_eq!(places.get(&(tally::stream("large"), *number)), Some(position));
    }
    let mut plain = Plain::connect(&server.url("postgres")).await;
    assert_eq!(plain.number("SELECT count(*) FROM es.events").await, acked.len() as i64);
    println!(
        "{} acknowledged, {unknown} of {FAILURES} failures unknown, {repeated} of them stored, the server was started {starts} times",
        acked.len()
    );
}
