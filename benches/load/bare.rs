//! The floor of HTTP: one axum route that reads a small JSON body and answers it, without a layer, in a process of its
//! own, so that its CPU time can be read apart from the driver's.

use axum::Router;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use crate::Fault;

/// As long as the body of a sign-in.
#[derive(Serialize, Deserialize)]
struct Echo {
    address: String,
    signature: String,
}

/// Serves until it is killed.
pub fn serve() -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        let routes = Router::new().route("/echo", post(echo)).route("/readyz", get(async || ""));
        axum::serve(listener, routes).await?;
        Ok(())
    })
}

#[expect(clippy::disallowed_types, reason = "what is measured is axum's own extractor, not ours")]
async fn echo(axum::Json(body): axum::Json<Echo>) -> axum::Json<Echo> {
    axum::Json(body)
}
