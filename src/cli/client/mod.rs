//! Verbs of scripts, which talk to a running gateway.

mod api;
mod current;
mod explain;
mod key;
mod saved;
mod session;
mod tokens;

use serde_json::{Value, json};

use super::arguments::LoginOptions;
use super::failure::Failure;
use super::operate::on_runtime;
use crate::config::Config;
use api::{Api, Fault};
use current::Current;
pub(super) use explain::explain;
use saved::Saved;
use session::Session;
pub(super) use tokens::tokens;

/// Signs in and prints the access token. The gateway's messages carry free nonces, so scripts with one key don't disturb
/// each other.
pub(super) fn login(options: &LoginOptions, json: bool) -> Result<String, Failure> {
    let api = Api::of_environment()?;
    // Before the sign-in: a session that can't be kept would live on with nobody who could end it.
    let saved = if options.no_save { None } else { Some(Saved::here()?) };
    saved.as_ref().map_or(Ok(()), Saved::prepare)?;
    let key = key::load(options)?;
    let (signed_in, session) = on_runtime(async {
        let wanted = json!({"address": key.address().checksummed()});
        let issued = api.post("/users/nonce", None, Some(&wanted)).await?;
        let message = text(&issued, "message")?;
        let proof = json!({"message": message, "signature": key.sign_message(message)});
        let signed_in = api.post("/users/authenticate", None, Some(&proof)).await?;
        let session = Session::of(&signed_in)?;
        if let Some(Err(failure)) = saved.map(|saved| saved.keep(&api.url, &session)) {
            // As above; and if this fails too, there is nothing left to try.
            let _ = api.post("/users/logout", Some(&session.token), None).await;
            return Err(failure);
        }
        Ok((signed_in, session))
    })?;
    eprintln!("signed in as {} at {} until {}", session.address, api.url, session.expires_at);
    Ok(if json { format!("{signed_in}\n") } else { format!("{}\n", session.token) })
}

/// Shows who is signed in.
pub(super) fn whoami(json: bool) -> Result<String, Failure> {
    let mut current = Current::find()?;
    let mut profile = on_runtime(async {
        let read = async |api: &Api, session: &Session| {
            api.get(&format!("/users/{}/data", session.address), Some(&session.token)).await
        };
        Ok(current.act(read).await?)
    })?;
    if json {
        profile["server"] = json!(current.api.url);
        profile["expiresAt"] = json!(current.session.expires_at);
        return Ok(format!("{profile}\n"));
    }
    let name = profile["name"].as_str().filter(|name| !name.is_empty()).map(|name| format!("  {name:?}"));
    Ok(format!("{}{}\n", text(&profile, "userAddress")?, name.unwrap_or_default()))
}

/// Shows or replaces the API key.
pub(super) fn api_key(rotate: bool, json: bool) -> Result<String, Failure> {
    let mut current = Current::find()?;
    let answer = on_runtime(async {
        let call = async |api: &Api, session: &Session| {
            if rotate {
                api.post("/users/api-key/rotate", Some(&session.token), None).await
            } else {
                api.get("/users/api-key", Some(&session.token)).await
            }
        };
        Ok(current.act(call).await?)
    })?;
    Ok(if json { format!("{answer}\n") } else { format!("{}\n", text(&answer, "apiKey")?) })
}

/// Ends the session, here and at the server. One that had ended already is what was asked for.
pub(super) fn logout(json: bool) -> Result<String, Failure> {
    let mut current = Current::find()?;
    let was_live = on_runtime(async {
        let end = async |api: &Api, session: &Session| api.post("/users/logout", Some(&session.token), None).await;
        match current.act(end).await {
            Ok(_) => Ok(true),
            Err(fault) if current::has_ended(&fault) => Ok(false),
            Err(fault) => Err(Failure::from(fault)),
        }
    })?;
    current.forget()?;
    let Current { api, session, .. } = current;
    let remark = if was_live { "signed out of" } else { "the session had ended already at" };
    eprintln!("{remark} {}", api.url);
    let answer = json!({"server": api.url, "address": session.address, "wasLive": was_live});
    Ok(if json { format!("{answer}\n") } else { String::new() })
}

/// Asks a gateway whether it is ready: the one at `COUNTERSIGN_URL`, else the one that this configuration starts.
pub(super) fn healthcheck(config: &Config, json: bool) -> Result<String, Failure> {
    let api = Api::of_environment_or(config)?;
    let answer = |ready: bool| format!("{}\n", json!({"server": api.url, "ready": ready}));
    let asked = on_runtime(async { Ok(api.get("/readyz", None).await) })?;
    match asked {
        Ok(_) => Ok(if json { answer(true) } else { "ready\n".to_owned() }),
        Err(Fault::Refused { line, .. }) => {
            Err(Failure::No { answer: if json { answer(false) } else { String::new() }, line })
        }
        Err(Fault::Failed(failure)) => Err(failure),
    }
}

/// A member of an answer that has to be text.
fn text<'a>(answer: &'a Value, name: &str) -> Result<&'a str, Failure> {
    let missing = || Failure::Refused(format!("the answer has no {name}: is this a Countersign gateway?"));
    answer[name].as_str().ok_or_else(missing)
}

/// An environment variable; one that is no text is not taken for an absent one.
fn variable(name: &str) -> Result<Option<String>, Failure> {
    let wrong = |_| Failure::WrongUse(format!("{name}: the value is not UTF-8: set it anew, or unset it"));
    std::env::var_os(name).map(|value| value.into_string().map_err(wrong)).transpose()
}
