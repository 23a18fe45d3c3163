//! Messages that we write for a wallet to sign (EIP-4361), each with a free nonce within: asking for one tells nobody
//! whether the wallet has just signed in.

use super::Core;
use super::limits::Policy;
use crate::clock::Timestamp;
use crate::model::error::{Forbidden, Violation};
use crate::model::message::Rule;
use crate::model::{Address, Client, Error, Origin};
use crate::wallet::nonce::{FREE_TTL, FreeNonce, Purpose};
use crate::wallet::siwe::{DateTime, FieldFault, Message, Spelling};

/// What a client wants the message to say; what is `None` is filled in by us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageRequest {
    /// The chain; the first configured one.
    pub chain_id: Option<u64>,
    /// The URI; the origin of the domain.
    pub uri: Option<String>,
    /// The domain; that of the URI if it is of a site of ours, else that of the page, else the gateway's own.
    pub domain: Option<String>,
    /// The origin of the page that asks. It chooses among our sites where nothing else does, and can add none.
    pub page: Option<String>,
    /// What the person reads; nothing.
    pub statement: Option<String>,
    /// URIs that go along; none.
    pub resources: Option<Vec<String>>,
    /// A name for the request; none.
    pub request_id: Option<String>,
}

impl MessageRequest {
    /// The most characters of the statement: a wallet shows a person no more than a screen of it.
    const LONGEST_STATEMENT: usize = 1024;
    /// The most characters of the request's name and of the domain.
    const LONGEST_NAME: usize = 255;
    /// The most resources.
    const MOST_RESOURCES: usize = 20;

    fn check_lengths(&self) -> Result<(), Error> {
        let length = |text: &Option<String>| text.as_ref().map_or(0, |text| text.chars().count());
        let rules = [
            ("domain", length(&self.domain), Self::LONGEST_NAME, "characters"),
            ("statement", length(&self.statement), Self::LONGEST_STATEMENT, "characters"),
            ("resources", self.resources.as_ref().map_or(0, Vec::len), Self::MOST_RESOURCES, "resources"),
            ("requestId", length(&self.request_id), Self::LONGEST_NAME, "characters"),
        ];
        let too_long = rules.into_iter().filter(|(_, length, most, _)| length > most);
        let violation = |(field, _, most, what): (&str, usize, usize, &str)| Violation {
            field: field.to_owned(),
            message: format!("at most {most} {what} are allowed"),
        };
        let violations: Vec<Violation> = too_long.map(violation).collect();
        if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
    }
}

/// What a wallet is to sign.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The nonce within the message.
    pub nonce: String,
    /// The message, ready for `personal_sign`.
    pub message: String,
    /// From when on the nonce is refused.
    pub expires_at: Timestamp,
}

impl Core {
    /// A message by which this wallet signs in.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a site or a chain that would be refused when the message comes back signed;
    /// [`Error::Invalid`] names a field that no message can have; [`Error::TooMany`].
    pub fn issue_message(&self, wallet: Address, request: MessageRequest, client: &Client) -> Result<Challenge, Error> {
        let now = self.clock.now();
        self.limit(Policy::Nonces, client, now)?;
        request.check_lengths()?;
        self.write_message(wallet, request, Purpose::SignIn, now)
    }

    /// A message of this purpose, with what was wished for where that is allowed.
    pub(super) fn write_message(
        &self,
        wallet: Address,
        request: MessageRequest,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Challenge, Error> {
        let wishes = request != MessageRequest::default();
        let expires_at = (now + FREE_TTL).whole_seconds();
        let nonce = FreeNonce { id: self.random.bytes(), expires_at }.encode(self.keychain.current(), purpose);
        let unwritable = || Error::internal("the time now has no spelling in RFC 3339");
        let site = self.site_of(&request).ok_or_else(|| Error::internal("the gateway has no site of its own"))?;
        let message = Message {
            scheme: None,
            domain: request.domain.unwrap_or_else(|| site.authority()),
            address: wallet,
            spelling: Spelling::Checksummed,
            statement: request.statement,
            uri: request.uri.unwrap_or_else(|| site.to_string()),
            chain_id: request.chain_id.or_else(|| self.chain_ids.first().copied()).unwrap_or(1),
            nonce,
            issued_at: DateTime::of(now.whole_seconds()).ok_or_else(unwritable)?,
            expiration_time: None,
            not_before: None,
            request_id: request.request_id,
            resources: request.resources,
        };
        // What nobody wished for is our own, and good.
        if wishes {
            for rule in [Rule::Domain, Rule::Uri, Rule::Chain] {
                self.judge_text(rule, &message, now)
                    .map_err(|refusal| Error::Forbidden(Forbidden::Message(refusal)))?;
            }
            message.check().map_err(|fault| Error::Invalid(vec![violation(&fault)]))?;
        }
        Ok(Challenge { message: message.to_string(), nonce: message.nonce, expires_at })
    }

    /// The site that is meant where the request leaves the domain or the URI open: the one that the other names, else
    /// the page's.
    fn site_of(&self, request: &MessageRequest) -> Option<&Origin> {
        let MessageRequest { domain, uri, page, .. } = request;
        let is_named = |origin: &&Origin| match (domain, uri, page) {
            (Some(domain), ..) => *domain == origin.authority(),
            (None, Some(uri), _) => {
                let rest = uri.strip_prefix(origin.to_string().as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
            }
            (None, None, Some(page)) => *page == origin.to_string(),
            (None, None, None) => false,
        };
        // The first one is the gateway's own, and always there.
        let origins = &self.config.wallet.origins;
        origins.iter().find(is_named).or(origins.first())
    }
}

/// A field that no message can have, by the name that the client knows it by.
fn violation(fault: &FieldFault) -> Violation {
    let field = if fault.field == "request_id" { "requestId" } else { fault.field };
    let message = format!("character {}: {} is expected", fault.column, fault.expected);
    Violation { field: field.to_owned(), message }
}
