//! Subscriptions that this gateway keeps by itself: to what costs nothing. A period follows the other without anybody's doing,
//! so nothing is written but what its owner does.

use super::Core;
use super::billing::Order;
use super::subscriptions::{Asker, Change, event_of, step_of};
use crate::model::audit::Event;
use crate::model::error::{Conflict, Setting};
use crate::model::plan::Plan;
use crate::model::subscription::{Keeper, Renewal, State, Step, Subscription};
use crate::model::{AccountId, Error, SubscriptionId};
use crate::store::{Tx, subscriptions};

impl Core {
    /// Begins a subscription, in the unit of work that has found that there is none.
    ///
    /// # Errors
    /// [`Setting::Payments`] for what costs something; [`Error::Unavailable`].
    pub(super) async fn begin_in_ledger(
        &self,
        mut tx: Tx,
        account: AccountId,
        plan: &Plan,
        asker: Asker<'_>,
    ) -> Result<Subscription, Error> {
        insist_on_free(plan)?;
        let now = asker.now;
        let subscription = Subscription {
            id: SubscriptionId(self.random.uuid(now)),
            account,
            plan: plan.id.clone(),
            keeper: Keeper::Ledger { every: plan.interval, anchor: now, ends_at: None },
            stripe_price: None,
            state: State::Active,
            period: plan.interval.period(now, now),
            renewal: Renewal::Renews,
            created_at: now,
            updated_at: now,
        };
        self.store_in_ledger(&mut tx, &subscription, Event::SubscriptionCreated(&plan.id), asker).await?;
        tx.commit().await?;
        Ok(subscription)
    }

    /// Changes a subscription of the ledger's, in the unit of work in which it was read.
    ///
    /// # Errors
    /// [`Conflict::SubscriptionMoveImpossible`]; for a plan that costs something [`Conflict::SubscriptionBeginsAnew`] where
    /// somebody takes payments, else [`Setting::Payments`]; [`Error::Unavailable`].
    pub(super) async fn change_in_ledger(
        &self,
        mut tx: Tx,
        subscription: Subscription,
        change: Change<'_>,
        asker: Asker<'_>,
    ) -> Result<Subscription, Error> {
        let Some(step) = step_of(&subscription, change)? else { return Ok(subscription) };
        let subscription = match change {
            Change::Plan(Order { plan, .. }) => {
                if self.stripe.is_some() && !plan.is_free() {
                    return Err(Error::Conflict(Conflict::SubscriptionBeginsAnew));
                }
                insist_on_free(plan)?;
                with_plan(subscription, plan, asker)
            }
            Change::Cancel | Change::Pause | Change::Unpause => after(subscription, step),
        };
        let subscription = Subscription { updated_at: asker.now, ..subscription }.as_of(asker.now);
        let event = event_of(step, &subscription.plan);
        self.store_in_ledger(&mut tx, &subscription, event, asker).await?;
        tx.commit().await?;
        Ok(subscription)
    }

    async fn store_in_ledger(
        &self,
        tx: &mut Tx,
        subscription: &Subscription,
        event: Event<'_>,
        asker: Asker<'_>,
    ) -> Result<(), Error> {
        let Asker { subject, client, now } = asker;
        if !subscriptions::upsert(tx, subscription).await? {
            return Err(Error::internal("the id of a subscription is another account's"));
        }
        self.keep_in_force(tx, subscription.account, now).await?;
        self.record(tx, event, subject, Some(client), now).await
    }
}

/// Nobody takes payments for the ledger.
fn insist_on_free(plan: &Plan) -> Result<(), Error> {
    if plan.is_free() { Ok(()) } else { Err(Error::NotConfigured(Setting::Payments)) }
}

/// With this plan from now on. Where periods are as long as before, they stay as they are; else the first one begins now.
fn with_plan(mut subscription: Subscription, plan: &Plan, asker: Asker<'_>) -> Subscription {
    let anchor = match subscription.keeper {
        Keeper::Ledger { every, anchor, .. } if every == plan.interval => anchor,
        Keeper::Ledger { .. } | Keeper::Stripe { .. } => asker.now,
    };
    subscription.plan.clone_from(&plan.id);
    subscription.keeper = Keeper::Ledger { every: plan.interval, anchor, ends_at: None };
    subscription.renewal = Renewal::Renews;
    subscription
}

/// After a step that leaves the plan as it is.
fn after(mut subscription: Subscription, step: Step) -> Subscription {
    match step {
        Step::CancelAtPeriodEnd => {
            if let Keeper::Ledger { ends_at, .. } = &mut subscription.keeper {
                *ends_at = Some(subscription.period.end);
            }
            subscription.renewal = Renewal::Ends;
        }
        Step::CancelNow => subscription.state = State::Canceled,
        Step::Pause => subscription.state = State::Paused,
        Step::Unpause => subscription.state = State::Active,
        // It comes with its plan.
        Step::ChangePlan => {}
    }
    subscription
}
