//! The outermost layer: finds the client, gives errors their body, counts and logs each request. One layer instead of
//! four, and none of axum's functions as layers, since on a hot route layers cost as much as the rest of HTTP.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method};
use axum::response::Response;
use futures_util::future::BoxFuture;
use tower::Service;
use tower::layer::{Layer, layer_fn};

use crate::clock::Stopwatch;
use crate::identity::Core;
use crate::model::{Client, RequestId};
use crate::transport::{ClientOf, Problem, REQUEST_ID};

/// The other end of the connection, put into each request by the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// What is observed.
#[derive(Clone)]
pub(super) struct Observed<S> {
    core: Arc<Core>,
    inner: S,
}

/// The layer.
pub(super) fn observe<S>(core: &Arc<Core>) -> impl Layer<S, Service = Observed<S>> + Clone + use<S> {
    let core = Arc::clone(core);
    layer_fn(move |inner| Observed { core: Arc::clone(&core), inner })
}

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let core = Arc::clone(&self.core);
        let watch = Stopwatch::start();
        let method = known(request.method());
        // The pattern and never the path or the query: those may carry what must not be logged.
        let route = request.extensions().get::<MatchedPath>().cloned();
        let client = client_of(&core, &request);
        request.extensions_mut().insert(ClientOf(client.clone()));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let Ok(response) = answer.await;
            let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
            let response = finish(&core, response, &client, route);
            let took = watch.elapsed();
            let status = response.status().as_u16();
            core.metrics().count_request(method, route, status, took);
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            tracing::info!(
                request_id = %client.request_id, client = %client.address, method, route, status, micros,
                "request"
            );
            Ok(response)
        })
    }
}

fn client_of(core: &Core, request: &Request) -> Client {
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
    let fresh = || RequestId::new(core.random().name());
    ClientOf::find(peer, request.headers(), &core.config().trusted_proxies, fresh).0
}

/// Gives a problem its body, and every answer the request's id.
fn finish(core: &Core, mut response: Response, client: &Client, route: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() {
        if let Some(fault) = problem.fault() {
            tracing::error!(request_id = %client.request_id, route, error = %fault, "a fault of ours");
        }
        response = problem.render(&core.config().public_url, client.request_id.as_str(), response);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(client.request_id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    // A session token may be in the query: no page and no link that follows may learn of it.
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    response
}

/// The method as a label: a made-up one must not make a new label.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
