//! One projection divided among several workers: who is granted which checkpoint, and what may wait for what.

use super::accounts::*;
use super::in_table::{Balance, TABLE, with_table};
use es_core::{
    CheckpointStore, Commit, CommitError, Comparison, Cursor, EventStore, Generation, GenerationId,
    GenerationState, Grant, Halt, Lease, LetterChange, LetterPlace, Parked, Position, ProjectionId, Shard,
    Slices, Version, ViewWrite,
};
use es_memory::MemoryStore;
use es_postgres::{PostgresStore, in_table};
use futures::future::{join_all, try_join_all};
use std::time::Duration;
use tests::tally;
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3_600);
/// How many rows the log has; checkpoints behind them are of another history.
const LOG: u64 = 20;

fn lease(shard: Shard, owner: u128) -> Lease {
    Lease {
        of: GenerationState::Live,
        shard,
        owner: Uuid::from_u128(owner),
        duration: HOUR,
        begin: None,
        takes_over: false,
    }
}

fn cursor(position: u64) -> Option<Cursor> {
    let event_id = tally::event_id(&tally::stream("log"), position);
    (position > 0).then(|| Cursor { position: Position::new(position), event_id })
}

/// The same steps for a store in memory and one on PostgreSQL.
struct Twins {
    memory: MemoryStore,
    postgres: PostgresStore,
    projection: ProjectionId,
    random: fastrand::Rng,
    /// What each was granted, and no other was since.
    grants: Vec<[Grant; 2]>,
}

impl Twins {
    fn stores(&self) -> [&dyn CheckpointStore; 2] {
        [&self.memory, &self.postgres]
    }

    /// One whose epoch is over, now and then.
    fn any_grant(&mut self) -> Option<usize> {
        let recent = self.grants.len().saturating_sub(self.random.usize(1..6));
        (!self.grants.is_empty())
            .then(|| self.random.usize(recent.min(self.grants.len() - 1)..self.grants.len()))
    }

    fn state(&mut self) -> GenerationState {
        let states = [GenerationState::Live, GenerationState::Live, GenerationState::Building];
        self.random.choice(states).unwrap_or(GenerationState::Live)
    }

    async fn step(&mut self) {
        match self.random.u8(0..100) {
            0..35 => self.acquire().await,
            35..65 => self.commit().await,
            65..72 => self.release().await,
            72..84 => self.divide().await,
            84..90 => self.end_build().await,
            _ => self.manage().await,
        }
        assert_eq!(self.generations(0).await, self.generations(1).await);
    }

    /// Numbers of generations are each store's own.
    async fn generations(&self, store: usize) -> Vec<Generation> {
        let mut all = self.stores()[store].generations().await.unwrap();
        all.retain(|found| found.projection == self.projection);
        all.iter_mut().for_each(|found| found.id = GenerationId::new(0));
        all
    }

    async fn acquire(&mut self) {
        let of = self.state();
        let found = self.generations(0).await.into_iter().find(|found| found.state == of);
        let count = match found {
            Some(found) if self.random.u8(0..10) > 0 => found.shards,
            _ => self.random.u16(1..5),
        };
        let shard = Shard::new(self.random.u16(0..count), count).unwrap();
        let lease = Lease {
            of,
            duration: if self.random.bool() { HOUR } else { Duration::ZERO },
            begin: cursor(self.random.u64(0..3)),
            takes_over: self.random.u8(0..5) == 0,
            ..lease(shard, self.random.u128(1..4))
        };
        let mut granted = Vec::new();
        for store in self.stores() {
            granted.push(store.acquire(&self.projection, lease).await.unwrap());
        }
        let without_id = |grant: &Option<Grant>| {
            grant.clone().map(|grant| Grant { generation: GenerationId::new(0), ..grant })
        };
        assert_eq!(without_id(&granted[0]), without_id(&granted[1]), "{lease:?}");
        if let [Some(memory), Some(postgres)] = &granted[..] {
            self.grants.push([memory.clone(), postgres.clone()]);
        }
    }

    async fn commit(&mut self) {
        let Some(place) = self.any_grant() else { return };
        let to = match (self.grants[place][0].until, self.random.u8(0..4)) {
            (Some(until), 0 | 1) => Some(until),
            (_, 3) => cursor(self.random.u64(0..LOG + 5)),
            _ => cursor(self.grants[place][0].position().value() + self.random.u64(0..3)),
        };
        let letters = Vec::from_iter((self.random.u8(0..8) == 0).then(|| self.parked()));
        let writes = vec![ViewWrite { key: "k".to_owned(), view: Some("1".to_owned()) }];
        let mut outcomes = Vec::new();
        for (store, grant) in self.stores().into_iter().zip(&self.grants[place]) {
            let commit =
                Commit { grant: grant.clone(), to, writes: writes.clone(), letters: letters.clone() };
            outcomes.push(store.commit(commit).await);
        }
        if same(outcomes) {
            self.grants[place].iter_mut().for_each(|grant| grant.cursor = to);
        }
    }

