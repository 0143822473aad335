//! Who sees and does what, asked over HTTP as every role, on both databases.

mod alike;
mod fields;
mod redaction;
mod walls;
