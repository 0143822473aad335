//! What is remembered between requests belongs to who asked: loaders, parsed documents, verified tokens, and whatever
//! stands between a client and the server.

mod documents;
mod instants;
mod revocation;
mod routes;
