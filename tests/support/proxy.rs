//! [`Proxy`]: a piece of network that can be cut, swallow and be slow.

use std::io::{Error, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// How much is handed on at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// Listens on a port of this machine and hands on what comes, to a server and back, as it is told.
///
/// It ends when it is dropped, and with it all connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    say: watch::Sender<Mode>,
    shared: Arc<Shared>,
    task: AbortHandle,
}

/// What becomes of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are handed on.
    Pass,
    /// They are handed on, each chunk after a while.
    Delay(Duration),
    /// They vanish, and nobody is told: a connection that has lost some ends when another mode is set.
    Swallow,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Reply,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    /// Where to cut: after so many bytes more in this direction, whoever they belong to.
    cut: Mutex<Option<(Direction, usize)>>,
    cuts: AtomicU64,
}

impl Proxy {
    /// Listens on a free port in front of `server`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (say, hear) = watch::channel(Mode::Pass);
        let shared = Arc::new(Shared { server, cut: Mutex::new(None), cuts: AtomicU64::new(0) });
        let task = tokio::spawn(listen(listener, shared.clone(), hear)).abort_handle();
        Ok(Self { port, say, shared, task })
    }

    /// Where clients connect.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What becomes of the bytes from now on.
    pub fn set(&self, mode: Mode) {
        self.say.send_replace(mode);
    }

    /// Ends the connection through which the byte number `bytes` flows in this direction, counted from now over all
    /// connections; what comes before it is handed on, and so is it.
    pub fn cut_after(&self, direction: Direction, bytes: usize) {
        *self.shared.cut.lock().expect("nobody panics with the lock") = Some((direction, bytes));
    }

    /// Hands on everything from now on.
    pub fn calm(&self) {
        *self.shared.cut.lock().expect("nobody panics with the lock") = None;
        self.set(Mode::Pass);
    }

    /// How many connections were cut, or ended because they had lost bytes.
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// How many of `bytes` may be handed on before the connection is to be cut; nothing when all may.
    fn until_cut(&self, direction: Direction, bytes: usize) -> Option<usize> {
        let mut cut = self.cut.lock().expect("nobody panics with the lock");
        let (_, left) = cut.as_mut().filter(|(wanted, _)| *wanted == direction)?;
        if bytes < *left {
            *left -= bytes;
            return None;
        }
        cut.take().map(|(_, left)| left)
    }

    fn end(&self, why: &'static str) -> Error {
        self.cuts.fetch_add(1, Ordering::Relaxed);
        Error::other(why)
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>, hear: watch::Receiver<Mode>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                connections.spawn(connect(client, shared.clone(), hear.clone()));
            }
            // An end of a connection is no matter: it is what a proxy is for.
            Some(_) = connections.join_next() => (),
        }
    }
}

async fn connect(client: TcpStream, shared: Arc<Shared>, hear: watch::Receiver<Mode>) -> Result<()> {
    // A server that is down looks like one: the client's connection ends at once.
    let server = TcpStream::connect(shared.server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // A side that has said everything may still listen; a fault ends both.
    tokio::try_join!(
        pump(from_client, to_server, Direction::Request, &shared, hear.clone()),
        pump(from_server, to_client, Direction::Reply, &shared, hear),
    )?;
    Ok(())
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    direction: Direction,
    shared: &Shared,
    mut hear: watch::Receiver<Mode>,
) -> Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let mode = *hear.borrow_and_update();
        match mode {
            Mode::Pass => (),
            Mode::Delay(delay) => {
                // A new mode ends the wait; either way the bytes go on.
                drop(tokio::time::timeout(delay, hear.changed()).await);
            }
            // The end of one side vanishes too: both halves are kept until the fault is over.
            Mode::Swallow => return Err(swallow(from, shared, hear).await),
        }
        if let Some(left) = shared.until_cut(direction, read) {
            to.write_all(&chunk[..left]).await?;
            return Err(shared.end("cut"));
        }
        to.write_all(&chunk[..read]).await?;
    }
}

/// Reads and forgets until another mode is set.
async fn swallow(mut from: OwnedReadHalf, shared: &Shared, mut hear: watch::Receiver<Mode>) -> Error {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        tokio::select! {
            read = from.read(&mut chunk) => if !matches!(read, Ok(1..)) {
                // There will be no more; that too is no news to the other side.
                drop(hear.changed().await);
                return shared.end("swallowed");
            },
            _ = hear.changed() => return shared.end("swallowed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says everything back, and a proxy before it.
    async fn echo() -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.into_split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        Proxy::start(server).await.unwrap()
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap()
    }

    /// What comes back before the connection ends.
    async fn rest(client: &mut TcpStream) -> Vec<u8> {
        let mut found = Vec::new();
        // However it ends.
        drop(client.read_to_end(&mut found).await);
        found
    }

    #[tokio::test]
    async fn bytes_pass_also_when_they_are_slow() {
        let proxy = echo().await;
        for mode in [Mode::Pass, Mode::Delay(Duration::from_millis(5))] {
            proxy.set(mode);
            let mut client = connect(&proxy).await;
            client.write_all(b"hello").await.unwrap();
            let mut found = [0; 5];
            client.read_exact(&mut found).await.unwrap();
            assert_eq!(&found, b"hello");
        }
        assert_eq!(proxy.cuts(), 0);
    }

    #[tokio::test]
    async fn a_reply_is_cut_after_every_byte() {
        let proxy = echo().await;
        for bytes in 1..=5 {
            let mut client = connect(&proxy).await;
            proxy.cut_after(Direction::Reply, bytes);
            client.write_all(b"hello").await.unwrap();
            assert_eq!(rest(&mut client).await, b"hello"[..bytes]);
        }
        assert_eq!(proxy.cuts(), 5);
        let mut client = connect(&proxy).await;
        client.write_all(b"again").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(rest(&mut client).await, b"again", "a cut is for one connection");
    }

    #[tokio::test]
    async fn a_request_is_cut_and_the_server_has_what_came_before() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap()).await.unwrap();
        proxy.cut_after(Direction::Request, 3);
        let mut client = connect(&proxy).await;
        client.write_all(b"hello").await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        assert_eq!(rest(&mut server).await, b"hel");
    }

    #[tokio::test]
    async fn what_is_swallowed_never_comes_and_the_connection_ends_with_the_fault() {
        let proxy = echo().await;
        let mut client = connect(&proxy).await;
        proxy.set(Mode::Swallow);
        client.write_all(b"hello").await.unwrap();
        let mut found = [0; 1];
        let answer = tokio::time::timeout(Duration::from_millis(50), client.read(&mut found)).await;
        assert!(answer.is_err(), "it answered");
        proxy.set(Mode::Pass);
        assert_eq!(rest(&mut client).await, b"");
        assert_eq!(proxy.cuts(), 1);
    }
}
