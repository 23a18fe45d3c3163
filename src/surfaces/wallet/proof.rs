//! What is posted to prove a wallet: a signed nonce, or a signed message.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::identity::Proof;
use crate::model::error::{Error, Violation};

/// A signature, and what was signed: `{address, signature, nonce?}` or `{message, signature}`.
#[derive(Deserialize, ToSchema)]
pub(super) struct ProofRequest {
    /// The wallet that signed. Needed without `message`; with it, it has to be the one in the message.
    #[schema(example = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")]
    address: Option<String>,
    /// The signature by `personal_sign` (EIP-191): 65 bytes as hex, or 64 in the compact form of EIP-2098.
    signature: String,
    /// The nonce that was signed by itself. Needed for one of `GET /users/nonce`.
    nonce: Option<String>,
    /// The message that was signed (EIP-4361), to the byte.
    message: Option<String>,
}

impl ProofRequest {
    /// The proof, if there are fields for one.
    pub(super) fn proof(&self) -> Result<Proof<'_>, Error> {
        let Self { address, signature, nonce, message } = self;
        let (address, nonce) = (address.as_deref(), nonce.as_deref());
        match (message, address) {
            (Some(text), _) => Ok(Proof::Message { text, signature, address, nonce }),
            (None, Some(address)) => Ok(Proof::Bare { address, signature, nonce }),
            (None, None) => {
                let message = "an address is needed, or a message".to_owned();
                Err(Error::Invalid(vec![Violation { field: "address".to_owned(), message }]))
            }
        }
    }
}
