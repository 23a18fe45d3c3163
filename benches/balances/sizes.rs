//! One wallet that asks again and again, with few tokens and with many, nothing cached.

use crate::Fault;
use crate::asked::Asked;
use crate::bare::Bare;
use crate::gateway::{Gateway, healthy};
use crate::options::Options;
use crate::report::{Memory, Row};
use crate::server::memory_kib;
use crate::support::evm::{Chain, Proxy};
use crate::turns::Measured;

pub const FEW: usize = 50;
const MANY: usize = 500;
pub const MOST: usize = 5000;

/// How many requests are counted at the node.
const COUNTED: u32 = 5;

pub async fn measure(options: &Options, chain: &Chain, tokens: &[String]) -> Result<Vec<Row>, Fault> {
    let mut rows = Vec::new();
    for count in [FEW, MANY, MOST] {
        eprintln!("{count} tokens");
        rows.extend(of_size(options, chain, &tokens[..count]).await?);
    }
    Ok(rows)
}

async fn of_size(options: &Options, chain: &Chain, tokens: &[String]) -> Result<[Row; 3], Fault> {
    let asked = count(chain, tokens).await?;
    // Without the node that counts between them, whose own time would blur what is compared.
    let mut gateway = Gateway::start(&[healthy(&chain.url)], tokens, "0s").await?;
    let mut bare = Bare::to(&chain.url, tokens).await?;
    tokio::time::sleep(options.idling()).await;
    let before = gateway.server.resident_kib()?;
    gateway.ask_for(tokens.len()).await?;
    bare.ask_for_results().await?;
    let (mut of_gateway, mut of_bare) = (Measured::default(), Measured::default());
    let (server, client) = (gateway.server.id(), std::process::id());
    for _ in 0..options.turns() {
        of_gateway.turn(options, server, async || gateway.ask().await.map(|_| ())).await?;
        of_bare.turn(options, client, async || bare.ask().await.map(|_| ())).await?;
    }
    let memory = Memory { before, after: gateway.server.resident_kib()?, peak: memory_kib(server, "VmHWM:")? };
    let count = tokens.len();
    Ok([
        Row::new(format!("{count} tokens, bare `eth_call`")).counted(&asked, COUNTED).timed(&of_bare),
        Row::new(format!("{count} tokens, gateway")).counted(&asked, COUNTED).timed(&of_gateway).held(memory),
        Row::ratio(format!("{count} tokens, gateway ÷ bare"), &of_gateway, &of_bare),
    ])
}

/// What the node is asked by so many requests, and that the bare client asks the same.
async fn count(chain: &Chain, tokens: &[String]) -> Result<Asked, Fault> {
    let node = Proxy::to(chain);
    let mut gateway = Gateway::start(&[healthy(&node.url)], tokens, "0s").await?;
    // The first time, the node is also asked which chain it is of.
    gateway.ask_for(tokens.len()).await?;
    Asked::of(&node);
    for _ in 0..COUNTED {
        gateway.ask().await?;
    }
    let by_gateway = Asked::of(&node);
    let mut bare = Bare::to(&node.url, tokens).await?;
    for _ in 0..COUNTED {
        bare.ask().await?;
    }
    let by_bare = Asked::of(&node);
    if by_gateway == by_bare {
        return Ok(by_gateway);
    }
    Err(Fault(format!("the gateway and the bare client ask otherwise:\n{by_gateway:?}\n{by_bare:?}")))
}
