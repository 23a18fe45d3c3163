//! The snippets of `docs/balances.md`, run as they are printed, with other ports.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::NATIVE;
use crate::real::{KEY, on_sqlite};
use crate::support::evm::Chain;
use crate::support::parts;
use crate::support::process::{Lines, Watchdog, poll, run};
use crate::support::server::Gateway;

const PAGE: &str = include_str!("../../../docs/balances.md");
/// Where the page expects the gateway and the node to be.
const GATEWAY: &str = "http://localhost:8080";
const NODE: &str = "127.0.0.1:8545";
/// The wallet of [`KEY`], to which anvil gives 10,000 coins.
const OWNER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const PATIENCE: Duration = Duration::from_secs(30);

/// The snippet below this mark.
fn snippet(mark: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("<!-- test: {mark} -->\n```")).expect("a snippet with this mark");
    let (_, rest) = rest.split_once('\n').expect("a fence ends its line");
    rest.split_once("\n```").expect("the fence is closed").0
}

/// The snippet with something in it replaced, which has to be there.
fn with(mark: &str, documented: &str, here: &str) -> String {
    let text = snippet(mark);
    assert!(text.contains(documented), "{documented} is not in: {text}");
    text.replace(documented, here)
}

/// The node of the page's first terminal, on a free port.
struct Anvil {
    child: Child,
    watchdog: Option<Watchdog>,
    address: String,
}

impl Anvil {
    fn start() -> Self {
        let program = parts::anvil();
        let directory = program.parent().expect("a directory").display();
        let path = format!("{directory}:{}", std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        command.args(["-euc", &with("anvil", "anvil", "exec anvil --port 0")]).env("PATH", path);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("sh is part of every system");
        let watchdog = Some(Watchdog::over(&child));
        let said = Lines::of(child.stdout.take().expect("stdout is piped"));
        let listens = || said.so_far().iter().find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned));
        let address = poll(PATIENCE, listens).expect("anvil says where it listens");
        Self { child, watchdog, address }
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // Nothing in here may panic: a test that fails is unwinding already.
        self.child.kill().ok();
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.dismiss();
        }
        self.child.wait().ok();
    }
}

/// Runs `script` with the binary as `$0`, in the surroundings of `gateway`.
fn scripted(gateway: &Gateway, script: &str) -> Gateway {
    gateway.clone().through(&["sh", "-euc", script])
}

