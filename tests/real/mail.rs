//! Mails by a server that nobody here wrote: as it should be, away, slow, refusing, hanging, and with processes killed.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use countersign::clock::Stopwatch;
use serde_json::{Value, json};

use super::{on_postgres, on_sqlite};
use crate::support::http::{get, send};
use crate::support::mail::Mail;
use crate::support::mail_server::{PATIENCE, Person, Place, Protection, execute, header, sending, text};
use crate::support::process::poll;
use crate::support::server::{Gateway, Server};
use crate::support::tampering::Tampering;

/// Makes every mail due now, as time would, which a test can't wait for.
const HURRY: &str = "UPDATE outbox SET due_at = 0";

/// Takes every mail from the node that was killed over it, as time would.
const FREE: &str = "UPDATE outbox SET due_at = 0, claimed_until = 0";

const IN_HAND: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE claimed_until > 0";

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
fn a_server_that_is_configured_wrongly_loses_no_mail() {
    let place = Place::new(Protection::None);
    let mailbox = place.start();
    let (_directory, gateway) = on_sqlite();
    let gateway = plain(gateway, &place);
    let server = gateway.start();
    let mut person = Person::new(&gateway, &server, "trader1");
    for (mood, code) in [("relay", "554"), ("strange", "530")] {
        place.be(mood);
        for _ in 0..3 {
            person.change_password(&server);
        }
        mailbox.wait_for("refusals", |_| mailbox.refused(code) >= 3);
    }
    poll(PATIENCE, || (counted(&server, "retried") >= 6).then_some(())).expect("all are put back");
    place.be("well");
    execute(&gateway, HURRY);
    let mails = mailbox.wait_for_mails(6);
    wait_until_empty(&gateway);
    assert_eq!((ids(&mails).len(), counted(&server, "failed")), (6, 0));
    let said = server.said();
    assert!(said.contains("RCPT: the server answers 554 5.7.1") && !said.contains("trader1@"), "{said}");
}

#[test]
fn a_mail_that_is_refused_for_what_it_is_is_tried_a_few_times_or_not_again() {
    let place = Place::new(Protection::None);
    let mailbox = place.start();
    let (_directory, gateway) = on_postgres();
    let gateway = plain(gateway, &place);
    let server = gateway.start();
    let mut person = Person::new(&gateway, &server, "trader1");
    place.be("malformed");
    person.change_password(&server);
    poll(PATIENCE, || (counted(&server, "failed") == 1).then_some(())).expect("it is given up at once");
    wait_until_empty(&gateway);
    mailbox.wait_for("a refusal", |_| mailbox.refused("554") == 1);

    place.be("spam");
    person.change_password(&server);
    for tried in 1..=5 {
        mailbox.wait_for("a refusal", |_| mailbox.refused("550") == tried);
        if tried < 5 {
            // A good while is between the tries.
            let waits = "SELECT CAST((due_at - created_at) / 60000000 AS TEXT) FROM outbox";
            let minutes = || text(&gateway, waits).parse::<i64>().ok();
            poll(PATIENCE, || minutes().filter(|minutes| (60..65).contains(minutes))).expect("it is put back");
            // Nobody waits so long here.
            execute(&gateway, HURRY);
        }
    }
    wait_until_empty(&gateway);
    assert_eq!((counted(&server, "failed"), mailbox.mails().len()), (2, 0));
}

