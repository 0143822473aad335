//! Lists: rows with the columns that a query asked for, keyset pages, and sealed cursors.

pub mod cursor;
pub mod page;
pub mod row;
