//! What somebody subscribes to: its states, which moves there are from each, and what it is at a moment.

use uuid::Uuid;

use super::error::Violation;
use super::plan::{Interval, Period};
use super::{AccountId, SubscriptionId};
use crate::clock::Timestamp;

/// How a subscription is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The first payment needs the person.
    Incomplete,
    /// It is tried for nothing.
    Trialing,
    /// It is in force.
    Active,
    /// A payment failed, and is tried again.
    PastDue,
    /// A payment failed, and is not tried any more. For others it is as if it still were, except that nothing is given.
    Unpaid,
    /// Nothing is collected, and nothing is given.
    Paused,
    /// It is over for good.
    Canceled,
}

/// Whether money is collected for a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// It is.
    On,
    /// Not for now.
    Paused,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Incomplete, Self::Trialing, Self::Active, Self::PastDue, Self::Unpaid, Self::Paused, Self::Canceled];

    /// As it is answered.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::Unpaid => Self::PastDue.word(),
            Self::Incomplete | Self::Trialing | Self::Active | Self::PastDue | Self::Paused | Self::Canceled => {
                self.word()
            }
        }
    }

    /// As it is stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
        }
    }

    /// What a word of ours means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// What Stripe means by its word; `None` for one that it did not have when this was written.
    #[must_use]
    pub fn of_stripe(status: &str, collection: Collection) -> Option<Self> {
        let state = match status {
            "incomplete" => Self::Incomplete,
            "trialing" => Self::Trialing,
            "active" => Self::Active,
            "past_due" => Self::PastDue,
            "unpaid" => Self::Unpaid,
            "paused" => Self::Paused,
            "canceled" | "incomplete_expired" => Self::Canceled,
            _ => return None,
        };
        Some(match (state, collection) {
            (Self::Trialing | Self::Active | Self::PastDue, Collection::Paused) => Self::Paused,
            (state, Collection::On | Collection::Paused) => state,
        })
    }

    /// Whether it gives what the plan gives. That a payment is being tried again takes nothing away yet.
    #[must_use]
    pub const fn is_in_force(self) -> bool {
        match self {
            Self::Trialing | Self::Active | Self::PastDue => true,
            Self::Incomplete | Self::Unpaid | Self::Paused | Self::Canceled => false,
        }
    }

    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Canceled)
    }
}

/// What its owner wants of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Another plan.
    ChangePlan,
    /// The plan that it has, which takes a cancellation back.
    KeepPlan,
    /// That it ends.
    Cancel,
    /// That it rests.
    Pause,
    /// That it goes on.
    Unpause,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The plan is the one that is wanted from now on, and it is not canceled any more.
    ChangePlan,
    /// It ends with the period.
    CancelAtPeriodEnd,
    /// It ends now.
    CancelNow,
    /// It rests.
    Pause,
    /// It goes on.
    Unpause,
}

/// What becomes of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is something to do.
    Do(Step),
    /// It is so already.
    Nothing,
    /// It makes no sense in this state.
    Impossible,
}

/// Whether a subscription goes on after its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It does.
    Renews,
    /// It ends with the period.
    Ends,
}

/// Which moves there are from a state.
#[must_use]
pub const fn judge(state: State, renewal: Renewal, wanted: Move) -> Verdict {
    use Verdict::{Do, Impossible, Nothing};
    match (state, wanted) {
        // Nothing was paid for, so there is nothing to wait for.
        (State::Incomplete | State::Unpaid, Move::Cancel) => Do(Step::CancelNow),
        (State::Trialing | State::Active | State::PastDue | State::Paused, Move::Cancel) => match renewal {
            Renewal::Renews => Do(Step::CancelAtPeriodEnd),
            Renewal::Ends => Nothing,
        },
        (State::Trialing | State::Active, Move::ChangePlan) => Do(Step::ChangePlan),
        (State::Trialing | State::Active, Move::KeepPlan) => match renewal {
            Renewal::Renews => Nothing,
            Renewal::Ends => Do(Step::ChangePlan),
        },
        (State::Active, Move::Pause) => match renewal {
            Renewal::Renews => Do(Step::Pause),
            Renewal::Ends => Impossible,
        },
        (State::Paused, Move::Unpause) => Do(Step::Unpause),
        // Of what is tried for nothing nothing is collected; what is owed has to be paid first.
        (State::Trialing | State::PastDue | State::Paused, Move::Pause)
        | (State::PastDue | State::Paused, Move::ChangePlan | Move::KeepPlan)
        | (State::Trialing | State::Active | State::PastDue, Move::Unpause)
        | (State::Canceled | State::Incomplete | State::Unpaid, _) => Impossible,
    }
}

