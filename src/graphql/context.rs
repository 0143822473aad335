//! What travels with a request through the resolvers.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_graphql::{Context, ContextBase, PathSegment, QueryPathNode, QueryPathSegment};
use entity::{confidential::Reader, table::Audience};

use super::loader::Loaders;
use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::{self, ContentReader},
    service::{self, auth::Identity},
    status::{ApprovalWaits, ChatRules, TaskRules},
    store::{Store, db::Database, list::cursor::CursorSealer},
    viewer::Viewer,
    workspace::Files,
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
    /// How long approval requests wait.
    pub waits: ApprovalWaits,
    /// What the settings say of tasks.
    pub tasks: TaskRules,
    /// What the settings say of chats.
    pub chats: ChatRules,
    db: Database,
    files: Option<Files>,
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
            files: None,
            identity,
            public_url,
            waits: ApprovalWaits::default(),
            tasks: TaskRules::default(),
            chats: ChatRules::default(),
            clock,
            loaders: Loaders::default(),
            cursors,
            redacted: Mutex::default(),
        }
    }

    /// With what the settings say of tasks.
    #[must_use]
    pub const fn with_tasks(mut self, tasks: TaskRules) -> Self {
        self.tasks = tasks;
        self
    }

    /// With how long approval requests wait.
    #[must_use]
    pub const fn with_waits(mut self, waits: ApprovalWaits) -> Self {
        self.waits = waits;
        self
    }

    /// With what the settings say of chats.
    #[must_use]
    pub const fn with_chats(mut self, chats: ChatRules) -> Self {
        self.chats = chats;
        self
    }

    /// With a place for goals' files.
    #[must_use]
    pub fn with_files(self, files: Option<Files>) -> Self {
        Self { files, ..self }
    }

    /// Where goals' files are kept.
    pub fn files(&self) -> Result<&Files> {
        self.files.as_ref().ok_or_else(|| Error::Unavailable("no place for files was opened".to_owned()))
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
        .with_tasks(self.tasks)
        .with_waits(self.waits)
        .with_chats(self.chats)
        .with_files(self.files.clone())
    }

    /// Takes over what another viewer's part of this request withheld.
    pub fn absorb(&self, other: &Self) {
        self.lock().extend(other.redaction_report());
    }

    /// What a use case is given.
    pub fn service(&self) -> service::Context<'_> {
        service::Context {
            viewer: &self.viewer,
            store: &self.store,
            clock: &self.clock,
            tasks: &self.tasks,
            waits: &self.waits,
            chats: &self.chats,
            throttle: self.identity.throttle(),
        }
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
