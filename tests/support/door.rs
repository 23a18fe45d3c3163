//! The doors that give refresh tokens, as somebody who lives under load uses one: what is posted, and where the answers
//! have what counts.

use std::io::Result;

use serde_json::{Value, json};

use super::client::{Answer, Client, Nonce};
use super::wallet::Wallet;

const PASSWORD: &str = "correct horse battery";
/// The gateway's own pages, where nothing else is configured.
const PAGE: &str = "http://localhost:8080";

/// A door, and who enters by it.
pub enum Door {
    /// By a wallet.
    Wallet(Wallet),
    /// By the password of this address.
    Session(String),
}

/// What a session is carried on with.
pub struct Pair {
    pub access: String,
    pub refresh: String,
}

impl Door {
    /// The wallet, or the person, of this number.
    pub fn session_of(number: u32) -> Self {
        Self::Session(format!("person{number}@example.com"))
    }

    /// What has to be posted to sign in. Who enters by password is registered first, unless that was done before.
    ///
    /// # Errors
    /// As [`Client::send`] and [`Answer::or_busy`].
    pub async fn proof(&self, client: &mut Client, nonce: Nonce) -> Result<Value> {
        match self {
            Self::Wallet(wallet) => client.proof(wallet, nonce).await,
            Self::Session(email) => {
                let proof = json!({"email": email, "password": PASSWORD});
                let answer = client.post("/auth/register", &proof).await?;
                if answer.status == 409 {
                    answer.refused(409, "identity_already_used");
                } else {
                    answer.or_busy(201)?;
                }
                Ok(proof)
            }
        }
    }

    /// Posts that.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn sign_in(&self, client: &mut Client, proof: &Value) -> Result<Answer> {
        let path = match self {
            Self::Wallet(_) => "/users/authenticate",
            Self::Session(_) => "/auth/login",
        };
        client.post(path, proof).await
    }

    /// Posts a refresh token. At the session door as a page does whose browser has it, or as a program does, by the
    /// token's own last letter: the same token always comes the same way, and others another.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn refresh(&self, client: &mut Client, token: &str) -> Result<Answer> {
        let answer = match self {
            Self::Wallet(_) => return client.refresh(token).await,
            Self::Session(_) if token.bytes().last().is_some_and(|letter| letter % 2 == 0) => {
                let header = format!("cookie: refresh_token={token}\r\norigin: {PAGE}\r\n");
                client.send("POST", "/auth/refresh", &header, &Value::Null).await?
            }
            Self::Session(_) => client.post("/auth/refresh", &json!({"refresh_token": token})).await?,
        };
        let sets = answer.headers("set-cookie").count();
        assert_eq!(sets, if answer.status == 200 { 2 } else { 0 }, "what fails leaves the cookies alone: {answer:?}");
        Ok(answer)
    }

    /// The tokens in an answer of either.
    #[track_caller]
    pub fn pair(&self, answer: &Answer) -> Pair {
        let (access, refresh) = match self {
            Self::Wallet(_) => ("token", "refreshToken"),
            Self::Session(_) => ("access_token", "refresh_token"),
        };
        Pair { access: answer.field(access).to_owned(), refresh: answer.field(refresh).to_owned() }
    }

    /// One more than how often a session is refreshed at most. Beside the hash of a sign-in by password a refresh takes no
    /// time, so there are many, for kills to come during one.
    pub const fn refreshes(&self) -> u32 {
        match self {
            Self::Wallet(_) => 3,
            Self::Session(_) => 24,
        }
    }

    /// Where the session is ended.
    pub const fn sign_out(&self) -> &'static str {
        match self {
            Self::Wallet(_) => "/users/logout",
            Self::Session(_) => "/auth/logout",
        }
    }

    /// What the session may read.
    pub fn own(&self) -> String {
        match self {
            Self::Wallet(wallet) => format!("/users/{}/data", wallet.address),
            Self::Session(_) => "/users/wallets".to_owned(),
        }
    }

    /// Whether what was posted to sign in is good only once.
    pub const fn proves_once(&self) -> bool {
        matches!(self, Self::Wallet(_))
    }
}
