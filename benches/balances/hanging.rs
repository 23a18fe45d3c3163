//! A chain that takes connections and never answers, beside a healthy one.

use std::time::Duration;

use countersign::clock::Stopwatch;
use serde_json::json;

use crate::Fault;
use crate::asked::Asked;
use crate::gateway::{Gateway, healthy};
use crate::options::Options;
use crate::report::Row;
use crate::sizes::FEW;
use crate::support::evm::{Chain, Mood, Proxy};
use crate::turns::Measured;

/// How long the chain that hangs is waited for.
const DEADLINE: Duration = Duration::from_secs(1);

pub async fn measure(options: &Options, chain: &Chain, tokens: &[String]) -> Result<[Row; 4], Fault> {
    eprintln!("beside a chain that hangs");
    let tokens = &tokens[..FEW];
    let node = Proxy::to(chain);
    node.be(Mood::Hangs);
    let hanging = json!({"id": 10, "name": "Hangs", "rpc": [node.url], "deadline_ms": DEADLINE.as_millis()});
    let mut alone = Gateway::start(&[healthy(&chain.url)], tokens, "0s").await?;
    let mut beside = Gateway::start(&[healthy(&chain.url), hanging], tokens, "0s").await?;
    alone.ask_for(FEW).await?;
    let (of_alone, of_beside) = (alone.server.id(), beside.server.id());
    let watch = Stopwatch::start();
    beside.ask_for(FEW).await?;
    let first = watch.elapsed();
    Asked::of(&node);
    let (mut times_alone, mut times_beside) = (Measured::default(), Measured::default());
    for _ in 0..options.turns() {
        times_alone.turn(options, of_alone, async || alone.ask().await.map(|_| ())).await?;
        times_beside.turn(options, of_beside, async || beside.ask().await.map(|_| ())).await?;
    }
    let asked = Asked::of(&node);
    Ok([
        Row::new(format!("a healthy chain alone, {FEW} tokens")).timed(&times_alone),
        Row::new("beside one that hangs, the first request".to_owned()).took(first),
        Row::new("beside one that hangs, after it; what the hanging one is asked, all together".to_owned())
            .counted(&asked, 1)
            .timed(&times_beside),
        Row::ratio("beside ÷ alone".to_owned(), &times_beside, &times_alone),
    ])
}
