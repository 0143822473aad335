//! The migrations and the walls, on SQLite files and on a private PostgreSQL cluster.

mod support;
mod walls;
