//! Subscriptions that Stripe keeps. Ours is a copy: what Stripe says is taken over whole, and a call whose outcome nobody
//! knows is noted before it is made, so that it is found again by whoever comes next.

mod calls;
mod events;
mod mending;
mod moves;
mod orders;
mod sync;

use std::time::Duration;

use super::Core;
use crate::billing::Failure;
use crate::model::Error;
use crate::model::error::Dependency;
pub(super) use orders::Order;

/// How long Stripe has for one change, repetitions included. The gateway ends any request after 30 seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a call is had by whoever makes it: longer than any request, so that nobody else makes it meanwhile.
const CLAIM: Duration = Duration::from_secs(40);

/// How long a call rests that nobody comes back for, until it is found out what became of it.
const REPAIRED_AFTER: Duration = Duration::from_mins(1);

/// How long after its beginning a call that left no trace at Stripe counts as never made.
const GIVEN_UP_AFTER: Duration = Duration::from_mins(10);

/// Why an errand at Stripe came to nothing.
#[derive(Debug)]
enum Trouble {
    /// Because of Stripe.
    Stripe(Failure),
    /// Because of ourselves.
    Own(Error),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Stripe(failure)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl Trouble {
    /// What whoever asked is told.
    fn into_error(self) -> Error {
        match self {
            Self::Own(error) => error,
            Self::Stripe(Failure::Declined(word)) => Error::PaymentFailed(told_of_decline(&word).to_owned()),
            Self::Stripe(Failure::Unknown(_)) => Error::Unavailable(Dependency::Payments),
            Self::Stripe(Failure::Missing(_) | Failure::Refused(_)) => Error::Unavailable(Dependency::PaymentsSetUp),
        }
    }

    /// Whether Stripe itself gave no answer that says anything.
    const fn is_silence(&self) -> bool {
        matches!(self, Self::Stripe(Failure::Unknown(_)))
    }

    /// Whether it is sure that nothing was done.
    const fn is_definite(&self) -> bool {
        match self {
            Self::Stripe(Failure::Declined(_) | Failure::Missing(_) | Failure::Refused(_)) => true,
            Self::Stripe(Failure::Unknown(_)) | Self::Own(_) => false,
        }
    }
}

/// What whoever pays is told of a decline: a word that he can do something about. Whoever holds a stolen card must not learn that
/// the bank knows of it, so all others are the general one; the log has the word itself.
fn told_of_decline(word: &str) -> &'static str {
    const TOLD: [&str; 18] = [
        "authentication_required",
        "card_not_supported",
        "card_velocity_exceeded",
        "currency_not_supported",
        "expired_card",
        "incorrect_address",
        "incorrect_cvc",
        "incorrect_number",
        "incorrect_zip",
        "insufficient_funds",
        "invalid_cvc",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "invalid_number",
        "payment_method_missing",
        "processing_error",
        "try_again_later",
        "withdrawal_count_limit_exceeded",
    ];
    TOLD.into_iter().find(|told| *told == word).unwrap_or("card_declined")
}

impl Core {
    /// Runs an errand at Stripe, bounded in time, counted, and logged if it came to nothing.
    async fn errand<T>(
        &self,
        what: &'static str,
        errand: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let late = || Err(Failure::Unknown("it takes too long".to_owned()).into());
        // Boxed: it is big, and all requests of the gateway would have room for it.
        let outcome = Box::pin(tokio::time::timeout(PATIENCE, errand)).await.unwrap_or_else(|_| late());
        let told = match &outcome {
            Ok(_) => "ok",
            Err(Trouble::Stripe(failure)) => {
                match failure {
                    Failure::Declined(_) => tracing::info!(what, %failure, "Stripe declines"),
                    Failure::Unknown(_) => tracing::warn!(what, %failure, "Stripe does not answer as it should"),
                    Failure::Missing(_) | Failure::Refused(_) => {
                        tracing::error!(what, %failure, "Stripe refuses: see countersign doctor");
                    }
                }
                match failure {
                    Failure::Declined(_) => "declined",
                    Failure::Missing(_) => "missing",
                    Failure::Refused(_) => "refused",
                    Failure::Unknown(_) => "unknown",
                }
            }
            Err(Trouble::Own(_)) => "own",
        };
        self.metrics.count_stripe_call(told);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_learns_that_a_card_is_known_to_be_stolen() {
        for word in ["insufficient_funds", "expired_card", "authentication_required"] {
            assert_eq!(told_of_decline(word), word);
        }
        let kept = ["lost_card", "stolen_card", "pickup_card", "fraudulent", "merchant_blacklist", "restricted_card"];
        for word in kept.into_iter().chain(["generic_decline", "card_declined", "a_word_of_tomorrow", "unnamed", ""]) {
            assert_eq!(told_of_decline(word), "card_declined", "{word}");
        }
    }
}
