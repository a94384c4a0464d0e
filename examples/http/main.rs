//! Accounts over HTTP: what a version, a command id and a position are for, where the other side is a browser.
//!
//! ```sh
//! cargo run --example http                     # on http://127.0.0.1:3000, on SQLite; Ctrl-C ends it
//! cargo run --example http -- --store memory   # the same on another store
//!
//! at=http://127.0.0.1:3000/accounts/0198c0de-0000-7000-8000-000000000001
//! curl -i $at/open -d '{"owner":"Ada"}'
//! curl -i $at/deposit -d '{"cents":500}' -H 'If-Match: "1"' -H 'Idempotency-Key: 17'
//! curl -i $at/statement -H 'Read-After: 0000000000000002'
//! ```
//!
//! | what happened | what the client is told |
//! |---|---|
//! | the command was carried out, now or by an earlier request with its `Idempotency-Key` | 200, `ETag`, `Read-After` |
//! | the account is not at the version in `If-Match` | 412: read it and decide again |
//! | a rule says no | 422, with the rule |
//! | there is no such account | 404 |
//! | others were first again and again | 409 and `Retry-After`: send the same again |
//! | the store cannot be reached, or the read model is behind | 503 and `Retry-After`: send the same again |
//!
//! Read it in this order: `account` (the domain and its read model), this file, `asked` (the headers), `problem`.

mod account;
mod asked;
mod problem;
#[cfg(test)]
mod tests;

use account::{Account, Deposit, Open, Statement, Withdraw};
use asked::Asked;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clap::Parser;
use es_cli::{Failure, StoreArgs};
use es_core::{App, Handle, Id, Position, Projector, Repository, Version};
use problem::Problem;
use serde::{Serialize, de::DeserializeOwned};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long a request waits for the read model before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(2);

/// Serves accounts over HTTP.
#[derive(Parser)]
struct Args {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    command: Option<es_cli::Command>,
}

#[tokio::main]
async fn main() -> ExitCode {
    es_cli::exit(start(Args::parse()).await)
}

async fn start(args: Args) -> Result<(), Failure> {
    let store = args.store.open_or("sqlite:http.db").await?;
    let app = App::new(store).aggregate::<Account>().projection::<Statement>();
    match args.command {
        Some(command) => es_cli::run(&app, command).await,
        None => serve(app, TcpListener::bind(args.listen).await?).await,
    }
}

/// Answers requests and keeps the read model, until Ctrl-C.
async fn serve(app: App, socket: TcpListener) -> Result<(), Failure> {
    println!("listening on http://{}", socket.local_addr()?);
    let shutdown = CancellationToken::new();
    let work = tokio::spawn({
        let (app, shutdown) = (app.clone(), shutdown.clone());
        async move { app.run(shutdown).await }
    });
    let accounts = Repository::new(app.store().clone());
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await; // it cannot be noticed here, and ends the process as usual
        }
    };
    let served = axum::serve(socket, routes(Bank { app, accounts, patience: PATIENCE }));
    let served = served.with_graceful_shutdown(interrupted).await;
    shutdown.cancel();
    work.await??;
    Ok(served?)
}

/// What every request is given.
#[derive(Clone)]
struct Bank {
    app: App,
    accounts: Repository<Account>,
    patience: Duration,
}

/// A command is a POST to its name.
fn routes(bank: Bank) -> Router {
    Router::new()
        .route("/accounts/{id}", get(account))
        .route("/accounts/{id}/open", post(command::<Open>))
        .route("/accounts/{id}/deposit", post(command::<Deposit>))
        .route("/accounts/{id}/withdraw", post(command::<Withdraw>))
        .route("/accounts/{id}/statement", get(statement))
        .with_state(bank)
}

/// Every command goes this way: the body is the command, the headers say who sends it and what it was decided on.
async fn command<C>(
    State(bank): State<Bank>,
    Path(id): Path<String>,
    asked: Asked,
    body: Bytes,
) -> Result<Response, Problem>
where
    C: DeserializeOwned + Send + Sync + 'static,
    Account: Handle<C>,
{
    let command: C = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is no command: {error}")))?;
    let mut accounts = bank.accounts.with(asked.metadata);
    if let Some(version) = asked.version {
        accounts = accounts.at(version);
    }
    let committed = accounts.execute(parse(&id)?, command).await;
    let committed = committed.map_err(|error| Problem::of_command(error, asked.version))?;
    Ok(state(&committed.state, committed.version, committed.position))
}

/// The account itself, folded from its stream: always as it is now.
async fn account(State(bank): State<Bank>, Path(id): Path<String>) -> Result<Response, Problem> {
    let loaded = bank.accounts.load(parse(&id)?).await?;
    if loaded.version == Version::ZERO {
        return Err(Problem::not_found());
    }
    Ok(state(&loaded.state, loaded.version, loaded.position))
}

/// The read model follows the log, and may be behind. Who sends back the `Read-After` of a write waits until it is there.
async fn statement(
    State(bank): State<Bank>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    if let Some(position) = asked.position {
        bank.app.wait_for::<Statement>(position, bank.patience).await?;
    }
    let statement = Projector::<Statement>::new(bank.app.store().clone()).get(&id).await?;
    Ok(json(&statement.ok_or_else(Problem::not_found)?))
}

fn parse(id: &str) -> Result<Id<Account>, Problem> {
    id.parse().map_err(|_| Problem::not_found())
}

/// A state, with what the next requests need: the version to decide on and the position to read after.
fn state(account: &Account, version: Version, position: Position) -> Response {
    let headers =
        [(header::ETAG.as_str(), asked::etag(version)), (asked::READ_AFTER, asked::token(position))];
    (headers, json(account)).into_response()
}

fn json(value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("numbers and strings always have a JSON form");
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
