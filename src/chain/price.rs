//! What the answer of a price feed is worth. That `latestRoundData` answers proves nothing: it may be old, zero or
//! negative, and on a layer-2 chain the sequencer may have been down.

use std::sync::Arc;
use std::time::Duration;

use alloy::sol_types::SolCall as _;

use super::multicall::{IAggregator, Returned, word};
use crate::clock::Timestamp;

/// The most decimals that a feed may have; all that exist have 8 or 18.
const MOST_DECIMALS: u8 = 38;

/// How far the clock of a chain may be ahead of ours.
const AHEAD: Duration = Duration::from_mins(5);

/// A price in USD.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// How much one whole token is worth.
    pub usd: f64,
    /// When the feed was last updated.
    pub updated_at: Timestamp,
    /// The feed, in EIP-55 form.
    pub source: Arc<str>,
}

/// Judges a feed's round: positive, and updated no longer ago than its heartbeat.
pub(super) fn judge(
    source: &Arc<str>,
    heartbeat: Duration,
    decimals: &Returned,
    round: &Returned,
    now: Timestamp,
) -> Option<Price> {
    let decimals = u8::try_from(word(decimals)?).ok().filter(|decimals| *decimals <= MOST_DECIMALS)?;
    let round = decode(round)?;
    let updated_at = Timestamp::from_seconds(i64::try_from(round.updatedAt).ok().filter(|seconds| *seconds > 0)?);
    let is_fresh = updated_at <= now + AHEAD && now <= updated_at + heartbeat;
    if !round.answer.is_positive() || !is_fresh {
        return None;
    }
    // By its digits, so that it is rounded once and to the nearest number.
    let usd = format!("{}e-{decimals}", round.answer).parse().ok().filter(|usd: &f64| usd.is_finite())?;
    Some(Price { usd, updated_at, source: Arc::clone(source) })
}

/// Whether a sequencer's feed says that the sequencer is up. What says nothing does not say so.
pub(super) fn is_up(round: &Returned) -> bool {
    decode(round).is_some_and(|round| round.answer.is_zero())
}

fn decode(round: &Returned) -> Option<IAggregator::latestRoundDataReturn> {
    let returned = round.as_deref().filter(|returned| returned.len() == 5 * 32)?;
    IAggregator::latestRoundDataCall::abi_decode_returns(returned).ok()
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{I256, U256, aliases::U80};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
    const HEARTBEAT: Duration = Duration::from_hours(1);

    #[expect(clippy::unnecessary_wraps, reason = "that is what a read gives")]
    fn round(answer: &str, updated_at: i64) -> Returned {
        let round = IAggregator::latestRoundDataReturn {
            roundId: U80::from(1),
            answer: answer.parse::<I256>().unwrap(),
            startedAt: U256::ZERO,
            updatedAt: U256::from(updated_at),
            answeredInRound: U80::from(1),
        };
        Some(IAggregator::latestRoundDataCall::abi_encode_returns(&round))
    }

    #[expect(clippy::unnecessary_wraps, reason = "that is what a read gives")]
    fn decimals(number: u64) -> Returned {
        Some(U256::from(number).to_be_bytes::<32>().to_vec())
    }

    fn usd(answer: &str, places: u64, updated_at: i64) -> Option<f64> {
        judge(&"feed".into(), HEARTBEAT, &decimals(places), &round(answer, updated_at), NOW).map(|price| price.usd)
    }

    #[test]
    fn a_price_is_positive_and_fresh_and_has_the_decimals_of_its_feed() {
        let now = NOW.seconds();
        assert_eq!(usd("312345678901", 8, now), Some(3_123.456_789_01));
        assert_eq!(usd("1000000000000000000", 18, now), Some(1.0));
        assert_eq!(usd("42", 0, now - 3600), Some(42.0));
        for (answer, places, updated_at) in [
            ("0", 8, now),
            ("-1", 8, now),
            ("1", 39, now),
            ("1", 256, now),
            ("100000000", 8, now - 3601),
            ("100000000", 8, 0),
            ("100000000", 8, now + 301),
        ] {
            assert_eq!(usd(answer, places, updated_at), None, "{answer} {places} {updated_at}");
        }
    }

    #[test]
    fn a_feed_that_is_none_gives_no_price() {
        let good = round("1", NOW.seconds());
        for bad in [None, Some(vec![]), Some(vec![0; 159]), Some(vec![0xFF; 160]), Some(vec![0; 192])] {
            assert!(judge(&"feed".into(), HEARTBEAT, &decimals(8), &bad, NOW).is_none());
            assert!(judge(&"feed".into(), HEARTBEAT, &bad, &good, NOW).is_none());
            assert!(!is_up(&bad));
        }
        assert!(is_up(&round("0", 0)) && !is_up(&round("1", 0)));
    }
}