/// Who keeps a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// This gateway itself, of what costs nothing.
    Ledger {
        /// How long a period is.
        every: Interval,
        /// When the first one begins; the others follow.
        anchor: Timestamp,
        /// When it is over, if it was canceled.
        ends_at: Option<Timestamp>,
    },
    /// Stripe, whose copy ours is.
    Stripe {
        /// Its id there; `None` until Stripe has told it.
        id: Option<String>,
    },
}

/// What somebody subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose it is.
    pub account: AccountId,
    /// The plan's id.
    pub plan: String,
    /// Who keeps it.
    pub keeper: Keeper,
    /// By what price Stripe collects; `None` of what the ledger keeps.
    pub stripe_price: Option<String>,
    /// How it is doing.
    pub state: State,
    /// The period that it is in.
    pub period: Period,
    /// Whether it goes on after the period.
    pub renewal: Renewal,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Subscription {
    /// What it is now: periods of the ledger's go on by themselves, and it is over when it is said to be.
    #[must_use]
    pub fn as_of(mut self, now: Timestamp) -> Self {
        if let Keeper::Ledger { every, anchor, ends_at } = self.keeper {
            let is_over = ends_at.is_some_and(|end| end <= now);
            // The last period of what is over is the one that ended with it.
            let last = ends_at.map_or(now, |end| now.min(Timestamp::from_micros(end.micros().saturating_sub(1))));
            self.period = every.period(anchor, last);
            if is_over {
                self.state = State::Canceled;
            }
        }
        self
    }

    /// When it is known to end.
    #[must_use]
    pub fn known_end(&self) -> Option<Timestamp> {
        match (&self.keeper, self.renewal) {
            (Keeper::Ledger { ends_at, .. }, _) => *ends_at,
            (Keeper::Stripe { .. }, Renewal::Ends) => Some(self.period.end),
            (Keeper::Stripe { .. }, Renewal::Renews) => None,
        }
    }

    /// What every sign-in reads of it, if it is in force.
    #[must_use]
    pub fn in_force(&self) -> Option<InForce> {
        let until = self.known_end();
        self.state.is_in_force().then(|| InForce { plan: self.plan.clone(), state: self.state, until })
    }
}

/// What every sign-in reads of the subscription in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The plan's id.
    pub plan: String,
    /// How it is doing.
    pub state: State,
    /// When it is known to end.
    pub until: Option<Timestamp>,
}

impl InForce {
    /// Whether it is in force at this moment.
    #[must_use]
    pub fn is_at(&self, now: Timestamp) -> bool {
        self.state.is_in_force() && self.until.is_none_or(|end| now < end)
    }
}

/// What a subscription is paid with, as Stripe's own page in the browser named it. Never the card itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentMethod(String);

impl PaymentMethod {
    /// The most characters.
    pub const MAX_CHARS: usize = 255;

    /// Takes an id of Stripe's. A card's number is none, and goes no further.
    ///
    /// # Errors
    /// A violation of `field`, which does not repeat the text.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        let is_id = ["pm_", "card_", "src_"].iter().any(|prefix| text.len() > prefix.len() && text.starts_with(prefix));
        let fits = text.len() <= Self::MAX_CHARS
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if is_id && fits {
            return Ok(Self(text.to_owned()));
        }
        let message = "the id of a payment method is expected, pm_ and what follows; never a card's number".to_owned();
        Err(Violation { field: field.to_owned(), message })
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands before the digits of a subscription's id.
const PREFIX: &str = "sub_";

impl SubscriptionId {
    /// As requests and answers name it.
    #[must_use]
    pub fn public(self) -> String {
        format!("{PREFIX}{}", self.0.simple())
    }

