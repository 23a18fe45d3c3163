//! The settings of the OpenID provider at which people sign in.

use url::{Host, Url};

use super::people::secret_text;
use super::read::{Fault, Reader, boolean, text};
use super::sources::ConfigError;
use crate::secret::SecretText;

/// The OpenID provider at which people sign in: Google, unless another one is named.
#[derive(Clone, Debug)]
pub struct Google {
    /// The provider, exactly as it names itself.
    pub issuer: String,
    /// Whether only sign-ins that began at our own route are let in.
    pub require_state: bool,
    /// What this gateway is there; without it nobody signs in.
    pub client: Option<GoogleClient>,
}

/// What this gateway is at the provider.
#[derive(Clone, Debug)]
pub struct GoogleClient {
    /// What it is known by.
    pub id: String,
    /// By what it proves that it is.
    pub secret: SecretText,
    /// The pages that people may be sent back to; at least one. The first is meant where none is named.
    pub redirect_uris: Vec<String>,
}

/// What stands for the page that opened a pop-up, for Google's own script.
const POSTMESSAGE: &str = "postmessage";

impl Reader {
    pub(super) fn google(&self) -> Result<Google, ConfigError> {
        let id = self.optional("google.client_id", text)?;
        let secret = self.optional("google.client_secret", secret_text)?;
        let redirect_uris = self.list("google.redirect_uris", redirect_uri)?;
        let client = match (id, secret) {
            (None, None) if redirect_uris.is_empty() => None,
            (Some(id), Some(secret)) if !redirect_uris.is_empty() => Some(GoogleClient { id, secret, redirect_uris }),
            _ => {
                let together = "google.client_id, google.client_secret and google.redirect_uris belong together";
                return Err(ConfigError(together.to_owned()));
            }
        };
        Ok(Google {
            issuer: self.read("google.issuer", issuer)?,
            require_state: self.read("google.require_state", boolean)?,
            client,
        })
    }
}

/// OpenID Connect Discovery 1.0 section 3: https, no query and no fragment. What comes from this machine nobody else can
/// change on its way, so http will do there. It is kept as written: tokens have to name it letter by letter.
fn issuer(written: &str) -> Result<String, Fault> {
    const FAULT: Fault = "an issuer is expected, such as https://accounts.google.com: https (http on this machine \
                          alone), no query, no #, no user";
    let url = Url::parse(written).map_err(|_| FAULT)?;
    let bare = url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if bare && anonymous && is_protected(&url) { Ok(written.to_owned()) } else { Err(FAULT) }
}

/// RFC 6749 section 3.1.2: absolute, and no fragment. A code must not cross a network in the clear; an app's own scheme
/// (RFC 8252 section 7.1) has a dot.
fn redirect_uri(written: &str) -> Result<String, Fault> {
    const FAULT: Fault = "a page is expected, such as https://app.example/signed-in: https (http on this machine alone) \
                          or an app's own scheme, no #, no user; or postmessage";
    if written == POSTMESSAGE {
        return Ok(written.to_owned());
    }
    let url = Url::parse(written).map_err(|_| FAULT)?;
    let anonymous = url.username().is_empty() && url.password().is_none();
    let is_safe = is_protected(&url) || url.scheme().contains('.');
    if is_safe && anonymous && url.fragment().is_none() { Ok(written.to_owned()) } else { Err(FAULT) }
}

/// Whether nobody on the way reads or changes what goes there.
pub(super) fn is_protected(url: &Url) -> bool {
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_local,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError, Environment};

    fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let owned = variables.iter().map(|(name, value)| (format!("COUNTERSIGN_GOOGLE__{name}"), (*value).to_owned()));
        Config::load(&[], &Environment(owned.collect()))
    }

    const ID: (&str, &str) = ("CLIENT_ID", "app");
    const SECRET: (&str, &str) = ("CLIENT_SECRET", "hunter2hunter2");
    const PAGES: (&str, &str) = ("REDIRECT_URIS", r#"["https://app.example/in","postmessage","com.example.app:/in"]"#);

    #[test]
    fn nobody_signs_in_there_until_all_that_it_takes_is_set() {
        assert!(with(&[]).unwrap().google.client.is_none());
        for some in
            [&[ID][..], &[SECRET], &[PAGES], &[ID, SECRET], &[ID, PAGES], &[ID, SECRET, ("REDIRECT_URIS", "[]")]]
        {
            assert!(with(some).unwrap_err().0.contains("belong together"), "{some:?}");
        }
        let config = with(&[ID, SECRET, PAGES]).unwrap();
        assert_eq!(config.google.issuer, "https://accounts.google.com");
        assert_eq!(config.google.client.as_ref().unwrap().redirect_uris.len(), 3);
        for shown in [config.to_toml(), format!("{config:?}")] {
            assert!(!shown.contains("hunter2") && shown.contains("https://app.example/in"), "{shown}");
        }
    }

    #[test]
    fn what_others_could_read_or_change_on_its_way_is_refused() {
        for issuer in ["https://id.example", "https://id.example/realms/a/", "http://127.0.0.1:9", "http://[::1]:9"] {
            assert_eq!(with(&[("ISSUER", issuer)]).unwrap().google.issuer, issuer);
        }
        for issuer in
            ["http://id.example", "https://id.example/?a", "https://id.example/#a", "https://me@id.example", "id"]
        {
            let refused = with(&[("ISSUER", issuer)]).unwrap_err().0;
            assert!(refused.starts_with("COUNTERSIGN_GOOGLE__ISSUER: google.issuer: "), "{refused}");
        }
        for page in
            ["http://app.example/in", "https://app.example/#in", "javascript:alert(1)", "/in", "data:text/html,x"]
        {
            let refused = with(&[("REDIRECT_URIS", &format!("[\"{page}\"]"))]).unwrap_err().0;
            assert!(refused.starts_with("COUNTERSIGN_GOOGLE__REDIRECT_URIS: google.redirect_uris: "), "{refused}");
        }
    }
}
