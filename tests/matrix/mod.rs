//! Who may do what, asked over HTTP for everybody who stands in another relation to an object.
//!
//! The world is small and its relations are known by construction ([`cast`]). What is expected comes from the permission
//! table by a reading of its own ([`reading`]), which calls neither the database nor `policy::decide`; `viewerCan`, `palisade
//! policy explain` and the real answer are each held against it. Every change is undone, so that thousands of cells need one
//! world.

mod cases;
mod cast;
mod explain;
mod mutations;
mod queries;
mod reading;
mod rows;
mod schema;
mod stage;
mod things;