#[test]
fn a_server_that_hangs_over_a_mail_it_may_have_gets_it_again_and_delays_nobody() {
    let place = Place::new(Protection::None);
    let mailbox = place.start();
    let (_directory, gateway) = on_sqlite();
    let gateway = plain(gateway, &place);
    let server = gateway.start();
    let mut person = Person::new(&gateway, &server, "trader1");
    place.be("hanging");
    person.change_password(&server);
    mailbox.wait_for("it hangs", |_| mailbox.refused("hanging") == 1);
    for _ in 0..3 {
        let watch = Stopwatch::start();
        person.change_password(&server);
        let took = watch.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
    // A filter may take its time, and who leaves before it is done sends twice: a minute is waited.
    std::thread::sleep(Duration::from_secs(45));
    assert_eq!((counted(&server, "retried"), text(&gateway, LEFT).as_str()), (0, "4"));
    place.be("well");
    poll(PATIENCE, || (counted(&server, "retried") == 1).then_some(())).expect("it is put back");
    let said = server.said();
    assert!(said.contains("the end of the mail: the server does not answer in time"), "{said}");
    execute(&gateway, HURRY);
    let mails = mailbox.wait_for_mails(4);
    wait_until_empty(&gateway);
    assert_eq!((mailbox.mails().len(), ids(&mails).len()), (4, 4));
}

#[test]
fn what_somebody_in_between_puts_behind_the_answer_to_starttls_is_no_answer() {
    let place = Place::new(Protection::StartTls);
    let mailbox = place.start();
    let tampering = Tampering::with(place.port);
    let (_directory, gateway) = on_sqlite();
    let url = format!("smtp://app:p%40ss%2Fword@localhost:{}?tls=required", tampering.port);
    let authority = place.file("ca.pem");
    let gateway = sending(gateway, &url).with("SSL_CERT_FILE", authority.to_str().unwrap());
    let server = gateway.start();
    let mut person = Person::new(&gateway, &server, "trader1");
    person.change_password(&server);
    poll(PATIENCE, || (counted(&server, "retried") > 0).then_some(())).expect("it was tried");
    assert!(tampering.is_done(), "something was put in");
    assert_eq!((counted(&server, "sent"), text(&gateway, LEFT).as_str(), mailbox.mails().len()), (0, "1", 0));
    let said = server.said();
    assert!(said.contains("STARTTLS: ") && !said.contains("p@ss"), "{said}");
    tampering.rest();
    execute(&gateway, HURRY);
    mailbox.wait_for_mails(1);
    wait_until_empty(&gateway);
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
fn a_code_and_a_link_are_in_the_file_and_never_in_the_log() {
    for (directory, gateway) in [on_sqlite(), on_postgres()] {
        let server = gateway.with("COUNTERSIGN_LOG__LEVEL", "debug").start();
        let outbox = directory.path().join("data/outbox");
        let first = || {
            let paths = std::fs::read_dir(&outbox).into_iter().flatten().map(|entry| entry.unwrap().path());
            paths.filter(|path| path.extension().is_some_and(|e| e == "eml")).last()
        };
        let body = json!({"email": "trader1@example.com", "password": "correct horse battery"}).to_string();
        assert_eq!(send(&server.url, "POST", "/auth/register", &[], &body).status, 201);
        let watch = Stopwatch::start();
        let file = poll(PATIENCE, first).expect("a file");
        let took = watch.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        let mail = Mail::read(&std::fs::read_to_string(file).unwrap());
        let (code, token) = (mail.code(), mail.token());
        assert!(code.len() == 6 && token.len() > 40, "{code} {token}");
        let told = poll(PATIENCE / 20, || server.said().contains("a mail is in a file").then_some(()));
        assert!(told.is_some(), "the log tells of it: {}", server.said());
        let used = json!({"email": "trader1@example.com", "code": code}).to_string();
        assert_eq!(send(&server.url, "POST", "/auth/verify-email", &[], &used).status, 200, "it is the code");
        poll(PATIENCE, || server.said().contains("/auth/verify-email").then_some(())).expect("the log tells of it");
        let said = server.said();
        // Digits alone may be a part of any number; such a word is none.
        let words: Vec<&str> = said.split(|c: char| !c.is_alphanumeric()).collect();
        assert!(!words.contains(&code.as_str()) && !said.contains(&token), "{said}");
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
    mailbox.wait_for("it is under way", |told| told.iter().any(|told| told["begun"] == true));
    server.terminate();
    assert_eq!(server.wait(), 0);
    assert_eq!((mailbox.wait_for_mails(1).len(), text(&gateway, LEFT).as_str()), (1, "0"));
}

#[test]
fn a_stop_with_mails_that_wait_sends_each_once() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        let place = Place::new(Protection::None);
        let gateway = plain(gateway, &place);
        let server = gateway.start();
        let mut person = Person::new(&gateway, &server, "trader1");
        for _ in 0..5 {
            person.change_password(&server);
        }
        // Longer than a stop had waited once, whatever the server may have.
        place.be("slower");
        let mailbox = place.start();
        execute(&gateway, HURRY);
        mailbox.wait_for("the first is under way", |told| told.iter().any(|told| told["begun"] == true));
        let watch = Stopwatch::start();
        server.terminate();
        assert_eq!(server.wait(), 0);
        assert!(watch.elapsed() < Duration::from_secs(14), "none is begun any more: {:?}", watch.elapsed());
        assert_eq!((mailbox.wait_for_mails(1).len(), text(&gateway, LEFT).as_str()), (1, "4"));
        assert_eq!(text(&gateway, IN_HAND), "0", "any node may have them at once");
        place.be("well");
        let _server = gateway.start();
        execute(&gateway, HURRY);
        wait_until_empty(&gateway);
        let mails = mailbox.wait_for_mails(5);
        assert_eq!((mails.len(), ids(&mails).len()), (5, 5));
    }
}

#[test]
fn a_stop_takes_back_a_mail_that_no_server_has_yet() {
    let place = Place::new(Protection::None);
    let mailbox = place.start();
    let (_directory, gateway) = on_sqlite();
    let gateway = plain(gateway, &place);
    let server = gateway.start();
    let mut person = Person::new(&gateway, &server, "trader1");
    place.be("silent");
    person.change_password(&server);
    poll(PATIENCE, || (text(&gateway, IN_HAND) == "1").then_some(())).expect("it is under way");
    let watch = Stopwatch::start();
    server.terminate();
    assert_eq!(server.wait(), 0);
    assert!(watch.elapsed() < Duration::from_secs(5), "nothing is waited for: {:?}", watch.elapsed());
    assert_eq!((text(&gateway, LEFT).as_str(), text(&gateway, IN_HAND).as_str()), ("1", "0"));
    assert_eq!(text(&gateway, "SELECT CAST(attempts AS TEXT) FROM outbox"), "0");
    place.be("well");
    let _server = gateway.start();
    assert_eq!(mailbox.wait_for_mails(1).len(), 1);
    wait_until_empty(&gateway);
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
