//! The life of a session: when it is over, and what a refresh token that comes in does to it.

use std::time::Duration;

use super::{AccountId, SessionId, WalletId};
use crate::clock::Timestamp;

/// How long after a rotation the refresh token before it still gets the same successor (a lost answer, two tabs).
pub const REFRESH_GRACE: Duration = Duration::from_secs(10);

/// The longest that any session lasts, however often it is refreshed.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(90 * 24);

/// The longest that a session token of the exchange door is good.
pub const SESSION_TOKEN_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// How the owner of a session proved himself: the `amr` of its access tokens (RFC 8176 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amr {
    /// A wallet signed: `pop`, proof of possession of a key.
    Wallet,
    /// A password: `pwd`.
    Password,
    /// A code that was mailed. No word of the registry says that; it is no second factor, so `otp` would say too much.
    MailedCode,
    /// A password and a code of the second factor: `pwd`, `otp`, and `mfa` for both.
    PasswordAndOtp,
    /// A code that was mailed and one of the second factor.
    MailedCodeAndOtp,
    /// What an OpenID provider says: `fed`. How somebody proved himself there it may say or not, and no word of the
    /// registry stands for what others vouch for.
    Provider,
    /// What an OpenID provider says, and a code of the second factor.
    ProviderAndOtp,
}

impl Amr {
    /// The same with a code of the second factor.
    #[must_use]
    pub const fn with_otp(self) -> Self {
        match self {
            Self::Password | Self::PasswordAndOtp => Self::PasswordAndOtp,
            Self::MailedCode | Self::MailedCodeAndOtp => Self::MailedCodeAndOtp,
            Self::Provider | Self::ProviderAndOtp => Self::ProviderAndOtp,
            // Possession of a key asks for no code.
            Self::Wallet => self,
        }
    }

    /// Whether a code of the second factor was shown.
    #[must_use]
    pub const fn has_otp(self) -> bool {
        match self {
            Self::PasswordAndOtp | Self::MailedCodeAndOtp | Self::ProviderAndOtp => true,
            Self::Wallet | Self::Password | Self::MailedCode | Self::Provider => false,
        }
    }

    /// What is claimed of it.
    #[must_use]
    pub const fn claims(self) -> &'static [&'static str] {
        match self {
            Self::Wallet => &["pop"],
            Self::Password => &["pwd"],
            Self::MailedCode => &["mail"],
            Self::Provider => &["fed"],
            Self::PasswordAndOtp => &["pwd", "otp", "mfa"],
            Self::MailedCodeAndOtp => &["mail", "otp", "mfa"],
            Self::ProviderAndOtp => &["fed", "otp", "mfa"],
        }
    }

    /// The word that is stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wallet => "pop",
            Self::Password => "pwd",
            Self::MailedCode => "mail",
            Self::PasswordAndOtp => "pwd+otp",
            Self::MailedCodeAndOtp => "mail+otp",
            Self::Provider => "fed",
            Self::ProviderAndOtp => "fed+otp",
        }
    }

    /// What a stored word means; an unknown one is the weaker proof.
    #[must_use]
    pub fn from_stored(word: &str) -> Self {
        match word {
            "pop" => Self::Wallet,
            "mail" => Self::MailedCode,
            "pwd+otp" => Self::PasswordAndOtp,
            "mail+otp" => Self::MailedCodeAndOtp,
            "fed" => Self::Provider,
            "fed+otp" => Self::ProviderAndOtp,
            _ => Self::Password,
        }
    }
}

/// One sign-in, and all that it was refreshed into.
#[derive(Clone, Debug)]
pub struct Session {
    /// The session's id.
    pub id: SessionId,
    /// Whose it is.
    pub account: AccountId,
    /// The wallet that signed in; `None` if none did.
    pub wallet: Option<WalletId>,
    /// How its owner proved himself.
    pub amr: Amr,
    /// The account's epoch at sign-in; the session is over once the account's is higher.
    pub epoch: i64,
    /// How often it was refreshed: the counter of the one refresh token that is good.
    pub refresh_counter: u32,
    /// When its owner signed in.
    pub created_at: Timestamp,
    /// When it was last refreshed, or began.
    pub refreshed_at: Timestamp,
    /// When it is over, whatever happens.
    pub expires_at: Timestamp,
    /// When it was ended before its time.
    pub ended_at: Option<Timestamp>,
}

