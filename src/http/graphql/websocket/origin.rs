//! Which pages may open a WebSocket. A browser asks nobody before it does, unlike before a request to another origin.

use axum::http::{HeaderMap, header};

use crate::config::Http;

/// Whether the page is ours or a listed one. Who is no browser sends no `Origin`.
pub fn is_welcome(headers: &HeaderMap, settings: &Http) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return !headers.contains_key(header::ORIGIN) };
    let Some((scheme, authority)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    let same = |url: &str| {
        let url = url.trim_end_matches('/').split_once("://");
        url.is_some_and(|(s, a)| s.eq_ignore_ascii_case(scheme) && a.eq_ignore_ascii_case(authority))
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
        || same(&settings.public_url)
        || settings.allowed_origins.iter().any(|allowed| same(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_and_listed_pages_are_welcome() {
        let settings = Http {
            public_url: "https://palisade.example".to_owned(),
            allowed_origins: vec!["https://app.example/".to_owned()],
            ..Http::default()
        };
        let welcome = |origins: &[&str]| {
            let mut headers = HeaderMap::from_iter([(header::HOST, "127.0.0.1:8080".parse().unwrap())]);
            for origin in origins {
                headers.append(header::ORIGIN, origin.parse().unwrap());
            }
            is_welcome(&headers, &settings)
        };
        for origin in ["http://127.0.0.1:8080", "https://palisade.example", "https://App.example"] {
            assert!(welcome(&[origin]), "{origin}");
        }
        assert!(welcome(&[]));
        for origin in ["https://evil.example", "null", "http://palisade.example", "http://127.0.0.1", "", "://"] {
            assert!(!welcome(&[origin]), "{origin}");
        }
        assert!(!welcome(&["https://app.example", "https://app.example"]));
    }
}
