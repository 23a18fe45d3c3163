//! Mails by a server that nobody here wrote: as it should be, away, slow, refusing, hanging, and with processes killed.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use countersign::clock::Stopwatch;
use serde_json::Value;

use super::{on_postgres, on_sqlite};
use crate::support::http::get;
use crate::support::mail_server::{PATIENCE, Person, Place, Protection, execute, header, sending, text};
use crate::support::process::poll;
use crate::support::server::{Gateway, Server};

/// Makes every mail due now, as time would, which a test can't wait for.
const HURRY: &str = "UPDATE outbox SET due_at = 0";

/// Takes every mail from the node that was killed over it, as time would.
const FREE: &str = "UPDATE outbox SET due_at = 0, claimed_until = 0";

const LEFT: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM outbox";

fn plain(gateway: Gateway, place: &Place) -> Gateway {
    sending(gateway, &format!("smtp://127.0.0.1:{}", place.port))
}

#[track_caller]
fn wait_until_empty(gateway: &Gateway) {
    let empty = poll(PATIENCE, || (text(gateway, LEFT) == "0").then_some(()));
    assert!(empty.is_some(), "{} mails are left", text(gateway, LEFT));
}

fn counted(server: &Server, outcome: &str) -> u64 {
    let metrics = get(&server.internal_url, "/metrics", "").body;
    let start = format!("countersign_mails_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&start)).map_or(0, |count| count.parse().unwrap())
}

fn ids(mails: &[Value]) -> BTreeSet<String> {
    mails.iter().map(|mail| header(mail, "Message-ID")).collect()
}

#[test]
fn a_mail_arrives_with_text_and_html_and_from_whom_it_should() {
    let place = Place::new(Protection::None);
    let mailbox = place.start();
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        let gateway = plain(gateway, &place).with("COUNTERSIGN_PUBLIC_URL", "https://auth.example");
        let server = gateway.start();
        let before = mailbox.mails().len();
        let mut person = Person::new(&gateway, &server, "trader1");
        let watch = Stopwatch::start();
        person.change_email(&server, "new@example.com");
        let mails = mailbox.wait_for_mails(before + 1);
        let took = watch.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
        let mail = &mails[before];
        assert_eq!(
            (&mail["sender"], &mail["to"]),
            (&"no-reply@example.com".into(), &vec!["trader1@example.com"].into())
        );
        assert_eq!(mail["hello"], "auth.example");
        assert_eq!(header(mail, "From"), "Example <no-reply@example.com>");
        assert_eq!(header(mail, "To"), "trader1@example.com");
        assert_eq!(header(mail, "Subject"), "Your e-mail address was changed");
        assert!(header(mail, "Message-ID").ends_with("@auth.example>"));
        let content = mail["content"].as_str().unwrap();
        for part in
            ["multipart/alternative", "text/plain; charset=utf-8", "text/html; charset=utf-8", "<!doctype html>"]
        {
            assert!(content.contains(part), "{part}: {content}");
        }
        assert_eq!(content.matches("new@example.com").count(), 2, "{content}");
        wait_until_empty(&gateway);
        assert!(counted(&server, "sent") > 0);
        assert!(!server.said().contains("new@example.com") && !server.said().contains("trader1@"), "{}", server.said());
    }
}

