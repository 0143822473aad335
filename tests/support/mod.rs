//! What the tests stand on.

pub mod golden;
pub mod postgres;
pub mod rows;
pub mod shape;
pub mod smtp;
pub mod template;
pub mod world;
