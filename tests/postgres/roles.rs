//! Events are never changed, by whomever; and each role can do its part and no more.

use super::scene::{
    append, appended, connect, log, options, private_server, refused, run, stream, try_run, unusable,
};
use es_core::{
    AppendError, CheckpointStore, Commit, CommitError, Cursor, DeadLetterStore, EventId, EventStore,
    GenerationState, Lease, LetterChange, LetterPlace, Parked, Payload, Position, ProjectionId, Snapshot,
    SnapshotPlace, SnapshotStore, StoreError, StreamRange, Version, ViewStore, ViewWrite,
};
use es_postgres::PostgresStore;
use std::time::Duration;
use test_server::{Server, Settings};
use uuid::Uuid;

const CHANGES: [&str; 3] =
    ["UPDATE es.events SET payload = '{}'", "DELETE FROM es.events", "TRUNCATE es.events"];

/// A server with a store that belongs to a role of its own, and one login for each of the store's roles.
struct Roles {
    server: Server,
}

impl Roles {
    async fn new() -> Option<Self> {
        let roles = Self::without_grants().await?;
        roles.grant().await;
        Some(roles)
    }

    /// Before anybody has run what makes the roles.
    async fn without_grants() -> Option<Self> {
        let server = private_server(Settings::new())?;
        let mut root = connect(&server.url("postgres")).await;
        run(&mut root, "CREATE ROLE owner LOGIN CREATEROLE PASSWORD 'secret'").await;
        run(&mut root, "CREATE DATABASE bank OWNER owner").await;
        let roles = Self { server };
        options(&roles.url("owner")).migrate().await.unwrap();
        Some(roles)
    }

    async fn grant(&self) {
        let owner = options(&self.url("owner"));
        let mut connection = connect(&self.url("owner")).await;
        let mut root = connect(&self.server.url("postgres")).await;
        // Twice: it can be run again.
        for _ in 0..2 {
            run(&mut connection, &owner.roles_sql().unwrap()).await;
        }
        for role in ["writer", "projector", "reader"] {
            let sql = format!("CREATE ROLE {role} LOGIN PASSWORD 'secret' IN ROLE es_{role}");
            run(&mut root, &sql).await;
        }
    }

    fn url(&self, role: &str) -> String {
        format!("postgres://{role}:secret@127.0.0.1:{}/bank", self.server.port())
    }

    fn root(&self) -> String {
        self.server.url("bank")
    }

    async fn store(&self, role: &str) -> PostgresStore {
        options(&self.url(role)).without_migrations().open().await.unwrap()
    }
}

fn lease() -> Lease {
    Lease {
        owner: Uuid::now_v7(),
        duration: Duration::from_secs(60),
        of: GenerationState::Live,
        shard: es_core::Shard::WHOLE,
        begin: None,
        takes_over: false,
    }
}

fn projection() -> ProjectionId {
    ProjectionId::new("balances", 1).unwrap()
}

async fn project(store: &PostgresStore, to: Cursor) -> Result<(), CommitError> {
    let grant = store.acquire(&projection(), lease()).await?.unwrap();
    let writes = vec![ViewWrite { key: "k".into(), view: Some("{}".into()) }];
    store.commit(Commit { grant, to: Some(to), writes, letters: Vec::new() }).await
}

fn snapshot(event_id: EventId) -> Snapshot {
    Snapshot {
        stream: stream("a"),
        schema_version: 1,
        version: Version::new(1),
        event_id,
        state: Payload::new("{}"),
    }
}

#[track_caller]
fn assert_not_allowed(outcome: Result<(), StoreError>) {
    let reason = unusable(outcome);
    assert!(reason.contains("permission denied"), "{reason}");
}

