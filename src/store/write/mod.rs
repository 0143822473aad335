//! Writes: what a use case does inside its transaction.
//!
//! A write takes the transaction and a permit, and the name of its object from the permit and from nowhere else. It names
//! the columns that it writes and asks for none back: the roles of the database are granted by column. What it needs to
//! know of the present state it reads under a lock, so that two use cases at one instant do not both act on it.
//!
//! **Locks** are taken in one order: accounts, then memberships (organisations in the order of their ids, rows in the
//! order of theirs), then sessions, and an organisation's log last.

pub mod invitation;
pub mod member;
pub mod organization;
pub mod user;
