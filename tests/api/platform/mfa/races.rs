//! The second factor, when much happens at once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::authenticator::{Authenticator, first_step, ticket, verify};
use crate::support::person::{PASSWORD, call_as, login, session};
use crate::support::world::{World, on_both};

on_both! {
    async fn of_two_hundred_who_show_one_code_at_once_one_is_in(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let other = world.again_with(&[]).await;
        for code in [own.next(&world), own.backup[0].clone()] {
            let tickets = join_all((0..4).map(|_| ticket(&world, "trader1"))).await;
            let all = (0..200).map(|number| {
                let node = if number % 2 == 0 { &world } else { &other };
                verify(node, &tickets[number % 4], &code)
            });
            let answers = join_all(all).await;
            assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{code}");
            assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 200 | 401 | 429)));
            world.data().await.execute("DELETE FROM failures").await;
        }
    }

    async fn of_those_who_show_one_code_on_different_doors_at_once_one_is_in(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let code = own.next(&world);
        let by_password = json!({"username": "trader1", "password": PASSWORD, "otp": code});
        let by_email = json!({"email": "trader1", "password": PASSWORD, "otp": code});
        let tickets = join_all((0..2).map(|_| ticket(&world, "trader1"))).await;
        let off = json!({"code": code});
        let (exchange, session_door, first, second, renewed) = tokio::join!(
            world.post("/api/users/login", by_password),
            world.post("/auth/login", by_email),
            verify(&world, &tickets[0], &code),
            verify(&world, &tickets[1], &code),
            call_as(&world, &bearer, "POST", "/v1/auth/mfa/backup-codes", off),
        );
        let answers = [exchange, session_door, first, second, renewed];
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    }

    async fn no_session_lives_without_it_that_began_while_it_was_switched_on(world: World) {
        for round in 0..4 {
            let name = format!("trader{round}");
            let bearer = session(&world, &name).await;
            let setup = call_as(&world, &bearer, "POST", "/v1/auth/mfa/setup", Value::Null).await.ok(200);
            let own = Authenticator::of(&setup);
            let code = own.code(&world);
            let sign_ins = join_all((0..6).map(|_| login(&world, &name, PASSWORD)));
            let steps = join_all((0..6).map(|_| first_step(&world, &name, None)));
            let (on, opened, steps) = tokio::join!(verify(&world, &bearer, &code), sign_ins, steps);
            on.ok(200);
            for answer in opened {
                if answer.status == 200 {
                    let token = answer.field("session_token");
                    let used = call_as(&world, token, "GET", "/api/users/profile", Value::Null).await;
                    used.refused(401, "session_ended");
                } else {
                    answer.refused(401, "mfa_required");
                }
            }
            for step in steps {
                if !step.mfa_required {
                    call_as(&world, &step.token, "GET", "/api/users/profile", Value::Null).await.refused(401, "session_ended");
                }
            }
            call_as(&world, &bearer, "GET", "/api/users/profile", Value::Null).await.ok(200);
        }
    }

    async fn of_many_setups_that_are_put_in_force_at_once_one_is(world: World) {
        let bearer = session(&world, "trader1").await;
        let setups = join_all((0..5).map(|_| call_as(&world, &bearer, "POST", "/v1/auth/mfa/setup", Value::Null))).await;
        let all: Vec<Authenticator> = setups.into_iter().map(|setup| Authenticator::of(&setup.ok(200))).collect();
        let codes: Vec<String> = all.iter().map(|own| own.code(&world)).collect();
        let answers = join_all(codes.iter().map(|code| verify(&world, &bearer, code))).await;
        let in_force: Vec<usize> = (0..5).filter(|at| answers[*at].status == 200).collect();
        assert_eq!(in_force.len(), 1);
        world.data().await.execute("DELETE FROM failures").await;
        let own = &all[in_force[0]];
        verify(&world, &ticket(&world, "trader1").await, &own.next(&world)).await.ok(200);
    }
}
