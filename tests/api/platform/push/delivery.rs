//! How notices leave: many at once, over several nodes, through kills and stops, each once.

use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::sync::watch;

use super::{Owner, left};
use crate::support::fcm::{Fcm, Reply, counted, deliver};
use crate::support::platform::authenticate;
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

on_both! {
    async fn many_go_at_once_over_a_few_connections_that_are_kept_and_each_once(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        for number in 0..50 {
            owner.claim(&world, &format!("device{number}")).await;
        }
        for _ in 0..3 {
            owner.change_password(&world).await;
        }
        fcm.be(Reply::After(Duration::from_millis(30)));
        deliver(&world).await;
        assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (150, "0"));
        let mut ids: Vec<String> = fcm.pushes().into_iter().map(|push| push.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 150);
        let (at_once, connections) = fcm.load();
        assert!((5..=20).contains(&at_once) && connections <= 20, "{at_once} at once over {connections} connections");
        assert_eq!(fcm.assertions().len(), 1);
    }

    async fn two_nodes_share_the_work_and_send_each_once(world: World) {
        let fcm = Fcm::start();
        let nodes = [fcm.behind(&world, &[]).await, fcm.behind(&world, &[]).await];
        let mut owner = Owner::new(&nodes[0], "trader1").await;
        for number in 0..50 {
            owner.claim(&nodes[0], &format!("device{number}")).await;
        }
        for _ in 0..3 {
            owner.change_password(&nodes[0]).await;
        }
        fcm.be(Reply::After(Duration::from_millis(20)));
        join(deliver(&nodes[0]), deliver(&nodes[1])).await;
        let mut ids: Vec<String> = fcm.asked().into_iter().map(|push| push.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((fcm.asked().len(), ids.len(), left(&world).await.as_str()), (150, 150, "0"));
        let sent = nodes.each_ref().map(|node| counted(&node.core.metrics_text(), "sent"));
        assert!(sent.iter().sum::<u64>() == 150 && sent.iter().all(|sent| *sent > 0), "{sent:?}");
    }

    async fn what_is_no_news_any_more_is_not_sent(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        fcm.be(Reply::Refused(503, None, "UNAVAILABLE"));
        deliver(&world).await;
        fcm.be(Reply::Taken);
        world.pass(Duration::from_hours(24));
        deliver(&world).await;
        assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (0, "0"));
        assert_eq!(counted(&world.core.metrics_text(), "expired"), 1);
        // Where nobody sends any, they are swept away.
        owner.token = authenticate(&world, "trader1", &owner.password).await.ok(200).field("token").to_owned();
        owner.change_password(&world).await;
        assert_eq!(left(&world).await, "1");
        let without = world.again_with(&[("FCM__API_BASE", "https://fcm.example")]).await;
        world.pass(Duration::from_hours(24));
        without.core.sweep().await.unwrap();
        assert_eq!(left(&world).await, "1", "somebody may be about to note that");
        world.pass(Duration::from_hours(2));
        without.core.sweep().await.unwrap();
        assert_eq!(left(&world).await, "0");
    }

    async fn a_notice_that_a_node_was_killed_over_is_sent_by_another_when_its_time_is_over(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        // As a node that is killed leaves it: taken, and perhaps sent.
        fcm.be(Reply::Silence);
        let killed = tokio::time::timeout(Duration::from_millis(500), deliver(&world)).await;
        assert!(killed.is_err());
        fcm.be(Reply::Taken);
        let another = fcm.behind(&world, &[]).await;
        deliver(&another).await;
        world.pass(Duration::from_secs(179));
        deliver(&another).await;
        assert_eq!(fcm.reached().len(), 0);
        world.pass(Duration::from_secs(1));
        deliver(&another).await;
        assert_eq!((fcm.reached().len(), fcm.asked().len()), (1, 2));
        assert_eq!(fcm.asked()[0].id, fcm.asked()[1].id);
    }

    async fn a_stop_waits_for_what_the_service_may_have_and_puts_the_rest_back(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        for number in 0..50 {
            owner.claim(&world, &format!("device{number}")).await;
        }
        owner.change_password(&world).await;
        fcm.be(Reply::After(Duration::from_millis(500)));
        let (stop, stopped) = watch::channel(false);
        let delivered = async { world.core.deliver_push(&stopped).await.unwrap() };
        join(delivered, async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            stop.send(true).unwrap();
        }).await;
        let sent = fcm.reached().len();
        assert!((1..=20).contains(&sent), "{sent}");
        assert_eq!((left(&world).await, fcm.asked().len()), ((50 - sent).to_string(), sent));
        let untouched = "SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE way = 'push' AND attempts = 0 AND claimed_until = 0";
        assert_eq!(world.data().await.text(untouched).await, (50 - sent).to_string());
        fcm.be(Reply::Taken);
        deliver(&world).await;
        assert_eq!(fcm.reached().len(), 50);
    }

    async fn mails_and_notices_take_nothing_of_each_other(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
        owner.change_password(&world).await;
        assert_eq!(world.mails().await.iter().filter(|mail| mail.subject == "Your password was changed").count(), 1);
        assert_eq!((left(&world).await.as_str(), fcm.asked().len()), ("1", 0));
        owner.change_password(&world).await;
        deliver(&world).await;
        assert_eq!((left(&world).await.as_str(), fcm.reached().len()), ("0", 2));
        assert_eq!(world.data().await.text("SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE way = 'mail'").await, "1");
    }

    async fn who_reads_the_database_reads_no_notice_and_none_takes_the_place_of_another(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        for device in ["one", "two"] {
            owner.claim(&world, device).await;
        }
        owner.change_password(&world).await;
        let whole = world.data().await.whole().await.to_lowercase();
        for told in ["was changed", "password changed"] {
            assert!(!whole.contains(told) && !whole.contains(&hex::encode(told)), "{told}: {whole}");
        }
        world.data().await.execute("UPDATE outbox SET sealed = (SELECT sealed FROM outbox WHERE way = 'push' ORDER BY id LIMIT 1)").await;
        deliver(&world).await;
        assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (1, "1"));
        let world = world.under_new_secret([0x22; 32]).await;
        owner.change_password(&world).await;
        deliver(&world).await;
        assert_eq!(fcm.reached().len(), 3, "what an older root secret sealed opens all the same");
    }

    async fn of_many_changes_at_once_each_is_told_once(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let owner = Owner::with_device(&world, "trader1", "phone").await;
        let link = async |number: u32| Wallet::number(number).link(&world, &owner.token).await;
        join_all((1..=8).map(link)).await;
        let deliveries = (0..4).map(|_| deliver(&world));
        join_all(deliveries).await;
        deliver(&world).await;
        assert_eq!((fcm.reached().len(), fcm.asked().len(), left(&world).await.as_str()), (8, 8, "0"));
    }
}
