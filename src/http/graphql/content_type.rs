//! Which media types come in and go out.

use axum::http::{HeaderMap, header};

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Form {
    /// `application/json`: the status is 200 for whatever could be read, as clients of old expect.
    #[default]
    Json,
    /// `application/graphql-response+json`: the status tells a request that was not carried out.
    GraphQl,
}

impl Form {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
        }
    }

    /// The form that `Accept` asks for; nothing if it accepts neither. Without a wish it is JSON.
    pub fn wanted(headers: &HeaderMap) -> Option<Self> {
        let values: Vec<&str> =
            headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        if values.iter().all(|value| value.trim().is_empty()) {
            return Some(Self::Json);
        }
        let ranges: Vec<(String, f32)> = values.iter().flat_map(|value| value.split(',')).filter_map(range).collect();
        let quality = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| ranges.iter().find(|(range, _)| range == name))
                .map_or(0.0, |(_, quality)| *quality)
        };
        let json = quality(&["application/json", "application/*", "*/*"]);
        let graphql = quality(&["application/graphql-response+json"]);
        if graphql > 0.0 && graphql >= json {
            Some(Self::GraphQl)
        } else if json > 0.0 {
            Some(Self::Json)
        } else {
            None
        }
    }
}

/// Whether the answer is to come as server-sent events: these are asked for by name, and nothing else is wished for more.
pub fn wants_events(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<(String, f32)> = values.flat_map(|value| value.split(',')).filter_map(range).collect();
    let wished = |events: bool| {
        let some = ranges.iter().filter(|(range, _)| (range == "text/event-stream") == events);
        some.map(|(_, quality)| *quality).fold(0.0, f32::max)
    };
    wished(true) > 0.0 && wished(true) >= wished(false)
}

/// A media range and its quality. One with another charset is no offer of ours.
fn range(text: &str) -> Option<(String, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    let mut quality = 1.0;
    for part in parts {
        match part.split_once('=').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim())) {
            Some((name, value)) if name == "q" => quality = value.parse().unwrap_or(0.0),
            Some((name, value)) if name == "charset" && !is_utf8(value) => return None,
            _ => {}
        }
    }
    Some((name, quality))
}

fn is_utf8(charset: &str) -> bool {
    let charset = charset.trim_matches('"');
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

/// Whether a body is JSON in UTF-8. Nothing else is read: a form or a text can be sent by any page, across origins.
pub fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/json"))
        && parts.all(|part| match part.split_once('=') {
            Some((name, value)) => !name.trim().eq_ignore_ascii_case("charset") || is_utf8(value.trim()),
            None => part.is_empty(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &[&str]) -> Option<Form> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        Form::wanted(&headers)
    }

    #[test]
    fn the_form_is_what_accept_asks_for_first() {
        for (accept, form) in [
            (&[][..], Some(Form::Json)),
            (&[""], Some(Form::Json)),
            (&["*/*"], Some(Form::Json)),
            (&["application/*"], Some(Form::Json)),
            (&["application/json"], Some(Form::Json)),
            (&["application/graphql-response+json"], Some(Form::GraphQl)),
            (&["application/graphql-response+json; charset=utf-8"], Some(Form::GraphQl)),
            (&["application/graphql-response+json, application/json;q=0.9"], Some(Form::GraphQl)),
            (&["application/json", "application/graphql-response+json"], Some(Form::GraphQl)),
            (&["application/json, application/graphql-response+json;q=0.5"], Some(Form::Json)),
            (&["application/graphql-response+json;q=0, */*"], Some(Form::Json)),
            (&["text/html, */*;q=0.1"], Some(Form::Json)),
            (&["text/html"], None),
            (&["application/json;q=0"], None),
            (&["application/json; charset=latin1"], None),
        ] {
            assert_eq!(wanted(accept), form, "{accept:?}");
        }
    }

    #[test]
    fn events_are_sent_to_whoever_asks_for_them_by_name() {
        let wanted = |accept: &str| wants_events(&HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]));
        assert!(wanted("text/event-stream") && wanted("text/event-stream, application/json;q=0.5"));
        for other in ["*/*", "text/*", "", "application/json, text/event-stream;q=0.5", "text/event-stream;q=0"] {
            assert!(!wanted(other), "{other}");
        }
    }

    #[test]
    fn a_body_is_json_or_is_not_read() {
        let json = |value: &str| is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]));
        for value in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
            assert!(json(value), "{value}");
        }
        for value in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/graphql",
            "application/jsonp",
            "application/json; charset=utf-16",
            "",
        ] {
            assert!(!json(value), "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
