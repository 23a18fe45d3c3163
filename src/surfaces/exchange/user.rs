//! A user, as this door shows one.

use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::{Person, Stranger};

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = ExchangeUser)]
pub(super) struct User {
    /// The account's number.
    id: i64,
    /// The username; of an account without one, what else it goes by.
    username: String,
    /// The e-mail address.
    email: Option<String>,
    /// Whether the account may be used.
    is_active: bool,
}

impl User {
    /// As its owner and ADMINs see it.
    pub(super) fn whole(person: &Person) -> Self {
        Self {
            id: person.number(),
            username: person.full_name(),
            email: person.email().map(str::to_owned),
            is_active: person.is_enabled(),
        }
    }

    /// As strangers see it.
    pub(super) fn public(stranger: &Stranger) -> Self {
        let Stranger { number, name, is_enabled } = stranger;
        Self { id: *number, username: name.clone(), email: None, is_active: *is_enabled }
    }
}
