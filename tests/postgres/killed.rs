//! Processes that append are killed with SIGKILL at any moment.

use super::clerk::{Clerk, Line, lines, number};
use super::ground::{database, log, open, options, places};
use es_core::{Position, StreamId};
use std::collections::HashMap;
use std::path::Path;
use tests::tally;

const ROUNDS: u32 = 15;
const WRITERS: [&str; 2] = ["first", "second"];

/// What the journals say must hold of the log: what was acknowledged is there, once and where it was said; what is in
/// doubt is there at most once; nothing else is there. Gives how many of each there are: acknowledged, in doubt, and
/// in doubt but there.
pub fn check(writer: &str, journal: &Path, places: &HashMap<(StreamId, u64), Position>) -> [usize; 3] {
    let (lines, stream) = (lines(journal), tally::stream(writer));
    let of = |word: &str| lines.iter().filter(|line| line[0] == word).collect::<Vec<&Line>>();
    assert_eq!(of("failed"), Vec::<&Line>::new());
    let mut left: HashMap<u64, Position> =
        places.iter().filter(|((of, _), _)| *of == stream).map(|((_, number), at)| (*number, *at)).collect();
    let acked = of("ok");
    for line in &acked {
        let found = left.remove(&number(line, 1));
        assert_eq!(found, Some(Position::new(number(line, 2))), "{writer} was told {line:?}");
    }
    let mut in_doubt: Vec<u64> = of("try").iter().map(|line| number(line, 1)).collect();
    in_doubt.sort_unstable();
    in_doubt.dedup();
    in_doubt.retain(|tried| !acked.iter().any(|line| number(line, 1) == *tried));
    let there = left.len();
    left.retain(|number, _| !in_doubt.contains(number));
    assert!(left.is_empty(), "{writer} never tried {left:?}");
    [acked.len(), in_doubt.len(), there]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_01_what_killed_processes_were_told_is_there_once_and_what_they_were_not_at_most_once() {
    let Some(database) = database().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let journals = WRITERS.map(|writer| folder.path().join(writer));
    let store = open(&options(database.url())).await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut dice = fastrand::Rng::with_seed(seed);
    for _ in 0..ROUNDS {
        let mut clerks: Vec<Clerk> = std::iter::zip(WRITERS, &journals)
            .map(|(writer, journal)| Clerk::append(database.url(), journal, writer))
            .collect();
        for clerk in &mut clerks {
            let (word, more) = (["try", "ok"][dice.usize(..2)], dice.usize(1..20));
            clerk.until(word, clerk.count(word) + more).await;
            clerk.kill();
        }
    }
    // The last appends of the killed may still be under way: who writes to their streams now comes after them.
    let places = places(&log(&settled(store, database.url()).await).await);
    for (writer, journal) in std::iter::zip(WRITERS, &journals) {
        let [acked, in_doubt, there] = check(writer, journal, &places);
        let lines = lines(journal);
        let repeated = lines.iter().filter(|line| line.last().is_some_and(|word| word == "repeated")).count();
        println!(
            "{writer}: {acked} acknowledged ({repeated} when they were repeated), {in_doubt} left in doubt, \
             {there} of these stored"
        );
        assert!(acked > 50 && there <= in_doubt);
    }
}

/// The store, once nobody but it is connected.
async fn settled(store: es_postgres::PostgresStore, url: &str) -> es_postgres::PostgresStore {
    let mut plain = super::ground::Plain::connect(url).await;
    let none = "application_name = 'es-postgres' AND state <> 'idle'";
    super::ground::until("nothing is under way", async || plain.others(none).await == 0).await;
    store
}