    fn parked(&mut self) -> LetterChange {
        let queue = if self.random.bool() { "key:k" } else { "stream:tally-log" };
        let place = LetterPlace { queue: queue.parse().unwrap(), position: Position::new(1) };
        if self.random.u8(0..3) > 0 {
            return LetterChange::Settle(place);
        }
        LetterChange::Park(Parked {
            place,
            stream: tally::stream("log"),
            version: Version::new(1),
            name: "tally.counted".to_owned(),
            cause: Some("it does not fit".to_owned()),
        })
    }

    async fn release(&mut self) {
        let Some(place) = self.any_grant() else { return };
        let halt = Halt { position: Position::new(3), cause: "poison".to_owned() };
        let halt = self.random.bool().then_some(halt);
        for (store, grant) in self.stores().into_iter().zip(&self.grants[place]) {
            store.release(grant, halt.clone()).await.unwrap();
        }
    }

    async fn divide(&mut self) {
        let (state, count) = (self.state(), self.random.choice([1, 1, 2, 3, 4, 7]).unwrap_or(1));
        let mut outcomes = Vec::new();
        for store in self.stores() {
            let divided = store.divide(&self.projection, state, count).await;
            outcomes.push(divided.map_err(|error| error.to_string()));
        }
        assert_eq!(outcomes[0], outcomes[1]);
    }

    async fn end_build(&mut self) {
        let Some(place) = self.any_grant().filter(|place| self.grants[*place][0].until.is_none()) else {
            return;
        };
        let swaps = self.random.u8(0..3) > 0;
        let mut outcomes = Vec::new();
        for (store, grant) in self.stores().into_iter().zip(&self.grants[place]) {
            outcomes.push(if swaps { store.swap(grant).await } else { store.discard(grant).await });
        }
        same(outcomes);
    }

    async fn manage(&mut self) {
        let (what, state) = (self.random.u8(0..8), self.state());
        let mut outcomes = Vec::new();
        for store in self.stores() {
            let outcome = match what {
                0..2 => store.pause(&self.projection).await,
                2..5 => store.resume(&self.projection).await,
                5..7 => store.roll_back(&self.projection).await,
                _ => store.drop_generation(&self.projection, state).await,
            };
            outcomes.push(outcome.unwrap());
        }
        assert_eq!(outcomes[0], outcomes[1]);
    }
}