#[test]
fn the_walk_with_anvil_ends_with_the_rows_that_are_printed() {
    let anvil = Anvil::start();
    let (directory, gateway) = on_sqlite();
    let script = with("gateway", NODE, &anvil.address).replace("cargo run --release", "exec \"$0\"");
    assert!(script.contains("exec"), "{script}");
    let server = scripted(&gateway, &script).start();
    let client = gateway
        .with("COUNTERSIGN_URL", &server.url)
        .with("XDG_STATE_HOME", directory.path().to_str().expect("a path in UTF-8"));
    let finished = scripted(&client, &with("walk", "target/release/countersign", "\"$0\"")).run(&[]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let (token, table) = finished.stdout.split_once('\n').expect("the token, then the table");
    assert!(token.starts_with("eyJ"), "{finished:?}");
    assert_eq!(table.trim_end(), snippet("shown"));
}

#[test]
fn the_documented_chain_and_list_give_the_documented_answer() {
    let chain = Chain::start(31337);
    // The addresses of the page are those of the bank's first contracts.
    let coin = chain.coin("USDC", 6);
    chain.give(&coin, OWNER, "1234500000");
    let feeds = [chain.feed(8), chain.feed(8)];
    chain.allow(&coin, OWNER, "0x000000000022D473030F116dDEE9F6B43aC78BA3", "1000000000");
    chain.set_price(&feeds[0], 312_345_678_901, chain.now());
    chain.set_price(&feeds[1], 99_990_000, chain.now());
    let feed = |token: &str, feed: &str| json!({"chain": 31337, "token": token, "feed": feed, "heartbeat_s": 3600});
    let feeds = json!([feed(NATIVE, &feeds[0]), feed(&coin, &feeds[1])]).to_string();

    let (directory, gateway) = on_sqlite();
    let gateway = gateway.with("COUNTERSIGN_FEEDS", &feeds);
    let node = chain.url.strip_prefix("http://").expect("a URL");
    let settings = format!("{}\n{}\n", snippet("lists").replace("\"shipped\", ", ""), with("chain", NODE, node));
    write(directory.path(), "countersign.toml", &settings);
    write(directory.path(), "tokens.json", snippet("list"));
    let there = scripted(&gateway, &format!("cd '{}'; exec \"$0\" \"$@\"", directory.path().display()));
    assert_eq!(there.run(&["migrate"]).code, 0);
    let doctor = format!("cd '{}'; {}", directory.path().display(), with("doctor", "countersign", "\"$0\""));
    let told = scripted(&gateway, &doctor).run(&[]);
    assert!(told.code == 0 && told.stdout.contains("ok     anvil (31337), node http://127.0.0.1:"), "{told:?}");

    // Of another chain comes no answer.
    let away = "[[chains]]\nid = 10\nrpc = [\"http://127.0.0.1:1\"]\n";
    write(directory.path(), "countersign.toml", &format!("{settings}{away}"));
    let server = there.start();
    let client = gateway.with("COUNTERSIGN_URL", &server.url).with("COUNTERSIGN_PRIVATE_KEY", KEY);
    let login = client.run(&["login", "--no-save"]);
    let mut ask = Command::new("sh");
    ask.args(["-euc", &with("ask", GATEWAY, &server.url)]).env("TOKEN", login.stdout.trim());
    let answer = run(&mut ask, PATIENCE).expect("sh is part of every system").stdout;
    let (head, body) = answer.split_once("\n\n").or_else(|| answer.split_once("\r\n\r\n")).expect("head and body");
    let head: Vec<&str> = head.lines().map(str::trim_end).collect();
    for line in snippet("head").lines() {
        assert!(head.contains(&line), "{line} is not in {head:?}");
    }
    assert_eq!(timeless(body), timeless(snippet("rows")));
}

/// The rows without the times of their prices, which have to have some.
fn timeless(rows: &str) -> Value {
    let mut rows: Value = serde_json::from_str(rows).unwrap_or_else(|error| panic!("{error}: {rows}"));
    for row in rows.as_array_mut().expect("a list") {
        let time = row["priceUpdatedAt"].take();
        assert!(time.as_str().is_some_and(|time| time.ends_with('Z')), "{time}");
    }
    rows
}

#[test]
fn the_documented_nodes_are_a_valid_configuration() {
    let (directory, gateway) = on_sqlite();
    write(directory.path(), "countersign.toml", snippet("nodes"));
    let shown = scripted(&gateway, &format!("cd '{}'; exec \"$0\" config", directory.path().display())).run(&[]);
    assert!(shown.code == 0 && shown.stdout.contains("http://10.0.0.20:8545"), "{shown:?}");
}

#[test]
fn every_snippet_of_the_page_is_run_here() {
    let source = include_str!("page.rs");
    let lines: Vec<&str> = PAGE.lines().collect();
    let fences = lines.iter().enumerate().filter(|(_, line)| line.starts_with("```"));
    for (number, _) in fences.step_by(2) {
        let mark = lines[number - 1].strip_prefix("<!-- test: ").and_then(|rest| rest.strip_suffix(" -->"));
        let mark = mark.unwrap_or_else(|| panic!("no mark above {:?}", &lines[number..number + 2]));
        let used = ["snippet(", "with("].iter().any(|call| source.contains(&format!("{call}\"{mark}\"")));
        assert!(used, "{mark} is not run");
    }
}

fn write(directory: &Path, name: &str, text: &str) {
    std::fs::write(directory.join(name), text).expect("a scratch directory");
}
