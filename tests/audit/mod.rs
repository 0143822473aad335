//! The audit log: what was refused stands in it, and what was done to it shows.

mod export;
mod refused;
mod verify;