/// Says whether both did it; how far the live one is must be the same, too.
fn same(outcomes: Vec<Result<(), CommitError>>) -> bool {
    let told: Vec<_> = outcomes.iter().map(|outcome| format!("{outcome:?}")).collect();
    assert_eq!(told[0], told[1]);
    outcomes.iter().all(Result::is_ok)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_done_a_store_in_memory_and_one_on_postgresql_grant_the_same() {
    let Some(database) = database().await else { return };
    let (memory, postgres) = (MemoryStore::default(), open(&database).await);
    for number in 1..=LOG {
        let append = tally::append(&tally::stream("log"), number);
        memory.append(append.clone()).await.unwrap();
        postgres.append(append).await.unwrap();
    }
    for seed in 0..16 {
        let projection = ProjectionId::new(&format!("seed_{seed}"), 1).unwrap();
        let random = fastrand::Rng::with_seed(seed);
        let (memory, postgres) = (memory.clone(), postgres.clone());
        let mut twins = Twins { memory, postgres, projection, random, grants: Vec::new() };
        for _ in 0..120 {
            twins.step().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_begin_at_once_make_one_generation() {
    let Some(database) = database().await else { return };
    let (store, other) = (open(&database).await, open(&database).await);
    for round in 0..10 {
        let projection = ProjectionId::new(&format!("round_{round}"), 1).unwrap();
        let owners = [(&store, 1), (&other, 2)];
        let asked = owners.iter().flat_map(|(store, owner)| {
            Shard::all(4).map(|shard| store.acquire(&projection, lease(shard, *owner)))
        });
        let granted: Vec<Grant> = try_join_all(asked).await.unwrap().into_iter().flatten().collect();
        let mut slices: Vec<_> = granted.iter().map(|grant| (grant.slices, grant.epoch)).collect();
        slices.sort_unstable();
        let expected: Vec<_> = Shard::all(4).map(|shard| (shard.slices(), 1)).collect();
        assert_eq!(slices, expected, "each shard is granted once");
        assert!(granted.iter().all(|grant| grant.generation == granted[0].generation));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_waits_neither_for_another_nor_for_the_generation() {
    let Some(database) = database().await else { return };
    let (store, mut other) = (open(&database).await, stranger(&database).await);
    let projection = ProjectionId::new("waiting", 1).unwrap();
    let mut grants = Vec::new();
    for shard in Shard::all(2) {
        grants.push(store.acquire(&projection, lease(shard, 1)).await.unwrap().unwrap());
    }
    run(
        &mut other,
        "BEGIN; SELECT FROM es.generations FOR UPDATE; UPDATE es.checkpoints SET epoch = epoch WHERE first_slice = 0",
    )
    .await;
    let mut second = grants.remove(1);
    for position in 1..=3 {
        let commit = Commit::new(second.clone(), cursor(position));
        tokio::time::timeout(Duration::from_secs(30), store.commit(commit)).await.unwrap().unwrap();
        second.cursor = cursor(position);
    }
    run(&mut other, "COMMIT").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_is_over_after_each_division_also_where_its_slices_begin_as_before() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let projection = ProjectionId::new("divided", 1).unwrap();
    let live = GenerationState::Live;
    let mut former: Vec<Grant> = Vec::new();
    for (round, count) in [1, 4, 2, 4, 1, 2, 4].into_iter().enumerate() {
        // The checkpoint that begins with slice 512 is taken out and put in again.
        if round > 0 {
            assert!(store.divide(&projection, live, count).await.unwrap());
        }
        for grant in &former {
            let renewed = store.commit(Commit::new(grant.clone(), grant.cursor)).await;
            assert!(matches!(renewed, Err(CommitError::Fenced { .. })), "{renewed:?}");
        }
        for shard in Shard::all(count) {
            let at = 10 * (round as u64 + 1) + u64::from(shard.number());
            loop {
                let mut grant = store.acquire(&projection, lease(shard, 1)).await.unwrap().unwrap();
                let whole = grant.until.is_none();
                let to = grant.until.or(cursor(at));
                store.commit(Commit::new(grant.clone(), to)).await.unwrap();
                grant.cursor = to;
                former.push(grant);
                if whole {
                    break;
                }
            }
        }
        let found = store.generations().await.unwrap().remove(0);
        let slices: Vec<_> = found.checkpoints.iter().map(|checkpoint| checkpoint.slices).collect();
        assert_eq!(slices, Vec::from_iter(Shard::all(count).map(Shard::slices)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_are_never_lost_while_all_are_taken_divided_and_paused_at_once() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let projection = ProjectionId::new("busy", 1).unwrap();
    store.acquire(&projection, lease(Shard::WHOLE, 9)).await.unwrap().unwrap();
    let worker = async |owner: u128| {
        let mut random = fastrand::Rng::with_seed(owner as u64);
        for _ in 0..60 {
            let count = random.choice([1, 2, 3, 4]).unwrap_or(1);
            match random.u8(0..12) {
                0 => drop(store.divide(&projection, GenerationState::Live, count).await.unwrap()),
                1 => drop(store.pause(&projection).await.unwrap()),
                2 | 3 => drop(store.resume(&projection).await.unwrap()),
                _ => {
                    let shard = Shard::new(random.u16(0..count), count).unwrap();
                    let lease = Lease { takes_over: random.bool(), ..lease(shard, owner) };
                    let Some(grant) = store.acquire(&projection, lease).await.unwrap() else { continue };
                    let to = grant.until.or(cursor(grant.position().value() + random.u64(0..2)));
                    match store.commit(Commit::new(grant, to)).await {
                        Ok(()) | Err(CommitError::Fenced { .. }) => (),
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
            let found = store.generations().await.unwrap().remove(0);
            let mut ends = found.checkpoints.iter().map(|checkpoint| checkpoint.slices.end());
            let firsts: Vec<_> =
                found.checkpoints.iter().map(|checkpoint| checkpoint.slices.first()).collect();
            assert_eq!((firsts[0], ends.next_back()), (0, Some(Slices::COUNT)));
            let is_there = |shard: Shard| firsts.contains(&shard.slices().first());
            assert!(Shard::all(found.shards).all(is_there), "{found:?}");
        }
    };
    join_all((0..4).map(worker)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_that_begin_at_once_in_two_processes_fill_one_table() {
    let Some((database, store, mut stranger)) = with_table(TABLE).await else { return };
    let other = open(&database).await;
    for key in 0..40 {
        deposits(&store, &format!("key{key}"), 3).await;
    }
    let projector = |store: &PostgresStore| {
        let balances = in_table::<Balance>(store, "balances").unwrap();
        balances.with_shards(4).any().clone().with_rebuild_workers(3)
    };
    let (here, there) = (projector(&store), projector(&other));
    let (one, two) = tokio::join!(here.catch_up(), there.catch_up());
    one.unwrap();
    two.unwrap();
    assert_eq!(number(&mut stranger, "SELECT count(*) FROM balances WHERE cents = 6").await, 40);
    assert_eq!(generation(&here).await.checkpoints.len(), 4);
    here.rebuild(|_| ()).await.unwrap();
    deposits(&store, "key0", 1).await;
    there.catch_up().await.unwrap();
    assert_eq!(number(&mut stranger, "SELECT sum(cents)::bigint FROM balances").await, 241);
    assert_eq!(generation(&here).await.checkpoints.len(), 4, "divided as before");
    let compared = here.check(|_| ()).await.unwrap();
    assert!(matches!(compared, Comparison::Identical { compared: 40, .. }), "{compared:?}");
}
