//! A client: one operation at a time over HTTP, with a key or a token, tried again where that makes sense.

use std::{fmt, time::Duration};

use graphql_client::{GraphQLQuery, Response};
use reqwest::{
    header::{AUTHORIZATION, CONTENT_TYPE},
    redirect::Policy,
};

use crate::setting;

/// Sends operations to a server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
    /// A service account's key, or an access token. Never logged: the client has no `Debug`.
    bearer: Option<String>,
}

/// What can go wrong.
#[derive(Debug)]
pub enum Error {
    /// The server answered with an error.
    Api {
        /// What kind of error; programs decide by this alone.
        code: Code,
        /// The same for people.
        message: String,
        /// The argument that is wrong, such as `input.name`.
        field: Option<String>,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The server did not answer.
    Unreachable(reqwest::Error),
    /// The answer is not GraphQL: this is not the server, or something stands between.
    Malformed(serde_json::Error),
    /// The environment lacks something.
    Setting(String),
}

/// Codes of the API that a program acts upon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Code {
    /// The key or token does not count, or no longer.
    Unauthenticated,
    /// The scope or right is missing.
    Forbidden,
    /// Does not exist for the caller.
    NotFound,
    /// The state is another one by now: somebody else was first, or a claim is lost.
    Conflict,
    /// The organisation's budget is used up: nothing is begun until there is more.
    BudgetExhausted,
    /// Too fast.
    RateLimited,
    /// The database is out of reach for the moment.
    Unavailable,
    /// Anything else: a mistake of the caller or of the server.
    Other,
}

impl Code {
    fn of(text: &str) -> Self {
        match text {
            "UNAUTHENTICATED" => Self::Unauthenticated,
            "FORBIDDEN" => Self::Forbidden,
            "NOT_FOUND" => Self::NotFound,
            "CONFLICT" => Self::Conflict,
            "BUDGET_EXHAUSTED" => Self::BudgetExhausted,
            "RATE_LIMITED" => Self::RateLimited,
            "UNAVAILABLE" => Self::Unavailable,
            _ => Self::Other,
        }
    }
}

impl Error {
    /// The code, where the server gave one.
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::Api { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// How long to wait before another try; `None` where another try would fare no better.
    fn pause(&self, attempt: u32) -> Option<Duration> {
        let backoff = Duration::from_millis(250 << attempt);
        match self {
            Self::Unreachable(_) | Self::Api { code: Code::Unavailable, .. } => Some(backoff),
            Self::Api { code: Code::RateLimited, retry_after, .. } => Some(retry_after.unwrap_or(backoff).max(backoff)),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api { code, message, field: Some(field), .. } => write!(f, "{code:?} at {field}: {message}"),
            Self::Api { code, message, .. } => write!(f, "{code:?}: {message}"),
            Self::Unreachable(error) => write!(f, "no answer: {error}"),
            Self::Malformed(error) => write!(f, "not an answer of this API: {error}"),
            Self::Setting(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}

/// An operation is tried so often.
const TRIES: u32 = 6;
/// The longest pause that is waited for; the caller has heartbeats to send.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl Client {
    /// The server in `EXAMPLE_URL`, called as nobody.
    ///
    /// # Errors
    /// When the address is not given.
    pub fn anonymous() -> Result<Self, Error> {
        // The second client of a process finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The key goes to the server that was named, not through a proxy or to wherever an answer points.
        let builder = reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(Duration::from_secs(10));
        let http = builder.build().map_err(Error::Unreachable)?;
        let url = setting("EXAMPLE_URL", None)?;
        Ok(Self { http, endpoint: format!("{}/graphql", url.trim_end_matches('/')), bearer: None })
    }

    /// The server in `EXAMPLE_URL`, called with the service account's key in `EXAMPLE_KEY`.
    ///
    /// # Errors
    /// When either is not given.
    pub fn with_key() -> Result<Self, Error> {
        Ok(Self::anonymous()?.bearing(setting("EXAMPLE_KEY", None)?))
    }

    /// The same server with this key or token.
    #[must_use]
    pub fn bearing(self, bearer: String) -> Self {
        Self { bearer: Some(bearer), ..self }
    }

    /// Sends an operation.
    ///
    /// It is tried again when the server could not be reached or said to wait, mutations too, since an answer that was lost
    /// does no harm: what is recorded, reported and submitted has a name of its own and counts once, and what is done to a
    /// task twice under one claim is a [`Code::Conflict`].
    ///
    /// # Errors
    /// The last try's.
    pub async fn send<Q: GraphQLQuery>(&self, variables: Q::Variables) -> Result<Q::ResponseData, Error> {
        let body = serde_json::to_vec(&Q::build_query(variables)).map_err(Error::Malformed)?;
        let mut attempt = 0;
        loop {
            let error = match self.once::<Q>(&body).await {
                Ok(data) => return Ok(data),
                Err(error) => error,
            };
            attempt += 1;
            match error.pause(attempt) {
                Some(pause) if attempt < TRIES && pause <= LONGEST_PAUSE => tokio::time::sleep(pause).await,
                _ => return Err(error),
            }
        }
    }

    async fn once<Q: GraphQLQuery>(&self, body: &[u8]) -> Result<Q::ResponseData, Error> {
        let mut request = self.http.post(&self.endpoint).header(CONTENT_TYPE, "application/json").body(body.to_vec());
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
        }
        let answer = request.send().await.map_err(Error::Unreachable)?;
        let bytes = answer.bytes().await.map_err(Error::Unreachable)?;
        let response: Response<Q::ResponseData> = serde_json::from_slice(&bytes).map_err(Error::Malformed)?;
        // Beside errors there may be data: of a query with several fields, those that succeeded. These programs ask for one.
        match (response.data, response.errors.unwrap_or_default().into_iter().next()) {
            (Some(data), None) => Ok(data),
            (_, error) => Err(api_error(error)),
        }
    }
}

fn api_error(error: Option<graphql_client::Error>) -> Error {
    let (message, extensions) = error.map(|error| (error.message, error.extensions)).unwrap_or_default();
    let extension = |name: &str| extensions.as_ref().and_then(|extensions| extensions.get(name));
    let text = |name: &str| extension(name).and_then(|value| value.as_str());
    Error::Api {
        code: Code::of(text("code").unwrap_or_default()),
        field: text("field").map(str::to_owned),
        retry_after: extension("retryAfter").and_then(|value| value.as_u64()).map(Duration::from_secs),
        message,
    }
}
