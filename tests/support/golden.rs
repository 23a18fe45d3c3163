//! Golden files: whole conversations, byte for byte. `UPDATE_GOLDEN=1` writes them anew, to be read before committing.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::world::{Answer, World};

/// Headers that belong to the contract; the others are HTTP's own business.
const KEPT: [&str; 6] = ["allow", "cache-control", "content-type", "retry-after", "www-authenticate", "x-request-id"];

/// A conversation that is compared with its file.
pub struct Golden<'a> {
    world: &'a World,
    exchanges: Vec<Value>,
}

impl<'a> Golden<'a> {
    pub fn with(world: &'a World) -> Self {
        Self { world, exchanges: Vec::new() }
    }

    /// Sends a request and notes both sides.
    pub async fn call(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let answer = self.world.call(method, path, headers, &body).await;
        let sent: serde_json::Map<_, _> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let kept =
            KEPT.iter().filter_map(|name| Some(((*name).to_owned(), json!(answer.headers.get(*name)?.to_str().ok()?))));
        let received: serde_json::Map<_, _> = kept.collect();
        self.exchanges.push(json!({
            "request": {"method": method, "path": path, "headers": sent, "body": body},
            "response": {"status": answer.status.as_u16(), "headers": received, "body": answer.json},
        }));
        answer
    }

    /// Compares with the file `fixtures/golden/<name>.json`.
    pub fn compare(self, name: &str) {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/golden/{name}.json"));
        let now = format!("{}\n", serde_json::to_string_pretty(&self.exchanges).expect("values print"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(file.parent().expect("a file has a directory")).expect("the directory is made");
            std::fs::write(&file, now).expect("the golden file is written");
            return;
        }
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        let first = before.lines().zip(now.lines()).enumerate().find(|(_, (before, now))| before != now);
        assert!(before == now, "{} differs, first at {first:?}; UPDATE_GOLDEN=1 writes it anew", file.display());
    }
}
