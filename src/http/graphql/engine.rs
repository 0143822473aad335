//! Runs one operation: measure, execute, complete, report.
//!
//! Every way to an answer leads through here (HTTP, server-sent events, WebSocket, tests), so that each has the same limits
//! and the same words. A subscription is run again for each event (`subscription`). An error that leaves has a code of
//! the contract: what the library says in its own words is rewritten, because those words may repeat a value.

use std::{fmt, sync::Arc};

use async_graphql::{
    ErrorExtensionValues, Executor, PathSegment, Request, Response, ServerError, Value, Variables,
    parser::types::OperationType,
};
use axum::http::StatusCode;
use futures_util::{StreamExt as _, future::BoxFuture, stream::BoxStream};

use super::response::Answer;
use crate::{
    error::Error,
    graphql::{
        audit_refusals::refused,
        context::ClientAddress,
        limits::{Document, Documents, Refusal},
        null_propagation,
        subscription::run::Turn,
    },
    http::{
        backend::{Backend, Opened, Report},
        request_log::Facts,
    },
    viewer::Viewer,
};

/// One operation as a client sent it.
#[derive(Default)]
pub struct Call {
    /// The document.
    pub query: String,
    /// Which of its operations.
    pub operation_name: Option<String>,
    /// The variables.
    pub variables: Variables,
    /// Whether only a query may run.
    pub read_only: bool,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Both hold content.
        f.debug_struct("Call").field("operation_name", &self.operation_name).finish_non_exhaustive()
    }
}

type Execute = Box<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;

type Stream = Box<dyn Fn(Request) -> BoxStream<'static, Response> + Send + Sync>;

/// A schema with its limits.
pub struct Engine {
    execute: Execute,
    stream: Stream,
    documents: Documents,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

/// At most so many errors of validation are told; the rest say the same.
const ERRORS: usize = 20;

impl Engine {
    /// Runs `schema`, whose types `documents` knows.
    pub fn new(schema: impl Executor, documents: Documents) -> Self {
        let streaming = schema.clone();
        let stream = move |request| streaming.execute_stream(request, None);
        let execute = move |request| -> BoxFuture<'static, Response> {
            let schema = schema.clone();
            Box::pin(async move { schema.execute(request).await })
        };
        Self { execute: Box::new(execute), stream: Box::new(stream), documents }
    }

    /// Reads and measures a call's document.
    pub fn document(&self, call: &Call) -> Result<Document, Refusal> {
        self.documents.read(&call.query, call.operation_name.as_deref(), &call.variables)
    }

    /// The documents' reader.
    pub const fn documents(&self) -> &Documents {
        &self.documents
    }

    /// Runs one operation for a viewer. `budget` is what it, and what follows in its batch, may cost.
    pub async fn run(
        &self,
        backend: &dyn Backend,
        viewer: &Viewer,
        client: ClientAddress,
        call: Call,
        budget: &mut u64,
    ) -> (Answer, Facts) {
        let mut facts = Facts::of(viewer);
        let document = match self.document(&call) {
            Ok(document) => document,
            Err(refusal) => return (refusal.into(), facts),
        };
        facts.ran(&document);
        let Some(kind) = document.operation().map(|operation| operation.ty) else {
            return (Error::internal("the chosen operation is gone").into(), facts);
        };
        match kind {
            OperationType::Query => {}
            OperationType::Mutation if !call.read_only => {}
            OperationType::Mutation => {
                let message = "A mutation is sent by POST.";
                return (Answer::unreadable(StatusCode::METHOD_NOT_ALLOWED, "query", message), facts);
            }
            OperationType::Subscription => {
                let message = "A subscription is carried out over server-sent events or a WebSocket.";
                return (Refusal::validation("query", message).into(), facts);
            }
        }
        let Some(left) = budget.checked_sub(document.cost) else {
            let limit = self.documents.limits().cost;
            let found = limit.saturating_sub(*budget).saturating_add(document.cost);
            let what = "fields in the largest answer of its batch so far";
            return (Refusal::too_complex(what, found, limit, "cost").into(), facts);
        };
        *budget = left;

        let (request, report) = open(backend, viewer, client, &document, call.variables);
        let response = (self.execute)(request).await;
        let Report { redacted, statements } = report();
        facts.statements = statements;
        let answer = self.finish(&document, response, redacted);
        if kind == OperationType::Mutation
            && answer.data.is_some()
            && !answer.errors.is_empty()
            && let Some(operation) = document.operation()
        {
            backend.refused(viewer, refused(document.parsed(), operation, &answer.errors)).await;
        }
        (answer, facts)
    }

