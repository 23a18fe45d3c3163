//! `GET /api/users/`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;

use super::caller::Anybody;
use super::user::User;
use crate::identity::{Core, PublicList};
use crate::model::error::Error;
use crate::transport::{ClientOf, Problem, ProblemBody, Query, Sensitive, count, faults};

/// The most users of a page, and how many there are if nobody says.
const MOST: u32 = 100;

/// List the users
///
/// The first one first. E-mail addresses are for ADMINs alone.
#[utoipa::path(
    get, path = "/api/users/", tag = "exchange", operation_id = "exchange_users",
    params(
        ("page" = Option<u32>, Query, description = "The page, from 1", minimum = 1, maximum = 1_000_000),
        ("limit" = Option<u32>, Query, description = "How many users a page has", minimum = 1, maximum = 100),
    ),
    security((), ("session_token" = []), ("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "The users of the page", body = [User]),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`invalid_token`, `token_expired`, `session_ended`, `invalid_api_key`",
         body = ProblemBody),
        (status = 403, description = "`listing_closed`, `account_disabled`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn list(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Anybody(caller): Anybody,
    uri: Uri,
) -> Result<Sensitive<Vec<User>>, Problem> {
    let (page, rows) = page(&Query::of(&uri))?;
    Ok(Sensitive(match core.list_publicly(caller.as_ref(), page, rows, &client).await? {
        PublicList::Whole(people) => people.iter().map(User::whole).collect(),
        PublicList::Public(strangers) => strangers.iter().map(User::public).collect(),
    }))
}

/// The page, and how many users it has.
fn page(query: &Query) -> Result<(u32, u32), Error> {
    let mut wrong = Vec::new();
    let page = query.one("page", "a number from 1 is expected", |text| count(text, 1_000_000));
    let page = faults(&mut wrong, page).flatten().unwrap_or(1);
    let rows = query.one("limit", "a number from 1 to 100 is expected", |text| count(text, MOST));
    let rows = faults(&mut wrong, rows).flatten().unwrap_or(MOST);
    if wrong.is_empty() { Ok((page, rows)) } else { Err(Error::Invalid(wrong)) }
}
