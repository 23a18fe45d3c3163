//! What no handler may exceed: its time, and a panic, which is answered as any fault of ours and costs one request.

use std::any::Any;
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use tower::Service;
use tower::layer::{Layer, layer_fn};

use crate::model::error::{Dependency, Error};
use crate::transport::Problem;

/// How long a request may take, its body included.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is bounded.
#[derive(Clone)]
pub(super) struct Bounded<S> {
    patience: Duration,
    inner: S,
}

/// The layer. It lies within CORS, so that a page may read its answers, too.
pub(super) fn bound<S>() -> impl Layer<S, Service = Bounded<S>> + Clone {
    bound_by(PATIENCE)
}

fn bound_by<S>(patience: Duration) -> impl Layer<S, Service = Bounded<S>> + Clone {
    layer_fn(move |inner| Bounded { patience, inner })
}

impl<S> Service<Request> for Bounded<S>
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

    fn call(&mut self, request: Request) -> Self::Future {
        let patience = self.patience;
        // A route does nothing before it is polled, so what it panics with is caught.
        let answer = self.inner.call(request);
        let work = async {
            let Ok(response) = answer.await;
            response
        };
        Box::pin(async move { Ok(bounded(patience, work).await) })
    }
}

async fn bounded(patience: Duration, work: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(patience, caught(work)).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => Problem::from(fault(panic.as_ref())).into_response(),
        Err(_) => Problem::from(Error::Unavailable(Dependency::Time)).into_response(),
    }
}

/// The outcome of `work`, or with what it panicked. Whatever it held is dropped, and it is not asked again.
async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut work = pin!(work);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// For the log alone.
fn fault(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::Internal(format!("a handler panicked: {said}").into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN};
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    const PAGE: &str = "https://app.example";

    async fn answer(path: &str) -> Response {
        let router: Router = Router::new()
            .route("/ends", get(async || "done"))
            .route("/hangs", get(async || std::future::pending::<()>().await))
            .route("/panics", get(async || panics("hunter2")))
            .layer((crate::http::cors::layer(&[PAGE.to_owned()]).unwrap(), bound_by(Duration::from_millis(10))));
        let request = Request::get(path).header(ORIGIN, PAGE).body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap()
    }

    fn panics(secret: &str) -> &'static str {
        panic!("it knows {secret}");
    }

    #[tokio::test]
    async fn a_page_may_read_what_is_answered_to_work_that_hangs_or_panics() {
        for (path, status, code) in [
            ("/ends", StatusCode::OK, None),
            ("/hangs", StatusCode::SERVICE_UNAVAILABLE, Some("timeout")),
            ("/panics", StatusCode::INTERNAL_SERVER_ERROR, Some("internal_error")),
        ] {
            let response = answer(path).await;
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], PAGE, "{path}");
            let problem = response.extensions().get::<Arc<Problem>>();
            assert_eq!(problem.map(|problem| problem.code()), code, "{path}");
        }
    }

    #[tokio::test]
    async fn what_a_panic_says_is_for_the_log_alone() {
        let response = answer("/panics").await;
        let problem = response.extensions().get::<Arc<Problem>>().unwrap();
        assert!(problem.fault().unwrap().to_string().contains("it knows hunter2"));
        assert!(!problem.detail().contains("hunter2"));
    }
}
