//! Makes an executed response what the specification asks for.
//!
//! async-graphql 7.2.1 drops a field's key when its guard or resolver fails, keeps an object whose required field failed,
//! answers `null` for an object all of whose fields failed, and writes keys in the order in which resolvers finish. It does
//! report each error with its whole path, so that all of it can be put right afterwards: a failed nullable field is null
//! for itself alone; a failed required field nulls its nearest nullable parent; keys, errors and the report of what was
//! redacted come in one order, however the resolvers raced. (8.0.0-rc throws the siblings of a refused field away, which
//! nothing could put right.)
//!
//! A response without errors costs one look at each key.

use std::cmp::Ordering;

use async_graphql::{
    Name, PathSegment, Positioned, Response, Value,
    indexmap::IndexMap,
    parser::types::{BaseType, ExecutableDocument, OperationDefinition, Selection, SelectionSet, Type},
};

use super::limits::catalog::{Catalog, named};

/// Completes the response of `operation`, which must have run.
pub fn complete(
    catalog: &Catalog,
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    response: &mut Response,
) {
    let fields = Fields { document, catalog };
    let plan = fields.plan(&[(&operation.selection_set, catalog.root(operation.ty))]);
    response.errors.sort_by(|a, b| {
        let place = |error: &async_graphql::ServerError| error.locations.first().map(|at| (at.line, at.column));
        place(a).cmp(&place(b)).then_with(|| compare(&a.path, &b.path))
    });
    let mut nulled: Vec<&[PathSegment]> = Vec::new();
    for error in response.errors.iter().filter(|error| !error.path.is_empty()) {
        if nulled.iter().any(|prefix| error.path.starts_with(prefix)) {
            continue;
        }
        if let Err(Lost) = fill(&mut response.data, &plan, &error.path, 0, &mut nulled) {
            response.data = Value::Null;
            break;
        }
    }
    order(&mut response.data, &plan);
}

/// Compares two paths so that any set of them has one order.
pub fn compare(a: &[PathSegment], b: &[PathSegment]) -> Ordering {
    a.iter()
        .zip(b)
        .map(|pair| match pair {
            (PathSegment::Field(a), PathSegment::Field(b)) => a.cmp(b),
            (PathSegment::Index(a), PathSegment::Index(b)) => a.cmp(b),
            (PathSegment::Field(_), PathSegment::Index(_)) => Ordering::Less,
            (PathSegment::Index(_), PathSegment::Field(_)) => Ordering::Greater,
        })
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

/// The keys of an object in the document's order, whatever its concrete type.
struct Plan<'a>(Vec<Key<'a>>);

struct Key<'a> {
    name: &'a Name,
    /// Types of the field that it stands for; several where fragments select it on different types.
    types: Vec<&'a Type>,
    below: Plan<'a>,
}

type Set<'a> = (&'a Positioned<SelectionSet>, Option<&'a str>);

struct Fields<'a> {
    document: &'a ExecutableDocument,
    catalog: &'a Catalog,
}

