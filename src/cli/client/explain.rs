//! `countersign explain`: what a gateway says of a message and its signature, rule by rule.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};

use super::super::arguments::ExplainOptions;
use super::super::failure::Failure;
use super::super::operate::on_runtime;
use super::api::Api;

/// Asks for the verdict of every rule and prints a line each; fails if one of them is broken.
pub(in super::super) fn explain(options: &ExplainOptions, as_json: bool) -> Result<String, Failure> {
    let proof = match (&options.message, &options.address) {
        (Some(file), _) => json!({"message": read(file)?, "signature": options.signature}),
        (None, Some(address)) => {
            json!({"address": address, "signature": options.signature, "nonce": options.nonce})
        }
        (None, None) => {
            let line = "name the file of the message by --message, or the wallet of a signed nonce by --address";
            return Err(Failure::WrongUse(line.to_owned()));
        }
    };
    let api = Api::of_environment()?;
    let answer = on_runtime(async { Ok(api.post("/users/authenticate/explain", None, Some(&proof)).await?) })?;
    let printed = if as_json { format!("{answer}\n") } else { table(&answer) };
    let broken: Vec<&str> =
        rules(&answer).filter(|rule| rule["ok"] != true).filter_map(|rule| rule["error"].as_str()).collect();
    if broken.is_empty() && answer["accepted"] == true {
        return Ok(printed);
    }
    let line = format!("a sign-in would be refused: {}", broken.join(", "));
    Err(Failure::No { answer: printed, line })
}

/// The message as it was signed: to the byte. `-` is standard input.
fn read(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let wrong = |error: std::io::Error| Failure::WrongUse(format!("{shown}: {error}: name a file that you may read"));
    if file == Path::new("-") {
        let mut text = String::new();
        return std::io::stdin().read_to_string(&mut text).map(|_| text).map_err(wrong);
    }
    std::fs::read_to_string(file).map_err(wrong)
}

fn rules(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["rules"].as_array().into_iter().flatten()
}

fn table(answer: &Value) -> String {
    let mut table = String::new();
    for rule in rules(answer) {
        let (name, is_kept) = (rule["rule"].as_str().unwrap_or_default(), rule["ok"] == true);
        let verdict = if is_kept { "ok" } else { rule["error"].as_str().unwrap_or("refused") };
        // Writing to a String can't fail.
        let _ = writeln!(table, "{name:<11} {verdict}");
        if let Some(detail) = rule["detail"].as_str() {
            let _ = writeln!(table, "            {detail}");
        }
    }
    // A server's words are shown, and a terminal obeys none of them.
    table.replace(|c: char| c.is_control() && c != '\n', "\u{FFFD}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_rule_has_its_code_and_what_to_do() {
        let answer = json!({"accepted": false, "rules": [
            {"rule": "grammar", "ok": true},
            {"rule": "domain", "ok": false, "error": "domain_not_allowed", "detail": "ask the operator"}]});
        let expected = "grammar     ok\ndomain      domain_not_allowed\n            ask the operator\n";
        assert_eq!(table(&answer), expected);
    }
}
