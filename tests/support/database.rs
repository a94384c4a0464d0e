//! [`Database`]: each test has one of its own, in the server that `ES_TEST_DATABASE_URL` names.
//!
//! ```no_run
//! # use tests::Database;
//! # async fn migrate(_: String) {}
//! # async fn test() {
//! if tests::database::server().is_none() {
//!     return; // it was said aloud, and in CI it is a failure
//! }
//! let database = Database::with_template("accounts, 2 migrations", migrate).await;
//! let url = database.url(); // empty but for the tables, and gone when `database` is dropped
//! # }
//! ```

use crate::shout;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;
use std::time::Duration;
use uuid::Uuid;

/// Names the server, by the URL of one of its databases. The user may create databases.
const VARIABLE: &str = "ES_TEST_DATABASE_URL";

/// The empty database that every server has, and that nobody can connect to.
const EMPTY: &str = "template0";

const CREATE: &str = "CREATE DATABASE {name} TEMPLATE {template}";
const DROP: &str = "DROP DATABASE IF EXISTS {name} WITH (FORCE)";
/// How long the end of a test waits for the end of its database.
const DROP_PATIENCE: Duration = Duration::from_secs(2);
const LOCK: &str = "SELECT pg_advisory_lock($1)";
const IS_TEMPLATE: &str = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)";
/// Nobody may connect to a template, because it cannot be copied meanwhile.
const CLOSE: &str = "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true";
const OPEN: &str = "ALTER DATABASE {name} WITH IS_TEMPLATE false";
const DISCONNECT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";

static SERVER: LazyLock<Option<String>> = LazyLock::new(|| {
    let url = env::var(VARIABLE).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        shout(&format!(
            "!!! SKIPPED: what needs PostgreSQL, because {VARIABLE} is not set; `cargo xtask postgres` gives it"
        ));
    }
    url
});

/// The URL of the server, or `None`, which is said aloud once per process.
///
/// # Panics
/// When there is no server and `CI` is set, because there a test that is skipped is a failure.
pub fn server() -> Option<&'static str> {
    let url = SERVER.as_deref();
    assert!(url.is_some() || env::var_os("CI").is_none(), "CI is set and {VARIABLE} is not");
    url
}

/// A database of its own for one test; it is dropped with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
}

impl Database {
    /// An empty database.
    ///
    /// # Panics
    /// When there is no [`server`], or it refuses.
    pub async fn create() -> Self {
        Self::from_template(EMPTY).await
    }

    /// A copy of the database `template`, to which nobody may be connected.
    ///
    /// # Panics
    /// When there is no [`server`], or it refuses.
    pub async fn from_template(template: &str) -> Self {
        let name = format!("es_test_{}", Uuid::now_v7().simple());
        let mut connection = connect().await;
        run(&mut connection, &CREATE.replace("{name}", &name).replace("{template}", template)).await;
        close(connection).await;
        Self { url: url_of(&base(), &name), name }
    }

    /// A copy of the template for `key`, which `make` fills once per server: it is given the URL of an empty database.
    /// The key names what `make` does, so it changes when that does.
    ///
    /// # Panics
    /// When there is no [`server`], or it refuses.
    pub async fn with_template<F: Future<Output = ()>>(key: &str, make: impl FnOnce(String) -> F) -> Self {
        let (hash, template) = template_of(key);
        let mut connection = connect().await;
        if !is_template(&mut connection, &template).await {
            // Held until the connection is closed, also by the end of this process.
            execute(sqlx::query(LOCK).bind(hash.cast_signed()), &mut connection).await;
            if !is_template(&mut connection, &template).await {
                make_template(&mut connection, &template, make).await;
            }
        }
        close(connection).await;
        Self::from_template(&template).await
    }

    /// Drops the template for `key`, for those who make one that nobody will ask for again.
    ///
    /// # Panics
    /// When there is no [`server`], or it refuses.
    pub async fn drop_template(key: &str) {
        let (_, template) = template_of(key);
        let mut connection = connect().await;
        if is_template(&mut connection, &template).await {
            run(&mut connection, &OPEN.replace("{name}", &template)).await;
        }
        run(&mut connection, &DROP.replace("{name}", &template)).await;
        close(connection).await;
    }

    /// The name, which no other database has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL to connect to it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    /// On a thread and a runtime of its own, because the test's runtime may be ending. A database that cannot be dropped
    /// goes with its server, and a panic here would hide the one of the test. The wait has an end: the server cannot drop
    /// any database while somebody is half through connecting, and that may be a task of the runtime that waits here.
    fn drop(&mut self) {
        let sql = DROP.replace("{name}", &self.name);
        let work = move || -> Option<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&base()).await.ok()?;
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.ok()?;
                connection.close().await.ok()
            })
        };
        let (done, wait) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(work()));
        let _ = wait.recv_timeout(DROP_PATIENCE);
    }
}

/// Makes a template from the start; one whose making was cut short is no template and made anew.
async fn make_template<F: Future<Output = ()>>(
    connection: &mut PgConnection,
    name: &str,
    make: impl FnOnce(String) -> F,
) {
    run(connection, &DROP.replace("{name}", name)).await;
    run(connection, &CREATE.replace("{name}", name).replace("{template}", EMPTY)).await;
    make(url_of(&base(), name)).await;
    run(connection, &CLOSE.replace("{name}", name)).await;
    execute(sqlx::query(DISCONNECT).bind(name.to_owned()), connection).await;
}

async fn is_template(connection: &mut PgConnection, name: &str) -> bool {
    let found = sqlx::query_scalar(IS_TEMPLATE).bind(name.to_owned()).fetch_one(connection).await;
    found.unwrap_or_else(|error| panic!("{IS_TEMPLATE}: {error}"))
}

async fn connect() -> PgConnection {
    PgConnection::connect(&base())
        .await
        .unwrap_or_else(|error| panic!("cannot connect to {VARIABLE}: {error}"))
}

async fn close(connection: PgConnection) {
    connection.close().await.unwrap_or_else(|error| panic!("cannot disconnect: {error}"));
}

/// Runs a statement that takes no parameters; its names are ours.
async fn run(connection: &mut PgConnection, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn execute(
    query: sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments>,
    connection: &mut PgConnection,
) {
    query.execute(connection).await.unwrap_or_else(|error| panic!("the server refuses: {error}"));
}

fn base() -> String {
    server().unwrap_or_else(|| panic!("{VARIABLE} is not set: ask `database::server()` first")).to_owned()
}

/// The URL of another database of the same server.
fn url_of(base: &str, database: &str) -> String {
    let (front, options) = base.split_once('?').map_or((base, None), |(front, rest)| (front, Some(rest)));
    let start = front.find("://").map_or(0, |at| at + 3);
    let end = front[start..].find('/').map_or(front.len(), |at| start + at);
    let options = options.map_or_else(String::new, |options| format!("?{options}"));
    format!("{}/{database}{options}", &front[..end])
}

/// The number of the lock and the name of the database for a key.
fn template_of(key: &str) -> (u64, String) {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let hash = hasher.finish();
    (hash, format!("es_template_{hash:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_another_database_and_keeps_the_rest() {
        for (base, url) in [
            ("postgres://u:p@h:1/a", "postgres://u:p@h:1/b"),
            ("postgres://u:p@h:1/", "postgres://u:p@h:1/b"),
            ("postgres://h", "postgres://h/b"),
            ("postgres://h/a?sslmode=disable", "postgres://h/b?sslmode=disable"),
            ("postgres://h?host=/run", "postgres://h/b?host=/run"),
        ] {
            assert_eq!(url_of(base, "b"), url, "{base}");
        }
    }
}
