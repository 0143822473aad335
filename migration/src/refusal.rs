//! Why a migration, or its reversal, declines.

/// A reason that whoever runs the migration can do something about. Nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The database holds content, and nobody was named to administer it.
    #[error(
        "this database holds data of the time before organisations; name the first admin of its organisation: \
         migrate up --default-admin EMAIL"
    )]
    DefaultAdminNeeded,
    /// What was given as the first admin's address is none.
    #[error("{given:?} is no e-mail address")]
    NoAddress {
        /// What was given.
        given: String,
    },
    /// Going back would lose what the old schema has no place for.
    #[error("going back before organisations would lose data: {what}")]
    WouldLose {
        /// What there is, as a sentence's subject.
        what: String,
    },
    /// Going back would forget which files there are.
    #[error("going back would lose the names and checksums of workspace files; delete the files first")]
    FilesRemain,
}
