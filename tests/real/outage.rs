//! The database away for a while, under load: 503, nothing told that is not so, and well again without a restart.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use countersign::clock::Stopwatch;
use futures_util::future::join;
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

use super::{on_sqlite, whole};
use crate::support::client::Client;
use crate::support::lives::Crowd;
use crate::support::postgres::Cluster;
use crate::support::process::run;
use crate::support::scratch;
use crate::support::server::Gateway;
use crate::support::wallet::{Session, Wallet};

/// How many steps make a load.
const SOME: usize = 60;
/// How many have to be refused: all who live at once, at least once.
const ALL: usize = 20;
/// How soon a caller is told, and how soon all is well again: 5 seconds of patience, and a busy machine.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn a_postgres_that_is_stopped_under_load_is_503_and_well_again_by_itself() {
    let directory = scratch::directory();
    let mut cluster = Cluster::start();
    let gateway = without_limits(Gateway::on_postgres(directory.path(), &cluster.create_database(), 7));
    let server = gateway.start();
    under_load(&server.url, async |crowd| {
        for mode in ["fast", "immediate"] {
            crowd.answered(SOME).await;
            cluster.begin_stop(mode);
            crowd.refused(ALL).await;
            readyz(&server.url).await.refused(503, "database_unavailable");
            cluster.start_again();
            soon(crowd.answered(SOME)).await;
            readyz(&server.url).await.ok(200);
        }
    });
    whole::assert_whole(&gateway);
}

#[test]
fn a_sqlite_file_that_another_process_locks_is_503_and_well_again_by_itself() {
    let (_directory, gateway) = on_sqlite();
    let gateway = without_limits(gateway);
    let server = gateway.start();
    under_load(&server.url, async |crowd| {
        let session = Client::of(&server.url).sign_in(&Wallet::number(900)).await;
        crowd.answered(SOME).await;
        let mut other = SqliteConnection::connect(&gateway.database_url()).await.expect("the file opens");
        execute(&mut other, "BEGIN EXCLUSIVE").await;
        soon(crowd.refused(ALL)).await;
        assert_nothing_is_written(&server.url, &session).await;
        execute(&mut other, "ROLLBACK").await;
        soon(crowd.answered(SOME)).await;
        readyz(&server.url).await.ok(200);
    });
    whole::assert_whole(&gateway);
}

#[test]
fn a_sqlite_file_that_is_moved_away_and_back_is_neither_made_anew_nor_lost() {
    let (directory, gateway) = on_sqlite();
    let gateway = without_limits(gateway);
    let server = gateway.start();
    let (file, away) = (directory.path().join("data/countersign.db"), directory.path().join("away"));
    under_load(&server.url, async |crowd| {
        let mut other = SqliteConnection::connect(&gateway.database_url()).await.expect("the file opens");
        crowd.answered(SOME).await;
        // A fault while it is away makes the gateway open it again, which must not make an empty one in its place.
        execute(&mut other, "BEGIN EXCLUSIVE").await;
        fs::rename(&file, &away).expect("it can be moved");
        soon(crowd.refused(ALL)).await;
        execute(&mut other, "ROLLBACK").await;
        crowd.refused(ALL).await;
        assert!(!file.exists(), "an empty database in the place of the one that is away");
        fs::rename(&away, &file).expect("it can be moved back");
        soon(crowd.answered(SOME)).await;
    });
    drop(server);
    whole::assert_whole(&gateway);
}

#[test]
fn a_disk_that_is_full_is_503_with_nothing_half_written_and_well_again_by_itself() {
    // A disk of the process's own: it needs no cleaning up, however this ends.
    const MOUNT: [&str; 5] = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs -o size=8m none \"$0\" && exec \"$@\""];
    let directory = scratch::directory();
    let data = directory.path().to_str().expect("a path in UTF-8");
    let mount = [&MOUNT[..], &[data]].concat();
    let possible = run(Command::new(mount[0]).args(&mount[1..]).arg("true"), Duration::from_secs(30));
    if !possible.is_ok_and(|tried| tried.code == 0) {
        writeln!(std::io::stderr(), "not tested: a full disk, since `unshare -rm` may not mount here").expect("stderr");
        return;
    }
    let gateway = without_limits(Gateway::on_sqlite(directory.path())).through(&mount);
    let server = gateway.start();
    let inside = format!("/proc/{}/root{data}", server.id());
    let inside = Path::new(&inside);
    under_load(&server.url, async |crowd| {
        let session = Client::of(&server.url).sign_in(&Wallet::number(900)).await;
        crowd.answered(SOME).await;
        let ballast = inside.join("ballast");
        fill(&ballast);
        soon(crowd.refused(ALL)).await;
        assert_nothing_is_written(&server.url, &session).await;
        fs::remove_file(&ballast).expect("it can be removed");
        soon(crowd.answered(SOME)).await;
        readyz(&server.url).await.ok(200);
    });
    // Nobody writes now, so the two files belong together.
    for name in ["countersign.db", "countersign.db-wal"] {
        let copy = directory.path().join(name);
        fs::copy(inside.join(name), copy).expect("it can be copied");
    }
    whole::assert_whole(&Gateway::on_sqlite(directory.path()));
}

fn without_limits(gateway: Gateway) -> Gateway {
    gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false")
}

/// Does `test` while people live on the gateway at `url`, and then holds what they were told against it.
fn under_load(url: &str, test: impl AsyncFnOnce(&Crowd)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let crowd = Crowd::default();
    runtime.block_on(join(crowd.live(url), async {
        test(&crowd).await;
        crowd.over();
    }));
    runtime.block_on(crowd.check_kept(url));
}

async fn soon(what: impl Future<Output = ()>) {
    let watch = Stopwatch::start();
    what.await;
    assert!(watch.elapsed() < SOON, "it took {:?}", watch.elapsed());
}

/// What is written is refused, and what is read goes on: the session lives although its end was asked for.
async fn assert_nothing_is_written(url: &str, session: &Session) {
    let mut client = Client::of(url);
    let logout = client.call_as(&session.token, "POST", "/users/logout").await.expect("an answer");
    logout.refused(503, "database_unavailable");
    client.refresh(&session.refresh).await.expect("an answer").refused(503, "database_unavailable");
    client.call_as(&session.token, "GET", &session.profile_path()).await.expect("an answer").ok(200);
}

async fn readyz(url: &str) -> crate::support::client::Answer {
    Client::of(url).send("GET", "/readyz", "", &Value::Null).await.expect("an answer")
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) {
    sqlx::query(sql).execute(connection).await.expect("SQLite does as it is told");
}

/// Writes to `file` until nothing more fits.
fn fill(file: &Path) {
    let mut ballast = fs::File::create(file).expect("a file for the ballast");
    let page = [0; 4096];
    while ballast.write_all(&page).is_ok() {}
}
