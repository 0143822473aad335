//! The schema and what guards its door.

pub mod completion;
pub mod limits;
