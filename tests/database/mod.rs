//! The database's own walls, with the server out of the way.
