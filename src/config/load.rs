//! Reads the file and the environment over the defaults.

use std::path::Path;

use serde::Deserialize as _;
use toml::{Table, Value};

use super::{Config, issuer};

/// What is wrong with the settings. Says which, and never its value: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// Its path.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path}, line {line}: {message}")]
    Syntax {
        /// Its path.
        path: String,
        /// Where.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting `{key}`{}", suggestion(.nearest.as_deref()))]
    Unknown {
        /// Where it was set.
        origin: String,
        /// Its name.
        key: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// The value does not fit.
    #[error("{origin}: `{key}` {problem}")]
    Value {
        /// Where it was set.
        origin: String,
        /// Its name.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|key| format!("; did you mean `{key}`?")).unwrap_or_default()
}

const PREFIX: &str = "PALISADE_";
/// The one list of tables.
const ISSUERS: (&str, &str) = ("identity", "issuers");
/// Variables that are not settings: the settings file's path (cli.rs), a short name, and what the tests and scripts use.
const SHORT_SECRET_FILE: &str = "PALISADE_SECRET_FILE";
const FOREIGN: [&str; 2] = ["PALISADE_CONFIG", "PALISADE_TEST_"];

impl Config {
    /// Reads `file`, if any, then the variables of `env` that begin with `PALISADE_`.
    pub fn load(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let known = known();
        let mut table = Table::new();
        let mut origins = Vec::new();
        if let Some(path) = file {
            let origin = path.display().to_string();
            for (section, key, value) in read_file(path)? {
                let (section, key) = find(&known, &origin, &section, &key)?;
                origins.push((origin.clone(), section.clone(), key.clone()));
                put(&mut table, &section, key, value);
            }
        }
        for (name, text) in env {
            if !name.starts_with(PREFIX) || FOREIGN.iter().any(|foreign| name.starts_with(foreign)) {
                continue;
            }
            let path = if name == SHORT_SECRET_FILE { "IDENTITY__SECRET_FILE" } else { &name[PREFIX.len()..] };
            let (section, key) = path.split_once("__").unwrap_or((path, ""));
            let (section, key) = find(&known, &name, &section.to_lowercase(), &key.to_lowercase())?;
            let value = match (section.as_str(), key.as_str()) {
                ISSUERS => issuer::typed(&text),
                _ => typed(&known[&section][&key], &text),
            };
            let value = value.ok_or_else(|| ConfigError::Value {
                origin: name.clone(),
                key: format!("{section}.{key}"),
                problem: format!("must be {}", kind(&known[&section][&key])),
            })?;
            origins.push((name, section.clone(), key.clone()));
            put(&mut table, &section, key, value);
        }
        for (origin, section, key) in &origins {
            check(&known, origin, section, key, &table[section][key])?;
        }
        Self::deserialize(table).map_err(|error| ConfigError::Value {
            origin: "settings".to_owned(),
            key: String::new(),
            problem: error.message().to_owned(),
        })
    }

    /// Reads `file` and the process's environment.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_process(file: Option<&Path>) -> Result<Self, ConfigError> {
        let env =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::load(file, env)
    }
}

/// Every setting with its default: the tree that names are checked against.
pub(super) fn known() -> Table {
    Table::try_from(Config::default()).unwrap_or_default()
}

fn read_file(path: &Path) -> Result<Vec<(String, String, Value)>, ConfigError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File { path: shown.clone(), source })?;
    let table: Table = toml::from_str(&text).map_err(|error: toml::de::Error| ConfigError::Syntax {
        path: shown,
        line: error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1),
        message: error.message().to_owned(),
    })?;
    let mut settings = Vec::new();
    for (section, value) in table {
        match value {
            Value::Table(keys) => settings.extend(keys.into_iter().map(|(key, value)| (section.clone(), key, value))),
            other => settings.push((section, String::new(), other)),
        }
    }
    Ok(settings)
}

fn put(table: &mut Table, section: &str, key: String, value: Value) {
    if let Value::Table(keys) = table.entry(section).or_insert_with(|| Value::Table(Table::new())) {
        keys.insert(key, value);
    }
}

fn find(known: &Table, origin: &str, section: &str, key: &str) -> Result<(String, String), ConfigError> {
    if known.get(section).and_then(|keys| keys.get(key)).is_some() {
        return Ok((section.to_owned(), key.to_owned()));
    }
    let meant = if key.is_empty() { section.to_owned() } else { format!("{section}.{key}") };
    let nearest = known
        .iter()
        .filter_map(|(section, keys)| Some((section, keys.as_table()?)))
        .flat_map(|(section, keys)| keys.keys().map(move |key| format!("{section}.{key}")))
        // Without a section, the key alone may have been meant.
        .map(|full| {
            let alone = full
                .split_once('.')
                .filter(|_| !meant.contains('.'))
                .map_or(usize::MAX, |(_, key)| distance(&meant, key));
            (distance(&meant, &full).min(alone), full)
        })
        .min()
        .filter(|(distance, _)| *distance <= 2 + meant.len() / 4)
        .map(|(_, key)| key);
    Err(ConfigError::Unknown { origin: origin.to_owned(), key: meant, nearest })
}

/// How many letters differ between two names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let next = if x == *y { diagonal } else { 1 + diagonal.min(row[j]).min(row[j + 1]) };
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

