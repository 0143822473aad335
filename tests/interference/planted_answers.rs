//! Leaks planted on the way out: errors, extensions, headers, cursors, order, short pages.

use std::sync::Arc;

use async_graphql::{ErrorExtensionValues, ServerError, Value as GraphQlValue};
use axum::Router;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{
    leaks::{AtEnd, AtField, Leaky, Lengths, Tamper, each, extended, found, layer, lengths},
    twins::Dress,
    variants,
};
use crate::support::world::World;

/// A layer that knows how much content there is.
fn telling(
    tamper: impl Fn(&Lengths, &str, &mut axum::http::response::Parts, &mut Value) + Send + Sync + 'static,
) -> Dress {
    let tamper = Arc::new(tamper);
    Arc::new(move |world: &World, door: Router| -> BoxFuture<'_, Router> {
        let tamper = Arc::clone(&tamper);
        Box::pin(async move {
            let lengths = lengths(world).await;
            let tamper: Tamper = Arc::new(move |asked, head, body| tamper(&lengths, asked, head, body));
            layer(door, tamper)
        })
    })
}

/// An extension that knows it.
fn extension(make: impl Fn(Arc<Lengths>) -> Leaky + Send + Sync + 'static) -> Dress {
    let make = Arc::new(make);
    Arc::new(move |world: &World, _: Router| -> BoxFuture<'_, Router> {
        let make = Arc::clone(&make);
        Box::pin(async move { extended(world, make(lengths(world).await)) })
    })
}

fn nothing_at_end() -> AtEnd {
    Arc::new(|_| {})
}

fn nothing_at_field() -> AtField {
    Arc::new(|_, _, _, resolved| resolved)
}

async fn operator(dress: Dress, place: &str, fields: usize) {
    found(variants::contents("sqlite", &[]).await, "Operator", Some(dress), place, fields).await;
}

async fn tenant(role: &'static str, dress: Dress, place: &str, fields: usize) {
    found(variants::neighbours("sqlite", &[]).await, role, Some(dress), place, fields).await;
}

