//! Proving an e-mail address, and getting back in: what is mailed, and for how long it is good.

use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;

/// How long a code of six digits is good.
pub const CODE_LIFETIME: Duration = Duration::from_mins(15);

/// How many wrong codes there may be, over all codes, before a new one is needed.
pub const CODE_TRIES: i64 = 5;

/// How long the link is good that comes with the code.
pub const LINK_LIFETIME: Duration = Duration::from_hours(24);

/// How long a link to a new password is good.
pub const RESET_LIFETIME: Duration = Duration::from_mins(30);

/// How many mails there may be, whoever asks. It bounds more than what lands in a mailbox: each code may be guessed at
/// [`CODE_TRIES`] times, from as many networks as somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Under which name they are counted.
    pub kind: &'static str,
    /// How many within that time.
    pub most: u32,
    /// From the first one on.
    pub within: Duration,
    /// How long after one the next one may follow.
    pub apart: Duration,
}

/// Codes that are mailed to one address, whoever has it at the time: an account that is renamed, or deleted and made anew,
/// begins no new count.
pub const PROOFS_TOWARDS: Quota =
    Quota { kind: "proof_towards", most: 5, within: Duration::from_hours(1), apart: Duration::ZERO };

/// How soon after a code another one may be asked for without a credential; who asks before gets none, and is not told.
pub const RESENT_AFTER: Duration = Duration::from_mins(1);

/// Codes that one account has mailed, to whatever addresses.
pub const PROOFS_BY: Quota =
    Quota { kind: "proof_by", most: 20, within: Duration::from_hours(1), apart: Duration::ZERO };

/// Links to a new password of one account. As many as may be mailed while one is good: whoever asks for all of them at
/// once leaves the owner with a good one as long as no other is to be had.
pub const RESETS: Quota = Quota { kind: "reset", most: 5, within: RESET_LIFETIME, apart: Duration::from_mins(1) };

/// The longest that any of them counts.
pub const COUNTED_WITHIN: Duration = Duration::from_hours(1);

/// What was asked for until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When the first one was.
    pub since: Timestamp,
    /// How many they were.
    pub count: u32,
    /// When the last one was.
    pub last_at: Timestamp,
}

impl Quota {
    /// From when on there is room for one more.
    #[must_use]
    pub fn room_from(&self, asked: Asked) -> Timestamp {
        let next = asked.last_at + self.apart;
        if asked.count < self.most { next } else { next.max(asked.since + self.within) }
    }
}

/// A random token that is mailed, and of which only the hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct MailedToken(pub [u8; 32]);

impl fmt::Debug for MailedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::secret::MASK)
    }
}

/// The proof of an e-mail address that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailProof {
    /// The address in its canonical form.
    pub email_key: String,
    /// What tells this code from those before it.
    pub serial: [u8; 16],
    /// When it was mailed.
    pub issued_at: Timestamp,
    /// How many wrong codes there were.
    pub tries: i64,
}

impl EmailProof {
    /// Whether its code may still be tried for the account's address.
    #[must_use]
    pub fn is_open(&self, email_key: &str, now: Timestamp) -> bool {
        self.email_key == email_key && self.tries < CODE_TRIES && now < self.issued_at + CODE_LIFETIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_after_a_while_and_for_no_more_than_so_many() {
        let at = Timestamp::from_seconds;
        let room = |count, last| RESETS.room_from(Asked { since: at(0), count, last_at: at(last) });
        assert_eq!(room(1, 0), at(60));
        assert_eq!(room(4, 1_000), at(1_060));
        assert_eq!(room(5, 1_000), at(1_800));
        assert_eq!(room(5, 1_790), at(1_850));
        for quota in [PROOFS_TOWARDS, PROOFS_BY, RESETS] {
            assert!(quota.within <= COUNTED_WITHIN && quota.apart <= quota.within);
        }
    }

    #[test]
    fn a_code_is_good_for_its_address_its_time_and_its_tries() {
        let issued_at = Timestamp::from_seconds(1_000);
        let proof = EmailProof { email_key: "a@b.example".to_owned(), serial: [1; 16], issued_at, tries: 4 };
        let last = issued_at + CODE_LIFETIME - Duration::from_micros(1);
        assert!(proof.is_open("a@b.example", last));
        assert!(!proof.is_open("b@b.example", last) && !proof.is_open("a@b.example", issued_at + CODE_LIFETIME));
        assert!(!EmailProof { tries: 5, ..proof }.is_open("a@b.example", last));
    }
}
