//! `GET /api/users/`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;

use super::caller::Anybody;
use super::user::{User, faults};
use crate::identity::{Caller, Core};
use crate::model::error::{Error, Forbidden};
use crate::model::page::{Direction, Listing, Order};
use crate::transport::{Problem, ProblemBody, Query, Sensitive, count};

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
    Anybody(caller): Anybody,
    uri: Uri,
) -> Result<Sensitive<Vec<User>>, Problem> {
    let is_admin = caller.as_ref().is_some_and(Caller::is_admin);
    if !is_admin && !core.config().exchange.public_listing {
        return Err(Error::Forbidden(Forbidden::ListingClosed).into());
    }
    let people = core.page(&listing(&Query::of(&uri))?).await?;
    let show = if is_admin { User::whole } else { User::public };
    Ok(Sensitive(people.iter().map(show).collect()))
}

fn listing(query: &Query) -> Result<Listing, Error> {
    let mut wrong = Vec::new();
    let page = query.one("page", "a number from 1 is expected", |text| count(text, 1_000_000));
    let page = faults(&mut wrong, page).flatten().unwrap_or(1);
    let rows = query.one("limit", "a number from 1 to 100 is expected", |text| count(text, MOST));
    let rows = faults(&mut wrong, rows).flatten().unwrap_or(MOST);
    let (order, direction) = (Order::Number, Direction::Ascending);
    if wrong.is_empty() {
        Ok(Listing { page, rows, order, direction, name: None, email: None })
    } else {
        Err(Error::Invalid(wrong))
    }
}