fn store_error(error: AppendError) -> StoreError {
    match error {
        AppendError::Store(error) => error,
        AppendError::Conflict(conflict) => panic!("{conflict}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_34_events_are_changed_by_nobody() {
    let Some(roles) = Roles::new().await else { return };
    let store = roles.store("writer").await;
    appended(&store, "a", 2).await;
    for url in [roles.root(), roles.url("owner")] {
        let mut connection = connect(&url).await;
        for change in CHANGES {
            assert_eq!(refused(&mut connection, change).await, "ES001", "{change}");
        }
    }
    let mut root = connect(&roles.root()).await;
    // As a session does that replays what another server did: other triggers rest then.
    run(&mut root, "SET session_replication_role = 'replica'").await;
    for change in CHANGES {
        assert_eq!(refused(&mut root, change).await, "ES001", "{change} as a replica");
    }
    for role in ["writer", "projector", "reader"] {
        let mut connection = connect(&roles.url(role)).await;
        for change in CHANGES {
            assert_eq!(refused(&mut connection, change).await, "42501", "{role}: {change}");
        }
        for way_round in [
            "ALTER TABLE es.events DISABLE TRIGGER ALL",
            "DROP TRIGGER events_are_never_changed ON es.events",
            "DROP TABLE es.events CASCADE",
            "SELECT setval('es.position_seq', 1)",
            "ALTER SEQUENCE es.position_seq CACHE 20",
            "CREATE TABLE es.own (number bigint)",
            "UPDATE es.store SET store_key = 1",
            "DELETE FROM es.commands",
            "DELETE FROM es._migrations",
        ] {
            assert_eq!(refused(&mut connection, way_round).await, "42501", "{role}: {way_round}");
        }
    }
    assert_eq!(log(&store).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_34_a_writer_appends_and_saves_snapshots_and_keeps_no_read_model() {
    let Some(roles) = Roles::new().await else { return };
    let store = roles.store("writer").await;
    let sent = append("a", 1);
    let id = sent.events[0].event_id;
    assert!(!store.append(sent.clone()).await.unwrap().repeated);
    assert!(store.append(sent).await.unwrap().repeated);
    store.save(snapshot(id)).await.unwrap();
    store.save(snapshot(id)).await.unwrap();
    assert!(store.load(&stream("a"), 1).await.unwrap().0.is_some());
    let place = SnapshotPlace { stream: stream("a"), schema_version: 1 };
    assert_eq!(store.drop_snapshots(&[place]).await.unwrap(), 1);
    assert_eq!(log(&store).await.len(), 1);
    assert_eq!(store.blockers().await.unwrap(), []);
    assert_not_allowed(store.acquire(&projection(), lease()).await.map(drop));

    let mut own = connect(&roles.url("writer")).await;
    run(&mut own, "BEGIN").await;
    store.append_in(&mut own, vec![append("a", 1)]).await.unwrap();
    run(&mut own, "COMMIT").await;
    assert_eq!(log(&store).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_34_a_projector_keeps_read_models_and_does_not_append() {
    let Some(roles) = Roles::new().await else { return };
    let owner = options(&roles.url("owner")).open().await.unwrap();
    appended(&owner, "a", 1).await;
    let store = roles.store("projector").await;
    let head = store.head().await.unwrap().unwrap();
    project(&store, head).await.unwrap();
    assert_eq!(store.view(&projection(), "k").await.unwrap().as_deref(), Some("{}"));
    // A rebuild makes a table and swaps it in; the old one is kept, to roll back to and to drop.
    let building = Lease { of: GenerationState::Building, ..lease() };
    let grant = store.acquire(&projection(), building).await.unwrap().unwrap();
    let writes = vec![ViewWrite { key: "k".into(), view: Some("[]".into()) }];
    store.commit(Commit { grant: grant.clone(), to: Some(head), writes, letters: Vec::new() }).await.unwrap();
    let grant = es_core::Grant { cursor: Some(head), ..grant };
    store.swap(&grant).await.unwrap();
    assert_eq!(store.view(&projection(), "k").await.unwrap().as_deref(), Some("[]"));
    let count = "SELECT count(*) FROM pg_class WHERE relname ~ '^views_[0-9]+$'";
    let left = async || super::scene::number(&mut connect(&roles.root()).await, count).await;
    assert_eq!(left().await, 2);
    assert!(store.roll_back(&projection()).await.unwrap());
    assert_eq!(store.view(&projection(), "k").await.unwrap().as_deref(), Some("{}"));
    for count in [2, 1] {
        assert!(store.divide(&projection(), GenerationState::Live, count).await.unwrap());
    }
    assert!(store.drop_generation(&projection(), GenerationState::Kept).await.unwrap());
    assert_eq!(left().await, 1);
    park_and_discard(&store).await;
    let outcome = store.append(append("a", 1)).await.map(drop).map_err(store_error);
    assert_not_allowed(outcome);
    assert_not_allowed(store.save(snapshot(head.event_id)).await);
    let place = SnapshotPlace { stream: stream("a"), schema_version: 1 };
    assert_not_allowed(store.drop_snapshots(&[place]).await.map(drop));
    assert_eq!(log(&store).await.len(), 1);
}

/// Keeps a dead letter, tries it again and does without it.
async fn park_and_discard(store: &PostgresStore) {
    let grant = store.acquire(&projection(), lease()).await.unwrap().unwrap();
    let place = LetterPlace { queue: "key:k".parse().unwrap(), position: Position::new(1) };
    let parked = Parked {
        place: place.clone(),
        stream: stream("a"),
        version: Version::new(1),
        name: "account.changed".into(),
        cause: Some("it does not fit".into()),
    };
    let discarded = LetterChange::Discard { place, reason: "a mistake".into() };
    for change in [LetterChange::Park(parked.clone()), LetterChange::Park(parked), discarded] {
        let commit = Commit { letters: vec![change], ..Commit::new(grant.clone(), grant.cursor) };
        store.commit(commit).await.unwrap();
    }
    assert_eq!(store.discarded(&projection()).await.unwrap().len(), 1);
    store.release(&grant, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_34_a_projector_goes_on_in_a_store_that_was_in_use_and_writes_no_other_table() {
    let Some(roles) = Roles::without_grants().await else { return };
    let owner = options(&roles.url("owner")).open().await.unwrap();
    appended(&owner, "a", 1).await;
    let head = owner.head().await.unwrap().unwrap();
    let lease = Lease { duration: Duration::ZERO, ..lease() };
    let begun = owner.acquire(&projection(), lease).await.unwrap().unwrap();
    roles.grant().await;
    let store = roles.store("projector").await;
    project(&store, head).await.unwrap();
    assert_eq!(store.view(&projection(), "k").await.unwrap().as_deref(), Some("{}"));
    owner.release(&begun, None).await.unwrap();

    run(&mut connect(&roles.url("owner")).await, "CREATE TABLE es.later (number bigint)").await;
    let mut projector = connect(&roles.url("projector")).await;
    run(&mut projector, "SELECT FROM es.later").await;
    for change in
        ["INSERT INTO es.later VALUES (1)", "UPDATE es.later SET number = 1", "DELETE FROM es.later"]
    {
        assert_eq!(refused(&mut projector, change).await, "42501", "{change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_34_a_reader_reads_and_no_more() {
    let Some(roles) = Roles::new().await else { return };
    let owner = options(&roles.url("owner")).open().await.unwrap();
    appended(&owner, "a", 1).await;
    let head = owner.head().await.unwrap().unwrap();
    project(&roles.store("projector").await, head).await.unwrap();

    let store = roles.store("reader").await;
    assert_eq!(log(&store).await.len(), 1);
    assert_eq!(store.read(&stream("a"), StreamRange::default()).await.unwrap().events.len(), 1);
    assert_eq!(store.view(&projection(), "k").await.unwrap().as_deref(), Some("{}"));
    assert_eq!(store.generations().await.unwrap().len(), 1);
    assert!(store.load(&stream("a"), 1).await.unwrap().0.is_none());
    let shown = try_run(&mut connect(&roles.url("reader")).await, "SELECT * FROM es.events_json").await;
    shown.unwrap();
    let outcome = store.append(append("a", 1)).await.map(drop).map_err(store_error);
    assert_not_allowed(outcome);
    assert_not_allowed(store.save(snapshot(head.event_id)).await);
    assert_not_allowed(store.acquire(&ProjectionId::new("other", 1).unwrap(), lease()).await.map(drop));
    // A role that may not migrate can still open what is up to date.
    options(&roles.url("reader")).open().await.unwrap();
}
