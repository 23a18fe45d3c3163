//! The first ADMIN, whom the configuration names.

use serde_json::Value;

use super::{done, enter, file, list_as, told};
use crate::real::{on_postgres, on_sqlite};
use crate::support::server::Gateway;

const EMAIL: &str = "root@example.com";
const PASSWORD: &str = "correct horse battery";

fn with_admin(gateway: &Gateway, email: &str, password: &str) -> Gateway {
    gateway.clone().with("COUNTERSIGN_ADMIN_EMAIL", email).with("COUNTERSIGN_ADMIN_PASSWORD", password)
}

fn admins(gateway: &Gateway) -> Vec<Value> {
    told(&gateway.run(&["users", "list", "--admins", "--json"]), 0).as_array().unwrap().clone()
}

#[test]
fn the_first_admin_is_made_at_the_first_start_and_not_again() {
    for (directory, gateway) in [on_sqlite(), on_postgres()] {
        let password = file(directory.path(), "password", &format!("{PASSWORD}\n"));
        let from_file = gateway.clone().with("COUNTERSIGN_ADMIN_EMAIL", EMAIL);
        let server = from_file.with("COUNTERSIGN_ADMIN_PASSWORD_FILE", &password).start();
        let (status, token) = enter(&server, EMAIL, PASSWORD);
        assert_eq!((status, list_as(&server, &token).0), (200, 200));
        assert!(!server.said().contains(PASSWORD));
        drop(server);
        for (email, password) in [(EMAIL, "another horse"), ("other@example.com", PASSWORD)] {
            let server = with_admin(&gateway, email, password).start();
            assert_eq!(enter(&server, EMAIL, PASSWORD).0, 200, "the password is the one of before");
            assert_eq!(enter(&server, "other@example.com", PASSWORD).0, 401);
        }
        assert_eq!(admins(&gateway).len(), 1);
    }
}

#[test]
fn a_first_admin_that_an_operator_made_is_the_first_one() {
    let (_directory, gateway) = on_sqlite();
    let create = ["users", "create", "--username", "root", "--admin", "--no-password"];
    done(&gateway.run(&create));
    drop(with_admin(&gateway, EMAIL, PASSWORD).start());
    assert_eq!(admins(&gateway)[0]["username"], "root");
    assert_eq!(admins(&gateway).len(), 1);
}

#[test]
fn a_first_admin_who_cannot_be_made_stops_the_start_with_one_line() {
    let (_directory, gateway) = on_sqlite();
    let only_email = gateway.clone().with("COUNTERSIGN_ADMIN_EMAIL", EMAIL).refused();
    let only_password = gateway.clone().with("COUNTERSIGN_ADMIN_PASSWORD", PASSWORD).refused();
    for line in [only_email, only_password] {
        assert!(line.contains("admin_email and admin_password belong together"), "{line}");
    }
    for (password, hint) in [("hunter2", "at least 8 characters"), ("password123", "most common passwords")] {
        let line = with_admin(&gateway, EMAIL, password).refused();
        assert!(line.contains("ADMIN_PASSWORD") || line.contains("admin_password"), "{line}");
        assert!(line.contains(hint) && !line.contains(password), "{line}");
    }
    let line = with_admin(&gateway, "root", PASSWORD).refused();
    assert!(line.contains("an e-mail address is expected"), "{line}");
    done(&gateway.run(&["users", "create", "--email", EMAIL, "--no-password"]));
    let line = with_admin(&gateway, "Root@Example.com", PASSWORD).refused();
    assert!(line.contains("no ADMIN") && line.contains("countersign users grant"), "{line}");
    done(&gateway.run(&["users", "grant", EMAIL]));
    drop(with_admin(&gateway, EMAIL, PASSWORD).start());
}
