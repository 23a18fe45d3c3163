//! The platform door: `/v1/users/*` and `/v1/devicetokens`.

mod accounts;
mod beside;
mod data_providers;
mod details;
mod devices;
mod golden;
mod google;
mod hostile_provider;
mod memberships;
mod mfa;
mod passwords;
mod push;
mod settings;
mod stripe;
mod subscriptions;
