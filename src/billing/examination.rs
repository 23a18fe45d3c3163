//! Stripe looked at for an operator: whether it takes the key, and whether it has each plan's price as it is configured.

use super::prices::is_made_here;
use super::{Failure, Price, Stripe};
use crate::config::Config;
use crate::model::plan::Plan;

/// What was looked at, and how it is.
type Seen = (String, Result<String, String>);

/// Looks at Stripe, if it is configured. Nothing is made or changed.
pub async fn examine(config: &Config) -> Vec<Seen> {
    let Some(stripe) = Stripe::new(&config.stripe) else { return Vec::new() };
    let subject = format!("Stripe at {}", config.stripe.api_base);
    if let Err(failure) = stripe.knock().await {
        return vec![(subject, Err(failure.to_string()))];
    }
    let has_webhook = config.stripe.keys.as_ref().is_some_and(|keys| keys.webhook.is_some());
    let told = if has_webhook {
        "it takes the key".to_owned()
    } else {
        "it takes the key; without stripe.webhook_secret what happens there is seen by reconciliation alone".to_owned()
    };
    let mut seen = vec![(subject, Ok(told))];
    for plan in &config.plans.0 {
        let outcome = match stripe.find_price(&plan.stripe_price).await {
            Ok(found) => judge(plan, found.as_ref()),
            // The others would only take as long to say the same.
            Err(failure @ Failure::Unknown(_)) => {
                seen.push((format!("plan {}", plan.id), Err(failure.to_string())));
                break;
            }
            Err(failure) => Err(failure.to_string()),
        };
        seen.push((format!("plan {}", plan.id), outcome));
    }
    seen
}

fn judge(plan: &Plan, found: Option<&Price>) -> Result<String, String> {
    let id = &plan.stripe_price;
    match found {
        None if is_made_here(plan) => Ok("Stripe has no price for it yet; the first subscription makes it".to_owned()),
        None => Err(format!("Stripe has no price {id}")),
        Some(price) if !price.is_active => Err(format!("the price {id} is archived at Stripe, and takes nobody new")),
        Some(price) if price.is_of(plan) => Ok(format!("Stripe has its price {id}, as configured")),
        Some(price) => Err(price.unlike(plan)),
    }
}