    /// Reads what [`SubscriptionId::public`] writes, and nothing else.
    #[must_use]
    pub fn from_public(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text.strip_prefix(PREFIX)?).ok().map(Self)?;
        (id.public() == text).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_move_from_every_state_has_its_verdict() {
        use Step::{CancelAtPeriodEnd, CancelNow, ChangePlan, Pause, Unpause};
        use Verdict::{Do, Impossible, Nothing};
        const MOVES: [Move; 5] = [Move::ChangePlan, Move::KeepPlan, Move::Cancel, Move::Pause, Move::Unpause];
        // In the order of MOVES: while it renews, and once it is canceled.
        let table = [
            (State::Incomplete, Renewal::Renews, [Impossible, Impossible, Do(CancelNow), Impossible, Impossible]),
            (State::Incomplete, Renewal::Ends, [Impossible, Impossible, Do(CancelNow), Impossible, Impossible]),
            (
                State::Trialing,
                Renewal::Renews,
                [Do(ChangePlan), Nothing, Do(CancelAtPeriodEnd), Impossible, Impossible],
            ),
            (State::Trialing, Renewal::Ends, [Do(ChangePlan), Do(ChangePlan), Nothing, Impossible, Impossible]),
            (State::Active, Renewal::Renews, [Do(ChangePlan), Nothing, Do(CancelAtPeriodEnd), Do(Pause), Impossible]),
            (State::Active, Renewal::Ends, [Do(ChangePlan), Do(ChangePlan), Nothing, Impossible, Impossible]),
            (State::PastDue, Renewal::Renews, [Impossible, Impossible, Do(CancelAtPeriodEnd), Impossible, Impossible]),
            (State::PastDue, Renewal::Ends, [Impossible, Impossible, Nothing, Impossible, Impossible]),
            (State::Unpaid, Renewal::Renews, [Impossible, Impossible, Do(CancelNow), Impossible, Impossible]),
            (State::Unpaid, Renewal::Ends, [Impossible, Impossible, Do(CancelNow), Impossible, Impossible]),
            (State::Paused, Renewal::Renews, [Impossible, Impossible, Do(CancelAtPeriodEnd), Impossible, Do(Unpause)]),
            (State::Paused, Renewal::Ends, [Impossible, Impossible, Nothing, Impossible, Do(Unpause)]),
            (State::Canceled, Renewal::Renews, [Impossible; 5]),
            (State::Canceled, Renewal::Ends, [Impossible; 5]),
        ];
        assert_eq!(table.len(), State::ALL.len() * 2);
        for (state, renewal, verdicts) in table {
            for (wanted, verdict) in MOVES.into_iter().zip(verdicts) {
                assert_eq!(judge(state, renewal, wanted), verdict, "{state:?} {renewal:?} {wanted:?}");
            }
        }
    }

    #[test]
    fn words_of_stripe_have_their_state_and_one_that_is_new_has_none() {
        use Collection::{On, Paused};
        for (word, collection, state) in [
            ("incomplete", On, Some(State::Incomplete)),
            ("incomplete", Paused, Some(State::Incomplete)),
            ("incomplete_expired", On, Some(State::Canceled)),
            ("trialing", On, Some(State::Trialing)),
            ("trialing", Paused, Some(State::Paused)),
            ("active", On, Some(State::Active)),
            ("active", Paused, Some(State::Paused)),
            ("past_due", On, Some(State::PastDue)),
            ("past_due", Paused, Some(State::Paused)),
            ("unpaid", On, Some(State::Unpaid)),
            ("unpaid", Paused, Some(State::Unpaid)),
            ("paused", On, Some(State::Paused)),
            ("canceled", On, Some(State::Canceled)),
            ("canceled", Paused, Some(State::Canceled)),
            ("ACTIVE", On, None),
            ("", On, None),
            ("suspended", Paused, None),
        ] {
            assert_eq!(State::of_stripe(word, collection), state, "{word} {collection:?}");
        }
        for state in State::ALL {
            assert_eq!(State::from_word(state.word()), Some(state));
        }
        // That one is told in the words of those that the contract has.
        assert_eq!((State::Unpaid.told(), State::Paused.told()), ("past_due", "paused"));
        assert!(State::PastDue.is_in_force() && !State::Unpaid.is_in_force());
    }

