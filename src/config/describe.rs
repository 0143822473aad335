//! What each setting is for, in words: `docs/settings.md` and `serve --print-config`.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::{Config, load::known};

/// A sentence for every setting, in the order of the page. A test holds that none is missing.
pub const DOCS: &[(&str, &str)] = &[
    ("data.dir", "Folder for what the server makes itself: the embedded database, mail, files and a generated secret."),
    ("http.listen", "Address and port to listen on. Port 0 takes a free one; the start-up line names it."),
    (
        "http.public_url",
        "Where clients reach the server; links in mails start with it. Empty: `http://` and the listening address.",
    ),
    ("http.body_limit", "Largest request body in bytes; more is 413."),
    (
        "http.timeout",
        "Longest time for one request, reading its body included; then it is stopped and answered `UNAVAILABLE`.",
    ),
    ("http.shutdown_grace", "After SIGTERM or SIGINT: how long requests that run may go on."),
    ("http.allowed_origins", "Origins whose pages may call the API from a browser (CORS). Empty: none but our own."),
    (
        "http.trusted_proxies",
        "How many proxies in front append to `X-Forwarded-For`. 0: the header is ignored and the peer is the client.",
    ),
    (
        "database.url",
        "`postgres://user:password@host/name` or `sqlite:PATH`. Empty: the embedded database in `data.dir`.",
    ),
    (
        "database.tenant_url",
        "The same database by a login of its own, for members' requests. Empty: `database.url`. With one for each role, whoever takes over a connection becomes no other role.",
    ),
    ("database.operator_url", "The same, for super-admins' requests."),
    ("database.identity_url", "The same, for sign-in."),
    ("database.system_url", "The same, for the platform's own jobs."),
    (
        "database.max_connections",
        "Connections for each of the four database roles (SQLite: readers; there is one writer).",
    ),
    ("database.acquire_timeout", "How long a request waits for a connection before it is told `UNAVAILABLE`."),
    (
        "database.migrate_on_start",
        "Whether `serve` applies pending migrations. Otherwise it refuses to start and says what to run.",
    ),
    ("identity.issuer", "`iss` of the tokens that this server issues. Empty: the public URL."),
    ("identity.audience", "`aud` of tokens; others are refused."),
    ("identity.access_ttl", "How long an access token lasts."),
    ("identity.refresh_ttl", "How long a refresh token lasts."),
    ("identity.session_ttl", "How long a session lasts, however often it is refreshed; then its owner signs in again."),
    (
        "identity.secret",
        "32 bytes in base64 that seal cursors and private keys, the same for every copy of the server. Secret.",
    ),
    (
        "identity.secret_file",
        "A file that holds the secret instead (also `PALISADE_SECRET_FILE`). With the embedded database and neither set, one is made in `data.dir`.",
    ),
    (
        "identity.issuers",
        "External issuers whose tokens are taken, each a table: [external-issuers.md](external-issuers.md). In a variable, a list of inline tables.",
    ),
    ("limits.depth", "Fields inside fields. Fragments add nothing; more than 30 the library refuses by itself."),
    (
        "limits.nesting",
        "Brackets of any kind open at once, before the document is parsed; also fragments spread inside each other (30).",
    ),
    ("limits.fields", "Selections of an operation, each fragment counted wherever it is spread."),
    ("limits.aliases", "Fields selected under another name, fragments counted wherever they are spread."),
    ("limits.roots", "Fields of the root in one operation."),
    ("limits.tokens", "Words, values and signs of a document."),
    (
        "limits.cost",
        "Fields of the largest answer that the document can have: list sizes (`first`, `last`, `ids`; 20 by default, at most 100) are multiplied. A file's contents count for 2,000. A batch shares it.",
    ),
    ("limits.plain_list", "How many elements a list without `first` counts for."),
    ("limits.introspection", "Lists of fields or types inside each other in a query about the schema."),
    ("limits.batch", "Operations in one request."),
    ("limits.document_cache", "Memory for documents that were parsed and measured before, in bytes."),
    ("approvals.plan_expiry", "How long a plan waits for decisions; then its goal fails."),
    (
        "approvals.risky_task_expiry",
        "How long a risky step waits for decisions where its worker names no time; then its task fails.",
    ),
    (
        "chat.expires_after",
        "How long a chat stays open in which nobody says anything, where whoever started it named no time.",
    ),
    (
        "chat.retention",
        "How long messages are kept after their chat was closed or has expired. The chat itself stays, with its title and count. `0s`: for ever.",
    ),
    ("mail.from", "Address that mail is sent from."),
    (
        "mail.folder",
        "Folder that mail is written to, where no SMTP server is set. Empty: `mail` in `data.dir`. While the server and its public URL are on this machine, `/dev/mailbox` shows it.",
    ),
    ("mail.smtp_host", "SMTP server that mail is sent through. Empty: mail goes into the folder."),
    ("mail.smtp_port", "Its port. 0: 587 with `starttls`, 465 with `tls`, 25 with `none`."),
    (
        "mail.smtp_security",
        "`starttls` (a server that does not offer it is sent nothing), `tls` from the first byte, or `none`, for a server on this machine only.",
    ),
    ("mail.smtp_user", "User to sign in to the SMTP server as. Empty: none."),
    ("mail.smtp_password", "The user's password. Secret."),
    (
        "mail.smtp_ca_file",
        "File with a certificate in PEM that is trusted beside the public ones, for a server with one of your own.",
    ),
    ("mail.timeout", "How long sending one mail may take."),
    (
        "mail.attempts",
        "A mail is given up after so many attempts, with an error in the log. The first wait is 30 seconds, each one doubles, and none is longer than four hours: 15 attempts take about a day.",
    ),
    ("throttle.logins_per_account", "Failed sign-ins per account in `throttle.login_window`; more are `RATE_LIMITED`."),
    ("throttle.logins_per_address", "Failed sign-ins per client address in `throttle.login_window`."),
    ("throttle.login_window", "See above."),
    ("throttle.invitations_per_organization", "Invitations that an organisation sends in `throttle.mail_window`."),
    ("throttle.invitations_per_recipient", "Invitations that an organisation sends to one address in that time."),
    (
        "throttle.password_links_per_account",
        "Password links per account in that time: so many asked for by its address, and so many sent by super-admins.",
    ),
    ("throttle.password_links_per_address", "Password links asked for from one client address in that time."),
    ("throttle.email_changes_per_account", "Changes of its e-mail address that an account asks for in that time."),
    ("throttle.mail_window", "See above."),
    (
        "tasks.lease",
        "How long a worker is believed to be alive, and its claims hold, without a heartbeat; then its tasks go back to the queue.",
    ),
    ("tasks.retry_delay", "The pause before a failed task's first retry; each further one is twice as long."),
    ("tasks.retry_delay_max", "The longest pause before a retry."),
    (
        "workspace.backend",
        "Where goals' files are kept: `local`, a folder (Linux), or `s3`, a bucket of any S3-compatible service.",
    ),
    (
        "workspace.root",
        "`local`: the folder. Empty: `workspace` in `data.dir`. It must not be writable by others; every copy of the server needs the same one.",
    ),
    (
        "workspace.max_file_bytes",
        "Largest file. Through the API it comes in a request's body, in base64 a third larger: see `http.body_limit`.",
    ),
    ("workspace.quota_bytes", "Bytes that all files of one organisation may have together."),
    ("workspace.quota_files", "How many files one organisation may have."),
    ("workspace.s3_bucket", "`s3`: the bucket's name. It must exist, and should be nobody else's."),
    (
        "workspace.s3_endpoint",
        "`s3`: address of the service, such as `https://minio.internal:9000`. Empty: Amazon's own.",
    ),
    ("workspace.s3_region", "`s3`: the bucket's region."),
    (
        "workspace.s3_access_key_id",
        "`s3`: key id. Empty: what the machine says (`AWS_…` variables, a web identity, an instance's role).",
    ),
    ("workspace.s3_secret_access_key", "`s3`: the key that goes with it. Secret."),
    ("streams.sockets", "WebSockets that the process holds open at once; one more is answered 503."),
    ("streams.sockets_per_viewer", "WebSockets of one account."),
    ("streams.per_socket", "Operations that run at once on one WebSocket, subscriptions included."),
    ("streams.per_viewer", "Subscriptions that one account holds open at once, over all its sockets and requests."),
    ("streams.total", "Subscriptions that the process holds open at once."),
    ("streams.init_timeout", "How long a WebSocket may stay open without `connection_init`."),
    ("streams.keepalive", "How often a stream on which nothing happens shows that it lives: a ping, or a comment."),
    ("streams.stall", "How long a client may leave an event untaken; then its stream ends."),
    (
        "streams.check_every",
        "How often the right of all open streams to go on is looked at, and logs without a hint from another process.",
    ),
    ("mail.folder", "Folder that mail is written to. Empty: `mail` in `data.dir`."),
    ("workspace.root", "Folder that holds goals' files. Empty: `workspace` in `data.dir`."),
    ("log.format", "`text` for people, `json` for machines; one line per request."),
    (
        "log.filter",
        "What is logged, such as `info` or `info,palisade=debug`. Values bound in SQL are logged at no level.",
    ),
];

