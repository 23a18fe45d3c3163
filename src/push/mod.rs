//! Notices on the wire: to Google's service that reaches devices (FCM, by its HTTP v1 API), each with an access token of the
//! operator's service account. It knows no accounts, keeps nothing but that token, and decides nothing about another try.

mod access;
mod answer;
mod message;
mod web;

use std::time::Duration;

use serde_json::json;
use url::Url;
use uuid::Uuid;

use crate::clock::{Clock, Timestamp};
use crate::config::{Config, Fcm};
use crate::model::delivery::Failure;
use crate::model::device::PushToken;
use crate::model::notice::Notice;
use access::{Access, Granted};
use web::{Answer, Web};

/// How long one try may take, with an access token that has to be fetched before it and another one after it.
pub const TRY: Duration = web::DEADLINE.saturating_mul(4);

/// The status of an access token that is not taken (RFC 6750 section 3.1).
const UNAUTHORIZED: u16 = 401;

/// A device that there is not.
const NOBODYS_DEVICE: &str = "countersign-doctor";

/// What reaches devices.
pub struct Service {
    /// Where messages of the project are posted.
    messages: Url,
    access: Access,
    web: Web,
    clock: Clock,
}

/// A notice for one device.
#[derive(Clone, Copy)]
pub struct Parcel<'a> {
    /// What tells it from others, also for a device that gets it twice.
    pub id: Uuid,
    /// The device.
    pub token: &'a PushToken,
    /// What it shows.
    pub notice: &'a Notice,
    /// Until when it is news.
    pub expires_at: Timestamp,
}

/// Why a notice was not sent, in words that name neither the device nor what was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The device is no more, or never was; with the service's word for that.
    Gone(&'static str),
    /// The device is one of another project than the account's. Which of the two is wrong, the answer does not tell.
    Foreign(&'static str),
    /// There is something that it does not know or does not allow, and it does not say whether that is the device.
    Unnamed(String),
    /// It failed, and one answer alone does not tell whether at this device or at all of them; with how long the service
    /// wants not to be asked at least, if it said.
    Unclear {
        /// What it answers.
        why: String,
        /// For how long there is no hope.
        at_least: Option<Duration>,
    },
    /// It was not taken; with how long the service wants not to be asked at least, if it said.
    Failed {
        /// What hope there is.
        failure: Failure,
        /// For how long there is none.
        at_least: Option<Duration>,
    },
    /// The service takes nothing from this gateway until an operator has corrected something.
    Misconfigured(String),
}

impl Unsent {
    /// Without a word on how long.
    #[must_use]
    pub const fn failed(failure: Failure) -> Self {
        Self::Failed { failure, at_least: None }
    }
}

impl Service {
    /// The service that is configured, which is not asked anything yet; `None` if none is.
    ///
    /// # Errors
    /// One line if the key of the account is none, which repeats nothing of it.
    pub fn new(fcm: &Fcm, clock: &Clock) -> Result<Option<Self>, String> {
        let Some(account) = &fcm.account else { return Ok(None) };
        let project = fcm.project.as_ref().unwrap_or(&account.project_id);
        let messages = format!("{}/v1/projects/{project}/messages:send", fcm.api_base);
        let messages = Url::parse(&messages).map_err(|_| "fcm.project_id: it fits into no URL".to_owned())?;
        let access = Access::new(account, clock)?;
        Ok(Some(Self { messages, access, web: Web::default(), clock: clock.clone() }))
    }

    /// Sends a notice. If this is dropped half-way, nobody knows whether it was sent.
    ///
    /// # Errors
    /// [`Unsent`] says why it was not.
    pub async fn send(&self, parcel: Parcel<'_>) -> Result<(), Unsent> {
        let message = message::written(&parcel, self.clock.now()).to_string();
        let token = self.access.token(&self.web).await?;
        let answer = self.post(&token, message.clone()).await?;
        // An access token may be taken back before its time: once, another one is asked for. That the device's own
        // service takes none from the project has the same status and is nothing of ours.
        let is_refused = answer.status == UNAUTHORIZED && !answer::is_about_the_way_on(&answer);
        let answer =
            if is_refused { self.post(&self.access.another(&self.web).await?, message).await? } else { answer };
        answer::judge(&answer, self.clock.now())
    }

    /// Asks for an access token, and then whether a message would be taken: FCM looks at it and sends nothing.
    async fn rehearse(&self) -> Result<String, String> {
        const KEY: &str = "correct fcm.service_account, or make another key of it; a clock that is off does so, too";
        const PROJECT: &str = "see that the account may send messages (cloudmessaging.messages.create), that fcm.project_id \
                               is the project of the apps, and that it has the Firebase Cloud Messaging API (V1)";
        let token = self.access.token(&self.web).await.map_err(|unsent| with_advice(unsent, KEY))?;
        let message = json!({"validate_only": true, "message": {"token": NOBODYS_DEVICE, "data": {"kind": "doctor"}}});
        let posted = self.post(&token, message.to_string()).await;
        match posted.and_then(|answer| answer::judge(&answer, self.clock.now())) {
            // That there is no such device says somebody who has let us in.
            Ok(()) | Err(Unsent::Gone(_)) => Ok("the service account gets an access token, and may send".to_owned()),
            Err(unsent) => Err(with_advice(unsent, PROJECT)),
        }
    }

    async fn post(&self, token: &Granted, message: String) -> Result<Answer, Unsent> {
        let posted = self.web.post_json(&self.messages, token.expose(), message).await;
        posted.map_err(|fault| Unsent::failed(Failure::Away(fault.to_string())))
    }
}

/// Whether the configured service takes the account and lets it send, with what to do if not; `None` if none is configured.
/// A message is only looked at by it, for a device that there is not.
pub async fn examine(config: &Config, clock: &Clock) -> Option<(String, Result<String, String>)> {
    let account = config.fcm.account.as_ref()?;
    let subject = format!("FCM, project {}", config.fcm.project.as_ref().unwrap_or(&account.project_id));
    let service = match Service::new(&config.fcm, clock) {
        Ok(service) => service?,
        Err(fault) => return Some((subject, Err(fault))),
    };
    Some((subject, service.rehearse().await))
}

/// Why the service does not send, with what to do if that is an operator's to correct.
fn with_advice(unsent: Unsent, advice: &str) -> String {
    match unsent {
        Unsent::Misconfigured(why) | Unsent::Unnamed(why) => format!("{why}: {advice}"),
        Unsent::Gone(word) | Unsent::Foreign(word) => format!("it answers {word}: {advice}"),
        Unsent::Unclear { why, .. } => why,
        Unsent::Failed { failure, .. } => match failure {
            Failure::Away(why) | Failure::Later(why) | Failure::Refused(why) | Failure::Hopeless(why) => why,
        },
    }
}
