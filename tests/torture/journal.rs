//! [`Journal`]: what a process has seen and done, outside the store, and on the disk before it goes on.

use super::line::{Line, Outcome, Part};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use tokio::sync::oneshot;

/// How many lines are written with one `fdatasync`.
const GROUP_LINES_MAX: usize = 1_000;

/// How much of another process's journal is read to find what it left open.
const TAIL_BYTES: u64 = 64 * 1024;

/// A line on its way to the disk, and whom to tell that it is there.
type Queued = (String, oneshot::Sender<()>);

/// An append-only file. A clone writes into the same one.
#[derive(Debug, Clone)]
pub struct Journal {
    queue: Sender<Queued>,
}

/// Microseconds by a clock that all processes of this machine share.
pub fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(time.tv_sec * 1_000_000 + time.tv_nsec / 1_000).unwrap_or_default()
}

/// The journal of this worker.
pub fn path(folder: &Path, worker: u16) -> PathBuf {
    folder.join(format!("journal-{worker}.jsonl"))
}

impl Journal {
    /// Opens the file to write at its end, and writes there on a thread of its own. Waits for the one of an earlier life
    /// in this process, which may still be writing what was queued.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.with_context(|| path.display().to_string())?;
        file.lock()?;
        // A process that was killed may have left half a line.
        file.write_all(b"\n")?;
        let (queue, lines) = mpsc::channel();
        thread::spawn(move || write(&mut file, &lines));
        Ok(Self { queue })
    }

    /// Returns when the line is on the disk. A call that is dropped may have written it or not.
    ///
    /// # Errors
    /// When the disk failed: a run that cannot write down what it does proves nothing.
    pub async fn write(&self, line: &Line) -> Result<()> {
        let (done, written) = oneshot::channel();
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.queue.send((text, done)).ok().context("the journal could not be written")?;
        written.await.context("the journal could not be written")
    }
}

/// Writes what is queued, with one `fdatasync` for what came meanwhile; ends at the first error.
fn write(file: &mut File, lines: &Receiver<Queued>) {
    while let Ok(first) = lines.recv() {
        let group: Vec<_> = std::iter::once(first).chain(lines.try_iter().take(GROUP_LINES_MAX)).collect();
        let text: String = group.iter().map(|(text, _)| text.as_str()).collect();
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        if let Err(error) = written {
            eprintln!("the journal could not be written: {error}");
            return;
        }
        for (_, done) in group {
            // Whoever was dropped while it waited needs no answer.
            let _ = done.send(());
        }
    }
}

/// The lines of a journal. One that was cut short by a kill is left out: nobody was told that it is there.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<Line>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(lines(&bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// The last lines of a journal, which another process may be writing.
///
/// # Errors
/// When the file cannot be read.
pub fn read_tail(path: &Path) -> Result<Vec<Line>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(lines(&bytes))
}

fn lines(bytes: &[u8]) -> Vec<Line> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// The calls whose last outcome is unknown or not there.
pub fn unresolved(lines: &[Line]) -> Vec<Vec<Part>> {
    let mut open = BTreeMap::new();
    let mut calls = BTreeMap::new();
    for line in lines {
        match line {
            Line::Intent { op, parts, .. } => {
                calls.insert(*op, parts);
                open.insert(parts.iter().flat_map(|part| &part.ids).collect::<Vec<_>>(), parts.clone());
            }
            Line::Outcome { op, outcome: Outcome::Ok(_) | Outcome::Refused(_), .. } => {
                if let Some(parts) = calls.get(op) {
                    open.remove(&parts.iter().flat_map(|part| &part.ids).collect::<Vec<_>>());
                }
            }
            _ => (),
        }
    }
    open.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::super::line::Expect;
    use super::*;
    use es_core::{EventId, StreamId};
    use uuid::Uuid;

    fn intent(op: u64, id: u128) -> Line {
        let stream = StreamId::new("hot", 1).unwrap();
        let ids = vec![EventId::new(Uuid::from_u128(id))];
        Line::Intent { op, at: 0, parts: vec![Part { stream, expected: Expect::Any, ids, command: None }] }
    }

    fn outcome(op: u64, outcome: Outcome) -> Line {
        Line::Outcome { op, at: 0, outcome }
    }

    #[tokio::test]
    async fn half_a_line_is_left_out_and_the_next_life_goes_on_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), 1);
        Journal::open(&path).unwrap().write(&intent(1, 1)).await.unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"line\":\"int").unwrap();
        Journal::open(&path).unwrap().write(&intent(2, 2)).await.unwrap();
        assert_eq!(read(&path).unwrap(), [intent(1, 1), intent(2, 2)]);
        assert_eq!(read_tail(&path).unwrap().len(), 2);
        assert_eq!(read_tail(&folder.path().join("none")).unwrap(), []);
    }

    #[test]
    fn what_was_answered_or_refused_is_resolved() {
        let unknown = || Outcome::Unknown(String::new());
        let lines = [
            intent(1, 1),
            outcome(1, Outcome::Ok(Vec::new())),
            intent(2, 2),
            outcome(2, unknown()),
            intent(3, 3),
            intent(4, 4),
            outcome(4, Outcome::Refused(String::new())),
            intent(5, 5),
            outcome(5, unknown()),
            intent(6, 5),
            outcome(6, Outcome::Ok(Vec::new())),
        ];
        let ids: Vec<_> = unresolved(&lines).iter().map(|parts| parts[0].ids[0].uuid().as_u128()).collect();
        assert_eq!(ids, [2, 3]);
    }
}
