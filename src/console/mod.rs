//! The HTTP side: health and metrics, from read models only.

mod metrics;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::worker::models::Models;

#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    #[error("http.listen `{listen}`: {error}; give host:port, or an empty text to switch it off")]
    Listen { listen: String, error: std::io::Error },
}

/// A running server; dropping it stops it.
pub struct Server {
    /// Where it listens; none when it is switched off.
    pub address: Option<SocketAddr>,
    _runtime: Option<tokio::runtime::Runtime>,
}

/// Starts the server on threads of its own. An empty `listen` starts nothing.
pub fn serve(listen: &str, models: Arc<Models>, lanes: u64) -> Result<Server, ConsoleError> {
    if listen.is_empty() {
        return Ok(Server { address: None, _runtime: None });
    }
    let failed = |error| ConsoleError::Listen { listen: listen.to_owned(), error };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("console")
        .enable_all()
        .build()
        .map_err(failed)?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind(listen)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let app = routes(models, lanes);
    runtime.spawn(async move { axum::serve(listener, app).await });
    tracing::info!(%address, "health and metrics");
    Ok(Server { address: Some(address), _runtime: Some(runtime) })
}

fn routes(models: Arc<Models>, lanes: u64) -> Router {
    let ready = models.clone();
    Router::new()
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(move || async move { readiness(ready.ready(lanes)) }))
        .route("/metrics", get(move || async move { exposition(&models, lanes) }))
}

fn readiness(ready: bool) -> impl IntoResponse {
    if ready { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "restoring\n") }
}

fn exposition(models: &Models, lanes: u64) -> impl IntoResponse + use<> {
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], metrics::exposition(models, lanes))
}