    #[test]
    fn a_payment_method_is_an_id_and_never_a_card() {
        for text in ["pm_1MoBy5", "card_1", "src_1", "pm_..."] {
            assert_eq!(PaymentMethod::parse("paymentMethodId", text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "pm_",
            "4242424242424242",
            "tok_visa",
            "pm_a b",
            "pm_../..",
            "pm_a/b",
            "pm_\n",
            "pm_é",
            &format!("pm_{}", "a".repeat(253)),
        ] {
            let violation = PaymentMethod::parse("paymentMethodId", text).unwrap_err();
            assert!(violation.field == "paymentMethodId" && !violation.message.contains("4242"), "{text}");
        }
    }

    #[test]
    fn an_id_is_read_in_the_form_in_which_it_is_written() {
        let id = SubscriptionId(Uuid::from_u128(0x0192_3456_789a_7bcd_8ef0_1234_5678_9abc));
        let text = "sub_01923456789a7bcd8ef0123456789abc";
        assert_eq!((id.public().as_str(), SubscriptionId::from_public(text)), (text, Some(id)));
        let hyphenated = format!("sub_{}", id.0);
        for other in ["", "sub_", "sub_123", &text[4..], &text.to_uppercase(), &text[..35], &hyphenated] {
            assert_eq!(SubscriptionId::from_public(other), None, "{other}");
        }
    }

    const HOUR: i64 = 3_600;

    fn monthly(ends_at: Option<i64>) -> Subscription {
        // 2026-01-31.
        let start = Timestamp::from_seconds(1_769_817_600);
        let every = Interval::Month;
        Subscription {
            id: SubscriptionId(Uuid::nil()),
            account: AccountId(Uuid::nil()),
            plan: "free".to_owned(),
            keeper: Keeper::Ledger { every, anchor: start, ends_at: ends_at.map(Timestamp::from_seconds) },
            stripe_price: None,
            state: State::Active,
            period: every.period(start, start),
            renewal: if ends_at.is_some() { Renewal::Ends } else { Renewal::Renews },
            created_at: start,
            updated_at: start,
        }
    }

    #[test]
    fn what_the_ledger_keeps_goes_on_by_itself_until_it_is_over() {
        let dates = |subscription: &Subscription| {
            let Period { start, end } = subscription.period;
            (start.date(), end.date())
        };
        let (march, april) = (1_772_236_800, 1_774_915_200);
        let at = |ends_at, seconds| monthly(ends_at).as_of(Timestamp::from_seconds(seconds));
        let of_february = ("2026-01-31".to_owned(), "2026-02-28".to_owned());
        let of_march = ("2026-02-28".to_owned(), "2026-03-31".to_owned());
        for (ends_at, now, dated, state) in [
            (None, march - 1, &of_february, State::Active),
            (None, march, &of_march, State::Active),
            (Some(march), march - 1, &of_february, State::Active),
            (Some(march), march, &of_february, State::Canceled),
            (Some(march), april + HOUR, &of_february, State::Canceled),
            (Some(april), april - 1, &of_march, State::Active),
        ] {
            let told = at(ends_at, now);
            assert_eq!((&dates(&told), told.state), (dated, state), "{ends_at:?} {now}");
            assert_eq!(told.in_force().is_some(), state == State::Active);
        }
        let in_force = monthly(Some(march)).in_force().unwrap();
        assert!(in_force.is_at(Timestamp::from_seconds(march - 1)) && !in_force.is_at(Timestamp::from_seconds(march)));
        // The 31st is not forgotten over a look in February.
        let later = Timestamp::from_seconds(april);
        assert_eq!(at(None, march).as_of(later), monthly(None).as_of(later));
    }
}