#[test]
fn a_server_that_is_away_loses_nothing_and_delays_nobody() {
    let place = Place::new(Protection::None);
    let (_directory, gateway) = on_sqlite();
    let gateway = plain(gateway, &place);
    let server = gateway.start();
    let mut person = Person::new(&gateway, &server, "trader1");
    for _ in 0..5 {
        let watch = Stopwatch::start();
        person.change_password(&server);
        let took = watch.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
    poll(PATIENCE, || (counted(&server, "retried") > 0).then_some(())).expect("it was tried");
    assert_eq!(text(&gateway, LEFT), "5");
    let mailbox = place.start();
    execute(&gateway, HURRY);
    let mails = mailbox.wait_for_mails(5);
    wait_until_empty(&gateway);
    assert_eq!((mailbox.mails().len(), ids(&mails).len()), (5, 5));
    // One connection does for many.
    let peers: BTreeSet<String> = mails.iter().map(|mail| mail["peer"].to_string()).collect();
    assert!(peers.len() < 5, "{peers:?}");
}

#[test]
fn a_server_that_is_slow_hangs_or_answers_by_half_gets_the_mail_later_and_delays_nobody() {
    let place = Place::new(Protection::None);
    let mailbox = place.start();
    let (_directory, gateway) = on_sqlite();
    let gateway = plain(gateway, &place);
    let server = gateway.start();
    let mut person = Person::new(&gateway, &server, "trader1");

    place.be("slow");
    person.change_password(&server);
    mailbox.wait_for_mails(1);
    wait_until_empty(&gateway);

    place.be("half");
    person.change_password(&server);
    mailbox.wait_for("half an answer", |_| mailbox.refused("half") == 1);
    poll(PATIENCE, || (counted(&server, "retried") == 1).then_some(())).expect("it is put back");
    place.be("well");
    execute(&gateway, HURRY);
    mailbox.wait_for_mails(2);
    wait_until_empty(&gateway);

    place.be("silent");
    person.change_password(&server);
    // While it is waited for, nobody else is held up.
    for _ in 0..3 {
        let watch = Stopwatch::start();
        person.change_password(&server);
        let took = watch.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
    poll(PATIENCE, || (counted(&server, "retried") == 2).then_some(())).expect("it is put back");
    place.be("well");
    execute(&gateway, HURRY);
    let mails = mailbox.wait_for_mails(6);
    wait_until_empty(&gateway);
    assert_eq!((mailbox.mails().len(), ids(&mails).len()), (6, 6));
}

#[test]
fn a_refusal_for_now_is_tried_again_and_one_for_ever_is_not() {
    let place = Place::new(Protection::None);
    let mailbox = place.start();
    let (_directory, gateway) = on_postgres();
    let gateway = plain(gateway, &place);
    let server = gateway.start();
    let mut person = Person::new(&gateway, &server, "trader1");
    for (mood, code) in [("busy", "451"), ("closing", "421")] {
        place.be(mood);
        person.change_password(&server);
        mailbox.wait_for("a refusal", |_| mailbox.refused(code) > 0);
        place.be("well");
        let before = mailbox.mails().len();
        poll(PATIENCE, || (execute(&gateway, HURRY) > 0 || mailbox.mails().len() > before).then_some(())).unwrap();
        mailbox.wait_for_mails(before + 1);
        wait_until_empty(&gateway);
    }
    place.be("unknown");
    person.change_password(&server);
    wait_until_empty(&gateway);
    mailbox.wait_for("a refusal", |_| mailbox.refused("550") > 0);
    assert_eq!((mailbox.refused("550"), counted(&server, "failed"), mailbox.mails().len()), (1, 1, 2));
    let said = server.said();
    assert!(said.contains("given up") && said.contains("RCPT: the server answers 550"), "{said}");
    assert!(!said.contains("trader1@"), "servers repeat addresses; the log must not: {said}");
}

#[test]
fn the_way_is_encrypted_and_the_password_sent_only_there() {
    for (protection, url) in [
        (Protection::StartTls, "smtp://app:p%40ss%2Fword@localhost:PORT?tls=required"),
        (Protection::Whole, "smtps://app:p%40ss%2Fword@localhost:PORT"),
    ] {
        let place = Place::new(protection);
        let mailbox = place.start();
        let (_directory, gateway) = on_sqlite();
        let url = url.replace("PORT", &place.port.to_string());
        let authority = place.file("ca.pem");
        let trusting = sending(gateway, &url).with("SSL_CERT_FILE", authority.to_str().unwrap());
        let server = trusting.start();
        let mut person = Person::new(&trusting, &server, "trader1");
        person.change_password(&server);
        let mails = mailbox.wait_for_mails(1);
        assert_eq!((&mails[0]["encrypted"], &mails[0]["user"]), (&true.into(), &"app".into()));
        wait_until_empty(&trusting);
        drop(server);

        // Whom nobody vouches for gets neither password nor mail, and neither does who does not encrypt.
        let distrusting = trusting.clone().without("SSL_CERT_FILE");
        let server = distrusting.start();
        person.change_password(&server);
        poll(PATIENCE, || (counted(&server, "retried") > 0).then_some(())).expect("it was tried");
        assert_eq!((text(&distrusting, LEFT).as_str(), mailbox.mails().len()), ("1", 1));
        assert!(!server.said().contains("p@ss") && !server.said().contains("p%40ss"), "{}", server.said());
        let told = distrusting.run(&["doctor"]);
        assert!(told.stdout.contains(&format!("WRONG  SMTP localhost:{}: ", place.port)), "{told:?}");
        let told = trusting.run(&["doctor"]);
        let line = format!("ok     SMTP localhost:{}: it answers, encrypted, and takes our password", place.port);
        assert!(told.stdout.contains(&line), "{told:?}");
        let wrong = trusting.with("COUNTERSIGN_SMTP__URL", &url.replace("p%40ss", "hunter2"));
        let told = wrong.run(&["doctor"]);
        assert!(told.stdout.contains("AUTH: the server answers 535") && !told.stdout.contains("hunter2"), "{told:?}");
    }
    let place = Place::new(Protection::None);
    let mailbox = place.start();
    let (_directory, gateway) = on_sqlite();
    let gateway = sending(gateway, &format!("smtp://app:hunter2@localhost:{}?tls=required", place.port));
    let server = gateway.start();
    Person::new(&gateway, &server, "trader1").change_password(&server);
    poll(PATIENCE, || (counted(&server, "retried") > 0).then_some(())).expect("it was tried");
    assert_eq!((text(&gateway, LEFT).as_str(), mailbox.mails().len()), ("1", 0));
}

#[test]
fn without_a_server_a_mail_is_a_file_within_a_second_and_the_log_tells_where() {
    const TOLD: &str = "Subject: Your password was changed";
    for (directory, gateway) in [on_sqlite(), on_postgres()] {
        let gateway = gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false");
        let server = gateway.start();
        let mut person = Person::new(&gateway, &server, "trader1");
        let outbox = directory.path().join("data/outbox");
        let files = || -> Vec<PathBuf> {
            let entries = std::fs::read_dir(&outbox).into_iter().flatten();
            let is_told = |path: &PathBuf| std::fs::read_to_string(path).is_ok_and(|text| text.contains(TOLD));
            let files = entries.map(|entry| entry.unwrap().path());
            files.filter(|path| path.extension().is_some_and(|e| e == "eml") && is_told(path)).collect()
        };
        person.change_password(&server);
        let watch = Stopwatch::start();
        poll(PATIENCE, || (!files().is_empty()).then_some(())).expect("a file");
        let took = watch.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        let file = &files()[0];
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        poll(PATIENCE, || server.said().contains(&name).then_some(())).expect("the log names it");
        assert!(!server.said().contains("trader1@"), "{}", server.said());
        let told = gateway.run(&["doctor"]);
        assert!(told.stdout.contains("ok     mail: no SMTP server is configured: mails are files in "), "{told:?}");
    }
}

#[test]
fn two_nodes_send_each_of_fifty_mails_once() {
    let place = Place::new(Protection::None);
    let (_directory, gateway) = on_postgres();
    let gateway = plain(gateway, &place);
    let nodes = [gateway.start(), gateway.start()];
    let mut person = Person::new(&gateway, &nodes[0], "trader1");
    for number in 0..50 {
        person.change_password(&nodes[number % 2]);
    }
    place.be("steady");
    let mailbox = place.start();
    // Until none is waiting for a later time; those that are in some node's hands stay there.
    let sent = poll(PATIENCE, || {
        execute(&gateway, HURRY);
        (text(&gateway, LEFT) == "0").then_some(())
    });
    sent.expect("all are sent");
    let mails = mailbox.wait_for_mails(50);
    assert_eq!((mails.len(), ids(&mails).len()), (50, 50));
    let sent: Vec<u64> = nodes.iter().map(|node| counted(node, "sent")).collect();
    assert_eq!(sent.iter().sum::<u64>(), 50);
    assert!(sent.iter().all(|sent| *sent > 0), "both had a share: {sent:?}");
}

#[test]
fn a_process_that_is_killed_loses_no_mail_and_at_most_the_one_under_way_comes_twice() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        let place = Place::new(Protection::None);
        let gateway = plain(gateway, &place);
        let mut server = gateway.start();
        let mut person = Person::new(&gateway, &server, "trader1");
        for _ in 0..20 {
            person.change_password(&server);
        }
        place.be("steady");
        let mailbox = place.start();
        let mut kills = 0;
        for sent in [3, 7, 12] {
            execute(&gateway, FREE);
            mailbox.wait_for_mails(sent);
            drop(server);
            kills += 1;
            server = gateway.start();
        }
        execute(&gateway, FREE);
        wait_until_empty(&gateway);
        mailbox.wait_for("none is lost", |_| ids(&mailbox.mails()).len() == 20);
        let mails = mailbox.mails();
        assert!(mails.len() <= 20 + kills, "{} for 20", mails.len());
    }
}

