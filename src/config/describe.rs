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
        "Fields of the largest answer that the document can have: list sizes (`first`, `last`, `ids`; 20 by default, at most 100) are multiplied. A batch shares it.",
    ),
    ("limits.plain_list", "How many elements a list without `first` counts for."),
    ("limits.introspection", "Lists of fields or types inside each other in a query about the schema."),
    ("limits.batch", "Operations in one request."),
    ("limits.document_cache", "Memory for documents that were parsed and measured before, in bytes."),
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
