//! `countersign users`: making, listing and changing accounts in the database itself.

mod password;
mod table;

use serde_json::{Value, json};

use super::arguments::{CreateOptions, GrantedRole, ListOptions, ResetOptions, RoleOptions, UserOption, UsersAction};
use super::failure::Failure;
use super::logging;
use super::operate::on_runtime;
use crate::app::{self, App, Change, NewUser, Page, Role, Secret, StartFailure, Users, Wanted};
use crate::clock::Clock;
use crate::config::Config;
use crate::identity::Person;
use crate::random::Random;

/// How many accounts a page has, if nothing says otherwise.
const ROWS: u32 = 100;

/// Does what a verb below `users` says.
pub(super) fn run(config: &Config, action: &UsersAction, json: bool) -> Result<String, Failure> {
    logging::start(config.log);
    match action {
        UsersAction::Create(options) => create(config, options, json),
        UsersAction::List(options) => list(config, options, json),
        UsersAction::Grant(RoleOptions { user, role: GrantedRole::Admin }) => change(config, user, Change::Grant, json),
        UsersAction::Revoke(RoleOptions { user, role: GrantedRole::Admin }) => {
            change(config, user, Change::Revoke, json)
        }
        UsersAction::Disable { user } => change(config, user, Change::Disable, json),
        UsersAction::Enable { user } => change(config, user, Change::Enable, json),
        UsersAction::ResetPassword(options) => reset_password(config, options, json),
        UsersAction::ResetMfa { user } => change(config, user, Change::ResetMfa, json),
    }
}

/// Makes an account, and what a start of the gateway would make, if that is missing.
fn create(config: &Config, options: &CreateOptions, json: bool) -> Result<String, Failure> {
    let CreateOptions { username, email, name, .. } = options;
    let user = NewUser { username: username.as_deref(), email: email.as_deref(), name };
    // All that is typed is judged before anything is made.
    let mut registration = user.check()?;
    if !options.no_password {
        let whom = username.as_deref().or(email.as_deref()).unwrap_or_default();
        let password = password::read(options.password_file.as_deref(), whom)?;
        registration = app::with_password(registration, &password)?;
    }
    let role = if options.admin { Role::Admin } else { Role::User };
    let person = on_runtime(async {
        let failure = |failure: StartFailure| Failure::of_operator(&failure);
        let app = App::open(config.clone(), Clock::System, Random::system()).await.map_err(failure)?;
        if let Secret::Made(_, file) = &app.secret {
            eprintln!("the root secret {} was made now: back it up", file.display());
        }
        let users = Users::of(&app);
        let made = users.create(registration, role).await;
        users.close().await;
        Ok(made?)
    })?;
    Ok(answer(&person, json))
}

/// Lists accounts.
fn list(config: &Config, options: &ListOptions, json: bool) -> Result<String, Failure> {
    let is_paged = options.page.is_some() || options.rows.is_some();
    let page = Page { number: options.page.unwrap_or(1), rows: options.rows.unwrap_or(ROWS) };
    let wanted = Wanted {
        role: options.admins.then_some(Role::Admin),
        name: options.name.as_deref(),
        email: options.email.as_deref(),
        page: is_paged.then_some(page),
    };
    let people = on_users(config, async |users| Ok(users.list(wanted).await?))?;
    if json {
        return Ok(format!("{}\n", people.iter().map(table::object).collect::<Value>()));
    }
    if people.is_empty() {
        eprintln!("there is no such account");
    }
    Ok(table::table(&people))
}

/// Changes an account; one that is so already is what was asked for.
fn change(config: &Config, user: &UserOption, change: Change, json: bool) -> Result<String, Failure> {
    let (person, changed) = on_users(config, async |users| Ok(users.change(&user.who, change).await?))?;
    if !changed {
        let state = match change {
            Change::Grant => "is an ADMIN already",
            Change::Revoke => "is no ADMIN",
            Change::Disable => "is disabled already",
            Change::Enable => "is enabled already",
            Change::ResetMfa => "has no second factor",
        };
        eprintln!("nothing to change: {} {state}", person.full_name());
    }
    if json {
        let mut object = table::object(&person);
        object["changed"] = json!(changed);
        return Ok(format!("{object}\n"));
    }
    Ok(table::line(&person))
}

/// Sets an account's password.
fn reset_password(config: &Config, options: &ResetOptions, json: bool) -> Result<String, Failure> {
    let person = on_users(config, async |users| {
        // Whoever mistyped the name is told before he types a password.
        let person = users.find(&options.user.who).await?;
        let password = password::read(options.password_file.as_deref(), &person.full_name())?;
        users.reset_password(&person, &password).await?;
        Ok(person)
    })?;
    eprintln!("the sessions and the API key of {} are ended", person.full_name());
    Ok(answer(&person, json))
}

fn answer(person: &Person, json: bool) -> String {
    if json { format!("{}\n", table::object(person)) } else { table::line(person) }
}

/// Does `work` on the accounts of the database that is there.
fn on_users<T>(config: &Config, work: impl AsyncFnOnce(&Users) -> Result<T, Failure>) -> Result<T, Failure> {
    on_runtime(async {
        let opened = Users::open(config, Clock::System, Random::system()).await;
        let users = opened.map_err(|failure| Failure::of_operator(&failure))?;
        let outcome = work(&users).await;
        users.close().await;
        outcome
    })
}
