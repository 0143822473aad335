//! The program itself, with its log at the finest: an organisation works, others listen, things go wrong, and no line, no
//! command line and no page has a word of it.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{marker::Marks, remote::Remote, work::Office};
use crate::http::process::{Running, palisade, run};

async fn token(folder: &std::path::Path, email: &str) -> String {
    let (code, token, log) = run(folder, &["token", "--email", email], &[("PALISADE_DATA__DIR", "data")]);
    assert_eq!(code, 0, "{log}");
    token.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_programs_log_at_its_finest_holds_no_content_and_no_secret() {
    let marks = Marks::new();
    let folder = tempfile::tempdir().unwrap();
    let mut command = palisade(folder.path());
    command.args(["demo", "--data-dir", "data"]);
    command.envs([("PALISADE_LOG__FORMAT", "json"), ("PALISADE_LOG__FILTER", "trace")]);
    let mut server = Running::listen(command);
    let log = server.read_log();
    let address: SocketAddr = server.address.parse().unwrap();
    let who = async |email: &str| Remote::new(address, token(folder.path(), email).await);
    let (admin, second) = (who("ada@acme.example").await, who("ben@acme.example").await);
    let (operator, globex) = (who("operator@palisade.example").await, who("ada@globex.example").await);
    let teams = admin.send("{ organization { id } teams(first: 1) { nodes { id } } }", json!({})).await;
    let (org, team) = (&teams["data"]["organization"]["id"], &teams["data"]["teams"]["nodes"][0]["id"]);
    let office = Office {
        admin: admin.clone(),
        second,
        team: team.as_str().unwrap().to_owned(),
        org: org.as_str().unwrap().to_owned(),
    };
    let events = "subscription($org: ID) { events(organizationId: $org) { node { type payload } } }";
    let mut stream = operator.follow(events, json!({ "org": office.org })).await;
    let mut own = admin.socket().await;
    own.subscribe("own", events, json!({})).await;
    let done = office.work(&marks, async |_| {}).await;
    let mut heard = String::new();
    while let Ok(frame) = timeout(Duration::from_secs(1), own.receive()).await {
        heard.push_str(&frame.to_string());
    }
    assert!(marks.find(heard.as_bytes()).is_some(), "{heard}");
    let mut frames = String::new();
    while let Ok(Some((_, data))) = timeout(Duration::from_secs(1), stream.event()).await {
        frames.push_str(&data);
    }
    assert!(frames.contains("goal.submitted"), "{frames}");
    marks.hold("an operator's stream", frames);

    // A wrong token, a wrong password, a wrong document, a wrong frame: each with a marker.
    let marker = marks.text('t', 94, 1);
    let mut secrets = done.secrets.clone();
    secrets.extend([&admin, &operator, &globex].into_iter().filter_map(|who| who.token.clone()));
    let login = "mutation($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }";
    let words = json!({ "input": { "email": "ada@acme.example", "password": palisade::demo::PASSWORD } });
    let session = admin.send(login, words).await["data"]["login"].clone();
    for name in ["accessToken", "refreshToken"] {
        secrets.push(session[name].as_str().unwrap_or_else(|| panic!("{session}")).to_owned());
    }
    secrets.push(palisade::demo::PASSWORD.to_owned());
    let nobody = Remote::new(address, format!("pal_{marker}"));
    nobody.raw("POST", "/graphql", "{\"query\":\"{ viewer { isSuperAdmin } }\"}").await;
    admin.send(login, json!({ "input": { "email": "ada@acme.example", "password": marker } })).await;
    let reset = admin
        .send(
            "mutation($email: String!) { requestPasswordReset(email: $email) }",
            json!({ "email": "dmitri@acme.example" }),
        )
        .await;
    assert_eq!(reset["data"]["requestPasswordReset"], true);
    for body in [
        format!("{{\"query\":\"{{ {marker} }}\"}}"),
        format!("{{\"query\":\"{{ goal(id: \\\"{marker}\\\") {{ id }} }}\"}}"),
        marker.clone(),
        format!("{{\"query\":\"{{ goals(first: \\\"{marker}\\\") {{ totalCount }} }}\"}}"),
    ] {
        admin.raw("POST", "/graphql", &body).await;
        let mut socket = admin.socket().await;
        socket.send(json!({ "type": "subscribe", "id": marker, "payload": serde_json::from_str::<Value>(&body).unwrap_or_default() })).await;
        socket.receive_or_end().await;
    }
    for path in ["/graphql?query=%7B{}%7D", "/audit/export?types={}", "/auth/verify/{}", "/{}?{}={}", "/graphiql/{}"] {
        admin.raw("GET", &path.replace("{}", &marker), "").await;
    }
    for path in [
        "/healthz",
        "/readyz",
        "/demo/logins.json",
        "/dev/mailbox",
        "/.well-known/jwks.json",
        "/metrics",
        "/debug",
        "/statistics",
    ] {
        for caller in [&operator, &globex, &nobody, &admin] {
            let page = caller.raw("GET", path, "").await;
            marks.hold(path, &page);
            assert!(
                page.lines().next().unwrap().contains("no-store") || path == "/.well-known/jwks.json",
                "{path} may be kept: {page}"
            );
        }
    }
    // The job that sends mail has had its time.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let mails: Vec<String> = std::fs::read_dir(folder.path().join("data"))
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            let mails = std::fs::read_dir(path)
                .into_iter()
                .flatten()
                .filter_map(|mail| std::fs::read_to_string(mail.unwrap().path()).ok());
            mails.filter(|text| text.contains("Message-ID")).collect::<Vec<_>>()
        })
        .collect();
    assert!(mails.iter().any(|mail| mail.contains("dmitri@acme.example")), "{mails:?}");
    for mail in &mails {
        marks.hold("a mail", mail);
    }

    let id = server.id();
    for about in ["cmdline", "comm", "environ"] {
        let text = std::fs::read(format!("/proc/{id}/{about}")).unwrap();
        marks.hold(about, &text);
        let text = String::from_utf8_lossy(&text);
        assert!(secrets.iter().all(|secret| !text.contains(secret.as_str())), "{about} holds a secret");
    }
    server.signal("-TERM");
    drop(stream);
    drop(own);
    assert_eq!(server.wait(), Some(0));
    let log = log.join().unwrap();
    let lines = log.lines().filter(|line| line.contains("\"palisade::request\"")).count();
    assert!(lines > 40 && log.contains("palisade::stream"), "{log}");
    marks.hold("the log", &log);
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "the log holds a secret that ends in {}", &secret[secret.len() - 6..]);
        // The part that nobody can guess.
        let last = secret.rsplit(['_', '.']).next().unwrap();
        assert!(last.len() < 8 || !log.contains(last), "the log holds a part of a secret");
    }
    for mail in &mails {
        let links = mail.split_whitespace().filter(|word| word.contains("token=") || word.contains('#'));
        for link in links {
            let token = link.rsplit(['=', '#', '/']).next().unwrap();
            assert!(token.len() < 16 || !log.contains(token), "the log holds a link's token");
        }
    }
}
