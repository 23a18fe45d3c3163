//! Devices that may be sent notifications, by the tokens that their makers gave them.

use std::fmt;
use std::time::Duration;

use super::error::Violation;
use crate::secret::MASK;

/// How long a token is kept that nobody claims.
pub const UNCLAIMED_FOR: Duration = Duration::from_hours(24);

/// How many unclaimed tokens are kept of one client network.
pub const UNCLAIMED_AT_MOST: u32 = 100;

/// How many devices an account has; who claims another one loses the one that he has not claimed for longest.
pub const DEVICES_AT_MOST: i64 = 50;

/// A device's token, as Apple, Google or a browser gave it. Whoever has it may be sent to, so it is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct PushToken(String);

impl PushToken {
    /// The most characters: several times those of any that is given out today, and as many as an index takes.
    pub const MAX_CHARS: usize = 1024;

    /// Takes a token: letters, digits and signs of ASCII, without spaces.
    ///
    /// # Errors
    /// A violation of `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let fits = (1..=Self::MAX_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            return Ok(Self(text.to_owned()));
        }
        let message = "1 to 1024 letters, digits and signs of ASCII without spaces are expected".to_owned();
        Err(Violation { field: field.to_owned(), message })
    }

    /// Takes over what the database holds.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The token.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PushToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// What a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    /// Apple's.
    Ios,
    /// Google's.
    Android,
    /// A browser.
    Web,
}

impl Os {
    /// As it is written in bodies.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ios => "iOS",
            Self::Android => "Android",
            Self::Web => "Web",
        }
    }

    /// What a word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Ios, Self::Android, Self::Web].into_iter().find(|os| os.word() == word)
    }

    /// Reads the word of a body.
    ///
    /// # Errors
    /// A violation of `field`.
    pub fn parse(field: &str, word: &str) -> Result<Self, Violation> {
        let message = "iOS, Android or Web is expected";
        Self::from_word(word).ok_or_else(|| Violation { field: field.to_owned(), message: message.to_owned() })
    }
}

/// A device of somebody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its token.
    pub token: PushToken,
    /// What it runs, if anybody said.
    pub os: Option<Os>,
    /// What it is sent.
    pub wanted: Wanted,
}

/// What a device is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Anything at all.
    pub enabled: bool,
    /// What concerns the safety of the account.
    pub security: bool,
    /// What concerns payments.
    pub billing: bool,
}

/// A change of what a device is sent: what is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantedChange {
    /// Anything at all.
    pub enabled: Option<bool>,
    /// What concerns the safety of the account.
    pub security: Option<bool>,
    /// What concerns payments.
    pub billing: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_plain_characters_and_shows_itself_nowhere() {
        let token = PushToken::parse("deviceToken", "fcm:APA91b_x-Y.z/+=").unwrap();
        assert_eq!(format!("{token:?}"), MASK);
        for text in ["", " ", "a b", "a\n", "a\0", "é", &"x".repeat(1025)] {
            assert!(PushToken::parse("deviceToken", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_operating_system_is_written_in_one_way() {
        for os in [Os::Ios, Os::Android, Os::Web] {
            assert_eq!(Os::from_word(os.word()), Some(os));
        }
        for word in ["", "ios", "IOS", "Windows", "android "] {
            assert!(Os::parse("os", word).is_err(), "{word}");
        }
    }
}
