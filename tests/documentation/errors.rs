//! Pages of `docs/` that are made from the source: `UPDATE_GOLDEN=1 cargo test documentation` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use countersign::transport::Problem;

/// The page of every error.
const HEAD: &str = "\
# Errors

Every error is a problem detail (RFC 9457), `application/problem+json`:

```json
{
  \"type\": \"https://id.example/docs/errors#nonce_expired\",
  \"title\": \"Nonce expired\",
  \"status\": 401,
  \"detail\": \"the nonce has expired; ask for a new one and sign that\",
  \"error\": \"nonce_expired\",
  \"request_id\": \"7d0f6a1c2b3e4f5061728394\"
}
```

Programs look at `error`, which never changes. `detail` is for people: it says what went wrong and what to do, is safe to
show, and may carry figures of the case at hand. `request_id` is what the operator finds the request by. `type` leads to
the entry of the same name on the gateway's own page, `/docs/errors`. With `invalid_request`, `violations` names each
field that breaks its rule.

This page is made from the source. The sentences below are those of an example.

| `error` | status | what to do |
|---|---:|---|
";

#[test]
fn the_page_of_errors_lists_every_code() {
    let mut page = HEAD.to_owned();
    for problem in Problem::catalogue() {
        let detail = problem.detail().replace('|', "\\|");
        let _ = writeln!(page, "| `{}` | {} | {detail} |", problem.code(), problem.status().as_u16());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, page).expect("the page is written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/errors.md is not what the source says: UPDATE_GOLDEN=1 cargo test documentation");
}

#[test]
fn no_code_stands_twice() {
    let mut codes: Vec<_> = Problem::catalogue().iter().map(Problem::code).collect();
    let all = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), all);
}