    /// Runs one turn of a subscription: what it has to say, if anything, and how many statements that took.
    pub async fn turn(
        &self,
        backend: &dyn Backend,
        viewer: &Viewer,
        client: ClientAddress,
        subscription: (&Document, &Variables),
        turn: &Arc<Turn>,
    ) -> (Option<Answer>, u64) {
        let (document, variables) = subscription;
        let (mut request, report) = open(backend, viewer, client, document, variables.clone());
        request.data.insert(Arc::clone(turn));
        let response = (self.stream)(request).next().await;
        let Report { redacted, statements } = report();
        (response.map(|response| self.finish(document, response, redacted)), statements)
    }

    /// Puts a response right.
    fn finish(&self, document: &Document, mut response: Response, mut redacted: Vec<Vec<PathSegment>>) -> Answer {
        // Errors of validation have no path; those of execution all have one.
        if !response.errors.is_empty() && response.errors.iter().all(|error| error.path.is_empty()) {
            response.errors.truncate(ERRORS);
            response.errors.iter_mut().for_each(invalid);
            return Answer::refused(StatusCode::BAD_REQUEST, response.errors);
        }
        if let Some(operation) = document.operation() {
            null_propagation::complete(self.documents.catalog(), document.parsed(), operation, &mut response);
        }
        response.errors.iter_mut().for_each(spoken);
        redacted.sort_by(|a, b| null_propagation::compare(a, b));
        redacted.dedup();
        if !redacted.is_empty() {
            let paths = redacted.into_iter().map(|path| Value::List(path.into_iter().map(step).collect()));
            response.extensions.insert("redacted".to_owned(), Value::List(paths.collect()));
        }
        Answer::executed(response)
    }
}

type Reported = Box<dyn FnOnce() -> Report + Send>;

/// Opens one operation.
fn open(
    backend: &dyn Backend,
    viewer: &Viewer,
    client: ClientAddress,
    document: &Document,
    variables: Variables,
) -> (Request, Reported) {
    let Opened { data, report } = backend.open(viewer);
    let mut request = Request::new(String::new()).variables(variables);
    request.operation_name.clone_from(&document.operation_name);
    request.data = data;
    request.data.insert(client);
    request.set_parsed_query(document.parsed().clone());
    (request, report)
}

fn step(step: PathSegment) -> Value {
    match step {
        PathSegment::Field(name) => Value::String(name),
        PathSegment::Index(index) => Value::from(index),
    }
}

fn coded(error: &ServerError) -> bool {
    error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some())
}

fn set(error: &mut ServerError, code: &'static str, field: Option<String>) {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    if let Some(field) = field {
        extensions.set("field", field);
    }
    error.extensions = Some(extensions);
}

/// Codes an error of validation. Its words name types, fields and arguments, except those about a value.
fn invalid(error: &mut ServerError) {
    if !coded(error) {
        if error.message.starts_with("Invalid value for argument") || error.message.starts_with("Invalid default value")
        {
            error.message = "An argument has a value that its type does not accept.".to_owned();
        }
        set(error, "VALIDATION", Some("query".to_owned()));
    }
}

/// How the library begins to speak of an argument that it cannot read; it goes on with the argument's value.
const COERCION: [&str; 5] = ["Expected input type", "Failed to parse", "Variable ", "Unknown directive", "Oneof"];

/// Codes an error of execution that is not ours.
fn spoken(error: &mut ServerError) {
    if coded(error) {
        return;
    }
    if COERCION.iter().any(|words| error.message.starts_with(words))
        || error.message.contains("(occurred while parsing")
    {
        error.message = "An argument has a value that its type does not accept.".to_owned();
        let field = error.path.iter().rev().find_map(|step| match step {
            PathSegment::Field(name) => Some(name.clone()),
            PathSegment::Index(_) => None,
        });
        set(error, "VALIDATION", field);
        return;
    }
    // Words that did not come through error.rs: whatever they are, they are not for the client, and not for the log.
    let answer = Answer::from(Error::internal("an error without a code left a resolver"));
    if let Some(internal) = answer.errors.into_iter().next() {
        error.message = internal.message;
        error.extensions = internal.extensions;
    }
}
