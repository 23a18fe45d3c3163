//! Customers at Stripe, and what they pay with. Of that only the name that Stripe gives it comes by here, never a card.

use serde::Deserialize;

use super::web::Asked;
use super::{ACCOUNT, Failure, Stripe};

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// Whether a customer is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    There,
    /// It was deleted.
    Deleted,
    /// There never was one: the key may be another account's, or for tests.
    Unknown,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    deleted: bool,
}

#[derive(Deserialize)]
struct Method {
    customer: Option<String>,
}

impl Stripe {
    /// Makes a customer for one of our accounts, and gives its id.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn create_customer(&self, account: &str, email: Option<&str>, key: &str) -> Result<String, Failure> {
        let metadata = format!("metadata[{ACCOUNT}]");
        let mut fields = vec![(metadata.as_str(), account)];
        fields.extend(email.map(|email| ("email", email)));
        let Named { id } = self.web.ask(Asked::post(&["customers"], key, &fields)).await?;
        Ok(id)
    }

    /// Lets a customer pay with this from now on: attached to it, and what its invoices are paid with. Gives its id, which
    /// is another one if a name of Stripe's for tests was given.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn pay_with(&self, customer: &str, method: &str, key: &str) -> Result<String, Failure> {
        let id = self.attach(customer, method, &format!("{key}-attach")).await?;
        let fields = [("invoice_settings[default_payment_method]", id.as_str())];
        let default_key = format!("{key}-default");
        let Named { .. } = self.web.ask(Asked::post(&["customers", customer], &default_key, &fields)).await?;
        Ok(id)
    }

    async fn attach(&self, customer: &str, method: &str, key: &str) -> Result<String, Failure> {
        let fields = [("customer", customer)];
        let attached = self.web.ask(Asked::post(&["payment_methods", method, "attach"], key, &fields)).await;
        match attached {
            Ok(Named { id }) => Ok(id),
            // It may have been the page that attached it, or an earlier try; or it is somebody else's.
            Err(Failure::Refused(_)) => {
                let Method { customer: owner } = self.web.ask(Asked::get(&["payment_methods", method], &[])).await?;
                let others = || Err(Failure::Missing("payment_method".to_owned()));
                if owner.as_deref() == Some(customer) { Ok(method.to_owned()) } else { others() }
            }
            Err(failure) => Err(failure),
        }
    }

    /// Whether a customer is there.
    ///
    /// # Errors
    /// [`Failure`] says why nobody knows.
    pub async fn find_customer(&self, customer: &str) -> Result<Presence, Failure> {
        match self.web.ask(Asked::get(&["customers", customer], &[])).await {
            Ok(Found { deleted: true }) => Ok(Presence::Deleted),
            Ok(Found { deleted: false }) => Ok(Presence::There),
            Err(Failure::Missing(_)) => Ok(Presence::Unknown),
            Err(failure) => Err(failure),
        }
    }

    /// Deletes a customer, and with it all that it pays for. One that was deleted before is no failure; one that never was there
    /// is, since it goes on to pay wherever it is.
    ///
    /// # Errors
    /// [`Failure`] says why not.
    pub async fn delete_customer(&self, customer: &str) -> Result<(), Failure> {
        match self.web.ask(Asked::delete(&["customers", customer])).await {
            Ok(Named { .. }) => Ok(()),
            Err(Failure::Missing(word)) => match self.find_customer(customer).await? {
                Presence::Deleted => Ok(()),
                Presence::There => Err(Failure::Missing(word)),
                Presence::Unknown => {
                    let told = "a customer who is to be deleted is not there: is it the key of another account?";
                    Err(Failure::Refused(told.to_owned()))
                }
            },
            Err(failure) => Err(failure),
        }
    }
}
