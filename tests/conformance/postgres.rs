//! [`PostgresStore`], in databases of its own.

use async_trait::async_trait;
use es_conformance::{Ability, HeldAppend, Instance, Settings, Subject, Tamper};
use es_core::Store;
use es_postgres::{PostgresOptions, PostgresStore};
use sqlx::{Connection, PgConnection};
use std::sync::{Arc, Mutex};
use tests::Database;

/// Makes stores in databases of one server.
#[derive(Default)]
pub struct Postgres {
    /// They live as long as the subject.
    databases: Mutex<Vec<Arc<Database>>>,
}

struct InDatabase {
    database: Arc<Database>,
    options: PostgresOptions,
    open: Mutex<PostgresStore>,
}

/// A database with an up-to-date schema.
async fn database() -> Database {
    let key = PostgresOptions::new("postgres://").unwrap().migrations_sql().unwrap();
    let migrate = |url: String| async move { PostgresOptions::new(&url).unwrap().migrate().await.unwrap() };
    Database::with_template(&key, migrate).await
}

#[async_trait]
impl Subject for Postgres {
    async fn instance(&self, settings: Settings) -> Box<dyn Instance> {
        let database = Arc::new(database().await);
        self.databases.lock().unwrap().push(Arc::clone(&database));
        let mut options = PostgresOptions::new(database.url()).unwrap().limits(settings.limits);
        if let Some(connections_max) = settings.connections_max {
            options = options.connections(connections_max);
        }
        if let Some(wait_max) = settings.wait_max {
            options = options.wait_max(wait_max);
        }
        let open = Mutex::new(options.clone().open().await.unwrap());
        Box::new(InDatabase { database, options, open })
    }

    fn lacks(&self) -> &[Ability] {
        // Events are recorded by the server's clock.
        &[Ability::Clock, Ability::HoldAppend]
    }

    fn cannot_be_made(&self) -> Option<String> {
        tests::database::server().is_none().then(|| "there is no PostgreSQL".into())
    }
}

impl InDatabase {
    fn handle(&self) -> PostgresStore {
        self.open.lock().unwrap().clone()
    }
}

#[async_trait]
impl Instance for InDatabase {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.handle())
    }

    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        self.handle().close().await.unwrap();
        let opened = self.options.clone().open().await.unwrap();
        *self.open.lock().unwrap() = opened;
        Some(self.store())
    }

    async fn second_handle(&self) -> Option<Arc<dyn Store>> {
        Some(Arc::new(self.options.clone().open().await.unwrap()))
    }

    async fn tamper(&self, tamper: Tamper) -> Option<()> {
        let mut database = PgConnection::connect(self.database.url()).await.unwrap();
        sqlx::query("ALTER TABLE es.events DISABLE TRIGGER events_are_never_changed")
            .execute(&mut database)
            .await
            .unwrap();
        let change = match tamper {
            Tamper::DeleteEvent { stream, version } => {
                sqlx::query("DELETE FROM es.events WHERE stream = $1 AND version = $2")
                    .bind(stream.to_string())
                    .bind(version.value().cast_signed())
            }
            Tamper::ChangeEventId { position, event_id } => {
                sqlx::query("UPDATE es.events SET event_id = $1 WHERE position = $2")
                    .bind(event_id.uuid())
                    .bind(position.value().cast_signed())
            }
            Tamper::OverwritePayload { stream, version, payload } => {
                sqlx::query("UPDATE es.events SET payload = $1 WHERE stream = $2 AND version = $3")
                    .bind(payload)
                    .bind(stream.to_string())
                    .bind(version.value().cast_signed())
            }
            other => panic!("{other:?} is new: teach it to this subject"),
        };
        assert_eq!(change.execute(&mut database).await.unwrap().rows_affected(), 1);
        database.close().await.unwrap();
        Some(())
    }

    async fn hold_next_append(&self) -> Option<Box<dyn HeldAppend>> {
        None
    }
}

mod in_databases {
    es_conformance::conformance!(super::Postgres::default());
}
