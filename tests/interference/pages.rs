//! Lists asked on from the cursors that answers held.

use std::sync::Arc;

use super::{
    document::{Argument, Field, Input, Operation, Selection},
    generate::Generator,
};

/// A cursor that an answer held, and where: the list is asked on from there.
pub struct Page {
    pub operation: Arc<Operation>,
    /// Positions among selections that lead to the list's field.
    pub at: Vec<usize>,
    pub cursor: String,
}

/// Pages that are remembered.
const PAGES: usize = 80;

impl Generator {
    pub fn remember(&mut self, page: Page) {
        if self.pages.len() >= PAGES {
            let at = self.dice.below(self.pages.len());
            self.pages.swap_remove(at);
        }
        self.pages.push(page);
    }

    /// An earlier list again, from a cursor that it held.
    pub fn follow(&mut self) -> Operation {
        let at = self.dice.below(self.pages.len());
        let page = &self.pages[at];
        let mut operation = Operation::clone(&page.operation);
        let field = field_at(&mut operation.selections, &page.at);
        let takes = self.schema.field(&field.on, &field.name).unwrap();
        let back = self.dice.percent(35) && takes.arguments.iter().any(|argument| argument.name == "before");
        let paging = ["first", "last", "after", "before"];
        field.arguments.retain(|argument| !paging.contains(&argument.name.as_str()));
        let cursor = Input::Text(page.cursor.clone());
        let count = Input::Int(self.dice.between(1, 4));
        let (cursor_name, count_name) = if back { ("before", "last") } else { ("after", "first") };
        for (name, ty, value) in [(cursor_name, "String", cursor), (count_name, "Int", count)] {
            let (name, ty) = (name.to_owned(), ty.to_owned());
            field.arguments.push(Argument { name, ty, value, variable: self.dice.percent(30) });
        }
        operation
    }
}

fn field_at<'a>(selections: &'a mut [Selection], at: &[usize]) -> &'a mut Field {
    match (&mut selections[at[0]], &at[1..]) {
        (Selection::Field(field), []) => field,
        (Selection::Field(field), rest) => field_at(&mut field.selections, rest),
        (Selection::Fragment(fragment), rest) => field_at(&mut fragment.selections, rest),
    }
}