/// What there is to know about a session besides its own row.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The account's epoch now.
    pub account_epoch: i64,
    /// Whether the wallet that signed in is still linked, if one did.
    pub wallet_linked: bool,
}

impl Session {
    /// Whether its access tokens are still good at `now`.
    #[must_use]
    pub fn is_live(&self, standing: Standing, now: Timestamp) -> bool {
        self.ended_at.is_none()
            && self.epoch == standing.account_epoch
            && standing.wallet_linked
            && now < self.expires_at
    }

    /// What to do with a refresh token of this session that carries `counter`.
    #[must_use]
    pub fn judge_refresh(&self, counter: u32, standing: Standing, idle: Duration, now: Timestamp) -> Refresh {
        let idle_too_long = now >= self.refreshed_at + idle;
        if !self.is_live(standing, now) || idle_too_long {
            return Refresh::Ended;
        }
        let in_grace = now < self.refreshed_at + REFRESH_GRACE;
        match self.refresh_counter.checked_sub(counter) {
            Some(0) => Refresh::Rotate,
            Some(1) if in_grace => Refresh::Repeat,
            Some(_) => Refresh::Reused,
            // A counter of the future was never issued: a database restored from an older state meets newer tokens.
            None => Refresh::Ended,
        }
    }
}

/// The verdict on a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// It is the current one: raise the counter.
    Rotate,
    /// It is the one before, within the grace: give the current one again.
    Repeat,
    /// It was used up before: somebody has a copy, so the session ends.
    Reused,
    /// The session is over.
    Ended,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const IDLE: Duration = Duration::from_hours(30 * 24);
    const GOOD: Standing = Standing { account_epoch: 3, wallet_linked: true };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn session() -> Session {
        Session {
            id: SessionId(Uuid::nil()),
            account: AccountId(Uuid::nil()),
            wallet: Some(WalletId(Uuid::nil())),
            amr: Amr::Wallet,
            epoch: 3,
            refresh_counter: 7,
            created_at: at(1_000),
            refreshed_at: at(1_000),
            expires_at: at(1_000) + SESSION_LIFETIME,
            ended_at: None,
        }
    }

    #[test]
    fn what_is_stored_of_a_proof_is_what_is_read() {
        let all = [Amr::Wallet, Amr::Password, Amr::MailedCode, Amr::PasswordAndOtp, Amr::MailedCodeAndOtp];
        assert_eq!(all.map(|amr| Amr::from_stored(amr.word())), all);
        assert_eq!(Amr::Password.with_otp().claims(), ["pwd", "otp", "mfa"]);
        assert_eq!(Amr::from_stored("?"), Amr::Password);
    }

    #[test]
    fn the_counter_and_the_time_decide() {
        let table = [
            (7, 1_000, Refresh::Rotate),
            (7, 100_000, Refresh::Rotate),
            (6, 1_009, Refresh::Repeat),
            (6, 1_010, Refresh::Reused),
            (5, 1_001, Refresh::Reused),
            (0, 1_001, Refresh::Reused),
            (8, 1_001, Refresh::Ended),
        ];
        for (counter, now, verdict) in table {
            assert_eq!(session().judge_refresh(counter, GOOD, IDLE, at(now)), verdict, "{counter} at {now}");
        }
    }

    #[test]
    fn a_session_that_is_over_in_any_way_gives_nothing() {
        let idle_over = at(1_000) + IDLE;
        assert_eq!(session().judge_refresh(7, GOOD, IDLE, idle_over), Refresh::Ended);
        let now = at(1_001);
        let raised = Standing { account_epoch: 4, ..GOOD };
        let unlinked = Standing { wallet_linked: false, ..GOOD };
        for standing in [raised, unlinked] {
            assert_eq!(session().judge_refresh(7, standing, IDLE, now), Refresh::Ended);
            assert!(!session().is_live(standing, now));
        }
        let ended = Session { ended_at: Some(now), ..session() };
        assert_eq!(ended.judge_refresh(7, GOOD, IDLE, now), Refresh::Ended);
        assert!(!session().is_live(GOOD, session().expires_at));
        assert!(session().is_live(GOOD, now));
    }
}