fn id_of(value: &Value) -> Option<&str> {
    value["id"].as_str().or_else(|| value["node"]["id"].as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_in_the_order_of_its_contents_is_found() {
    let dress = telling(|lengths, _, _, body| {
        each(body, &mut |value| {
            if let Value::Array(items) = value
                && items.iter().all(|item| id_of(item).is_some_and(|id| id.starts_with("goal_")))
            {
                items.sort_by_key(|item| id_of(item).and_then(|id| lengths.get(id)).copied().unwrap_or(0));
            }
        });
    });
    operator(dress, "goal_", 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_short_by_a_row_without_content_is_found() {
    let dress = telling(|lengths, _, _, body| {
        each(body, &mut |value| {
            if let Value::Array(items) = value {
                items.retain(|item| id_of(item).is_none_or(|id| !id.starts_with("task_") || lengths.contains_key(id)));
            }
        });
    });
    operator(dress, "task", 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_counts_the_others_work_is_found() {
    let dress = telling(|lengths, asked, head, _| {
        if asked.contains("tasks(") || asked.contains("tasks {") {
            head.headers.insert("x-rows-read", lengths.len().into());
        }
    });
    // A way to tasks is not cut in its middle.
    tenant("Acme member", dress, "x-rows-read", 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_holds_content_is_found() {
    let dress = telling(|lengths, _, _, body| {
        each(body, &mut |value| {
            if let Some(length) = id_of(value).and_then(|id| lengths.get(id)).copied()
                && let Some(Value::String(cursor)) = value.get_mut("cursor")
            {
                cursor.push_str(&format!("{length:04}"));
            }
        });
    });
    operator(dress, "cursor", 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_next_page_that_depends_on_the_others_rows_is_found() {
    let dress = telling(|lengths, _, _, body| {
        let goals = lengths.keys().filter(|id| id.starts_with("goal_")).count();
        each(body, &mut |value| {
            // Says that there is more where the platform has many goals.
            if value.get("totalCount").and_then(Value::as_u64).is_some_and(|count| count > 9)
                && let Some(next) = value.get_mut("pageInfo").and_then(|info| info.get_mut("hasNextPage"))
            {
                *next = json!(goals > 195);
            }
        });
    });
    tenant("Acme admin", dress, "hasNextPage", 9).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_redacted_paths_that_leaves_out_what_is_null_is_found() {
    let dress = telling(|lengths, _, _, body| {
        let data = body["data"].clone();
        if let Some(paths) = body["extensions"]["redacted"].as_array_mut() {
            paths.retain(|path| {
                let path = path.as_array().unwrap();
                if path.last() != Some(&json!("systemPrompt")) {
                    return true;
                }
                let above = path[..path.len() - 1].iter().try_fold(&data, |at, step| match step {
                    Value::String(name) => at.get(name),
                    other => at.get(usize::try_from(other.as_u64()?).ok()?),
                });
                above.and_then(id_of).is_none_or(|id| lengths.contains_key(id))
            });
        }
    });
    operator(dress, "redacted", 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_tells_the_length_of_a_content_is_found() {
    let dress = extension(|lengths| Leaky {
        at_end: nothing_at_end(),
        at_field: Arc::new(move |on, _, texts, resolved| {
            resolved.map_err(|mut error| {
                if on == "Mutation"
                    && let Some(length) = texts.iter().find_map(|text| lengths.get(text))
                {
                    error.message = format!("{} ({length} bytes)", error.message);
                }
                error
            })
        }),
    });
    operator(dress, "bytes)", 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cost_that_follows_the_length_of_contents_is_found() {
    let dress = extension(|lengths| Leaky {
        at_field: nothing_at_field(),
        at_end: Arc::new(move |response| {
            let text = response.data.to_string();
            let sum: i64 = lengths.iter().filter(|(id, _)| text.contains(id.as_str())).map(|(_, length)| length).sum();
            response.extensions.insert("cost".to_owned(), GraphQlValue::from(sum));
        }),
    });
    operator(dress, "cost", 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_works_for_an_operator_is_found() {
    let dress: Dress = Arc::new(|world: &World, _: Router| -> BoxFuture<'_, Router> {
        Box::pin(async move {
            let contents = contents(world).await;
            let at_field: AtField = Arc::new(move |on, field, texts, resolved| {
                let hit = |text: &String| text.len() > 3 && contents.contains(&text.to_lowercase());
                match resolved {
                    // Instead of being refused, it says that nothing is there; where something is, it is refused.
                    Err(_) if (on, field) == ("Query", "goals") && !texts.iter().any(hit) => {
                        Err(coded("Nothing is found.", "NOT_FOUND"))
                    }
                    other => other,
                }
            });
            extended(world, Leaky { at_field, at_end: nothing_at_end() })
        })
    });
    operator(dress, "goals", 5).await;
}

async fn contents(world: &World) -> String {
    use sea_orm::{ConnectionTrait as _, Statement};
    let sql = "SELECT group_concat(goal_text_folded, ' ') FROM goals";
    let row = world.root.query_one_raw(Statement::from_string(world.root.get_database_backend(), sql)).await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}

fn coded(message: &str, code: &str) -> ServerError {
    let mut error = ServerError::new(message, None);
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    error.extensions = Some(extensions);
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_id_that_answers_otherwise_than_an_absent_one_is_found() {
    let dress = extension(|lengths| Leaky {
        at_end: nothing_at_end(),
        at_field: Arc::new(move |on, field, texts, resolved| match resolved {
            // It is there, but not for you.
            Ok(None | Some(GraphQlValue::Null))
                if (on, field) == ("Query", "task") && texts.iter().any(|text| lengths.contains_key(text)) =>
            {
                let mut error = coded("Not allowed.", "FORBIDDEN");
                error.path = vec![async_graphql::PathSegment::Field("task".to_owned())];
                Err(error)
            }
            other => other,
        }),
    });
    tenant("Acme agent admin", dress, "Not allowed.", 3).await;
}
