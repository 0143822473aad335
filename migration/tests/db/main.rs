//! The migrations and the walls, on SQLite files and on a private PostgreSQL cluster.

mod conversion;
mod old;
mod support;
mod walls;