impl<'a> Fields<'a> {
    fn plan(&self, sets: &[Set<'a>]) -> Plan<'a> {
        let mut keys: IndexMap<&'a Name, (Vec<&'a Type>, Vec<Set<'a>>)> = IndexMap::new();
        for (set, parent) in sets {
            self.collect(set, *parent, &mut keys);
        }
        let keys = keys.into_iter().map(|(name, (types, sets))| Key { name, types, below: self.plan(&sets) });
        Plan(keys.collect())
    }

    fn collect(
        &self,
        set: &'a Positioned<SelectionSet>,
        parent: Option<&'a str>,
        keys: &mut IndexMap<&'a Name, (Vec<&'a Type>, Vec<Set<'a>>)>,
    ) {
        for item in &set.node.items {
            match &item.node {
                Selection::Field(field) => {
                    let known = parent.and_then(|parent| self.catalog.field(parent, &field.node.name.node));
                    let (types, sets) = keys.entry(&field.node.response_key().node).or_default();
                    types.extend(known.map(|known| &known.ty));
                    if !field.node.selection_set.node.items.is_empty() {
                        sets.push((&field.node.selection_set, known.map(|known| named(&known.ty))));
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let condition = condition.map(|condition| condition.node.on.node.as_str());
                    self.collect(&fragment.node.selection_set, condition.or(parent), keys);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        let condition = fragment.node.type_condition.node.on.node.as_str();
                        self.collect(&fragment.node.selection_set, Some(condition), keys);
                    }
                }
            }
        }
    }
}

/// The value cannot be: its place, or a parent of it, becomes null.
struct Lost;

/// Puts null where the error at `path` left a hole, `at` steps down.
fn fill<'e>(
    value: &mut Value,
    plan: &Plan<'_>,
    path: &'e [PathSegment],
    at: usize,
    nulled: &mut Vec<&'e [PathSegment]>,
) -> Result<(), Lost> {
    let Some(PathSegment::Field(name)) = path.get(at) else { return Ok(()) };
    let Some(key) = plan.0.iter().find(|key| key.name.as_str() == name) else { return Ok(()) };
    // An object all of whose fields failed.
    if *value == Value::Null {
        *value = Value::Object(IndexMap::new());
    }
    let Value::Object(object) = value else { return Ok(()) };
    let outcome = match object.get_mut(name.as_str()) {
        Some(child) => place(child, &key.types, &key.below, path, at + 1, nulled),
        None => Err(Lost),
    };
    if let Err(Lost) = outcome {
        if key.types.iter().any(|ty| !ty.nullable) && key.types.iter().all(|ty| !ty.nullable) {
            return Err(Lost);
        }
        object.insert(key.name.clone(), Value::Null);
        nulled.push(&path[..=at]);
    }
    Ok(())
}

/// Goes on below a value of one of `types`, through as many lists as it has.
fn place<'e>(
    value: &mut Value,
    types: &[&Type],
    plan: &Plan<'_>,
    path: &'e [PathSegment],
    at: usize,
    nulled: &mut Vec<&'e [PathSegment]>,
) -> Result<(), Lost> {
    let inner: Vec<&Type> = types
        .iter()
        .filter_map(|ty| match &ty.base {
            BaseType::List(inner) => Some(&**inner),
            BaseType::Named(_) => None,
        })
        .collect();
    match (path.get(at), value) {
        (Some(PathSegment::Index(index)), Value::List(list)) => {
            let Some(element) = list.get_mut(*index) else { return Ok(()) };
            if let Err(Lost) = place(element, &inner, plan, path, at + 1, nulled) {
                if !inner.is_empty() && inner.iter().all(|ty| !ty.nullable) {
                    return Err(Lost);
                }
                *element = Value::Null;
                nulled.push(&path[..=at]);
            }
            Ok(())
        }
        (Some(PathSegment::Field(_)), value) => fill(value, plan, path, at, nulled),
        _ => Ok(()),
    }
}

