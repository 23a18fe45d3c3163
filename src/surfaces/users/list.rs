//! `GET /v1/users`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::user::User;
use crate::identity::{Admin, Core};
use crate::model::error::{Error, Violation};
use crate::model::name::{canonical, email_prefix};
use crate::model::page::{Direction, Listing, Order};
use crate::transport::{ProblemBody, Query, Sensitive, V1Problem, count};

/// How many users a page has if nobody says.
const ROWS: u32 = 10;

/// A page of users.
#[derive(Serialize, ToSchema)]
#[schema(as = UsersPage)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsersAnswer {
    /// The users of the page.
    items: Vec<User>,
    /// How many there are on all pages.
    total: i64,
    /// The page, from 1.
    page: u32,
    /// How many users a page has.
    rows_per_page: u32,
}

/// List the users
///
/// The first one first, if nothing else is wished. Filters are for what a name or an e-mail address begins with,
/// whatever its case.
#[utoipa::path(
    get, path = "/v1/users", tag = "users", operation_id = "users",
    params(
        ("page" = Option<u32>, Query, description = "The page, from 1", minimum = 1, maximum = 1_000_000),
        ("rows" = Option<u32>, Query, description = "How many users a page has; 10", minimum = 1, maximum = 100),
        ("orderBy" = Option<String>, Query, description = "`name`, `email`, `dateCreated` or `dateUpdated`; with `-` in \
         front the greatest one first", pattern = "^-?(name|email|dateCreated|dateUpdated)$"),
        ("name" = Option<String>, Query, description = "What the display name begins with"),
        ("email" = Option<String>, Query, description = "What the e-mail address begins with"),
    ),
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "The users of the page", body = UsersAnswer),
        (status = 400, description = "`invalid_request`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`admin_required`, `account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn list(
    State(core): State<Arc<Core>>,
    admin: Admin,
    uri: Uri,
) -> Result<Sensitive<UsersAnswer>, V1Problem> {
    let listing = listing(&Query::of(&uri))?;
    let people = core.list_people(&admin, &listing).await?;
    Ok(Sensitive(UsersAnswer {
        items: people.items.iter().map(User::from).collect(),
        total: people.total,
        page: listing.page,
        rows_per_page: listing.rows,
    }))
}

fn listing(query: &Query) -> Result<Listing, Error> {
    query.only(&["page", "rows", "orderBy", "name", "email"])?;
    let page = query.one("page", "a number from 1 is expected", |text| count(text, 1_000_000));
    let rows = query.one("rows", "a number from 1 to 100 is expected", |text| count(text, 100));
    let order = query.one("orderBy", "name, email, dateCreated or dateUpdated is expected", order);
    let name = query.one("name", "text without NUL is expected", filter);
    let email = query.one("email", "text without NUL is expected", email_filter);
    match (page, rows, order, name, email) {
        (Ok(page), Ok(rows), Ok(order), Ok(name), Ok(email)) => {
            let (order, direction) = order.unwrap_or((Order::Number, Direction::Ascending));
            Ok(Listing { page: page.unwrap_or(1), rows: rows.unwrap_or(ROWS), order, direction, name, email })
        }
        (page, rows, order, name, email) => {
            let wrong = [page.err(), rows.err(), order.err(), name.err(), email.err()];
            Err(Error::Invalid(wrong.into_iter().flatten().collect::<Vec<Violation>>()))
        }
    }
}

fn order(text: &str) -> Option<(Order, Direction)> {
    let (direction, by) = match text.strip_prefix('-') {
        Some(by) => (Direction::Descending, by),
        None => (Direction::Ascending, text),
    };
    let order = match by {
        "name" => Order::Name,
        "email" => Order::Email,
        "dateCreated" => Order::Created,
        "dateUpdated" => Order::Updated,
        _ => return None,
    };
    Some((order, direction))
}

fn email_filter(text: &str) -> Option<String> {
    (!text.contains('\0')).then(|| email_prefix(text))
}

/// PostgreSQL stores no NUL, and refuses to look for one.
fn filter(text: &str) -> Option<String> {
    (!text.contains('\0')).then(|| canonical(text))
}
