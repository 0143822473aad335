//! What is read as JSON without repeated members is just that: another reader finds the same in it.

use std::{collections::HashSet, fmt};

use palisade::auth::strict_json;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Reads bytes as an object.
pub fn check(data: &[u8]) {
    let (kind, rest) = super::first(data);
    one(rest);
    const GOOD: [&str; 3] = [
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"key_01"}"#,
        r#"{"a":{"b":[{"c":1,"d":null}],"e":{}},"f":-1.5e3,"g":"\u0061"}"#,
        r#"{"\u0061":1,"b":{"a":1},"c":[{"x":1},{"x":2}]}"#,
    ];
    let good = GOOD[usize::from(kind) % GOOD.len()];
    let altered = super::altered(good, rest);
    one(altered.as_bytes());
    // A member that is there twice, at any depth and however it is written, is refused.
    let name = String::from_utf8_lossy(rest);
    let (plain, escaped) = (Value::from(&*name).to_string(), escaped(&name));
    for twice in [
        format!("{{{plain}:1,{plain}:1}}"),
        format!("{{{plain}:1,\"other {}\":2,{escaped}:1}}", name.len()),
        format!("{{\"in\":[0,{{{escaped}:null,{plain}:[]}}]}}"),
    ] {
        if serde_json::from_str::<Value>(&twice).is_ok() {
            assert!(strict_json::object(twice.as_bytes()).is_none(), "{twice}");
        }
    }
}

/// Every character as its escape.
fn escaped(name: &str) -> String {
    let units: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{units}\"")
}

fn one(bytes: &[u8]) {
    let (strict, usual) = (strict_json::object(bytes), serde_json::from_slice::<Value>(bytes).ok());
    let object = usual.as_ref().filter(|value| value.is_object());
    let unique = serde_json::from_slice::<Unique>(bytes).is_ok_and(|found| found.0);
    match strict {
        Some(members) => {
            assert!(unique, "{:?}", String::from_utf8_lossy(bytes));
            assert_eq!(object, Some(&Value::Object(members)), "{:?}", String::from_utf8_lossy(bytes));
        }
        None => assert!(object.is_none() || !unique, "{:?}", String::from_utf8_lossy(bytes)),
    }
}

/// Whether each object names each member once.
struct Unique(bool);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Unique, E> {
                Ok(Unique(true))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
                Ok(Unique(true))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
                Ok(Unique(true))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
                Ok(Unique(true))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
                Ok(Unique(true))
            }

            fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
                Ok(Unique(true))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
                let mut all = true;
                while let Some(item) = items.next_element::<Unique>()? {
                    all &= item.0;
                }
                Ok(Unique(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
                let (mut all, mut names) = (true, HashSet::new());
                while let Some(name) = members.next_key::<String>()? {
                    all &= names.insert(name) & members.next_value::<Unique>()?.0;
                }
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Unique(all))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