/// Puts keys in the document's order.
fn order(value: &mut Value, plan: &Plan<'_>) {
    match value {
        Value::List(list) => list.iter_mut().for_each(|element| order(element, plan)),
        Value::Object(object) => {
            let mut expected = plan.0.iter();
            if !object.keys().all(|name| expected.any(|key| key.name == name)) {
                let mut left = std::mem::take(object);
                for key in &plan.0 {
                    if let Some((name, value)) = left.swap_remove_entry(key.name) {
                        object.insert(name, value);
                    }
                }
                // Nothing is left unless the library invents keys; whatever it is, it is not ours to drop.
                object.extend(left);
            }
            let mut keys = plan.0.iter();
            for (name, value) in object {
                if let Some(key) = keys.find(|key| key.name == name)
                    && !key.below.0.is_empty()
                {
                    order(value, &key.below);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::limits::Documents;
    use crate::{config::Limits, error::Error};
    use async_graphql::{Context, EmptyMutation, EmptySubscription, Guard, Object, Result, Schema, Union};

    struct Deny;

    impl Guard for Deny {
        async fn check(&self, _: &Context<'_>) -> Result<()> {
            Err(denied())
        }
    }

    fn denied() -> async_graphql::Error {
        Error::Forbidden("nothing").into()
    }

    #[derive(Clone, Copy)]
    struct Inner;

    #[Object]
    impl Inner {
        async fn id(&self) -> i32 {
            1
        }
        #[graphql(guard = "Deny")]
        async fn guarded(&self) -> Option<i32> {
            Some(1)
        }
        async fn nullable(&self) -> Result<Option<i32>> {
            Err(denied())
        }
        async fn required(&self) -> Result<i32> {
            Err(denied())
        }
    }

    struct Other;

    #[Object]
    impl Other {
        async fn required(&self) -> Option<i32> {
            Some(2)
        }
    }

    #[derive(Union)]
    enum Either {
        Inner(Inner),
        Other(Other),
    }

    struct Query;

    #[Object]
    impl Query {
        async fn slow(&self) -> i32 {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            1
        }
        async fn fast(&self) -> i32 {
            2
        }
        #[graphql(guard = "Deny")]
        async fn guarded(&self) -> Option<i32> {
            Some(1)
        }
        async fn inner(&self) -> Option<Inner> {
            Some(Inner)
        }
        async fn absent(&self) -> Option<Inner> {
            None
        }
        async fn required(&self) -> Inner {
            Inner
        }
        async fn list(&self) -> Vec<Option<Inner>> {
            vec![Some(Inner), None]
        }
        async fn strict_list(&self) -> Option<Vec<Inner>> {
            Some(vec![Inner, Inner])
        }
        async fn failing_list(&self) -> Option<Vec<Result<Inner>>> {
            Some(vec![Ok(Inner), Err(denied())])
        }
        async fn either(&self) -> Vec<Either> {
            vec![Either::Inner(Inner), Either::Other(Other)]
        }
    }

    async fn run(query: &str) -> (String, usize) {
        let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
        let documents = Documents::new(Catalog::new(&schema.sdl()).unwrap(), Limits::default());
        let document = documents.read(query, None, &Default::default()).unwrap();
        let mut request = async_graphql::Request::new("");
        request.set_parsed_query(document.parsed().clone());
        let mut response = schema.execute(request).await;
        complete(documents.catalog(), document.parsed(), document.operation().unwrap(), &mut response);
        for error in &response.errors {
            assert!(!error.path.is_empty() && error.extensions.is_some(), "{error:?}");
        }
        (serde_json::to_string(&response.data).unwrap(), response.errors.len())
    }

    #[tokio::test]
    async fn a_failed_nullable_field_is_null_for_itself_alone() {
        for (query, data, errors) in [
            ("{ slow guarded fast }", r#"{"slow":1,"guarded":null,"fast":2}"#, 1),
            ("{ guarded }", r#"{"guarded":null}"#, 1),
            ("{ a: guarded b: guarded fast }", r#"{"a":null,"b":null,"fast":2}"#, 2),
            (
                "{ inner { guarded id nullable } fast }",
                r#"{"inner":{"guarded":null,"id":1,"nullable":null},"fast":2}"#,
                2,
            ),
            ("{ inner { guarded } }", r#"{"inner":{"guarded":null}}"#, 1),
            ("{ list { nullable id } }", r#"{"list":[{"nullable":null,"id":1},null]}"#, 1),
            ("{ list { ...f } } fragment f on Inner { x: nullable }", r#"{"list":[{"x":null},null]}"#, 1),
        ] {
            assert_eq!(run(query).await, (data.to_owned(), errors), "{query}");
        }
    }

    #[tokio::test]
    async fn a_failed_required_field_nulls_its_nearest_nullable_parent() {
        for (query, data, errors) in [
            ("{ fast inner { id required nullable } }", r#"{"fast":2,"inner":null}"#, 2),
            ("{ fast required { id required } }", "null", 1),
            ("{ list { id required } fast }", r#"{"list":[null,null],"fast":2}"#, 1),
            ("{ strictList { required } fast }", r#"{"strictList":null,"fast":2}"#, 2),
            ("{ failingList { id } fast }", r#"{"failingList":null,"fast":2}"#, 1),
            ("{ inner { required } fast absent { id } }", r#"{"inner":null,"fast":2,"absent":null}"#, 1),
        ] {
            assert_eq!(run(query).await, (data.to_owned(), errors), "{query}");
        }
    }

    #[tokio::test]
    async fn keys_come_in_the_documents_order_however_the_resolvers_race() {
        for (query, data) in [
            ("{ slow fast }", r#"{"slow":1,"fast":2}"#),
            ("{ fast a: slow b: fast }", r#"{"fast":2,"a":1,"b":2}"#),
            ("{ ...f fast slow } fragment f on Query { slow absent { id } }", r#"{"slow":1,"absent":null,"fast":2}"#),
            (
                "{ either { __typename ... on Other { required } ... on Inner { x: id id } } }",
                r#"{"either":[{"__typename":"Inner","x":1,"id":1},{"__typename":"Other","required":2}]}"#,
            ),
        ] {
            assert_eq!(run(query).await, (data.to_owned(), 0), "{query}");
        }
    }
}
