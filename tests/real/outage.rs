//! The database away for a while, under load: 503, nothing told that is not so, and well again without a restart.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::slice::from_ref;
use std::time::Duration;

use countersign::clock::Stopwatch;
use futures_util::future::join;
use serde_json::Value;
use sqlx::{Connection, PgConnection, SqliteConnection};

use super::nodes::Nodes;
use super::{on_sqlite, whole};
use crate::support::client::{Answer, Client};
use crate::support::lives::Crowd;
use crate::support::postgres::Cluster;
use crate::support::process::{Finished, run};
use crate::support::scratch;
use crate::support::server::Gateway;
use crate::support::wallet::{Session, Wallet};

/// How many steps make a load.
const SOME: usize = 60;
/// How many have to be refused: all who live at once, at least once.
const ALL: usize = 20;
/// How often connections are cut.
const CUTS: usize = 10;
/// Set by those whose machine can't mount a disk of a test's own, and who want the other tests nevertheless.
const NO_DISK: &str = "COUNTERSIGN_TEST_WITHOUT_DISK";
/// How soon a caller is told, and how soon all is well again: 5 seconds of patience, and a busy machine.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn a_postgres_that_is_stopped_under_load_is_503_and_well_again_by_itself() {
    let directory = scratch::directory();
    let mut cluster = Cluster::start();
    let gateway = without_limits(Gateway::on_postgres(directory.path(), &cluster.create_database(), 7));
    let (one, two) = (gateway.start(), gateway.start());
    let urls = [one.url.clone(), two.url.clone()];
    under_load(&urls, async |crowd| {
        for mode in ["fast", "immediate"] {
            crowd.answered(SOME).await;
            cluster.begin_stop(mode);
            crowd.refused(ALL).await;
            for url in &urls {
                // A good verdict is kept for a second.
                let away = async { while readyz(url).await.status == 200 {} };
                soon(away).await;
                readyz(url).await.refused(503, "database_unavailable");
            }
            cluster.start_again();
            soon(crowd.answered(SOME)).await;
            for url in &urls {
                readyz(url).await.ok(200);
            }
        }
    });
    whole::assert_whole(&gateway);
}

#[test]
fn connections_that_postgres_cuts_under_load_are_replaced_and_nothing_is_lost() {
    const CUT: &str = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let nodes = Nodes::on_postgres();
    under_load(&nodes.urls(), async |crowd| {
        let mut operator = PgConnection::connect(&nodes.gateway.database_url()).await.expect("a connection");
        for _ in 0..CUTS {
            // Whoever was served just then is told 503, which the crowd knows to hold against nobody.
            crowd.answered(SOME).await;
            let cut: i64 = sqlx::query_scalar(CUT).fetch_one(&mut operator).await.expect("an answer");
            assert!(cut >= 2, "both nodes had connections");
        }
        soon(crowd.answered(SOME)).await;
        for url in &nodes.urls() {
            readyz(url).await.ok(200);
        }
    });
    whole::assert_whole(&nodes.gateway);
}

#[test]
fn a_sqlite_file_that_another_process_locks_is_503_and_well_again_by_itself() {
    let (_directory, gateway) = on_sqlite();
    let gateway = without_limits(gateway);
    let server = gateway.start();
    under_load(from_ref(&server.url), async |crowd| {
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
    under_load(from_ref(&server.url), async |crowd| {
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
    let directory = scratch::directory();
    let Some(disk) = disk_in(directory.path(), "8m", "true") else { return };
    let gateway = without_limits(Gateway::on_sqlite(directory.path())).through(&words(&disk));
    let server = gateway.start();
    let inside = format!("/proc/{}/root{}", server.id(), directory.path().display());
    let inside = Path::new(&inside);
    under_load(from_ref(&server.url), async |crowd| {
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

#[test]
fn a_start_on_a_disk_that_is_full_says_so_in_one_line() {
    const FILL: &str = "cp \"$0.before/\"* \"$0\" && { cat /dev/zero >\"$0/ballast\" 2>/dev/null || true; }";
    let directory = scratch::directory();
    let (data, before) = (directory.path().join("data"), directory.path().join("data.before"));
    let server = Gateway::on_sqlite(&data).start();
    server.terminate();
    assert_eq!(server.wait(), 0);
    fs::rename(&data, &before).expect("it can be moved");
    fs::create_dir(&data).expect("a directory");
    // In blocks of 4 KiB: none for the first table; not enough for all; none to go on with what is there.
    for (size, first, word) in [("4k", "true", "full"), ("64k", "true", "full"), ("8m", FILL, "room")] {
        let Some(disk) = disk_in(&data, size, first) else { return };
        let line = Gateway::on_sqlite(&data).through(&words(&disk)).refused();
        assert!(line.contains(word) && line.contains("countersign.db"), "{line}");
    }
}

/// The program that mounts a disk of this size in `directory`, for itself and what it becomes, and does `first` there:
/// it needs no cleaning up, however a test ends. `None` if the tests are told that there is none to be had.
fn disk_in(directory: &Path, size: &str, first: &str) -> Option<Vec<String>> {
    if std::env::var_os(NO_DISK).is_some() {
        writeln!(std::io::stderr(), "not tested: a full disk, since {NO_DISK} is set").expect("stderr");
        return None;
    }
    let mount = format!("mount -t tmpfs -o size={size} none \"$0\" && {first} && exec \"$@\"");
    let directory = directory.to_str().expect("a path in UTF-8");
    let disk = ["unshare", "-rm", "sh", "-c", &mount, directory].map(str::to_owned);
    let tried = run(Command::new(&disk[0]).args(&disk[1..]).arg("true"), Duration::from_secs(30));
    match tried {
        Ok(Finished { code: 0, .. }) => Some(disk.into()),
        failed => panic!(
            "a full disk can't be tested: `unshare -rm` can't mount one here ({failed:?}). It takes Linux that lets \
             users make namespaces (kernel.unprivileged_userns_clone=1, \
             kernel.apparmor_restrict_unprivileged_userns=0; in a container --security-opt seccomp=unconfined), or \
             {NO_DISK}=1 to go without this test"
        ),
    }
}

fn words(program: &[String]) -> Vec<&str> {
    program.iter().map(String::as_str).collect()
}

fn without_limits(gateway: Gateway) -> Gateway {
    gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false")
}

/// Does `test` while people live on the nodes at `urls`, and then holds what they were told against them.
fn under_load(urls: &[String], test: impl AsyncFnOnce(&Crowd)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let crowd = Crowd::default();
    runtime.block_on(join(crowd.live(urls), async {
        test(&crowd).await;
        crowd.over();
    }));
    runtime.block_on(crowd.check_kept(urls));
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

async fn readyz(url: &str) -> Answer {
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
