//! The only place that turns an error into words for a client.
//!
//! [`Error`] has no `Display` on purpose: async-graphql converts anything that displays into a GraphQL error, words and
//! all, so that a `?` on a database error would send SQL to the client. What does not display cannot be converted
//! except by the one `From` below, which decides what a client reads. Whatever it may not read goes to the log under an
//! incident id.

use std::borrow::Cow;

use async_graphql::ErrorExtensionValues;
use sea_orm::{DbErr, SqlErr};

/// What can go wrong with a request, in the words of the contract.
#[derive(Clone, Debug)]
pub enum Error {
    /// Nobody is signed in, or their token no longer counts.
    Unauthenticated,
    /// The viewer may see the object but not do this. The text names what is missing, never whose it is.
    Forbidden(&'static str),
    /// Does not exist for this viewer: absent, hidden and another organisation's alike.
    NotFound,
    /// Clashes with the present state; nothing changed. One text for every unique conflict.
    Conflict(&'static str),
    /// An argument is wrong; nothing changed.
    Validation {
        /// Path of the argument, such as `input.name`.
        field: Cow<'static, str>,
        /// What is wrong with it; never the value itself.
        message: String,
    },
    /// Too many attempts.
    RateLimited {
        /// Seconds until the next attempt makes sense.
        retry_after: u64,
    },
    /// The organisation's budget is used up.
    BudgetExhausted,
    /// The document is larger than the limits allow.
    TooComplex(String),
    /// The database, or where files are kept, or an external issuer whose keys are needed, is out of reach for now. Holds
    /// the cause for the log.
    Unavailable(String),
    /// A fault of ours. Holds the cause for the log; the client reads an incident id.
    Internal(String),
}

/// `Result` with our error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A [`Error::Validation`] for the argument at `field`.
    pub fn validation(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::Validation { field: field.into(), message: message.into() }
    }

    /// The same about an element of a list: `key` at `input.tasks[3]` is `input.tasks[3].key`.
    #[must_use]
    pub fn within(self, path: &str) -> Self {
        match self {
            Self::Validation { field, message } => {
                Self::Validation { field: format!("{path}.{field}").into(), message }
            }
            other => other,
        }
    }

    /// An [`Error::Internal`] for a state that the code rules out.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::Internal(cause.into())
    }

    /// The code of the contract.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict(_) => "CONFLICT",
            Self::Validation { .. } => "VALIDATION",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::BudgetExhausted => "BUDGET_EXHAUSTED",
            Self::TooComplex(_) => "QUERY_TOO_COMPLEX",
            Self::Unavailable(_) => "UNAVAILABLE",
            Self::Internal(_) => "INTERNAL",
        }
    }
}

impl From<Error> for async_graphql::Error {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes them")]
    fn from(error: Error) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", error.code());
        let message = match error {
            Error::Unauthenticated => "Sign in first.".to_owned(),
            Error::Forbidden(what) => format!("Not allowed: {what}."),
            Error::NotFound => "Not found.".to_owned(),
            Error::Conflict(why) => why.to_owned(),
            Error::Validation { field, message } => {
                extensions.set("field", field.into_owned());
                message
            }
            Error::RateLimited { retry_after } => {
                extensions.set("retryAfter", retry_after);
                "Too many attempts; wait before the next.".to_owned()
            }
            Error::BudgetExhausted => "The organisation's budget is used up.".to_owned(),
            Error::TooComplex(why) => why,
            Error::Unavailable(cause) => {
                tracing::error!(cause, "something that the service needs is unavailable");
                "The service is unavailable for the moment; try again.".to_owned()
            }
            Error::Internal(cause) => {
                let incident = incident();
                tracing::error!(incident, cause, "internal error");
                extensions.set("incident", incident);
                "Internal error.".to_owned()
            }
        };
        let mut out = Self::new(message);
        out.extensions = Some(extensions);
        out
    }
}

/// A random name under which the log tells what the client is not told.
#[expect(clippy::disallowed_methods, reason = "an incident's name is not an entity's id and no test depends on it")]
pub fn incident() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Sorts database errors. A unique or foreign-key conflict says the same words whichever key it was: constraint names
/// and values would tell what exists.
impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => return Self::Conflict("Clashes with what is already there."),
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => {
                return Self::Conflict("Something that this refers to, or that refers to it, is in the way.");
            }
            _ => {}
        }
        match error {
            DbErr::Conn(cause) => Self::Unavailable(cause.to_string()),
            DbErr::ConnectionAcquire(cause) => Self::Unavailable(cause.to_string()),
            DbErr::Query(sea_orm::RuntimeErr::SqlxError(cause))
            | DbErr::Exec(sea_orm::RuntimeErr::SqlxError(cause)) => from_sqlx(&cause),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<sea_orm::TryGetError> for Error {
    fn from(error: sea_orm::TryGetError) -> Self {
        DbErr::from(error).into()
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        from_sqlx(&error)
    }
}

fn from_sqlx(error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Error::Unavailable(error.to_string()),
        sqlx::Error::Database(database) => match database.code().as_deref() {
            // PostgreSQL: connection exceptions, no way in (password, database), shutting down, out of connections or disk.
            Some(code)
                if code.len() == 5
                    && ["08", "28", "3D", "53", "55000", "57P"].iter().any(|class| code.starts_with(class)) =>
            {
                Error::Unavailable(database.message().to_owned())
            }
            Some("40001" | "40P01") => Error::Conflict("Somebody else changed this at the same moment; try again."),
            // SQLite: busy, locked, I/O error, full, cannot open, with their extended codes (low byte).
            Some(code)
                if code.len() < 5
                    && matches!(code.parse::<u32>().map(|code| code & 0xff), Ok(5 | 6 | 10 | 13 | 14)) =>
            {
                Error::Unavailable(database.message().to_owned())
            }
            _ => Error::Internal(database.message().to_owned()),
        },
        other => Error::Internal(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_reads_no_word_of_a_database_error() {
        let error = async_graphql::Error::from(Error::from(DbErr::Custom("SELECT secret FROM users".to_owned())));
        assert_eq!(error.message, "Internal error.");
        let shown = format!("{:?}", error.extensions);
        assert!(shown.contains("INTERNAL") && !shown.contains("users"), "{shown}");
    }
}
