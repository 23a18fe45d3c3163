//! A thousand callers of one wallet at once, with the cache and without.

use countersign::clock::Stopwatch;
use futures_util::future::try_join_all;

use crate::Fault;
use crate::asked::Asked;
use crate::gateway::{self, Gateway, healthy};
use crate::http::Connection;
use crate::report::Row;
use crate::sizes::FEW;
use crate::support::evm::{Chain, Proxy};
use crate::turns::Measured;

const CALLERS: usize = 1000;

pub async fn measure(chain: &Chain, tokens: &[String]) -> Result<[Row; 2], Fault> {
    // Longer than the callers take on any machine, since the answer must not grow old meanwhile.
    let (cached, upstream) = crowd(chain, &tokens[..FEW], "60s").await?;
    if upstream != 1 {
        return Err(Fault(format!("{CALLERS} callers of one wallet were {upstream} requests to the node")));
    }
    let (uncached, _) = crowd(chain, &tokens[..FEW], "0s").await?;
    Ok([cached, uncached])
}

/// The row, and how many requests the node saw.
async fn crowd(chain: &Chain, tokens: &[String], cache_ttl: &str) -> Result<(Row, usize), Fault> {
    eprintln!("{CALLERS} callers of one wallet, cached for {cache_ttl}");
    let node = Proxy::to(chain);
    let mut gateway = Gateway::start(&[healthy(&node.url)], tokens, cache_ttl).await?;
    // Another wallet comes first, and the node is asked which chain it is of.
    let other = gateway::sign_in(&mut gateway.connection, 2).await?;
    gateway::ask(&mut gateway.connection, &other).await?;
    let mut callers = Vec::with_capacity(CALLERS);
    for _ in 0..CALLERS {
        callers.push(Connection::open(&gateway.server.authority).await?);
    }
    Asked::of(&node);
    let (before, token) = (gateway.server.cpu()?, gateway.token.as_str());
    let watch = Stopwatch::start();
    let calls = callers.iter_mut().map(async |caller| {
        gateway::ask(caller, token).await?;
        Ok::<_, Fault>(watch.elapsed())
    });
    let latencies = try_join_all(calls).await?;
    let measured = Measured::new(latencies, gateway.server.cpu()?.saturating_sub(before));
    let asked = Asked::of(&node);
    let row = Row::new(format!(
        "{CALLERS} callers of one wallet at once, {FEW} tokens, cached for {cache_ttl}; all together"
    ));
    Ok((row.counted(&asked, 1).timed(&measured), asked.trips))
}
