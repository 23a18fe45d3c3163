//! How both databases go about what is asked of a hundred thousand accounts: by an index, whatever the page.

use std::time::Duration;

use countersign::model::page::{Direction, Listing, Order};
use countersign::store::listing;

use crate::support::world::{World, on_both};

const ORDERS: [Order; 5] = [Order::Number, Order::Name, Order::Email, Order::Created, Order::Updated];

/// As many accounts as a middling gateway has; a third have an address, and some share a name.
const FILL_SQLITE: &str = "INSERT INTO accounts (number, id, username, username_key, email, email_key, name, name_key, created_at, updated_at) \
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
    SELECT i, randomblob(16), 'u' || i, 'u' || i, CASE WHEN i % 3 = 0 THEN i || '@example.com' END, \
    CASE WHEN i % 3 = 0 THEN i || '@example.com' END, 'Name ' || (i % 5000), 'name ' || (i % 5000), i, i FROM n";
const FILL_POSTGRES: &str = "INSERT INTO accounts (id, username, username_key, email, email_key, name, name_key, created_at, updated_at) \
    SELECT gen_random_uuid(), 'u' || i, 'u' || i, CASE WHEN i % 3 = 0 THEN i || '@example.com' END, \
    CASE WHEN i % 3 = 0 THEN i || '@example.com' END, 'Name ' || (i % 5000), 'name ' || (i % 5000), i, i \
    FROM generate_series(1, 100000) i";

fn page(order: Order, direction: Direction, name: Option<&str>, email: Option<&str>) -> Listing {
    Listing { page: 3, rows: 10, order, direction, name: name.map(str::to_owned), email: email.map(str::to_owned) }
}

fn parameters(listing: &Listing) -> Vec<String> {
    let filters =
        listing.name.iter().chain(&listing.email).flat_map(|text| [text.clone(), format!("{text}\u{10ffff}")]);
    filters.chain([listing.rows.to_string(), listing.offset().to_string()]).collect()
}

/// Whether a plan reads accounts from one end to the other. SQLite goes through the page that was cut as well, and that
/// has a name of its own there: it comes last.
fn reads_all(plan: &str) -> bool {
    let accounts = plan.lines().find(|line| line.contains("SCAN a") || line.contains("SEARCH a"));
    plan.contains("Seq Scan on accounts") || accounts.is_some_and(|line| !line.contains("USING"))
}

on_both! {
    async fn of_a_hundred_thousand_accounts_every_page_and_search_is_read_by_an_index(world: World) {
        let mut data = world.data().await;
        let is_sqlite = matches!(data, crate::support::database::Data::Sqlite(_));
        data.execute(if is_sqlite { FILL_SQLITE } else { FILL_POSTGRES }).await;
        data.execute("ANALYZE").await;
        for order in ORDERS {
            for direction in [Direction::Ascending, Direction::Descending] {
                let listing = page(order, direction, None, None);
                let (sql, _) = listing::statements(&listing);
                let plan = data.plan(sql, &parameters(&listing)).await;
                // The page of ten that was cut may be sorted again; a hundred thousand may not.
                let (whole, _) = plan.rsplit_once("accounts").unwrap_or((&plan, ""));
                assert!(!reads_all(&plan), "{order:?} {direction:?}:\n{plan}");
                assert!(whole.matches("B-TREE").count() + whole.matches("Sort").count() <= 1, "{order:?} {direction:?}:\n{plan}");
            }
        }
        for (name, email) in [(Some("name 77"), None), (None, Some("999")), (Some("name 77"), Some("999"))] {
            let listing = page(Order::Number, Direction::Ascending, name, email);
            let (sql, count) = listing::statements(&listing);
            let filters = parameters(&listing);
            let plan = data.plan(sql, &filters).await;
            assert!(!reads_all(&plan), "{name:?} {email:?}:\n{plan}");
            let plan = data.plan(count, &filters[..filters.len() - 2]).await;
            assert!(!reads_all(&plan), "{name:?} {email:?}:\n{plan}");
        }
        for sql in [
            "SELECT 1 FROM accounts a LEFT JOIN passwords p ON p.account_id = a.id WHERE a.username_key = $1",
            "SELECT 1 FROM accounts a LEFT JOIN passwords p ON p.account_id = a.id WHERE a.email_key = $1",
        ] {
            let plan = data.plan(sql, &["u77".to_owned()]).await;
            assert!(!reads_all(&plan), "{sql}:\n{plan}");
        }
        // And all of it works.
        let root = crate::support::person::admin(&world, "root").await;
        world.pass(Duration::from_secs(1));
        let answer = world.get_as(&root, "/v1/users?orderBy=-email&page=5000&rows=20").await.ok(200);
        assert_eq!(answer.json["total"], 100_001);
        assert_eq!(answer.json["items"].as_array().unwrap().len(), 20);
    }
}
