//! What the root secret makes and protects: derived tokens, sealed keys, the ring of signing keys, access
//! tokens; and what passwords are kept as.

pub mod assertion;
pub mod derived;
pub mod hashers;
pub mod jwt;
pub mod keyring;
pub mod mailed;
pub mod password;
pub mod root;
pub mod seal;
pub mod started;
pub mod ticket;
pub mod totp;
