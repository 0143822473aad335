//! Relay connections.

use async_graphql::{ID, SimpleObject};
use entity::ids::TypedId;

use super::context::RequestCtx;
use crate::{
    error::{Error, Result},
    store::list::{
        cursor::Position,
        page::{DEFAULT_PAGE, MAX_PAGE, Page, PageRequest},
    },
    viewer::Viewer,
};

/// Where a page stands in its list.
#[derive(Clone, Debug, SimpleObject)]
pub struct PageInfo {
    /// Whether there are rows after the last of this page.
    pub has_next_page: bool,
    /// Whether there are rows before the first of this page.
    pub has_previous_page: bool,
    /// Cursor of the first row; null on an empty page.
    pub start_cursor: Option<String>,
    /// Cursor of the last row; null on an empty page.
    pub end_cursor: Option<String>,
}

/// The paging arguments as they come.
#[derive(Clone, Debug, Default)]
pub struct PageArgs {
    /// `first`.
    pub first: Option<i32>,
    /// `after`.
    pub after: Option<String>,
    /// `last`.
    pub last: Option<i32>,
    /// `before`.
    pub before: Option<String>,
}

/// A list's name, as its cursors are bound to it: what is listed, how, and for whom.
#[derive(Clone, Debug)]
pub struct ListName(String);

impl ListName {
    /// Names a list by what determines its rows and their order.
    pub fn new(cx: &RequestCtx, list: &str, query: &impl std::fmt::Debug) -> Self {
        let viewer = match &*cx.viewer {
            Viewer::Anonymous => String::new(),
            Viewer::Unaffiliated(account) => account.user_id.to_string(),
            Viewer::Tenant(tenant) => format!("{}@{}", tenant.account.user_id, tenant.org_id),
            Viewer::ServiceAccount(key) => format!("{}@{}", key.id, key.org_id),
            Viewer::SuperAdmin(account) => format!("operator {}", account.user_id),
        };
        Self(format!("{viewer}|{list}|{query:?}"))
    }

    /// Seals a position in the list.
    pub fn seal(&self, cx: &RequestCtx, position: &Position) -> Result<String> {
        cx.cursors.seal(&self.0, position)
    }

    /// Opens a cursor of this very list; none for any other text.
    pub fn open(&self, cx: &RequestCtx, cursor: &str) -> Option<Position> {
        cx.cursors.open(&self.0, cursor)
    }
}

impl PageArgs {
    /// Checks the arguments and opens the cursors.
    pub fn request(self, cx: &RequestCtx, list: &ListName) -> Result<PageRequest> {
        let size = |field: &'static str, size: i32| {
            u32::try_from(size)
                .ok()
                .filter(|size| *size <= MAX_PAGE)
                .ok_or_else(|| Error::validation(field, format!("`{field}` must be between 0 and {MAX_PAGE}.")))
        };
        let cursor = |field: &'static str, cursor: Option<String>| {
            cursor
                .map(|cursor| {
                    let position = list.open(cx, &cursor);
                    position.ok_or_else(|| Error::validation(field, "Not a cursor of this list."))
                })
                .transpose()
        };
        let (size, backward) = match (self.first, self.last) {
            (Some(_), Some(_)) => return Err(Error::validation("last", "Give either `first` or `last`.")),
            (_, Some(last)) => (size("last", last)?, true),
            (Some(first), None) => (size("first", first)?, false),
            (None, None) => (DEFAULT_PAGE, false),
        };
        Ok(PageRequest { size, backward, after: cursor("after", self.after)?, before: cursor("before", self.before)? })
    }
}

/// A page with its cursors sealed.
pub struct Sealed<T> {
    /// Rows and cursors.
    pub edges: Vec<(T, String)>,
    /// Where the page stands.
    pub page_info: PageInfo,
}

/// Seals a page's cursors.
pub fn seal<R, T>(cx: &RequestCtx, list: &ListName, page: Page<R>, wrap: impl Fn(R) -> T) -> Result<Sealed<T>> {
    let edges = page
        .edges
        .into_iter()
        .map(|edge| Ok((wrap(edge.node), list.seal(cx, &edge.position)?)))
        .collect::<Result<Vec<_>>>()?;
    let page_info = PageInfo {
        has_next_page: page.has_next,
        has_previous_page: page.has_previous,
        start_cursor: edges.first().map(|(_, cursor)| cursor.clone()),
        end_cursor: edges.last().map(|(_, cursor)| cursor.clone()),
    };
    Ok(Sealed { edges, page_info })
}

/// A count as GraphQL's `Int`.
pub fn int(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Reads an id argument. A malformed or wrong-prefix id is `VALIDATION`, before any query.
pub fn parse_id<I: TypedId>(field: &'static str, id: &ID) -> Result<I> {
    id.as_str().parse().map_err(|error: entity::ids::IdError| Error::validation(field, error.to_string()))
}

/// The same for an id that may be absent.
pub fn parse_optional_id<I: TypedId>(field: &'static str, id: Option<&ID>) -> Result<Option<I>> {
    id.map(|id| parse_id(field, id)).transpose()
}

/// An id as GraphQL prints it.
pub fn gid(id: impl TypedId) -> ID {
    ID(id.to_string())
}

/// Declares a Relay connection over a node type.
macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ty, $one:literal, $many:literal) => {
        #[doc = concat!("One of the ", $many, " of a page, with its cursor.")]
        #[derive(async_graphql::SimpleObject)]
        pub struct $edge {
            #[doc = concat!("The ", $one, ".")]
            pub node: $node,
            /// Its place in the list, for `after` and `before`. Opaque, and valid for this list and viewer only.
            pub cursor: String,
        }

        #[doc = concat!("A page of ", $many, ".")]
        pub struct $connection {
            edges: Vec<$edge>,
            page_info: $crate::graphql::connection::PageInfo,
            total: Option<i64>,
        }

        impl $connection {
            /// A page, and the length of the whole list when that was asked for.
            pub fn new(page: $crate::graphql::connection::Sealed<$node>, total: Option<i64>) -> Self {
                let edges = page.edges.into_iter().map(|(node, cursor)| $edge { node, cursor }).collect();
                Self { edges, page_info: page.page_info, total }
            }
        }

        #[doc = concat!("A page of ", $many, ".")]
        #[async_graphql::Object]
        impl $connection {
            #[doc = concat!("The ", $many, " with their cursors.")]
            async fn edges(&self) -> &[$edge] {
                &self.edges
            }

            #[doc = concat!("The ", $many, ".")]
            async fn nodes(&self) -> Vec<&$node> {
                self.edges.iter().map(|edge| &edge.node).collect()
            }

            /// Where the page stands in the list.
            async fn page_info(&self) -> &$crate::graphql::connection::PageInfo {
                &self.page_info
            }

            #[doc = concat!("How many ", $many, " the whole list has, as far as the viewer sees it. Counted only when selected.")]
            async fn total_count(&self) -> $crate::error::Result<i32> {
                let total = self.total.ok_or_else(|| $crate::error::Error::internal("the list was not counted"))?;
                Ok($crate::graphql::connection::int(total))
            }
        }
    };
}

pub(crate) use connection;
