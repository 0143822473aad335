//! The migrations and the walls, on SQLite files and on a private PostgreSQL cluster.

mod columns;
mod conversion;
mod keys;
mod old;
mod roles;
mod support;
mod walls;
