//! Identifiers, one type a kind, so that one can't be passed for another.

use std::fmt;

use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// A person's account: the `sub` of an access token.
    AccountId
);
id!(
    /// One sign-in and what it was refreshed into: the `sid` of an access token.
    SessionId
);
id!(
    /// The link of a wallet to an account; linking the same wallet again makes a new one.
    WalletId
);
id!(
    /// What somebody subscribes to.
    SubscriptionId
);