/// The variable that sets `key`.
pub fn variable(key: &str) -> String {
    format!("PALISADE_{}", key.to_uppercase().replace('.', "__"))
}

fn sentence(key: &str) -> &'static str {
    DOCS.iter().find(|(name, _)| *name == key).map_or("", |(_, sentence)| sentence)
}

/// The page `docs/settings.md`.
pub fn page() -> String {
    let known = known();
    let mut page = String::from(
        "# Settings\n\n\
         Printed from `src/config/describe.rs` by `palisade serve --print-config=docs`; do not edit.\n\n\
         A TOML file (`palisade serve --config FILE`, or `PALISADE_CONFIG`) with a section for each part, and variables, which win:\n\
         `http.listen` is `PALISADE_HTTP__LISTEN`. Lists are separated by commas in a variable. Durations are written `500ms`,\n\
         `30s`, `15m`, `2h`, `30d`. A name that does not exist is an error. `palisade serve --print-config` shows what is in\n\
         force, without secrets.\n\n\
         | setting | variable | default | |\n|---|---|---|---|\n",
    );
    for (key, sentence) in DOCS {
        let default =
            key.split_once('.').and_then(|(section, key)| known.get(section)?.get(key)).map(ToString::to_string);
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{key}` | `{}` | `{}` | {sentence} |", variable(key), default.unwrap_or_default());
    }
    page
}

/// The settings in force as TOML with comments, secrets left out.
pub fn print(config: &Config) -> String {
    let known = known();
    let now = Table::try_from(config).unwrap_or_default();
    let mut text = String::new();
    for (section, keys) in known.iter().filter_map(|(section, keys)| Some((section, keys.as_table()?))) {
        let _ = writeln!(text, "[{section}]");
        for key in keys.keys() {
            let value =
                now.get(section).and_then(|keys| keys.get(key)).cloned().unwrap_or(Value::String(String::new()));
            let mark = if keys.get(key) == Some(&value) { "" } else { " # changed" };
            let hidden = value.as_str().is_some_and(|text| text.contains("[hidden]"));
            // A line that read "[hidden]" back in would set the secret to that.
            let off = if hidden { "# " } else { "" };
            let _ = writeln!(text, "# {}\n{off}{key} = {value}{mark}", sentence(&format!("{section}.{key}")));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_setting_has_a_sentence_and_every_sentence_a_setting() {
        let known = known();
        let keys: BTreeSet<String> = known
            .iter()
            .flat_map(|(section, keys)| keys.as_table().unwrap().keys().map(move |key| format!("{section}.{key}")))
            .collect();
        assert_eq!(keys, DOCS.iter().map(|(key, _)| (*key).to_owned()).collect());
    }

    #[test]
    fn the_settings_page_is_the_printed_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
        assert!(
            std::fs::read_to_string(path).unwrap_or_default() == page(),
            "docs/settings.md is stale: run `palisade serve --print-config=docs > docs/settings.md`"
        );
    }

    #[test]
    fn printed_settings_read_back_as_the_same_and_hide_secrets() {
        let set = [
            ("PALISADE_IDENTITY__SECRET", "hunter2"),
            ("PALISADE_DATABASE__URL", "postgres://ada:hunter2@db/p"),
            ("PALISADE_LIMITS__DEPTH", "9"),
            ("PALISADE_HTTP__ALLOWED_ORIGINS", "https://a.example,https://b.example"),
        ];
        let config = Config::load(None, set.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
        let text = print(&config);
        assert!(!text.contains("hunter2"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.toml");
        std::fs::write(&path, &text).unwrap();
        let back = Config::load(Some(&path), []).unwrap();
        assert_eq!(back.limits.depth, 9);
        assert_eq!(back.http.allowed_origins, config.http.allowed_origins);
        assert!(back.identity.secret.is_empty() && back.database.url.is_empty());
    }
}
