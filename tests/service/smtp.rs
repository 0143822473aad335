//! A mail goes out by SMTP once the server takes it, not again after that, and is given up in the end.
//!
//! At least once: a process that dies between the server's yes and the row's mark sends the mail again.

use std::time::Duration;

use chrono::TimeDelta;
use palisade::service::mail::{
    Outbox, Sender,
    smtp::{Security, Smtp, SmtpSettings},
};

use super::mail::{outbox, write};
use crate::support::{
    auth_world::{World, on_both},
    smtp::{Answer, SmtpServer},
};

fn settings(server: &SmtpServer) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".to_owned(),
        port: server.address.port(),
        security: Security::None,
        credentials: None,
        trusted: None,
        timeout: Duration::from_millis(800),
    }
}

fn by(settings: SmtpSettings) -> Outbox {
    outbox(Sender::Smtp(Smtp::new(settings, "palisade@example.com").unwrap()))
}

async fn deliver(world: &World, outbox: &Outbox) -> usize {
    outbox.deliver(&world.db, &world.clock).await.unwrap()
}

async fn waiting(world: &World) -> i64 {
    world.number("SELECT count(*) FROM mail_outbox WHERE sent_at IS NULL AND failed_at IS NULL").await
}

on_both! {
    async fn a_mail_arrives_whole_with_sender_recipient_and_an_id_and_once(world) {
        let server = SmtpServer::start().await;
        let outbox = by(SmtpSettings { credentials: Some(("user".into(), "pass".into())), ..settings(&server) });
        write(&world, "Grüße\r\nBcc: eve@example.com").await;
        assert_eq!(deliver(&world, &outbox).await, 1);
        world.pass(TimeDelta::days(1));
        assert_eq!(deliver(&world, &outbox).await, 0);
        let taken = server.taken();
        assert_eq!(taken.len(), 1);
        assert!(taken[0].from.starts_with("MAIL FROM:<palisade@example.com>"), "{}", taken[0].from);
        assert_eq!(taken[0].to, "RCPT TO:<ada@example.com>");
        let (head, body) = taken[0].text.split_once("\r\n\r\n").unwrap();
        assert!(head.is_ascii() && !head.contains("\r\nBcc"), "{head}");
        assert!(head.contains("\r\nMessage-ID: <mail_") && head.contains("@example.com>"), "{head}");
        use base64::Engine as _;
        let body = base64::engine::general_purpose::STANDARD.decode(body.replace("\r\n", "")).unwrap();
        assert_eq!(String::from_utf8(body).unwrap(), "palp_secret\r\n.\r\nGrüße\r\n");
        assert_eq!(server.signed_in().len(), 1);
        let emptied = "SELECT count(*) FROM mail_outbox WHERE body = '' AND subject = '' AND sent_at IS NOT NULL";
        assert_eq!(world.number(emptied).await, 1);
    }

    async fn a_server_that_cannot_now_is_asked_again_later(world) {
        let server = SmtpServer::start().await;
        let outbox = by(settings(&server));
        server.next([Answer::Message(451), Answer::Recipient(450)]);
        write(&world, "Hello").await;
        assert_eq!(deliver(&world, &outbox).await, 0);
        // Only after a while, and a longer one each time.
        assert_eq!(deliver(&world, &outbox).await, 0);
        world.pass(TimeDelta::seconds(30));
        assert_eq!(deliver(&world, &outbox).await, 0);
        world.pass(TimeDelta::seconds(30));
        assert_eq!(deliver(&world, &outbox).await, 0);
        assert_eq!(world.number("SELECT attempts FROM mail_outbox").await, 2);
        world.pass(TimeDelta::seconds(30));
        assert_eq!(deliver(&world, &outbox).await, 1);
        assert_eq!(server.taken().len(), 1);
    }

    async fn nobody_there_hanging_and_no_encryption_are_failures_too(world) {
        let server = SmtpServer::start().await;
        write(&world, "Hello").await;
        let nobody = {
            let gone = SmtpServer::start().await;
            settings(&gone)
        };
        assert_eq!(deliver(&world, &by(nobody)).await, 0);
        world.pass(TimeDelta::hours(1));
        server.next([Answer::Hang]);
        assert_eq!(deliver(&world, &by(settings(&server))).await, 0);
        world.pass(TimeDelta::hours(1));
        // What is to be encrypted is not sent in the clear.
        let strict = by(SmtpSettings { security: Security::StartTls, ..settings(&server) });
        assert_eq!(deliver(&world, &strict).await, 0);
        assert!(server.taken().is_empty());
        // That was the third attempt of three: it is given up, and emptied.
        assert_eq!(waiting(&world).await, 0);
        let given_up = "SELECT count(*) FROM mail_outbox WHERE failed_at IS NOT NULL AND body = '' AND sent_at IS NULL";
        assert_eq!(world.number(given_up).await, 1);
        world.pass(TimeDelta::days(7));
        assert_eq!(deliver(&world, &by(settings(&server))).await, 0);
        assert!(server.taken().is_empty());
    }

    async fn an_address_that_the_server_refuses_for_good_is_given_up_at_once(world) {
        let server = SmtpServer::start().await;
        let outbox = by(settings(&server));
        server.next([Answer::Recipient(550)]);
        write(&world, "One").await;
        write(&world, "Two").await;
        // The one behind it goes out.
        assert_eq!(deliver(&world, &outbox).await, 1);
        assert_eq!(waiting(&world).await, 0);
        // A wrong password is a fault of ours, and no mail's.
        server.next([Answer::Recipient(535)]);
        write(&world, "Three").await;
        assert_eq!(deliver(&world, &outbox).await, 0);
        assert_eq!(waiting(&world).await, 1);
    }

    async fn a_yes_that_got_lost_means_twice_under_one_id(world) {
        let server = SmtpServer::start().await;
        let outbox = by(settings(&server));
        server.next([Answer::Silence]);
        write(&world, "Hello").await;
        assert_eq!(deliver(&world, &outbox).await, 0);
        world.pass(TimeDelta::seconds(30));
        assert_eq!(deliver(&world, &outbox).await, 1);
        let taken = server.taken();
        assert_eq!(taken.len(), 2);
        assert_eq!(taken[0].text, taken[1].text);
    }

    async fn what_a_process_had_claimed_when_it_died_goes_out_when_the_claim_is_over(world) {
        let server = SmtpServer::start().await;
        let outbox = by(settings(&server));
        server.next([Answer::Hang]);
        write(&world, "Hello").await;
        let (db, clock, dying) = (world.db.clone(), world.clock.clone(), outbox.clone());
        let process = tokio::spawn(async move { dying.deliver(&db, &clock).await });
        while world.number("SELECT attempts FROM mail_outbox").await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        process.abort();
        assert!(process.await.unwrap_err().is_cancelled());
        assert_eq!(deliver(&world, &outbox).await, 0);
        world.pass(TimeDelta::seconds(70));
        assert_eq!(deliver(&world, &outbox).await, 1);
        assert_eq!(server.taken().len(), 1);
    }

    async fn several_processes_send_each_mail_once(world) {
        let server = SmtpServer::start().await;
        for n in 0..12 {
            write(&world, &format!("Mail {n}")).await;
        }
        let outbox = by(SmtpSettings { timeout: Duration::from_secs(20), ..settings(&server) });
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (db, clock, outbox) = (world.db.clone(), world.clock.clone(), outbox.clone());
                tokio::spawn(async move { outbox.deliver(&db, &clock).await.unwrap() })
            })
            .collect();
        let mut sent = 0;
        for task in tasks {
            sent += task.await.unwrap();
        }
        assert_eq!((sent, server.taken().len()), (12, 12));
    }
}
