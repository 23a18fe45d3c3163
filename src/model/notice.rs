//! What somebody's devices show: that something happened, and nothing of it that is the person's alone. Whoever looks at
//! the screen, and every service that it passes on its way, may read it.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mail::Letter;

/// What a notice concerns. Each device says of each whether it is wanted there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The safety of the account.
    Security,
    /// Payments.
    Billing,
}

impl Topic {
    /// As it is stored and sent.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Billing => "billing",
        }
    }
}

/// What a device shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it concerns.
    pub topic: Topic,
    /// What happened, by the name that programs know it by: that of the letter.
    pub event: Cow<'static, str>,
    /// The same for people, in a few words.
    pub title: Cow<'static, str>,
    /// What to do.
    pub body: Cow<'static, str>,
}

impl Notice {
    /// That nothing more is told of the account, on any device.
    #[must_use]
    pub const fn switched_off() -> Self {
        Self {
            topic: Topic::Security,
            event: Cow::Borrowed("notifications_off"),
            title: Cow::Borrowed("Notices switched off"),
            body: Cow::Borrowed("Your devices are told nothing of your account any more. If it was not you, act now."),
        }
    }

    /// That nothing more of the account is told on this device.
    #[must_use]
    pub const fn device_removed() -> Self {
        Self {
            topic: Topic::Security,
            event: Cow::Borrowed("device_removed"),
            title: Cow::Borrowed("Device removed"),
            body: Cow::Borrowed("This device gets no more notices of your account. If it was not you, act now."),
        }
    }

    /// For how long it is news. A sign-in that was told a day late would look like one of today; a payment waits for its
    /// person, but the first one of a subscription only as long as Stripe waits for it.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        match self.topic {
            Topic::Security => Duration::from_hours(24),
            Topic::Billing if self.event == Letter::PAYMENT_NEEDED => Duration::from_hours(23),
            Topic::Billing => Duration::from_hours(72),
        }
    }

    /// What is shown of what a letter tells; `None` if it is for the mailbox alone, since what it tells opens something.
    #[must_use]
    pub fn of(letter: &Letter) -> Option<Self> {
        let (topic, title, body) = match letter {
            Letter::VerifyEmail { .. } | Letter::ResetPassword { .. } => return None,
            Letter::NewSignIn { .. } => (
                Topic::Security,
                "New sign-in",
                "Somebody signed in to your account from a place that is new. If it was not you, change your password now.",
            ),
            Letter::PasswordChanged { .. } => (
                Topic::Security,
                "Password changed",
                "The password of your account was changed. If it was not you, ask for a new one now.",
            ),
            Letter::EmailChanged { .. } => (
                Topic::Security,
                "E-mail address changed",
                "The e-mail address of your account was changed. If it was not you, act now.",
            ),
            Letter::WalletLinked { .. } => (
                Topic::Security,
                "Wallet linked",
                "A wallet can sign in to your account from now on. If it was not you, unlink it now.",
            ),
            Letter::IdentityLinked { .. } => (
                Topic::Security,
                "Sign-in linked",
                "Somebody at another provider can sign in to your account from now on. If it was not you, act now.",
            ),
            Letter::SecondFactorOn { .. } => (
                Topic::Security,
                "Second factor on",
                "Signing in by password takes a code from now on. If it was not you, act now.",
            ),
            Letter::SecondFactorOff { .. } => (
                Topic::Security,
                "Second factor off",
                "The password alone signs in to your account from now on. If it was not you, change it now.",
            ),
            Letter::BackupCodesRenewed { .. } => (
                Topic::Security,
                "New backup codes",
                "The backup codes of your account were replaced. If it was not you, change your password now.",
            ),
            Letter::PaymentFailed { .. } => (
                Topic::Billing,
                "Payment failed",
                "A payment for your subscription failed and is tried again. See to it that what you pay with is good.",
            ),
            Letter::PaymentNeeded { .. } => (
                Topic::Billing,
                "A payment waits for you",
                "Your subscription begins once you have confirmed its first payment.",
            ),
            Letter::SubscriptionEnded { .. } => (
                Topic::Billing,
                "Subscription ended",
                "Your subscription has ended, and nothing more is collected for it.",
            ),
        };
        Some(Self { topic, event: letter.name().into(), title: title.into(), body: body.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> String {
        "s3cret-0xAb5801-192.0.2.1-new@example.com".to_owned()
    }

    fn letters() -> [Letter; 11] {
        [
            Letter::NewSignIn { at: told(), client: told() },
            Letter::PasswordChanged { at: told() },
            Letter::EmailChanged { at: told(), new: told() },
            Letter::WalletLinked { at: told(), address: told() },
            Letter::SecondFactorOn { at: told() },
            Letter::SecondFactorOff { at: told() },
            Letter::BackupCodesRenewed { at: told() },
            Letter::IdentityLinked { at: told(), issuer: told() },
            Letter::PaymentFailed { at: told(), plan: told() },
            Letter::PaymentNeeded { at: told(), plan: told() },
            Letter::SubscriptionEnded { at: told(), plan: told() },
        ]
    }

    #[test]
    fn a_notice_repeats_nothing_of_what_its_letter_tells_and_is_short() {
        for letter in letters() {
            let notice = Notice::of(&letter).unwrap();
            let sealed = serde_json::to_string(&notice).unwrap();
            assert!(!sealed.contains(&told()), "{sealed}");
            assert_eq!(serde_json::from_str::<Notice>(&sealed).unwrap(), notice);
            // What phones show of one without being asked.
            assert!(notice.title.len() <= 40 && notice.body.len() <= 120, "{notice:?}");
        }
        for notice in [Notice::switched_off(), Notice::device_removed()] {
            assert!(notice.title.len() <= 40 && notice.body.len() <= 120, "{notice:?}");
        }
    }

    #[test]
    fn what_opens_something_is_for_the_mailbox_alone() {
        let (code, link) = ("123456".to_owned(), "https://auth.example/#t0ken".to_owned());
        assert_eq!(Notice::of(&Letter::VerifyEmail { code, link: link.clone() }), None);
        assert_eq!(Notice::of(&Letter::ResetPassword { link }), None);
    }

    #[test]
    fn the_page_names_every_event_with_its_kind() {
        let page = include_str!("../../docs/push.md");
        let of_letters = letters().map(|letter| Notice::of(&letter).unwrap());
        for notice in of_letters.into_iter().chain([Notice::switched_off(), Notice::device_removed()]) {
            let (event, kind) = (format!("`{}`", notice.event), format!("| `{}` |", notice.topic.word()));
            let row = page.lines().find(|line| line.starts_with("| `") && line.contains(&event));
            assert!(row.is_some_and(|row| row.contains(&kind)), "{event}");
        }
    }
}
