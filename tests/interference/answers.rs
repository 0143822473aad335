//! Reads an answer beside the operation that asked for it: what was answered, which ids and cursors it shows.

use std::sync::Arc;

use serde_json::Value;

use super::{
    document::{Field, Operation, Selection},
    generate::Generator,
    pages::Page,
    schema::Kind,
};

/// Takes note of an answer. Whether it holds data.
pub fn learn(generator: &mut Generator, operation: &Arc<Operation>, body: &str) -> bool {
    let root = match operation.kind {
        "query" => "Query",
        "mutation" => "Mutation",
        _ => "Subscription",
    };
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let Some(data) = body.get("data") else {
        return false;
    };
    let mut reader = Reader { generator, operation, lists: Vec::new() };
    reader.selections(&operation.selections, data, &mut Vec::new());
    let mut some = false;
    let forbidden = body["errors"][0]["extensions"]["code"] == "FORBIDDEN";
    for field in operation.roots() {
        let answered = data.get(field.key()).is_some_and(|value| !value.is_null());
        some |= answered;
        // Where the whole is null, its fields were carried out all the same, with their arguments.
        if data.is_null() {
            ran(generator, field);
        }
        let tried = generator.tried.entry(format!("{root}.{}", field.name)).or_default();
        tried.0 += if forbidden { 4 } else { 1 };
        tried.1 += usize::from(answered);
    }
    some
}

/// Takes note of a field of the root that was carried out.
pub fn ran(generator: &mut Generator, field: &Field) {
    generator.coverage.add(format!("{}.{}", field.on, field.name));
    for argument in &field.arguments {
        generator.coverage.argument(&field.on, &field.name, argument);
    }
}

struct Reader<'a> {
    generator: &'a mut Generator,
    operation: &'a Arc<Operation>,
    /// Where the lists are that the reader is in.
    lists: Vec<Vec<usize>>,
}

impl Reader<'_> {
    fn selections(&mut self, selections: &[Selection], value: &Value, at: &mut Vec<usize>) {
        for (position, selection) in selections.iter().enumerate() {
            at.push(position);
            match selection {
                Selection::Fragment(fragment) => self.selections(&fragment.selections, value, at),
                Selection::Field(field) => {
                    if let Some(answered) = value.get(field.key()) {
                        ran(self.generator, field);
                        let page = field.ty.ends_with("Connection");
                        if page {
                            self.lists.push(at.clone());
                        }
                        self.value(field, answered, at);
                        if page {
                            self.lists.pop();
                        }
                    }
                }
            }
            at.pop();
        }
    }

    fn value(&mut self, field: &Field, value: &Value, at: &mut Vec<usize>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.value(field, item, at)),
            Value::Object(_) if !field.selections.is_empty() => self.selections(&field.selections, value, at),
            Value::String(text) => match field.name.as_str() {
                "cursor" | "startCursor" | "endCursor" => {
                    if let Some(list) = self.lists.last() {
                        let (operation, at) = (Arc::clone(self.operation), list.clone());
                        self.generator.remember(Page { operation, at, cursor: text.clone() });
                    }
                }
                _ if field.ty == "ID" => self.generator.pools.saw(text),
                _ if matches!(self.generator.schema.types.get(&field.ty), Some(Kind::Enum(_))) => {
                    self.generator.coverage.add(format!("{}.{text}", field.ty));
                }
                _ => {}
            },
            _ => {}
        }
    }
}
