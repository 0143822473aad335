//! Sessions: what signing in answers.

use std::{borrow::Cow, sync::Arc};

use async_graphql::SimpleObject;
use async_graphql::{
    ContextSelectionSet, Data, OutputType, Positioned, ServerResult, Value, parser::types::Field, registry::Registry,
};

use super::viewer::ViewerObject;
use crate::{
    graphql::{
        context::{RequestCtx, cx_of},
        scalars::DateTime,
    },
    service::auth::sessions::SessionTokens,
};

/// A signed-in device.
#[derive(SimpleObject)]
pub struct Session {
    /// Bearer token for the API, valid until `expiresAt`.
    pub access_token: String,
    /// Trades once for the next pair of tokens. Using it twice ends the session.
    pub refresh_token: String,
    /// When the access token expires.
    pub expires_at: DateTime,
    /// Who signed in, as the new session sees it.
    pub viewer: AsNewViewer,
}

impl Session {
    /// Wraps new tokens; `viewer` is resolved as the viewer that they are for.
    pub fn new(cx: &RequestCtx, tokens: SessionTokens) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires_at: tokens.expires_at.into(),
            viewer: AsNewViewer(Arc::new(cx.for_viewer(tokens.viewer))),
        }
    }
}

/// A viewer other than the one that asked: whoever signs in asks as nobody and is answered as somebody. Below this field
/// the request's context is the new viewer's, with a store and a scope of its own.
pub struct AsNewViewer(Arc<RequestCtx>);

impl OutputType for AsNewViewer {
    fn type_name() -> Cow<'static, str> {
        <ViewerObject as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <ViewerObject as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let mut data = Data::default();
        data.insert(Arc::clone(&self.0));
        let mut inner = ctx.clone();
        inner.execute_data = Some(&data);
        let answer = ViewerObject.resolve(&inner, field).await;
        cx_of(ctx).absorb(&self.0);
        answer
    }
}
