//! The settings of the service that reaches devices: whose account it takes, and where it is.

use std::fmt;

use serde::Deserialize;
use url::Url;

use super::google::is_protected;
use super::read::{Fault, Reader};
use super::sources::ConfigError;
use crate::secret::{MASK, SecretText};

/// The service that reaches devices: FCM.
#[derive(Clone, Debug)]
pub struct Fcm {
    /// By what this gateway proves to it who it is; without it no device is told anything.
    pub account: Option<ServiceAccount>,
    /// Where it is: an origin.
    pub api_base: String,
    /// The project whose devices these are, if it is not the account's.
    pub project: Option<String>,
}

/// A service account, as Google writes it into a file.
#[derive(Clone)]
pub struct ServiceAccount {
    /// Its project.
    pub project_id: String,
    /// Its name.
    pub client_email: String,
    /// The id of its key.
    pub key_id: Option<String>,
    /// Its private key, in PEM.
    pub private_key: SecretText,
    /// Where it gets access tokens.
    pub token_uri: String,
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Of the file what is needed.
#[derive(Deserialize)]
struct Written {
    r#type: String,
    project_id: String,
    client_email: String,
    private_key_id: Option<String>,
    private_key: String,
    token_uri: String,
}

impl Reader {
    pub(super) fn fcm(&self) -> Result<Fcm, ConfigError> {
        Ok(Fcm {
            account: self.optional("fcm.service_account", service_account)?,
            api_base: self.read("fcm.api_base", api_base)?,
            project: self.optional("fcm.project_id", project)?,
        })
    }
}

fn service_account(written: &str) -> Result<ServiceAccount, Fault> {
    const FAULT: Fault = "the JSON of a Google service account is expected, with type service_account, project_id, \
                          client_email, private_key and token_uri; mostly from a file, by \
                          COUNTERSIGN_FCM__SERVICE_ACCOUNT_FILE";
    let account: Written = serde_json::from_str(written).map_err(|_| FAULT)?;
    let private_key = SecretText::new(account.private_key);
    if account.r#type != "service_account" || account.client_email.is_empty() {
        return Err(FAULT);
    }
    let place = Url::parse(&account.token_uri).ok();
    if !place.is_some_and(|place| is_protected(&place) && is_anonymous(&place) && place.fragment().is_none()) {
        return Err("its token_uri has to be https (http on this machine alone), without a user or a fragment");
    }
    Ok(ServiceAccount {
        project_id: project(&account.project_id).map_err(|_| "its project_id is none")?,
        client_email: account.client_email,
        key_id: account.private_key_id,
        private_key,
        token_uri: account.token_uri,
    })
}

/// An id, a number, or one of before with a domain in front.
fn project(written: &str) -> Result<String, Fault> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':');
    let is_id = (1..=64).contains(&written.len()) && written.bytes().all(fits) && !written.starts_with('.');
    if is_id { Ok(written.to_owned()) } else { Err("the id of a Firebase project is expected, such as my-app-12345") }
}

fn is_anonymous(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

fn api_base(written: &str) -> Result<String, Fault> {
    const FAULT: Fault = "an origin is expected, such as https://fcm.googleapis.com: https (http on this machine alone), \
                          no path, no query, no user";
    let url = Url::parse(written).map_err(|_| FAULT)?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if bare && is_anonymous(&url) && is_protected(&url) { Ok(url.origin().ascii_serialization()) } else { Err(FAULT) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Config, ConfigError, Environment};

    fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let owned = variables.iter().map(|(name, value)| (format!("COUNTERSIGN_FCM__{name}"), (*value).to_owned()));
        Config::load(&[], &Environment(owned.collect()))
    }

    fn account(changes: &Value) -> String {
        let mut account = json!({
            "type": "service_account", "project_id": "my-app-12345", "private_key_id": "k1",
            "private_key": "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
            "client_email": "push@my-app-12345.iam.gserviceaccount.com", "client_id": "1",
            "token_uri": "https://oauth2.googleapis.com/token",
        });
        for (name, value) in changes.as_object().unwrap() {
            account[name.as_str()] = value.clone();
        }
        account.to_string()
    }

    #[test]
    fn an_account_is_read_whole_and_shown_nowhere() {
        assert!(with(&[]).unwrap().fcm.account.is_none());
        let written = account(&json!({}));
        let config = with(&[("SERVICE_ACCOUNT", &written), ("PROJECT_ID", "other")]).unwrap();
        let read = config.fcm.account.as_ref().unwrap();
        assert_eq!((read.project_id.as_str(), config.fcm.project.as_deref()), ("my-app-12345", Some("other")));
        assert_eq!(config.fcm.api_base, "https://fcm.googleapis.com");
        for shown in [config.to_toml(), format!("{config:?}")] {
            assert!(!shown.contains("hunter2") && !shown.contains("gserviceaccount"), "{shown}");
        }
        assert!(config.to_toml().contains("fcm.service_account = \"********\""));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), written).unwrap();
        let path = file.path().to_str().unwrap();
        assert!(with(&[("SERVICE_ACCOUNT_FILE", path)]).unwrap().fcm.account.is_some());
    }

    #[test]
    fn what_is_no_account_is_refused_in_one_line_that_repeats_nothing_of_it() {
        let mut wrong = vec!["hunter2".to_owned(), "{}".to_owned(), "[\"hunter2\"]".to_owned()];
        for name in ["type", "project_id", "client_email", "private_key", "token_uri"] {
            wrong.extend([json!(null), json!(7), json!("")].map(|value| match (name, &value) {
                // What a key has to be is looked at where it is read.
                ("private_key", Value::String(_)) => "{".to_owned(),
                _ => account(&json!({name: value})),
            }));
        }
        wrong.push(account(&json!({"type": "authorized_user"})));
        for place in
            ["http://oauth2.example/hunter2", "https://me:hunter2@oauth2.example", "https://oauth2.example/#hunter2"]
        {
            wrong.push(account(&json!({"token_uri": place})));
        }
        wrong.push(account(&json!({"project_id": "../hunter2"})));
        for written in wrong {
            let refused = with(&[("SERVICE_ACCOUNT", &written)]).unwrap_err().0;
            assert!(refused.starts_with("COUNTERSIGN_FCM__SERVICE_ACCOUNT: fcm.service_account: "), "{refused}");
            assert!(!refused.contains("hunter2") && !refused.contains('\n'), "{refused}");
        }
    }

    #[test]
    fn notices_go_over_a_protected_way_alone() {
        for base in ["https://push.example", "http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"] {
            assert_eq!(with(&[("API_BASE", base)]).unwrap().fcm.api_base, base);
        }
        for base in [
            "http://push.example",
            "https://push.example/v1",
            "https://me@push.example",
            "https://push.example/?a",
            "push",
        ] {
            let refused = with(&[("API_BASE", base)]).unwrap_err().0;
            assert!(refused.starts_with("COUNTERSIGN_FCM__API_BASE: fcm.api_base: "), "{refused}");
        }
        for project in ["", "a/b", "a b", "..", "a?b", "é"] {
            let refused = with(&[("PROJECT_ID", project)]).unwrap_err().0;
            assert!(refused.starts_with("COUNTERSIGN_FCM__PROJECT_ID: fcm.project_id: "), "{refused}");
        }
    }
}