fn kind(default: &Value) -> &'static str {
    match default {
        Value::Integer(_) => "a whole number",
        Value::Boolean(_) => "true or false",
        Value::Array(_) => "a list of texts",
        _ => "a text",
    }
}

/// Reads a variable's text as the type that the setting has.
fn typed(default: &Value, text: &str) -> Option<Value> {
    Some(match default {
        Value::Integer(_) => Value::Integer(text.trim().parse().ok()?),
        Value::Boolean(_) => Value::Boolean(text.trim().parse().ok()?),
        Value::Array(_) => Value::Array(
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| part.to_owned().into()).collect(),
        ),
        _ => Value::String(text.to_owned()),
    })
}

/// Tries one value alone, so that what is wrong can be named.
fn check(known: &Table, origin: &str, section: &str, key: &str, value: &Value) -> Result<(), ConfigError> {
    let wrong = |problem| ConfigError::Value { origin: origin.to_owned(), key: format!("{section}.{key}"), problem };
    if (section, key) == ISSUERS {
        return issuer::problem(value).map_or(Ok(()), |problem| Err(wrong(problem)));
    }
    let default = &known[section][key];
    let texts = value.as_array().is_none_or(|parts| parts.iter().all(Value::is_str));
    if !default.same_type(value) || !texts {
        return Err(wrong(format!("must be {}", kind(default))));
    }
    let mut alone = Table::new();
    put(&mut alone, section, key.to_owned(), value.clone());
    match Config::deserialize(alone) {
        Ok(_) => Ok(()),
        // serde's own message would repeat the value.
        Err(_) if value.is_integer() => Err(wrong("is out of range".to_owned())),
        Err(_) if key == "smtp_security" => Err(wrong("must be starttls, tls or none".to_owned())),
        Err(_) if section == "log" => Err(wrong("must be text or json".to_owned())),
        Err(_) if section == "workspace" => Err(wrong("must be local or s3".to_owned())),
        Err(_) => Err(wrong("must be a duration such as 30s or 15m".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(None, pairs).map_err(|error| error.to_string())
    }

    fn file(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path), []).map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.toml");
        std::fs::write(&path, "[limits]\ndepth = 9\nbatch = 2\n[http]\ntimeout = \"5s\"").unwrap();
        let config = Config::load(Some(&path), [("PALISADE_LIMITS__DEPTH".into(), "7".into())]).unwrap();
        assert_eq!((config.limits.depth, config.limits.batch, config.limits.fields), (7, 2, 2_000));
        assert_eq!(config.http.timeout.as_secs(), 5);
    }

    #[test]
    fn an_unknown_setting_is_named_and_the_nearest_suggested() {
        assert_eq!(
            env(&[("PALISADE_HTTP__LISTN", "x")]).unwrap_err(),
            "PALISADE_HTTP__LISTN: there is no setting `http.listn`; did you mean `http.listen`?"
        );
        assert_eq!(
            file("[limit]\ndepth = 3").unwrap_err(),
            "FILE: there is no setting `limit.depth`; did you mean `limits.depth`?"
        );
        assert_eq!(file("listen = 3").unwrap_err(), "FILE: there is no setting `listen`; did you mean `http.listen`?");
        assert_eq!(env(&[("PALISADE_ZZZZZ", "x")]).unwrap_err(), "PALISADE_ZZZZZ: there is no setting `zzzzz`");
    }

    #[test]
    fn a_wrong_value_is_named_but_not_repeated() {
        for (name, value) in [
            ("PALISADE_LIMITS__DEPTH", "hunter2"),
            ("PALISADE_LIMITS__DEPTH", "-1"),
            ("PALISADE_HTTP__TIMEOUT", "hunter2"),
            ("PALISADE_LOG__FORMAT", "hunter2"),
            ("PALISADE_WORKSPACE__BACKEND", "hunter2"),
            ("PALISADE_DATABASE__MIGRATE_ON_START", "hunter2"),
        ] {
            let error = env(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(name) && !error.contains(value), "{error}");
        }
        let error = file("[identity]\nsecret = 424242").unwrap_err();
        assert!(error.contains("identity.secret") && !error.contains("424242"), "{error}");
        let error = file("[identity]\nsecret = \"hunter2").unwrap_err();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_list_in_the_environment_is_separated_by_commas() {
        let config = env(&[("PALISADE_HTTP__ALLOWED_ORIGINS", "https://a.example, https://b.example")]).unwrap();
        assert_eq!(config.http.allowed_origins, ["https://a.example", "https://b.example"]);
    }

    #[test]
    fn foreign_variables_are_left_alone() {
        let config =
            env(&[("PALISADE_CONFIG", "x"), ("PALISADE_TEST_PG", "x"), ("PATH", "x"), ("PALISADE_SECRET_FILE", "/s")]);
        assert_eq!(config.unwrap().identity.secret_file, Path::new("/s"));
    }

    #[test]
    fn debug_hides_secrets() {
        let config = env(&[
            ("PALISADE_IDENTITY__SECRET", "hunter2"),
            ("PALISADE_DATABASE__URL", "postgres://ada:hunter2@db/p"),
            ("PALISADE_WORKSPACE__S3_SECRET_ACCESS_KEY", "hunter2"),
        ]);
        let shown = format!("{:?}", config.unwrap());
        assert!(!shown.contains("hunter2") && shown.contains("[hidden]"), "{shown}");
    }
}
