//! What travels with a request through the resolvers.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Context, QueryPathNode, QueryPathSegment};

use super::load::Loaders;
use crate::{
    clock::Clock,
    policy::{self, ContentReader},
    store::{Store, cursor::CursorSealer, db::Database},
    viewer::Viewer,
};

/// A place in a response: response keys and list positions.
pub type Path = Vec<PathSegment>;

/// A step of a path.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PathSegment {
    /// A position in a list.
    Index(usize),
    /// A response key.
    Key(String),
}

/// One request: who asks, when, and what was withheld.
pub struct RequestCtx {
    /// Who asks.
    pub viewer: Arc<Viewer>,
    /// Time and ids.
    pub clock: Clock,
    /// The viewer's access to the database.
    pub store: Store,
    /// This request's batches. Never shared between requests: a batch mixes keys, and keys belong to a viewer.
    pub loaders: Loaders,
    /// Seals cursors.
    pub cursors: CursorSealer,
    redacted: Mutex<Vec<Path>>,
}

impl RequestCtx {
    /// The context of one request.
    pub fn new(db: Database, viewer: Viewer, clock: Clock, cursors: CursorSealer) -> Self {
        let viewer = Arc::new(viewer);
        Self {
            store: Store::new(db, Arc::clone(&viewer)),
            viewer,
            clock,
            loaders: Loaders::default(),
            cursors,
            redacted: Mutex::default(),
        }
    }

    /// The proof that opens content, if the viewer may read any.
    pub fn reader(&self) -> Option<ContentReader> {
        policy::reader(&self.viewer)
    }

    /// Notes that the value at `node` was withheld.
    pub fn note_redaction(&self, node: Option<&QueryPathNode<'_>>) {
        let mut path = Path::new();
        let mut next = node;
        while let Some(node) = next {
            path.push(match &node.segment {
                QueryPathSegment::Index(index) => PathSegment::Index(*index),
                QueryPathSegment::Name(name) => PathSegment::Key((*name).to_owned()),
            });
            next = node.parent;
        }
        path.reverse();
        self.redacted.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    }

    /// The paths that were withheld, sorted: what `extensions.redacted` says.
    pub fn redaction_report(&self) -> Vec<Path> {
        let mut paths = std::mem::take(&mut *self.redacted.lock().unwrap_or_else(PoisonError::into_inner));
        paths.sort();
        paths.dedup();
        paths
    }
}

/// The request's context, which the GraphQL door always provides.
pub fn cx<'a>(ctx: &Context<'a>) -> &'a RequestCtx {
    ctx.data_unchecked::<Arc<RequestCtx>>()
}
