//! The explorer: a Vite build embedded in the binary, or a page that says how to make one.

use axum::{
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "graphiql/dist"]
#[allow_missing = true]
struct Dist;

/// The editor needs inline styles; scripts, workers and connections are ours alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      font-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const MISSING: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Palisade</title>\
<h1>The explorer is not in this build</h1>\
<p>Build it with <code>scripts/graphiql.sh</code>, then build the server again. The API is at <code>/graphql</code>.</p>";

/// The explorer's page.
pub async fn index(headers: HeaderMap) -> Response {
    match Dist::get("index.html") {
        Some(file) => send("index.html", &file, &headers),
        None => {
            let mut response = MISSING.into_response();
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, html);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            response
        }
    }
}

/// One of the explorer's files.
pub async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match Dist::get(&path) {
        Some(file) => send(&path, &file, &headers),
        None => (StatusCode::NOT_FOUND, "not found\n").into_response(),
    }
}

fn send(path: &str, file: &EmbeddedFile, request: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&file.metadata.sha256_hash()[..16]));
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response =
        if known.is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Response::new(Body::from(file.data.to_vec()))
        };
    let headers = response.headers_mut();
    let mime = match file.metadata.mimetype() {
        mime if mime.starts_with("text/") => format!("{mime}; charset=utf-8"),
        mime => mime.to_owned(),
    };
    // Vite names each file in `assets` after its content.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    for (name, value) in [(header::CONTENT_TYPE, mime), (header::ETAG, tag)] {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
    response
}
