//! The lock of a writer has 32 bits for a position of 64: what happens where they wrap.

use super::reader::Reader;
use super::scene::{Scene, Transaction, appended, log, run};

/// Where the low 32 bits begin anew, and where they are half way, so that unwrapping changes its sign.
const EDGES: [u64; 4] = [2_147_483_647, 4_294_967_295, 6_442_450_943, 8_589_934_591];

/// How far below an edge the first writer begins; the last one begins behind it.
const BELOW: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_13_a_writer_held_across_the_wrap_of_its_key_is_not_skipped() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let mut connection = scene.connect().await;
    let (mut reader, mut naive) = (Reader::store(&store), Reader::naive(scene.url()).await);
    let mut all: Vec<u64> = Vec::new();
    for edge in EDGES {
        run(&mut connection, &format!("SELECT setval('es.position_seq', {})", edge - BELOW)).await;
        while all.last().is_none_or(|last| *last <= edge + 1) {
            let before = log(&store).await;
            let mut held = Transaction::begin(scene.url(), &store).await;
            let first = held.append("held").await;
            let second = appended(&store, "free", 1).await.position.value();
            let blockers = store.blockers().await.unwrap();
            assert_eq!(blockers[0].above.value(), first - 1, "at {first}");
            assert_eq!(log(&store).await, before, "the writer at {first} holds readers");
            naive.read().await;
            held.commit().await;
            all.extend([first, second]);
            for reader in [&mut reader, &mut naive] {
                reader.read().await;
            }
        }
    }
    assert_eq!(reader.seen, all);
    assert_eq!(log(&store).await, all);
    assert_eq!(naive.missed(&all).len(), all.len() / 2, "the naive twin was not caught");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_13_a_writer_held_over_half_the_wrap_still_holds() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let mut connection = scene.connect().await;
    let mut held = Transaction::begin(scene.url(), &store).await;
    let first = held.append("held").await;
    // As far as a key can be told from one of the next round.
    run(&mut connection, "SELECT setval('es.position_seq', 2147483647)").await;
    let second = appended(&store, "free", 1).await.position.value();
    assert_eq!(log(&store).await, [0; 0]);
    held.commit().await;
    assert_eq!(log(&store).await, [first, second]);
}
