//! A real nginx, with the configuration that is shipped, before a service that tells what it was told.

use std::{
    net::{SocketAddr, TcpListener as Std},
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{Router, http::HeaderMap};
use entity::enums::OrgRole;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::auth::external::{Front, World, member, on_both};

/// The server, a service, and nginx before it. All end with it.
struct Stage {
    nginx: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.nginx.kill();
        let _ = self.nginx.wait();
    }
}

/// Tells the headers that arrived.
async fn service(headers: HeaderMap) -> String {
    let mut told = serde_json::Map::new();
    for (name, value) in &headers {
        let all = told.entry(name.as_str()).or_insert_with(|| json!([]));
        all.as_array_mut().unwrap().push(String::from_utf8_lossy(value.as_bytes()).into());
    }
    Value::Object(told).to_string()
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

impl Stage {
    async fn new(front: Front) -> Self {
        let palisade = serve(front.0).await;
        let service = serve(Router::new().fallback(service)).await;
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/nginx/forward-auth.conf");
        let shipped = std::fs::read_to_string(path).unwrap();
        let mut told = String::new();
        // A port that was free a moment ago may be taken: another is tried.
        for _ in 0..5 {
            let address = Std::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut conf = shipped.clone();
            for (shipped, ours) in [
                ("server 127.0.0.1:8080;", format!("server {palisade};")),
                ("server 127.0.0.1:9000;", format!("server {service};")),
                ("listen 127.0.0.1:8081;", format!("listen {address};")),
            ] {
                assert_eq!(conf.matches(shipped).count(), 1, "{shipped}");
                conf = conf.replace(shipped, &ours);
            }
            match Self::start(address, &conf).await {
                Ok(stage) => return stage,
                Err(log) => told = log,
            }
        }
        panic!("nginx did not start: {told}");
    }

    /// The stage, or nginx's log.
    async fn start(address: SocketAddr, conf: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display().to_string();
        std::fs::write(folder.path().join("forward-auth.conf"), conf).unwrap();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("    {kind}_temp_path {at}/{kind};\n"))
            .concat();
        let main = format!(
            "daemon off;\nmaster_process off;\npid {at}/nginx.pid;\nerror_log {at}/error.log;\nevents {{}}\n\
             http {{\n    access_log off;\n{temporary}    include {at}/forward-auth.conf;\n}}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), main).unwrap();
        let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"];
        let program = program.into_iter().find(|path| std::path::Path::new(path).exists()).unwrap_or("nginx");
        let mut nginx = Command::new(program)
            .args(["-p", &at, "-c", &format!("{at}/nginx.conf"), "-e", &format!("{at}/error.log")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed by `make setup`");
        for _ in 0..200 {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(Self { nginx, address, _folder: folder });
            }
            if nginx.try_wait().unwrap().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let _ = nginx.kill();
        let _ = nginx.wait();
        Err(std::fs::read_to_string(folder.path().join("error.log")).unwrap_or_default())
    }

    /// Sends a request as it is written; answers status, head and body.
    async fn send(&self, request: &str, headers: &[(&str, &str)]) -> (u16, String, Value) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut text = format!("{request} HTTP/1.1\r\nhost: service.example\r\nconnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = match (body.find('{'), body.rfind('}')) {
            (Some(from), Some(to)) => serde_json::from_str(&body[from..=to]).unwrap_or(Value::Null),
            _ => Value::Null,
        };
        (status, head.to_lowercase(), body)
    }

    async fn get(&self, token: &str) -> (u16, Value) {
        let bearer = format!("Bearer {token}");
        let (status, _, body) = self.send("GET /reports?year=2026", &[("authorization", &bearer)]).await;
        (status, body)
    }
}

async fn stage(world: &World) -> Stage {
    Stage::new(Front::new(world, &[])).await
}

on_both! {
    async fn the_service_is_told_who_asks_and_a_clients_own_words_never_arrive(world) {
        let (acme, ada) = world.admin_of("acme", "ada@example.com").await;
        let bob = member(&world, acme, "bob@example.com", OrgRole::Member).await;
        world.operator("ops@example.com").await;
        let stage = stage(&world).await;
        let (admin, operator) = (world.login("ada@example.com").await, world.login("ops@example.com").await);
        let (status, told) = stage.get(&admin.access_token).await;
        assert_eq!(status, 200);
        for (name, value) in [
            ("x-user-id", ada.to_string()),
            ("x-org-id", acme.to_string()),
            ("x-org-role", "admin".to_owned()),
            ("x-is-super-admin", "false".to_owned()),
            ("x-principal-kind", "user".to_owned()),
        ] {
            assert_eq!(told[name], json!([value]), "{name}");
        }
        assert!(told.get("authorization").is_none(), "{told}");

        // Every header, in several spellings and twice, with words that would be worth something.
        let bearer = format!("Bearer {}", world.login("bob@example.com").await.access_token);
        let mut forged = vec![("authorization", bearer.as_str())];
        let (eve, org) = (ada.to_string(), acme.to_string());
        for (names, value) in [
            (["x-user-id", "X-USER-ID", "X_User_Id"], eve.as_str()),
            (["x-org-id", "X-Org-ID", "X_Org_Id"], org.as_str()),
            (["x-org-role", "X-Org-Role", "X_Org_Role"], "admin"),
            (["x-team-ids", "X-Team-Ids", "X_Team_Ids"], "team_everyones"),
            (["x-is-super-admin", "X-Is-Super-Admin", "X_Is_Super_Admin"], "true"),
            (["x-principal-kind", "X-Principal-Kind", "X_Principal_Kind"], "service_account"),
            (["x-scopes", "X-Scopes", "X_Scopes"], "read tasks:run"),
        ] {
            forged.extend(names.map(|name| (name, value)));
        }
        let (status, _, told) = stage.send("GET /", &forged).await;
        assert_eq!(status, 200);
        let context: Vec<(&String, &Value)> = told
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| name.starts_with("x-") || name.starts_with("x_"))
            .collect();
        let expected = json!({
            "x-user-id": [bob.to_string()], "x-org-id": [acme.to_string()], "x-org-role": ["member"],
            "x-is-super-admin": ["false"], "x-principal-kind": ["user"],
        });
        assert_eq!(context, expected.as_object().unwrap().iter().collect::<Vec<_>>());

        // An operator has no organisation, and gets none by naming one.
        let bearer = format!("Bearer {}", operator.access_token);
        let (_, _, told) = stage.send("GET /", &[("authorization", &bearer), ("x-org-id", &org)]).await;
        assert_eq!((told.get("x-org-id"), &told["x-is-super-admin"]), (None, &json!(["true"])));
        // Whatever the method and whatever the body.
        for method in ["POST", "DELETE", "PATCH"] {
            let headers = [("authorization", bearer.as_str()), ("content-length", "0")];
            assert_eq!(stage.send(&format!("{method} /a/b"), &headers).await.0, 200, "{method}");
        }
    }

    async fn a_refusal_passes_and_the_service_hears_nothing(world) {
        world.user("una@example.com").await;
        let stage = stage(&world).await;
        let forged = [("x-user-id", "usr_x"), ("x-org-id", "org_x"), ("x-is-super-admin", "true")];
        let (status, head, body) = stage.send("GET /", &forged).await;
        assert_eq!((status, body), (401, Value::Null));
        assert!(head.contains("www-authenticate: bearer"), "{head}");
        assert_eq!(stage.get("nonsense").await, (401, Value::Null));
        let una = world.login("una@example.com").await;
        assert_eq!(stage.get(&una.access_token).await, (403, Value::Null));
        // The page behind the question is nobody's from outside.
        assert_eq!(stage.send("GET /_palisade", &[]).await.0, 404);
    }

    async fn what_is_revoked_is_revoked_with_the_next_request(world) {
        world.admin_of("acme", "ada@example.com").await;
        let stage = stage(&world).await;
        let session = world.login("ada@example.com").await;
        assert_eq!(stage.get(&session.access_token).await.0, 200);
        for (table, lost, found) in [
            ("users", "status = 'SUSPENDED'", "status = 'ACTIVE'"),
            ("organizations", "status = 'SUSPENDED'", "status = 'ACTIVE'"),
            ("org_memberships", "status = 'LEFT'", "status = 'ACTIVE'"),
        ] {
            world.sql(format!("UPDATE {table} SET {lost}")).await;
            assert_eq!(stage.get(&session.access_token).await.0, 401);
            world.sql(format!("UPDATE {table} SET {found}")).await;
            assert_eq!(stage.get(&session.access_token).await.0, 200);
        }
        world.sql("UPDATE org_memberships SET role = 'MEMBER'").await;
        assert_eq!(stage.get(&session.access_token).await.1["x-org-role"], json!(["member"]));
        world.identity.logout(&session.viewer).await.unwrap();
        assert_eq!(stage.get(&session.access_token).await.0, 401);
    }
}
