//! A user, as this door shows one.

use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::Person;

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = UsersUser)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    /// The account's id.
    #[schema(example = "33bdf6ce-a26e-4b52-80d2-f26d12245cce")]
    id: String,
    /// The display name.
    #[schema(example = "Bob Smith")]
    name: String,
    /// The e-mail address.
    #[schema(example = "bob@example.com")]
    email: Option<String>,
    /// What the user may do: `USER`, `ADMIN`.
    roles: Vec<&'static str>,
    /// Whether the account may be used.
    enabled: bool,
    /// When the account was made.
    #[schema(format = DateTime, example = "2023-09-21T16:12:09Z")]
    date_created: String,
    /// When it was last changed.
    #[schema(format = DateTime, example = "2023-09-21T16:12:09Z")]
    date_updated: String,
}

impl From<&Person> for User {
    fn from(person: &Person) -> Self {
        Self {
            id: person.id().to_string(),
            name: person.name().to_owned(),
            email: person.email().map(str::to_owned),
            roles: person.role().names(),
            enabled: person.is_enabled(),
            date_created: person.created_at().whole_seconds().rfc3339(),
            date_updated: person.updated_at().whole_seconds().rfc3339(),
        }
    }
}
