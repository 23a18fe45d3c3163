//! The pages of the documentation, made from the same sources as the answers: the OpenAPI document, the errors.

use std::fmt::Write as _;

use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::html::{Prose, Text, page};
use crate::transport::Problem;

/// Every route: what it takes, what it answers.
pub(super) fn routes_page(document: &OpenApi) -> String {
    // As JSON, since the page shows what any other reader of the document sees.
    let document = serde_json::to_value(document).unwrap_or_default();
    let mut body = String::new();
    for tag in entries(&document, "/tags") {
        let name = text(tag, "/name");
        let _ = write!(body, "<h2 id=\"{0}\">{0}</h2>\n<p>{1}</p>\n", Text(name), Prose(text(tag, "/description")));
        for (path, item) in members(&document, "/paths") {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if text(operation, "/tags/0") == name {
                    route(&mut body, &document, &method.to_uppercase(), path, operation);
                }
            }
        }
    }
    page("Routes", &body)
}

fn route(body: &mut String, document: &Value, method: &str, path: &str, operation: &Value) {
    let id = text(operation, "/operationId");
    let _ = write!(
        body,
        "<section id=\"{}\">\n<h3><span class=\"method {1}\">{1}</span> <code>{2}</code></h3>\n<p>{3}</p>\n",
        Text(id),
        Text(method),
        Text(path),
        Prose(text(operation, "/summary")),
    );
    let credentials: Vec<_> =
        entries(operation, "/security").filter_map(|entry| entry.as_object()?.keys().next()).collect();
    if !credentials.is_empty() {
        let carried = credentials.iter().map(|name| carried_as(name)).collect::<Vec<_>>().join(" or ");
        let _ = writeln!(body, "<p>Caller: {}</p>", Prose(&carried));
    }
    if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
        let _ = writeln!(body, "<h4>Body</h4>");
        fields(body, document, schema);
    }
    for (status, response) in members(operation, "/responses") {
        let _ = writeln!(body, "<h4>{} <small>{}</small></h4>", Text(status), Prose(text(response, "/description")));
        if let Some(schema) = response.pointer("/content/application~1json/schema") {
            fields(body, document, schema);
        }
    }
    body.push_str("</section>\n");
}

fn carried_as(scheme: &str) -> &'static str {
    match scheme {
        "access_token" => "`x-auth-token`",
        "bearer" => "`Authorization: Bearer`",
        "api_key" => "`x-api-key`",
        "session_token" => "`?session_token=`",
        "cookie" => "the cookie `access_token`",
        "basic" => "`Authorization: Basic`",
        _ => "another credential",
    }
}

fn fields(body: &mut String, document: &Value, schema: &Value) {
    let reference = schema.pointer("/$ref").or_else(|| schema.pointer("/items/$ref"));
    let Some(reference) = reference.and_then(Value::as_str) else { return };
    let Some(schema) = document.pointer(reference.trim_start_matches('#')) else { return };
    let required: Vec<_> = entries(schema, "/required").filter_map(Value::as_str).collect();
    body.push_str("<table>\n<thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead>\n<tbody>\n");
    for (name, property) in members(schema, "/properties") {
        let optional = if required.contains(&name.as_str()) { "" } else { ", optional" };
        let _ = writeln!(
            body,
            "<tr><td><code>{}</code></td><td>{}{optional}</td><td>{}</td></tr>",
            Text(name),
            Text(kind(property)),
            Prose(text(property, "/description")),
        );
    }
    body.push_str("</tbody>\n</table>\n");
}

/// The type of a property; one that may be null lists it with its type.
fn kind(property: &Value) -> &str {
    let alternatives = entries(property, "/type").filter_map(Value::as_str).find(|kind| *kind != "null");
    property.pointer("/type").and_then(Value::as_str).or(alternatives).unwrap_or("object")
}

/// Every error: its name, its status, what to do.
pub(super) fn errors_page() -> String {
    let mut body = String::from(
        "<p>Every error is a problem detail (RFC 9457). Programs look at <code>error</code>; it never changes.</p>\n\
         <table>\n<thead><tr><th>Error</th><th>Status</th><th>What to do</th></tr></thead>\n<tbody>\n",
    );
    for problem in Problem::catalogue() {
        let _ = writeln!(
            body,
            "<tr id=\"{0}\"><td><code>{0}</code></td><td>{1}</td><td>{2}</td></tr>",
            Text(problem.code()),
            problem.status().as_u16(),
            Prose(problem.detail()),
        );
    }
    body.push_str("</tbody>\n</table>\n");
    page("Errors", &body)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn entries<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn members<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.pointer(pointer).and_then(Value::as_object).into_iter().flatten()
}
