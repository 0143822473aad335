//! What the API answers: paging, statement counts, bad input, faults.

mod accounts;
mod approvals;
mod bad_input;
mod chats;
mod faults;
mod paging;
mod schema;
mod statements;
