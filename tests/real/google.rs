//! Sign-in by an OpenID provider that nobody here wrote, through a browser, by the page that the documentation shows.

use super::on_sqlite;
use crate::support::pages::Origin;
use crate::support::parts::{chromium, node, script};

const PAGE: &str = include_str!("../../docs/google.md");

#[test]
fn a_person_signs_in_through_a_browser_at_a_certified_provider() {
    let chromium = chromium();
    let (directory, gateway) = on_sqlite();
    // Ports that were free a moment ago: the gateway has to know both before the script has them.
    let [issuer, app] = [Origin::take(), Origin::take()].map(|origin| origin.url);
    let (_, rest) = PAGE.split_once("<!-- test: google -->\n```html\n").expect("the page");
    let (page, _) = rest.split_once("\n```").expect("the fence is closed");
    let gateway = gateway.at_home();
    let url = gateway.value("COUNTERSIGN_PUBLIC_URL").to_owned();
    let file = directory.path().join("page.html");
    assert!(page.contains("http://localhost:8080"));
    std::fs::write(&file, page.replace("http://localhost:8080", &url)).expect("a scratch directory");
    let gateway = gateway
        .with("COUNTERSIGN_GOOGLE__ISSUER", &issuer)
        .with("COUNTERSIGN_GOOGLE__CLIENT_ID", "the-app")
        .with("COUNTERSIGN_GOOGLE__CLIENT_SECRET", "the secret of: the app")
        .with("COUNTERSIGN_GOOGLE__REDIRECT_URIS", &format!("[\"{app}/\",\"{app}/bare\"]"))
        .with("COUNTERSIGN_CORS_ORIGINS", &format!("[\"{app}\"]"));
    let _server = gateway.start();
    let arguments = [&url, &issuer, &app, file.to_str().unwrap(), chromium.to_str().unwrap()];
    node(&script("google.mjs"), &arguments.map(AsRef::as_ref));
}
