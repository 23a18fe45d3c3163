//! What it means that a server refuses a mail: whether there is hope for another try.

/// What another try may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hope {
    /// The server is busy, or it or the gateway is configured wrongly until somebody sees it: that loses no mail.
    Good,
    /// It was refused for what it is, or for who sends it. A few tries more find out whether that was a mistake.
    Little,
    /// Nobody has this address, or no server takes such a mail.
    None,
}

/// Where in the conversation a refusal came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the recipient's address.
    Recipient,
    /// After all of the mail was sent.
    End,
    /// Anywhere else, where it says nothing about the one mail.
    Elsewhere,
}

/// A status code of RFC 3463, which says more than the three digits of SMTP: class, subject and detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Enhanced(u16, u16, u16);

impl Enhanced {
    /// What the text of an answer begins with, if the server has such codes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let word = text.split_ascii_whitespace().next()?;
        // Some write it as #5.1.0, and some with a colon behind it.
        let mut numbers = word.trim_start_matches('#').trim_end_matches(':').split('.');
        let mut next = || numbers.next()?.parse().ok();
        let code = Self(next()?, next()?, next()?);
        (matches!(code.0, 2 | 4 | 5) && numbers.next().is_none()).then_some(code)
    }
}

impl std::fmt::Display for Enhanced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Hope {
    /// Judges an answer that is a refusal.
    pub(super) fn after(place: Place, code: u16, enhanced: Option<Enhanced>) -> Self {
        match place {
            _ if !(500..600).contains(&code) => Self::Good,
            Place::Recipient if is_about_mailbox(code, enhanced) => Self::None,
            // Here a bare code is about the mail, and only one that names the mailbox is about that.
            Place::End
                if is_about_content(code, enhanced) || (enhanced.is_some() && is_about_mailbox(code, enhanced)) =>
            {
                Self::None
            }
            Place::End => Self::Little,
            Place::Recipient | Place::Elsewhere => Self::Good,
        }
    }
}

/// Whether nobody has this address. Everything else that is said about a recipient may be about us: who may not relay,
/// has to authenticate, or is on a list, is told so at each address, and all mails would be lost at once.
fn is_about_mailbox(code: u16, enhanced: Option<Enhanced>) -> bool {
    match enhanced {
        // 7 and 8 are about the address of the sender, which is ours and configured.
        Some(Enhanced(5, 1, detail)) => !matches!(detail, 7 | 8),
        Some(Enhanced(5, 2, 1)) => true,
        // A mailbox that is full won't be so for ever.
        Some(Enhanced(5, 2, detail)) => detail != 2 && matches!(code, 550 | 551 | 553),
        Some(_) => false,
        None => matches!(code, 550 | 551 | 553),
    }
}

/// Whether the mail is too large or can't be converted, which it will be tomorrow as well.
fn is_about_content(code: u16, enhanced: Option<Enhanced>) -> bool {
    match enhanced {
        Some(Enhanced(5, subject, detail)) => subject == 6 || matches!((subject, detail), (2, 3) | (3, 4)),
        Some(_) => false,
        None => code == 552,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_mailbox_or_the_content_is_for_ever() {
        use Hope::{Good, Little, None};
        use Place::{Elsewhere, End, Recipient};
        let table = [
            (Recipient, "550 5.1.1 <a@b.example> is nobody", None),
            (Recipient, "550 #5.1.0 Address rejected.", None),
            (Recipient, "553 5.1.3: bad address syntax", None),
            (Recipient, "554 5.1.1 no such user", None),
            (Recipient, "550 5.2.1 mailbox disabled", None),
            (Recipient, "550 5.2.0 no mailbox", None),
            (Recipient, "550 No such user here", None),
            (Recipient, "551 User not local", None),
            (Recipient, "553 Mailbox name not allowed", None),
            // What follows is said about us, or is over tomorrow.
            (Recipient, "554 5.7.1 <a@b.example>: Relay access denied", Good),
            (Recipient, "550 5.7.1 Unable to relay", Good),
            (Recipient, "550 5.7.26 unauthenticated", Good),
            (Recipient, "550 5.4.1 Recipient address rejected: Access denied", Good),
            (Recipient, "553 5.1.8 Sender's domain does not exist", Good),
            (Recipient, "553 5.1.7 Sender's address is none", Good),
            (Recipient, "530 5.7.0 Authentication required", Good),
            (Recipient, "530 Authentication required", Good),
            (Recipient, "535 Authentication failed", Good),
            (Recipient, "554 Transaction failed", Good),
            (Recipient, "552 5.2.2 mailbox full", Good),
            (Recipient, "550 5.2.2 mailbox full", Good),
            (Recipient, "503 need MAIL first", Good),
            (Recipient, "451 4.7.1 come back later", Good),
            (Recipient, "450 4.1.1 address unverified", Good),
            (Elsewhere, "550 5.7.1 sender refused", Good),
            (Elsewhere, "550 no", Good),
            (Elsewhere, "554 5.5.1 no valid recipients", Good),
            (End, "554 5.6.0 malformed", None),
            (End, "550 5.6.1 media not supported", None),
            (End, "552 too large", None),
            (End, "552 5.3.4 too large", None),
            (End, "550 5.1.1 nobody", None),
            (End, "552 5.2.2 mailbox full", Little),
            (End, "550 5.7.26 neither SPF nor DKIM", Little),
            (End, "554 5.7.1 spam", Little),
            (End, "550 spam", Little),
            (End, "554 no", Little),
            (End, "451 4.3.0 disk full", Good),
        ];
        for (place, answer, hope) in table {
            let (code, text) = answer.split_once(' ').unwrap();
            assert_eq!(Hope::after(place, code.parse().unwrap(), Enhanced::parse(text)), hope, "{place:?} {answer}");
        }
    }

    #[test]
    fn what_begins_like_a_code_and_is_none_is_none() {
        for text in ["", "5.1", "5.1.1.1 no", "6.1.1", "192.0.2.1 is on a list", "a.b.c", "5.1.x", "5.1.99999 no"] {
            assert_eq!(Enhanced::parse(text), None, "{text}");
        }
        assert_eq!(Enhanced::parse("5.7.26 no").map(|code| code.to_string()).as_deref(), Some("5.7.26"));
    }
}
