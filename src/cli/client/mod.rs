//! Verbs of scripts, which talk to a running gateway.

mod api;
mod key;
mod saved;

use serde_json::{Value, json};

use super::arguments::LoginOptions;
use super::failure::Failure;
use super::operate::on_runtime;
use crate::config::Config;
use api::Api;
use saved::{Saved, Session};

/// Signs in and prints the access token. A free nonce, so that scripts with one key don't disturb each other.
pub(super) fn login(options: &LoginOptions, json: bool) -> Result<String, Failure> {
    let key = key::load(options)?;
    let api = Api::of_environment()?;
    let signed_in = on_runtime(async {
        let issued = api.get("/users/nonce", None).await?;
        let nonce = text(&issued, "nonce")?;
        let address = key.address().checksummed();
        let proof = json!({"address": address, "signature": key.sign_message(nonce), "nonce": nonce});
        api.post("/users/authenticate", None, Some(&proof)).await
    })?;
    let session = Session::of(&signed_in)?;
    if !options.no_save {
        Saved::load()?.keep(&api.url, &session)?;
    }
    eprintln!("signed in as {} at {} until {}", session.address, api.url, session.expires_at);
    Ok(if json { format!("{signed_in}\n") } else { format!("{}\n", session.token) })
}

/// Shows who is signed in.
pub(super) fn whoami(json: bool) -> Result<String, Failure> {
    let api = Api::of_environment()?;
    let (profile, session) = on_runtime(async {
        let session = current(&api).await?;
        let path = format!("/users/{}/data", session.address);
        Ok((api.get(&path, Some(&session.token)).await?, session))
    })?;
    if json {
        let mut profile = profile;
        profile["server"] = json!(api.url);
        profile["expiresAt"] = json!(session.expires_at);
        return Ok(format!("{profile}\n"));
    }
    let name = profile["name"].as_str().filter(|name| !name.is_empty()).map(|name| format!("  {name:?}"));
    Ok(format!("{}{}\n", text(&profile, "userAddress")?, name.unwrap_or_default()))
}

/// Shows or replaces the API key.
pub(super) fn api_key(rotate: bool, json: bool) -> Result<String, Failure> {
    let api = Api::of_environment()?;
    let answer = on_runtime(async {
        let session = current(&api).await?;
        if rotate {
            api.post("/users/api-key/rotate", Some(&session.token), None).await
        } else {
            api.get("/users/api-key", Some(&session.token)).await
        }
    })?;
    Ok(if json { format!("{answer}\n") } else { format!("{}\n", text(&answer, "apiKey")?) })
}

/// Ends the session, here and at the server.
pub(super) fn logout() -> Result<String, Failure> {
    let api = Api::of_environment()?;
    on_runtime(async {
        let session = current(&api).await?;
        api.post("/users/logout", Some(&session.token), None).await
    })?;
    Saved::load()?.forget(&api.url)?;
    eprintln!("signed out of {}", api.url);
    Ok(String::new())
}

/// Asks a gateway whether it is ready: the one at `COUNTERSIGN_URL`, else the one that this configuration starts.
pub(super) fn healthcheck(config: &Config) -> Result<String, Failure> {
    let api = Api::of_environment_or(config)?;
    on_runtime(api.get("/readyz", None))?;
    Ok("ready\n".to_owned())
}

/// The session to act in: that of `COUNTERSIGN_TOKEN`, else the kept one, refreshed if its token is over.
async fn current(api: &Api) -> Result<Session, Failure> {
    if let Some(session) = Session::of_environment()? {
        return Ok(session);
    }
    let mut saved = Saved::load()?;
    let unknown = || Failure::WrongUse(format!("nobody is signed in at {}: run countersign login", api.url));
    let session = saved.find(&api.url).ok_or_else(unknown)?;
    if !session.is_over() {
        return Ok(session);
    }
    let body = json!({"refreshToken": session.refresh_token});
    let refreshed = api.post("/users/refresh", None, Some(&body)).await?;
    let session = session.refreshed(&refreshed)?;
    saved.keep(&api.url, &session)?;
    Ok(session)
}

/// A member of an answer that has to be text.
fn text<'a>(answer: &'a Value, name: &str) -> Result<&'a str, Failure> {
    let missing = || Failure::Refused(format!("the answer has no {name}: is this a Countersign gateway?"));
    answer[name].as_str().ok_or_else(missing)
}
