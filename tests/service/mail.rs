//! A mail is delivered whole, once it can be, to a folder that is the server's alone, and then forgotten.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use chrono::TimeDelta;
use palisade::{
    service::mail::{Mail, MailFolder, Outbox, OutboxSettings, Sender, enqueue, invitation_mail},
    store::db::Role,
};

use crate::support::auth_world::{URL, World, on_both};

pub fn outbox(sender: Sender) -> Outbox {
    let settings = OutboxSettings { public_url: URL.to_owned(), attempts: 3, timeout: Duration::from_secs(2) };
    Outbox::new(sender, settings)
}

fn into(folder: &Path) -> Outbox {
    outbox(Sender::Folder(MailFolder::new(folder, "palisade@example.com")))
}

pub async fn write(world: &World, subject: &str) {
    let tx = world.db.begin_write(Role::Identity, None).await.unwrap();
    let mail = Mail {
        recipient: "ada@example.com".to_owned(),
        subject: subject.to_owned(),
        body: "palp_secret\n.\nGrüße\n".to_owned(),
    };
    enqueue(&tx, &world.clock, mail).await.unwrap();
    tx.commit().await.unwrap();
}

on_both! {
    async fn a_mail_is_written_whole_and_privately_and_its_row_is_emptied(world) {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("mail");
        let mailer = into(&folder);
        write(&world, "Hello\r\nBcc: eve@example.com").await;
        assert_eq!(mailer.deliver(&world.db, &world.clock).await.unwrap(), 1);
        assert_eq!(mailer.deliver(&world.db, &world.clock).await.unwrap(), 0);

        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].extension().unwrap(), "eml");
        assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let text = fs::read_to_string(&files[0]).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("To: ada@example.com\r\nSubject: Hello  Bcc: eve@example.com\r\n"), "{head}");
        assert_eq!(body, "palp_secret\r\n.\r\nGrüße\r\n");
        let left = "SELECT count(*) FROM mail_outbox WHERE body = '' AND subject = '' AND sent_at IS NOT NULL";
        assert_eq!(world.number(left).await, 1);
    }

    async fn what_cannot_be_delivered_waits(world) {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("mail");
        fs::write(&folder, "a file is in the way").unwrap();
        let mailer = into(&folder);
        write(&world, "Hello").await;
        assert_eq!(mailer.deliver(&world.db, &world.clock).await.unwrap(), 0);
        assert_eq!(world.number("SELECT attempts FROM mail_outbox WHERE sent_at IS NULL").await, 1);
        fs::remove_file(&folder).unwrap();
        // Not at once, and not for ever.
        assert_eq!(mailer.deliver(&world.db, &world.clock).await.unwrap(), 0);
        world.pass(TimeDelta::seconds(30));
        assert_eq!(mailer.deliver(&world.db, &world.clock).await.unwrap(), 1);
    }

    async fn several_deliver_at_once_and_each_mail_goes_out_once(world) {
        let home = tempfile::tempdir().unwrap();
        for n in 0..20 {
            write(&world, &format!("Mail {n}")).await;
        }
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let mailer = into(home.path());
                let (db, clock) = (world.db.clone(), world.clock.clone());
                tokio::spawn(async move { mailer.deliver(&db, &clock).await.unwrap() })
            })
            .collect();
        let mut sent = 0;
        for task in tasks {
            sent += task.await.unwrap();
        }
        assert_eq!(sent, 20);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 20);
    }

    async fn what_lies_in_the_folder_is_read_back_the_latest_first(world) {
        let home = tempfile::tempdir().unwrap();
        let folder = MailFolder::new(home.path().join("mail"), "palisade@example.com");
        assert_eq!(folder.latest(10).await.unwrap(), []);
        let mailer = outbox(Sender::Folder(folder.clone()));
        for subject in ["One", "Zwei für alle", "Three"] {
            write(&world, subject).await;
        }
        assert_eq!(mailer.deliver(&world.db, &world.clock).await.unwrap(), 3);
        fs::write(home.path().join("mail/notes.txt"), "not a mail").unwrap();
        let mails = folder.latest(2).await.unwrap();
        assert_eq!(mails.iter().map(|mail| mail.subject.as_str()).collect::<Vec<_>>(), ["Three", "Zwei für alle"]);
        assert_eq!((mails[0].recipient.as_str(), mails[0].body.as_str()), ("ada@example.com", "palp_secret\n.\nGrüße\n"));
    }

    async fn rows_of_mails_are_swept_after_a_month_and_what_waits_is_not(world) {
        let home = tempfile::tempdir().unwrap();
        let mailer = into(home.path());
        write(&world, "Sent").await;
        assert_eq!(mailer.deliver(&world.db, &world.clock).await.unwrap(), 1);
        write(&world, "Waits").await;
        for (days, left) in [(29, 2), (2, 1)] {
            world.pass(TimeDelta::days(days));
            mailer.sweep(&world.db, &world.clock).await.unwrap();
            assert_eq!(world.number("SELECT count(*) FROM mail_outbox").await, left);
        }
        assert_eq!(world.number("SELECT count(*) FROM mail_outbox WHERE sent_at IS NULL").await, 1);
    }

    async fn a_mail_is_gone_with_the_transaction_that_wrote_it(world) {
        let tx = world.db.begin_write(Role::Operator, None).await.unwrap();
        let mail = invitation_mail(URL, "Acme", "bob@example.com", "pali_x", world.clock.now());
        enqueue(&tx, &world.clock, mail).await.unwrap();
        drop(tx);
        assert_eq!(world.number("SELECT count(*) FROM mail_outbox").await, 0);
    }
}
