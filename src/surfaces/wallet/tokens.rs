//! `GET /users/tokens`: what the wallet that signed in holds across chains.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::{Balance, Caller, Core, HoldingsFilter};
use crate::model::Token;
use crate::model::error::{Error, Violation};
use crate::transport::{ClientOf, Problem, ProblemBody, Sensitive};

/// The header that names the chains that did not answer.
const UNAVAILABLE: HeaderName = HeaderName::from_static("x-unavailable-chains");

/// What the wallet holds of one token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenAnswer<'a> {
    /// The chain (EIP-155).
    #[schema(example = 1)]
    chain_id: u64,
    /// The token's contract in EIP-55 form; 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE is the native coin.
    address: &'a str,
    /// Its symbol.
    #[schema(example = "USDC")]
    symbol: &'a str,
    /// How many digits of `balance` stand behind the point.
    #[schema(example = 6)]
    decimals: u8,
    /// How much the wallet holds, in the smallest unit: an integer of up to 256 bits.
    #[schema(example = "1000000000000000000")]
    balance: String,
    /// How much of it the chain's spender may take, in the smallest unit; of the native coin, the largest number.
    #[schema(example = "0")]
    allowance: String,
    /// What one token is worth in USD; 0 if no feed says so now.
    #[schema(example = 1.0)]
    price: f64,
    /// The URI of its logo.
    logo: &'a str,
    /// When the price was last updated; null without a price.
    #[schema(format = DateTime, example = "2026-01-01T00:00:00Z")]
    price_updated_at: Option<String>,
    /// The feed that says the price, in EIP-55 form; null without a price.
    price_source: Option<&'a str>,
    /// The block that this was read from.
    block_number: u64,
}

impl<'a> TokenAnswer<'a> {
    fn of(balance: &'a Balance, common_logo: &'a str) -> Self {
        let Balance { token: listed, balance, allowance, price, block } = balance;
        let token = &listed.token;
        Self {
            chain_id: token.chain_id,
            address: &listed.address,
            symbol: &token.symbol,
            decimals: token.decimals,
            balance: balance.to_string(),
            allowance: allowance.to_string(),
            price: price.as_ref().map_or(0.0, |price| price.usd),
            logo: token.logo_or(common_logo),
            price_updated_at: price.as_ref().map(|price| price.updated_at.rfc3339()),
            price_source: price.as_ref().map(|price| &*price.source),
            block_number: *block,
        }
    }
}

/// Reads `chainId`, which may be repeated, and `nonZero`; all faults are told.
fn filter(query: Option<&str>) -> Result<HoldingsFilter, Error> {
    let mut filter = HoldingsFilter::default();
    let mut violations = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let fault = match name.as_ref() {
            "chainId" => match value.parse() {
                Ok(id) => {
                    filter.chains.push(id);
                    None
                }
                Err(_) => Some("a number is expected"),
            },
            "nonZero" => match value.as_ref() {
                "true" | "false" => {
                    filter.non_zero = value == "true";
                    None
                }
                _ => Some("true or false is expected"),
            },
            // What others add to a URL, such as against caches, is not for us.
            _ => None,
        };
        let violation = |message: &str| Violation { field: name.to_string(), message: message.to_owned() };
        violations.extend(fault.map(violation));
    }
    if violations.is_empty() { Ok(filter) } else { Err(Error::Invalid(violations)) }
}

/// List what your wallet holds
///
/// Every listed token of every chain, with the native coin of each. Tokens whose contract gives no balance are left out.
#[utoipa::path(
    get, path = "/users/tokens", tag = "wallet", operation_id = "tokens",
    params(
        ("chainId" = Option<Vec<u64>>, Query, description = "Only this chain; may be repeated"),
        ("nonZero" = Option<bool>, Query, description = "Only what the wallet has some of"),
    ),
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "The balances", body = [TokenAnswer], headers(
            ("x-unavailable-chains" = String, description = "The chains that did not answer, if any, with commas between"),
        )),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 409, description = "`wallet_required`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 502, description = "`chains_unavailable`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn list(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let holdings = core.holdings(&caller, &filter(query.as_deref())?, &client).await?;
    let common_logo = Token::common_logo(&core.config().public_url);
    let rows: Vec<_> = holdings.balances().map(|balance| TokenAnswer::of(balance, &common_logo)).collect();
    let mut response = Sensitive(rows).into_response();
    let names: Vec<String> = holdings.unavailable.iter().map(u64::to_string).collect();
    if let Some(names) = HeaderValue::try_from(names.join(",")).ok().filter(|names| !names.is_empty()) {
        response.headers_mut().insert(UNAVAILABLE, names);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_and_every_fault_of_it_is_told() {
        let read = filter(Some("chainId=1&nonZero=true&chainId=10&t=5")).unwrap();
        assert_eq!((read.chains, read.non_zero), (vec![1, 10], true));
        assert!(filter(None).unwrap().chains.is_empty());
        let Err(Error::Invalid(violations)) = filter(Some("chainId=one&nonZero=1&chainId=-1")) else {
            panic!("it is refused")
        };
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["chainId", "nonZero", "chainId"]);
    }
}
