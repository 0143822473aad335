//! What travels with a request through the resolvers.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_graphql::{Context, ContextBase, PathSegment, QueryPathNode, QueryPathSegment};
use entity::{confidential::Reader, table::Audience};

use super::load::Loaders;
use crate::{
    clock::Clock,
    policy::{self, ContentReader},
    service::{self, identity::Identity},
    store::{Store, cursor::CursorSealer, db::Database},
    viewer::Viewer,
};

/// The client's network address, in the data of every operation. For throttling only: it is neither logged nor stored as
/// it is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClientAddress(pub IpAddr);

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
    /// Signs in, out and over.
    pub identity: Identity,
    /// Where the platform is reached, for links in mails.
    pub public_url: Arc<str>,
    db: Database,
    redacted: Mutex<Vec<Vec<PathSegment>>>,
}

impl RequestCtx {
    /// The context of one request.
    pub fn new(
        db: Database,
        viewer: Viewer,
        clock: Clock,
        cursors: CursorSealer,
        identity: Identity,
        public_url: Arc<str>,
    ) -> Self {
        let viewer = Arc::new(viewer);
        Self {
            store: Store::new(db.clone(), Arc::clone(&viewer)),
            viewer,
            db,
            identity,
            public_url,
            clock,
            loaders: Loaders::default(),
            cursors,
            redacted: Mutex::default(),
        }
    }

    /// The same request as another viewer: the one that has just signed in.
    pub fn for_viewer(&self, viewer: Viewer) -> Self {
        Self::new(
            self.db.clone(),
            viewer,
            self.clock.clone(),
            self.cursors.clone(),
            self.identity.clone(),
            Arc::clone(&self.public_url),
        )
    }

    /// Takes over what another viewer's part of this request withheld.
    pub fn absorb(&self, other: &Self) {
        self.lock().extend(other.redaction_report());
    }

    /// What a use case is given.
    pub fn service(&self) -> service::Context<'_> {
        service::Context { viewer: &self.viewer, store: &self.store, clock: &self.clock }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<PathSegment>>> {
        self.redacted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The proof that opens content, if the viewer may read any.
    pub fn reader(&self) -> Option<ContentReader> {
        policy::reader(&self.viewer)
    }

    /// Whether the viewer may read content for this audience, and so filter by it.
    pub fn reads(&self, audience: Audience) -> bool {
        self.reader().is_some_and(|reader| reader.opens(audience))
    }

    /// Notes that the value at `node` was withheld.
    pub fn note_redaction(&self, node: Option<&QueryPathNode<'_>>) {
        let mut path = Vec::new();
        let mut next = node;
        while let Some(node) = next {
            path.push(match &node.segment {
                QueryPathSegment::Index(index) => PathSegment::Index(*index),
                QueryPathSegment::Name(name) => PathSegment::Field((*name).to_owned()),
            });
            next = node.parent;
        }
        path.reverse();
        self.lock().push(path);
    }

    /// The paths that were withheld, for `extensions.redacted`.
    pub fn redaction_report(&self) -> Vec<Vec<PathSegment>> {
        std::mem::take(&mut *self.lock())
    }
}

/// The request's context, which the GraphQL door always provides.
pub fn cx<'a>(ctx: &Context<'a>) -> &'a RequestCtx {
    cx_of(ctx)
}

/// The same from any level of the execution.
pub fn cx_of<'a, T>(ctx: &ContextBase<'a, T>) -> &'a RequestCtx {
    ctx.data_unchecked::<Arc<RequestCtx>>()
}
