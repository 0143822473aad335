//! What planted leaks are made of. None of it is in the code that ships: rows are altered underneath, the schema gets an
//! extension, or the router a layer, in the test alone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_graphql::{
    Request, Response, ServerResult, Value as GraphQlValue, Variables,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextExecute, NextPrepareRequest, NextResolve, ResolveInfo,
    },
};
use axum::{Router, body::Body, extract::Request as HttpRequest, http::response::Parts, middleware};
use entity::ids::{AgentId, ExecutionId, GoalId, TaskId, TypedId};
use http_body_util::BodyExt as _;
use palisade::{
    config::Config,
    graphql::{
        limits::{Catalog, Documents},
        mutation::Mutation,
        query::Query,
        subscription::Subscription,
    },
    http::{graphql::engine::Engine, router::router},
};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::Value;

use super::{
    campaign::{Campaign, Finding, settings},
    twins::Dress,
};
use crate::support::{template::Template, world::World};

/// How much content hangs off each object of a world, by id; none where it is null.
pub type Lengths = HashMap<String, i64>;

pub async fn lengths(world: &World) -> Arc<Lengths> {
    let mut lengths = Lengths::new();
    async fn read<I: TypedId>(world: &World, sql: &str, into: &mut Lengths) {
        let backend = world.root.get_database_backend();
        for row in world.root.query_all_raw(Statement::from_string(backend, sql)).await.unwrap() {
            let id: uuid::Uuid = row.try_get_by_index(0).unwrap();
            let length: Option<i32> = row.try_get_by_index(1).unwrap();
            into.extend(length.map(|length| (I::from_uuid(id).to_string(), i64::from(length))));
        }
    }
    read::<GoalId>(world, "SELECT id, length(goal_text) FROM goals", &mut lengths).await;
    read::<TaskId>(world, "SELECT id, length(payload) FROM tasks", &mut lengths).await;
    read::<AgentId>(world, "SELECT id, length(system_prompt) FROM agents", &mut lengths).await;
    read::<ExecutionId>(world, "SELECT id, length(shell_output) FROM executions", &mut lengths).await;
    Arc::new(lengths)
}

/// Changes an answer on its way out: what was asked, the head, and the body.
pub type Tamper = Arc<dyn Fn(&str, &mut Parts, &mut Value) + Send + Sync>;

/// A layer around the router that tampers with answers in JSON.
pub fn layer(door: Router, tamper: Tamper) -> Router {
    door.layer(middleware::from_fn(move |request: HttpRequest, next: middleware::Next| {
        let tamper = Arc::clone(&tamper);
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await.unwrap().to_bytes();
            let asked = String::from_utf8_lossy(&bytes).into_owned();
            let response = next.run(HttpRequest::from_parts(parts, Body::from(bytes))).await;
            let kind = response.headers().get("content-type").map(|kind| kind.as_bytes().to_vec()).unwrap_or_default();
            if kind.starts_with(b"text/event-stream") {
                return response;
            }
            let (mut head, body) = response.into_parts();
            let bytes = body.collect().await.unwrap().to_bytes();
            let mut answer: Value = serde_json::from_slice(&bytes).unwrap();
            let before = answer.clone();
            tamper(&asked, &mut head, &mut answer);
            // Written anew only where it changed: the order of keys is the answer's own.
            let body = if answer == before { Body::from(bytes) } else { Body::from(answer.to_string()) };
            axum::response::Response::from_parts(head, body)
        }
    }))
}

/// Calls for every object and every list in an answer.
pub fn each(value: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    change(value);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each(field, change)),
        _ => {}
    }
}

/// Looks at a field once it is resolved: its type and name, the texts in its arguments, and what came of it.
pub type AtField = Arc<
    dyn Fn(&str, &str, &[String], ServerResult<Option<GraphQlValue>>) -> ServerResult<Option<GraphQlValue>>
        + Send
        + Sync,
>;
/// Looks at a whole response.
pub type AtEnd = Arc<dyn Fn(&mut Response) + Send + Sync>;

/// An extension of the schema that leaks.
#[derive(Clone)]
pub struct Leaky {
    pub at_field: AtField,
    pub at_end: AtEnd,
}

struct Running {
    leaky: Leaky,
    texts: Mutex<Vec<String>>,
}

impl ExtensionFactory for Leaky {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Running { leaky: self.clone(), texts: Mutex::default() })
    }
}

fn texts(value: &GraphQlValue, into: &mut Vec<String>) {
    match value {
        GraphQlValue::String(text) => into.push(text.clone()),
        GraphQlValue::List(items) => items.iter().for_each(|item| texts(item, into)),
        GraphQlValue::Object(fields) => fields.values().for_each(|field| texts(field, into)),
        _ => {}
    }
}

fn variables(variables: &Variables) -> Vec<String> {
    let mut found = Vec::new();
    variables.values().for_each(|value| texts(value, &mut found));
    found
}

#[async_trait::async_trait]
impl Extension for Running {
    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        *self.texts.lock().unwrap() = variables(&request.variables);
        next.run(ctx, request).await
    }

    async fn execute(&self, ctx: &ExtensionContext<'_>, name: Option<&str>, next: NextExecute<'_>) -> Response {
        let mut response = next.run(ctx, name).await;
        (self.leaky.at_end)(&mut response);
        response
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<GraphQlValue>> {
        let mut found = self.texts.lock().unwrap().clone();
        for (_, value) in &info.field.arguments {
            if let Some(value) = value.node.clone().into_const() {
                texts(&value, &mut found);
            }
        }
        let (on, field) = (info.parent_type.to_owned(), info.name.to_owned());
        let resolved = next.run(ctx, info).await;
        (self.leaky.at_field)(&on, &field, &found, resolved)
    }
}

/// The world's door with such an extension behind it.
pub fn extended(world: &World, leaky: Leaky) -> Router {
    let schema =
        async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription).extension(leaky).finish();
    let config = Config::default();
    let documents = Documents::new(Catalog::new(&schema.sdl()).unwrap(), config.limits);
    router(Arc::new(Engine::new(schema, documents)), Arc::new(world.rooms.clone()), config.http)
}

/// Runs the very operations that find nothing in the code as it is, and expects the leak: shown at `place`, in a document
/// of at most so many fields.
pub async fn found(
    templates: Arc<[Template; 2]>,
    role: &'static str,
    dress: Option<Dress>,
    place: &str,
    fields: usize,
) -> Finding {
    let (operations, seed) = settings("sqlite");
    let other = if role == "Operator" { None } else { Some(super::variants::other(&templates[0].plan)) };
    let report = Box::pin(Campaign { templates, role, other, operations, seed, dress }.run()).await;
    let finding = report.finding.unwrap_or_else(|| panic!("the planted leak was not found in {operations} operations"));
    let told = finding.tell(role, seed);
    println!("found after {} operations, in {:.0} s: {told}", finding.at, report.seconds);
    assert!(told.contains(place), "another thing than the leak at {place} was found: {told}");
    assert!(finding.operation.size() <= fields, "more than {fields} fields are left: {told}");
    assert!(!finding.difference.contains("INTERNAL"), "an error of its own, not the leak: {told}");
    finding
}
