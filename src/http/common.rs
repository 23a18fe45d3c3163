//! What holds for every route, said once: the errors that any may answer, the headers of answers, the routes that
//! describe themselves.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, OperationBuilder};
use utoipa::openapi::{Content, HttpMethod, Object, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema, Type};

/// Completes the description that the routes give of themselves.
pub(super) fn complete(described: &mut OpenApi) {
    for (path, operation_id, summary, media_type, kind) in [
        ("/openapi.json", "openapi", "This description", "application/json", Type::Object),
        ("/docs", "docs", "The routes, for people", "text/html", Type::String),
        ("/docs/errors", "errors", "The errors, for people", "text/html", Type::String),
        (
            "/account/reset-password",
            "account_reset_page",
            "Where a mailed link to a new password leads",
            "text/html",
            Type::String,
        ),
        (
            "/account/confirm-email",
            "account_confirm_page",
            "Where a mailed link that proves an address leads",
            "text/html",
            Type::String,
        ),
    ] {
        let page = page(operation_id, summary, Content::new(Some(Object::with_type(kind))), media_type);
        described.paths.add_path_operation(path, vec![HttpMethod::Get], page);
    }
    for item in described.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch];
        operations.into_iter().flatten().for_each(complete_operation);
    }
}

fn page(operation_id: &str, summary: &str, content: Content, media_type: &str) -> Operation {
    let answer = ResponseBuilder::new().description("It").content(media_type, content);
    let page = OperationBuilder::new().tag("gateway").operation_id(Some(operation_id)).summary(Some(summary));
    page.response("200", answer).build()
}

fn complete_operation(operation: &mut Operation) {
    complete_body(operation);
    let asks_who_calls = operation.security.is_some();
    // Those of a door answer what is somebody's.
    let is_of_door = operation.tags.iter().flatten().any(|tag| tag != "gateway");
    if asks_who_calls {
        add(operation, "429", "too_many_requests");
    }
    add(operation, "500", "internal_error");
    add(operation, "503", "timeout");
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let is_error = status.starts_with('4') || status.starts_with('5');
        // The session door lists faults as its document does.
        let is_of_document = status == "422" && response.content.values().any(lists_faults);
        if is_error && !is_of_document {
            // Routes name the body of their errors; its type is said here.
            if let Some(content) = response.content.shift_remove("application/json") {
                response.content.insert("application/problem+json".to_owned(), content);
            }
        }
        if is_error || (is_of_door && !response.content.is_empty()) {
            let header = described_as(Type::String, "`no-store`");
            response.headers.entry("Cache-Control".to_owned()).or_insert_with(|| header.into());
        }
        for (name, header) in headers(status) {
            response.headers.entry(name.to_owned()).or_insert_with(|| header.into());
        }
    }
}

/// A body that may be missing may not be `null`, though that is what an `Option` is described as.
fn complete_body(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    for content in body.content.values_mut() {
        if let RefOr::T(content) = content
            && let Some(RefOr::T(Schema::OneOf(either))) = &content.schema
            && let Some(named) = either.items.iter().find(|item| matches!(item, RefOr::Ref(_)))
        {
            content.schema = Some(named.clone());
        }
    }
}

fn lists_faults(content: &RefOr<Content>) -> bool {
    let RefOr::T(content) = content else { return false };
    matches!(&content.schema, Some(RefOr::Ref(schema)) if schema.ref_location.ends_with("/HTTPValidationError"))
}

/// Adds an error to those that the operation names.
fn add(operation: &mut Operation, status: &str, code: &str) {
    let named = operation.responses.responses.entry(status.to_owned()).or_insert_with(|| {
        let body = Content::new(Some(Ref::from_schema_name("ProblemBody")));
        Response::builder().content("application/json", body).build().into()
    });
    if let RefOr::T(response) = named {
        let code = format!("`{code}`");
        if response.description.is_empty() {
            response.description = code;
        } else if !response.description.contains(&code) {
            response.description = format!("{}, {code}", response.description);
        }
    }
}

/// The headers of answers of this status.
fn headers(status: &str) -> Vec<(&'static str, Header)> {
    let text = |says| described_as(Type::String, says);
    let mut headers = vec![("X-Request-Id", text("By which the operator finds the request in the log"))];
    if matches!(status, "429" | "503") {
        headers.push(("Retry-After", described_as(Type::Integer, "After how many seconds to try again")));
    }
    if status == "429" {
        headers.push(("RateLimit", text("The limit, and in how many seconds it lets another one in")));
        headers.push(("RateLimit-Policy", text("The limit, and how many may come at once")));
    }
    if status == "401" {
        headers.push(("WWW-Authenticate", text("`Bearer`")));
    }
    headers
}

fn described_as(kind: Type, says: &str) -> Header {
    HeaderBuilder::new().schema(Some(Object::with_type(kind))).description(Some(says)).build()
}
