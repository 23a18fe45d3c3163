//! What the root secret makes and protects: derived tokens, sealed keys, the ring of signing keys, access tokens.

pub mod derived;
pub mod jwt;
pub mod keyring;
pub mod root;
pub mod seal;
