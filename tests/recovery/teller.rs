//! `run`: the background work as a process, told to end in every way, and asked after its health.

use super::process::Teller;
use es_core::{EventStore, Projector, StreamRange, ViewStore};
use es_sqlite::SqliteStore;
use rustix::process::Signal;
use tempfile::TempDir;
use tests::tally::{self, Count};
use tests::wait;

/// The store that the process works on.
struct Shop {
    folder: TempDir,
    store: SqliteStore,
}

impl Shop {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("teller.db")).await.unwrap();
        Self { folder, store }
    }

    async fn wrote(&self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            self.store.append(tally::append(&tally::stream("one"), number)).await.unwrap();
        }
    }

    fn run(&self, arguments: &[&str]) -> Teller {
        Teller::run(Teller::command().current_dir(self.folder.path()), arguments)
    }

    /// Waits until the read model has everything.
    async fn is_counted(&self) {
        let events = self.store.read(&tally::stream("one"), StreamRange::default()).await.unwrap().events;
        let last = events.last().unwrap().position;
        Projector::<Count>::new(self.store.clone())
            .wait_for(last, std::time::Duration::from_secs(60))
            .await
            .unwrap();
        let view = self.view("count").await.unwrap();
        assert!(view.starts_with(&format!(r#"{{"events":{},"#, events.len())), "{view}");
    }

    async fn view(&self, projection: &str) -> Option<String> {
        let projection = es_core::ProjectionId::new(projection, 1).unwrap();
        self.store.view(&projection, "tally-one").await.unwrap()
    }

    async fn owners(&self) -> usize {
        let generations = es_core::CheckpointStore::generations(&self.store).await.unwrap();
        generations.iter().filter(|generation| generation.owner().is_some()).count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_21_sigterm_ends_the_work_in_order_and_gives_the_leases_back() {
    let shop = Shop::new().await;
    shop.wrote(0..10).await;
    for (round, signal) in [Signal::TERM, Signal::INT].into_iter().enumerate() {
        let teller = shop.run(&[]);
        shop.is_counted().await;
        // In the second round all was counted before: it is ready also before it has its leases.
        teller
            .answers(
                "/health/ready",
                200,
                &[r#""ready":true"#, r#""state":"running""#, r#""dead_letters":0"#],
            )
            .await;
        shop.wrote([20 + round as u64]).await;
        shop.is_counted().await;
        assert_eq!(teller.get("/health/live"), (200, "alive\n".into()));
        assert_eq!(teller.get("/elsewhere").0, 404);
        teller.signal(signal);
        let (status, said) = teller.ended();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(
            said.contains("finishing what is under way, for at most 10 s") && said.ends_with("finished\n"),
            "{said}"
        );
        assert_eq!(shop.owners().await, 0, "the next one need not wait");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halt_makes_it_not_ready_but_no_failure() {
    let shop = Shop::new().await;
    shop.wrote([1, 13, 2]).await;
    let teller = shop.run(&[]);
    shop.is_counted().await;
    let problems = [r#""ready":false"#, "picky v1 has halted at position 2", "the number is unlucky"];
    teller.answers("/health/ready", 503, &problems).await;
    assert_eq!(teller.get("/health/live").0, 200);
    teller.signal(Signal::TERM);
    let (status, said) = teller.ended();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("unlucky") && said.contains("what had halted is tried again"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_21_a_batch_that_is_not_finished_in_time_is_cut_off_and_done_again() {
    for (arguments, signals, code, why) in [
        (["--drain", "1"], 1, 1, "had not finished after 1 s"),
        (["--drain", "600"], 2, 130, "it was cut off"),
    ] {
        let shop = Shop::new().await;
        shop.wrote((0..5).chain([1_000])).await;
        let mut teller = shop.run(&arguments);
        shop.is_counted().await;
        wait::until("the slow one is at work", async || shop.folder.path().join("heavy").exists()).await;
        teller.signal(Signal::TERM);
        assert!(teller.line().starts_with("finishing"));
        if signals == 2 {
            teller.answers("/health/ready", 503, &["it is ending"]).await;
            teller.signal(Signal::TERM);
        }
        let (status, said) = teller.ended();
        assert_eq!(status.code(), Some(code), "{said}");
        assert!(said.contains(why) && said.contains("rolled back"), "{said}");
        assert_eq!(shop.view("slow").await, None, "nothing of its batch was written");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_counts_is_shown_in_the_format_of_prometheus() {
    let shop = Shop::new().await;
    shop.wrote([1, 13, 2]).await;
    let teller = shop.run(&["--commands", "4"]);
    shop.is_counted().await;
    let picky = r#"{projection="picky",version="1",state="live"}"#;
    let halts = format!("es_projection_halts_total{picky}");
    wait::until("it has halted", async || teller.metrics().value(&halts) == Some(1.0)).await;
    let lease = format!("es_projection_owner{picky}");
    wait::until("nobody works on it", async || teller.metrics().value(&lease) == Some(0.0)).await;
    let head = shop.store.head().await.unwrap().unwrap().position.value() as f64;
    let position = r#"es_projection_position{projection="count",version="1",state="live"}"#;
    wait::until("it is at the end", async || teller.metrics().value(position) == Some(head)).await;

    let metrics = teller.metrics();
    let expected = [
        (r#"es_projection_owner{projection="count",version="1",state="live"}"#, 1.0),
        (r#"es_projection_events_total{projection="count",version="1",state="live"}"#, 3.0),
        (r#"es_projection_halts_total{projection="count",version="1",state="live"}"#, 0.0),
        (r#"es_projection_position{projection="picky",version="1",state="live"}"#, 1.0),
        (r#"es_commands_total{category="till",outcome="done"}"#, 4.0),
        (r#"es_commands_total{category="till",outcome="conflict"}"#, 0.0),
        (r#"es_command_seconds_count{category="till"}"#, 4.0),
        (r#"es_append_seconds_bucket{category="till",le="+Inf"}"#, 4.0),
        (r#"es_cache_reads_total{category="till",outcome="hit"}"#, 3.0),
        (r#"es_write_calls_sum{store="sqlite"}"#, 4.0),
    ];
    assert_eq!(expected.map(|(series, _)| metrics.value(series)), expected.map(|(_, value)| Some(value)));
    teller.signal(Signal::TERM);
    assert_eq!(teller.ended().0.code(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_told_before_anything_begins() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran =
        Teller::command().current_dir(folder.path()).args(["run", "--listen", &address]).output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("cannot listen on {address}")) && said.contains("--listen"), "{said}");
}
