//! [`PostgresStore`], in databases of its own.

use async_trait::async_trait;
use es_conformance::{Ability, HeldAppend, Instance, Settings, Subject, Tamper};
use es_core::Store;
use es_postgres::{PostgresOptions, PostgresStore};
use sqlx::{Connection, PgConnection};
use std::sync::{Arc, Mutex};

/// Makes stores in databases of one server.
pub struct Postgres;

struct InDatabase {
    url: String,
    options: PostgresOptions,
    open: Mutex<PostgresStore>,
}

async fn database() -> String {
    let server = std::env::var("ES_TEST_DATABASE_URL").unwrap();
    let mut c = PgConnection::connect(&server).await.unwrap();
    let name = format!("es_{}", uuid::Uuid::now_v7().simple());
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut c).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

#[async_trait]
impl Subject for Postgres {
    async fn instance(&self, settings: Settings) -> Box<dyn Instance> {
        let url = database().await;
        let mut options = PostgresOptions::new(&url).unwrap().limits(settings.limits);
        if let Some(connections_max) = settings.connections_max {
            options = options.connections(connections_max);
        }
        if let Some(wait_max) = settings.wait_max {
            options = options.wait_max(wait_max);
        }
        let open = Mutex::new(options.clone().open().await.unwrap());
        Box::new(InDatabase { url, options, open })
    }

    fn lacks(&self) -> &[Ability] {
        // Events are recorded by the server's clock.
        &[Ability::Clock, Ability::HoldAppend]
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
        let mut database = PgConnection::connect(&self.url).await.unwrap();
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
    es_conformance::conformance!(super::Postgres);
}