#[test]
fn a_stop_waits_for_the_mail_under_way() {
    let place = Place::new(Protection::None);
    let mailbox = place.start();
    let (_directory, gateway) = on_sqlite();
    let gateway = plain(gateway, &place);
    let server = gateway.start();
    let mut person = Person::new(&gateway, &server, "trader1");
    place.be("slow");
    person.change_password(&server);
    let claimed = "SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE claimed_until > 0";
    poll(PATIENCE, || (text(&gateway, claimed) == "1").then_some(())).expect("it is under way");
    server.terminate();
    assert_eq!(server.wait(), 0);
    assert_eq!((mailbox.wait_for_mails(1).len(), text(&gateway, LEFT).as_str()), (1, "0"));
}

#[test]
fn a_template_with_an_unknown_placeholder_stops_the_start_and_is_named() {
    let (directory, gateway) = on_sqlite();
    let templates = directory.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    std::fs::write(templates.join("verify_email.txt"), "Subject: Hello\n\n{{code}} {{nonsense}}\n").unwrap();
    let gateway = gateway.with("COUNTERSIGN_MAIL__TEMPLATES", templates.to_str().unwrap());
    let refused = gateway.refused();
    assert!(refused.contains("verify_email.txt") && refused.contains("{{nonsense}}"), "{refused}");
    let own = "Subject: {{site}}: ein neues Kennwort\n\nSeit {{at}}.\n";
    std::fs::remove_file(templates.join("verify_email.txt")).unwrap();
    std::fs::write(templates.join("password_changed.txt"), own).unwrap();
    let place = Place::new(Protection::None);
    let mailbox = place.start();
    let gateway = plain(gateway, &place).with("COUNTERSIGN_PUBLIC_URL", "https://auth.example");
    let server = gateway.start();
    Person::new(&gateway, &server, "trader1").change_password(&server);
    let mails = mailbox.wait_for_mails(1);
    assert_eq!(header(&mails[0], "Subject"), "https://auth.example: ein neues Kennwort");
}
