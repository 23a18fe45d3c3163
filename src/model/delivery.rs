//! How what is told to people gets to them, and what may stand in its way.

/// The way that something of the outbox goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A letter, by mail.
    Mail,
    /// A notice, to a device.
    Push,
}

impl Way {
    /// As it is stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Push => "push",
        }
    }
}

/// Why something was not sent, in words that name neither the person nor what was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It can't be sent, ever.
    Hopeless(String),
    /// It was refused for what it is. A few tries more find out whether that was a mistake.
    Refused(String),
    /// It was not taken now; others may be.
    Later(String),
    /// The service does not do its work now, for none.
    Away(String),
}
