//! The platform door.

mod mfa;
