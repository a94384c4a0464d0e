//! What `run --listen` answers: whether it lives, whether it keeps up, and what it counts.

use super::Work;
use crate::output::Console;
use crate::projections::Overview;
use crate::{Failure, FailureKind, RunArgs, recorder};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long the store may take to answer before it counts as gone.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// The text format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const NO_METRICS: &str = "there are no metrics here: the application has a recorder of its own, \
     or it did not open its store with StoreArgs::open_or\n";

/// Takes the address, if there is one.
pub(super) async fn bind(args: &RunArgs, console: &mut Console<'_>) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = args.listen else { return Ok(None) };
    let socket = TcpListener::bind(address).await.map_err(|error| {
        let message = format!("cannot listen on {address}: {error}");
        Failure::new(FailureKind::Failed, message)
            .with_hint("give --listen a free address, as in 127.0.0.1:9100")
    })?;
    // With port 0 the system has chosen one.
    console.note(format_args!("listening on http://{}", socket.local_addr()?));
    Ok(Some(socket))
}

/// Answers until the process ends: also while it is finishing, when it is no longer ready.
pub(super) fn serve(socket: Option<TcpListener>, work: Work) {
    let Some(socket) = socket else { return };
    let routes = Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(work);
    tokio::spawn(async move { axum::serve(socket, routes).await });
}

/// Red when the work has ended, whatever the lag is.
async fn live(State(work): State<Work>) -> Response {
    match work.is_alive() {
        true => (StatusCode::OK, "alive\n").into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the work has ended\n").into_response(),
    }
}

/// What is wrong, and how all read models are.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    problems: Vec<String>,
    #[serde(flatten)]
    overview: Option<Overview>,
}

/// Red when the store does not answer, a read model has halted, or nobody runs one that is behind.
async fn ready(State(work): State<Work>) -> Response {
    let mut problems = Vec::new();
    if work.shutdown.is_cancelled() || !work.is_alive() {
        problems.push("it is ending".to_owned());
    }
    let overview = match tokio::time::timeout(STORE_PATIENCE, Overview::read(&work.app)).await {
        Ok(Ok(overview)) => Some(overview),
        Ok(Err(error)) => {
            problems.push(format!("the store cannot be read: {error}"));
            None
        }
        Err(_) => {
            problems.push(format!("the store has not answered within {STORE_PATIENCE:?}"));
            None
        }
    };
    problems.extend(overview.iter().flat_map(Overview::problems));
    let ready = problems.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let text = serde_json::to_string(&Readiness { ready, problems, overview }).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// All metrics, for Prometheus to fetch.
async fn metrics() -> Response {
    match recorder::text() {
        Some(text) => ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        None => (StatusCode::NOT_FOUND, NO_METRICS).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one test of its process that installs a recorder: what ours shows is seen in tests that run a process.
    #[tokio::test]
    async fn the_recorder_of_the_application_stays_and_is_not_shown() {
        ::metrics::set_global_recorder(::metrics::NoopRecorder).unwrap();
        recorder::install();
        let answer = metrics().await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let text = axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap();
        assert_eq!(text, NO_METRICS);
    }
}
