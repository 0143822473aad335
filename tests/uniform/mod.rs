//! What a viewer may not see does not exist for it: whatever takes an id answers a foreign, a hidden and an absent one with
//! the same status, headers and bytes, and asks the database as much. Which ids there are is read from the schema.

mod everywhere;
mod identity;
mod objects;
mod slots;
mod streams;
