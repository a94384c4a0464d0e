//! The schema: its migrations, run or printed.

use crate::PostgresOptions;
use crate::errors::{Failed, migrate_error};
use crate::options::Pooler;
use crate::rows::value;
use crate::schema::Schema;
use crate::session::{Session, SessionOptions};
use crate::sql;
use es_core::StoreError;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Acquire, AssertSqlSafe, Executor, SqlSafeStr};

/// Every migration, oldest first: a name and its text for the schema `es`. What was released is never changed.
const MIGRATIONS: [(&str, &str); 1] = [("store", include_str!("../migrations/0001_store.sql"))];

/// The table that sqlx keeps of the migrations it has run.
const RECORDS: &str = "CREATE TABLE IF NOT EXISTS es._migrations (
    version        bigint      PRIMARY KEY,
    description    text        NOT NULL,
    installed_on   timestamptz NOT NULL DEFAULT now(),
    success        boolean     NOT NULL,
    checksum       bytea       NOT NULL,
    execution_time bigint      NOT NULL
);
";

/// Grants for who writes, who projects and who reads.
const ROLES: &str = include_str!("../migrations/roles.sql");

/// A migration of the schema, and whether it has been run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationStatus {
    /// Its number; they are run in this order.
    pub number: i64,
    /// What it is about.
    pub name: String,
    /// Whether it has been run.
    pub applied: bool,
}

impl PostgresOptions {
    /// The migrations as SQL, for somebody who runs them by hand, with what records that they were run.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the schema's name cannot be used.
    pub fn migrations_sql(&self) -> Result<String, StoreError> {
        let schema = Schema::new(&self.schema)?;
        let mut text = format!("BEGIN;\nCREATE SCHEMA IF NOT EXISTS {};\n", schema.name());
        text.push_str(&schema.text(RECORDS));
        for migration in migrator(&schema).iter() {
            let checksum: String = migration.checksum.iter().map(|byte| format!("{byte:02x}")).collect();
            text.push_str(&format!(
                "\n-- Migration {number}: {name}\n{sql}\nINSERT INTO {table} (version, description, success, checksum, \
                 execution_time) VALUES ({number}, '{name}', true, '\\x{checksum}', 0);\n",
                number = migration.version,
                name = migration.description,
                sql = migration.sql.as_str(),
                table = table(&schema),
            ));
        }
        text.push_str("COMMIT;\n");
        Ok(text)
    }

    /// Roles for who writes, who projects and who reads, as SQL: none has more rights than it needs.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the schema's name cannot be used.
    pub fn roles_sql(&self) -> Result<String, StoreError> {
        let schema = Schema::new(&self.schema)?;
        let named = ["writer", "projector", "reader"].iter().fold(schema.text(ROLES), |text, role| {
            text.replace(&format!("es_{role}"), &format!("{}_{role}", schema.name()))
        });
        Ok(named.replace("SCHEMA es ", &format!("SCHEMA {} ", schema.name())))
    }

    /// Brings the schema up to date, as [`open`](Self::open) does.
    ///
    /// # Errors
    /// As [`open`](Self::open), without its checks of the server.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let schema = Schema::new(&self.schema)?;
        let mut session = SessionOptions::new(self).open().await?;
        run(&mut session, &schema).await?;
        session.close().await;
        Ok(())
    }

    /// Which migrations this program knows, and whether they were run.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server cannot be reached.
    pub async fn migration_status(&self) -> Result<Vec<MigrationStatus>, StoreError> {
        let schema = Schema::new(&self.schema)?;
        let mut session = SessionOptions::new(self).open().await?;
        let applied = applied(&mut session, &schema).await?;
        session.close().await;
        let status = |migration: &Migration| MigrationStatus {
            number: migration.version,
            name: migration.description.to_string(),
            applied: applied.contains(&migration.version),
        };
        Ok(migrator(&schema).iter().map(status).collect())
    }
}

/// Brings the schema up to date: all of it in one transaction, under a lock that ends with it, so that of two processes
/// one migrates and none sees a half of it.
pub(crate) async fn run(session: &mut Session, schema: &Schema) -> Result<(), StoreError> {
    let pooler = session.pooler();
    let mut transaction = session.connection().begin().await.map_err(sql_error)?;
    let lock = pooler.prepared(sqlx::query(sql::LOCK_MIGRATIONS).bind(table(schema)));
    lock.execute(&mut *transaction).await.map_err(sql_error)?;
    // Migrations are recorded by statements with names, which must neither be found nor be left.
    let forget = if pooler == Pooler::LegacyTransaction { sql::FORGET_STATEMENTS } else { "" };
    transaction.execute(forget).await.map_err(sql_error)?;
    migrator(schema).run_direct(None, &mut *transaction, false).await.map_err(migrate_error)?;
    transaction.execute(forget).await.map_err(sql_error)?;
    transaction.commit().await.map_err(sql_error)
}

/// Refuses a schema that is older or newer than this program.
pub(crate) async fn check(session: &mut Session, schema: &Schema) -> Result<(), StoreError> {
    let applied = applied(session, schema).await?;
    let missing =
        migrator(schema).iter().find(|migration| !applied.contains(&migration.version)).map(|m| m.version);
    if let Some(missing) = missing {
        return Err(StoreError::Unusable(format!(
            "its schema `{}` lacks migration {missing}: run `migrate up` with a role that may",
            schema.name()
        )));
    }
    let unknown = applied.iter().find(|version| !migrator(schema).version_exists(**version));
    unknown.map_or(Ok(()), |version| Err(migrate_error(MigrateError::VersionMissing(*version))))
}

/// Whether every migration that this program knows has been run, and none besides. What cannot be told is not.
pub(crate) async fn is_up_to_date(session: &mut Session, schema: &Schema) -> bool {
    check(session, schema).await.is_ok()
}

/// The numbers of the migrations that were run.
async fn applied(session: &mut Session, schema: &Schema) -> Result<Vec<i64>, StoreError> {
    let there = session.rows(sqlx::query(sql::MIGRATIONS_TABLE).bind(table(schema))).await?;
    let there: Option<String> = there.first().map(|row| value(row, 0)).transpose()?.flatten();
    if there.is_none() {
        return Ok(Vec::new());
    }
    let rows = session.rows(sqlx::query(schema.sql(sql::MIGRATIONS_APPLIED))).await?;
    rows.iter().map(|row| value(row, 0)).collect()
}

fn table(schema: &Schema) -> String {
    format!("{}._migrations", schema.name())
}

fn migrator(schema: &Schema) -> Migrator {
    let migration = |(number, (name, text)): (i64, &(&'static str, &'static str))| {
        let sql = AssertSqlSafe(schema.text(text)).into_sql_str();
        Migration::new(number, (*name).into(), MigrationType::Simple, sql, false)
    };
    let mut migrator = Migrator::with_migrations((1..).zip(&MIGRATIONS).map(migration).collect());
    // The application's own migrations keep the usual table, and the lock is ours.
    migrator.dangerous_set_table_name(table(schema));
    migrator.create_schema(schema.name().to_owned());
    migrator.set_locking(false);
    migrator
}

fn sql_error(error: sqlx::Error) -> StoreError {
    Failed::before(error).into()
}
