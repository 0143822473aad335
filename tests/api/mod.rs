//! What the API answers: paging, statement counts, bad input, faults.

mod paging;
mod schema;
mod statements;
