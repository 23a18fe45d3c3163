//! `countersign tokens`: what the wallet that is signed in holds, as a table.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::arguments::TokensOptions;
use super::super::failure::Failure;
use super::super::operate::on_runtime;
use super::api::Api;
use super::current::Current;
use super::session::Session;

/// Lists the balances.
pub(in super::super) fn tokens(options: &TokensOptions, as_json: bool) -> Result<String, Failure> {
    let mut current = Current::find()?;
    let chains: Vec<String> = options.chain.iter().map(|chain| format!("chainId={chain}")).collect();
    let path = format!("/users/tokens?nonZero={}&{}", !options.all, chains.join("&"));
    let rows = on_runtime(async {
        let read = async |api: &Api, session: &Session| api.get(&path, Some(&session.token)).await;
        Ok(current.act(read).await?)
    })?;
    if as_json {
        return Ok(format!("{rows}\n"));
    }
    let rows: Vec<[String; 5]> = rows.as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        eprintln!("the wallet holds nothing that is listed; --all lists also what it has none of");
    }
    Ok(table(&rows))
}

const HEAD: [&str; 5] = ["CHAIN", "TOKEN", "BALANCE", "ALLOWANCE", "PRICE USD"];

fn row(row: &Value) -> [String; 5] {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    let decimals = row["decimals"].as_u64().and_then(|decimals| usize::try_from(decimals).ok()).unwrap_or_default();
    let allowance = text("allowance");
    // The largest number means "as much as there is", and says less the longer it is.
    let allowance = if allowance.len() > 60 { "unlimited".to_owned() } else { with_point(allowance, decimals) };
    let price = row["price"].as_f64().filter(|price| *price > 0.0).map(|price| price.to_string());
    let chain = row["chainId"].to_string();
    [
        chain,
        // A list may name a token as it likes, and a terminal obeys what is no letter.
        text("symbol").replace(char::is_control, "\u{FFFD}"),
        with_point(text("balance"), decimals),
        allowance,
        price.unwrap_or_else(|| "-".to_owned()),
    ]
}

/// An integer of the smallest unit as a decimal number, exactly.
fn with_point(digits: &str, decimals: usize) -> String {
    // What is no number, or of a precision that no token has, is shown as it came.
    if decimals > 255 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return digits.replace(char::is_control, "\u{FFFD}");
    }
    let padded = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, fraction) = padded.split_at(padded.len() - decimals);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

fn table(rows: &[[String; 5]]) -> String {
    let head = HEAD.map(str::to_owned);
    let mut widths = HEAD.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = String::new();
    for [chain, token, balance, allowance, price] in std::iter::once(&head).chain(rows) {
        let [of_chain, of_token, of_balance, of_allowance, of_price] = widths;
        // Names to the left, numbers to the right. Writing to a String can't fail.
        let _ = writeln!(
            table,
            "{chain:>of_chain$}  {token:<of_token$}  {balance:>of_balance$}  {allowance:>of_allowance$}  {price:>of_price$}"
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_shown_exactly_at_any_size() {
        let largest = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        for (digits, decimals, shown) in [
            ("0", 18, "0"),
            ("1", 18, "0.000000000000000001"),
            ("1000000", 6, "1"),
            ("1234500", 6, "1.2345"),
            ("42", 0, "42"),
            (largest, 0, largest),
        ] {
            assert_eq!(with_point(digits, decimals), shown);
        }
    }
}
