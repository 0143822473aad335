//! The class of every table and column, and the list of all tables.

use sea_orm::{EntityTrait, IdenStatic, Iterable};

/// Whose rows a table holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TableClass {
    /// The platform's own: no `org_id`, no row-level security, guarded by grants.
    Platform,
    /// Every row belongs to one organisation: key starts with `org_id`, row-level security forced.
    Tenant,
}

/// Who may ever read a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// Names, states, counts, times: shown to whoever may see the row.
    Metadata,
    /// What agents are told, do or answer: never a super-admin's.
    Confidential,
    /// Hashes, sealed keys, mail bodies: no GraphQL field has it; only `identity` reads it.
    Secret,
}

/// Which service accounts may read a table's confidential columns. Members of the organisation may, as far as a row is in
/// their sight; super-admins never may.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Audience {
    /// None.
    Members,
    /// Planners and workers: what agents are told to do, do and answer.
    Work,
    /// Those that hold conversations.
    Chat,
}

/// Gives a table and each of its columns a class.
pub trait Classified: EntityTrait {
    /// Whose rows the table holds.
    const TABLE: TableClass;

    /// Which service accounts may read its confidential columns: none, unless the table says so.
    const AUDIENCE: Audience = Audience::Members;

    /// The column's class. An exhaustive match, never a wildcard: a new column without a class must not compile.
    fn class(column: &Self::Column) -> Class;
}

/// What the migrations, the catalogue test and `doctor` need to know of a table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name in the database.
    pub name: &'static str,
    /// Whose rows it holds.
    pub class: TableClass,
    /// Which service accounts read its content.
    pub audience: Audience,
    /// Column names in order of declaration, with their classes.
    pub columns: Vec<(&'static str, Class)>,
}

impl Table {
    /// Names of the columns of one class.
    pub fn columns_of(&self, class: Class) -> impl Iterator<Item = &'static str> + '_ {
        self.columns.iter().filter(move |(_, c)| *c == class).map(|(name, _)| *name)
    }
}

fn describe<E: Classified>() -> Table {
    Table {
        name: E::default().table_name(),
        class: E::TABLE,
        audience: E::AUDIENCE,
        columns: E::Column::iter().map(|column| (column.as_str(), E::class(&column))).collect(),
    }
}

/// Every table of the platform.
pub fn tables() -> Vec<Table> {
    vec![
        describe::<crate::user::Entity>(),
        describe::<crate::user_identity::Entity>(),
        describe::<crate::organization::Entity>(),
        describe::<crate::org_membership::Entity>(),
        describe::<crate::organization_issuer::Entity>(),
        describe::<crate::invitation::Entity>(),
        describe::<crate::team::Entity>(),
        describe::<crate::team_membership::Entity>(),
        describe::<crate::agent::Entity>(),
        describe::<crate::global_agent::Entity>(),
        describe::<crate::global_agent_document::Entity>(),
        describe::<crate::agent_collaborator::Entity>(),
        describe::<crate::agent_admin::Entity>(),
        describe::<crate::agent_document::Entity>(),
        describe::<crate::goal::Entity>(),
        describe::<crate::task::Entity>(),
        describe::<crate::task_dependency::Entity>(),
        describe::<crate::service_account::Entity>(),
        describe::<crate::service_account_agent::Entity>(),
        describe::<crate::worker::Entity>(),
        describe::<crate::execution::Entity>(),
        describe::<crate::workspace_file::Entity>(),
        describe::<crate::workspace_usage::Entity>(),
        describe::<crate::approval_request::Entity>(),
        describe::<crate::approval_decision::Entity>(),
        describe::<crate::chat_session::Entity>(),
        describe::<crate::chat_message::Entity>(),
        describe::<crate::llm_usage::Entity>(),
        describe::<crate::usage_day::Entity>(),
        describe::<crate::budget::Entity>(),
        describe::<crate::event::Entity>(),
        describe::<crate::event_head::Entity>(),
        describe::<crate::session::Entity>(),
        describe::<crate::refresh_token::Entity>(),
        describe::<crate::one_time_token::Entity>(),
        describe::<crate::email_change::Entity>(),
        describe::<crate::signing_key::Entity>(),
        describe::<crate::mail_outbox::Entity>(),
        describe::<crate::platform_event::Entity>(),
        describe::<crate::login_throttle::Entity>(),
        describe::<crate::platform_setting::Entity>(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_that_no_service_account_reads_is_listed_here() {
        let tables = tables();
        let closed = tables.iter().filter(|table| table.audience == Audience::Members);
        let closed = closed.filter(|table| table.columns_of(Class::Confidential).next().is_some());
        assert_eq!(closed.map(|table| table.name).collect::<Vec<_>>(), ["organizations", "workspace_usage", "events"]);
    }
}
