//! Accounts as they are shown: a line, a table, JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::app::Role;
use crate::identity::Person;

const HEAD: [&str; 8] = ["NUMBER", "ID", "USERNAME", "EMAIL", "WALLET", "ROLE", "STATE", "NAME"];

/// An account as JSON.
pub(super) fn object(person: &Person) -> Value {
    let roles = match person.role() {
        Role::Admin => vec![Role::Admin.name(), Role::User.name()],
        Role::User => vec![Role::User.name()],
    };
    json!({
        "id": person.id().to_string(),
        "number": person.number(),
        "username": person.username(),
        "email": person.email(),
        "wallet": person.primary_wallet().map(|address| address.checksummed()),
        "name": person.name(),
        "roles": roles,
        "enabled": person.is_enabled(),
    })
}

/// An account in one line.
pub(super) fn line(person: &Person) -> String {
    format!("{}  {}  {}  {}\n", person.id(), person.full_name(), person.role().name(), state(person))
}

/// Accounts, one a line below a head; nothing for nobody.
pub(super) fn table(people: &[Person]) -> String {
    if people.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = std::iter::once(HEAD.map(str::to_owned)).chain(people.iter().map(row)).collect();
    let mut widths = [0; HEAD.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a String can't fail.
            let _ = write!(line, "{cell:<width$}  ");
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

fn row(person: &Person) -> [String; HEAD.len()] {
    let or_none = |text: Option<&str>| text.unwrap_or("-").to_owned();
    // Anybody may call himself anything, and a terminal obeys what is no letter.
    let name = if person.name().is_empty() { "-".to_owned() } else { format!("{:?}", person.name()) };
    [
        person.number().to_string(),
        person.id().to_string(),
        or_none(person.username()),
        or_none(person.email()),
        person.primary_wallet().map_or_else(|| "-".to_owned(), |address| address.checksummed()),
        person.role().name().to_owned(),
        state(person).to_owned(),
        name,
    ]
}

fn state(person: &Person) -> &'static str {
    if person.is_enabled() { "enabled" } else { "disabled" }
}
