//! Files of goals' workspaces, as they are put and deleted: the rows alone. The bytes are put before and published after, in
//! the order that [`crate::workspace`] names.
//!
//! Whoever changes an organisation's files holds its row of `workspace_usage` first: the quota, and that no file stands
//! where another's folder is, are decided by one at a time.

use entity::{
    confidential::Confidential,
    goal,
    ids::{AgentId, FileVersionId, GoalId, OrgId, TypedId as _, WorkspaceFileId},
    workspace_file::{self, Column, Entity},
    workspace_usage,
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait, QueryTrait, TryGetable,
    sea_query::{Cond, Expr, ExprTrait, LockType, OnConflict, Query},
};
use serde_json::json;

use crate::{
    clock::Clock,
    error::{Error, Result},
    policy::permit::{Permit, WriteFile},
    store::{Store, audit::record::Record, db::Tx},
    workspace::{Checksum, Quota, Version, WorkspacePath},
};

/// A file that is to be put: its bytes are kept already.
#[derive(Clone, Debug)]
pub struct FileDraft {
    /// Where it is to stand.
    pub path: WorkspacePath,
    /// What its bytes add up to.
    pub checksum: Checksum,
    /// The version that they are kept under.
    pub version: FileVersionId,
    /// SHA-256 of the file that is to be replaced, when it must be that one.
    pub expected_sha256: Option<String>,
}

/// A file that was put.
#[derive(Clone, Copy, Debug)]
pub struct FilePut {
    /// The file.
    pub id: WorkspaceFileId,
    /// The version that was replaced.
    pub replaced: Option<FileVersionId>,
}

/// A file whose row is deleted once the transaction is committed.
#[derive(Debug)]
pub struct FileRemoval {
    /// Holds the row meanwhile.
    pub tx: Tx,
    /// Which bytes were its own.
    pub version: Version,
    /// Where it stood.
    pub path: WorkspacePath,
    /// What is told of it.
    pub record: Record,
}

/// A file that stands at a path.
struct StoredFile {
    id: WorkspaceFileId,
    version: FileVersionId,
    size: i64,
    is_expected: bool,
}

impl Store {
    /// Writes down that a version is what stands at a path, new or in place of another.
    pub async fn file_put(
        &self,
        clock: &Clock,
        permit: &Permit<WriteFile>,
        quota: Quota,
        draft: FileDraft,
    ) -> Result<FilePut> {
        let (org_id, goal_id) = permit.key();
        let size = i64::try_from(draft.checksum.size()).map_err(|_| Error::internal("a file beyond all bounds"))?;
        let tx = self.begin_write(Some(org_id)).await?;
        lock_usage(&tx, org_id).await?;
        let agent_id = agent_of(&tx, org_id, goal_id).await?;
        let stored = stored_file_at(&tx, org_id, goal_id, &draft).await?;
        if draft.expected_sha256.is_some() && !stored.as_ref().is_some_and(|file| file.is_expected) {
            return Err(Error::Conflict("The file is not the one that `expectedSha256` names."));
        }
        if stored.is_none() {
            room_at(&tx, org_id, goal_id, &draft.path).await?;
        }
        let (old_files, old_size) = stored.as_ref().map_or((0, 0), |file| (1, file.size));
        account(&tx, org_id, 1 - old_files, size - old_size, Some(quota)).await?;

        let now = clock.now();
        let sha256 = draft.checksum.sha256().to_owned();
        let put = match stored {
            Some(StoredFile { id, version, .. }) => {
                let mut update = Query::update();
                update
                    .table(Entity)
                    .value(Column::SizeBytes, Confidential::new(size))
                    .value(Column::Sha256, Confidential::new(sha256.clone()))
                    .value(Column::Version, draft.version)
                    .value(Column::UpdatedAt, now)
                    .and_where(Expr::col(Column::OrgId).eq(org_id))
                    .and_where(Expr::col(Column::Id).eq(id));
                tx.execute(&update).await?;
                FilePut { id, replaced: Some(version) }
            }
            None => {
                let id = clock.id();
                let row = workspace_file::ActiveModel {
                    org_id: Set(org_id),
                    id: Set(id),
                    goal_id: Set(goal_id),
                    agent_id: Set(agent_id),
                    path: Set(Confidential::new(draft.path.as_str().to_owned())),
                    size_bytes: Set(Confidential::new(size)),
                    sha256: Set(Confidential::new(sha256.clone())),
                    version: Set(draft.version),
                    created_at: Set(now),
                    updated_at: Set(now),
                };
                Entity::insert(row).exec_without_returning(&tx).await?;
                FilePut { id, replaced: None }
            }
        };
        let audit_payload = json!({
            "goalId": goal_id.to_string(),
            "path": draft.path.as_str(),
            "sizeBytes": size,
            "sha256": sha256,
            "replaced": put.replaced.is_some(),
        });
        self.finish(tx, clock, org_id, [Record::about("file.put", put.id).with(audit_payload)]).await?;
        Ok(put)
    }

    /// Whether a new file could stand at the path: a conflict where another file is in the way.
    pub async fn file_room(&self, permit: &Permit<WriteFile>, path: &WorkspacePath) -> Result<()> {
        let (org_id, goal_id) = permit.key();
        let tx = self.read().await?;
        room_at(&tx, org_id, goal_id, path).await
    }

    /// Holds the row of the file that this version is the present one of, for as long as the transaction lives; none when
    /// the version was replaced or deleted meanwhile.
    pub async fn file_hold(&self, permit: &Permit<WriteFile>, version: FileVersionId) -> Result<Option<Tx>> {
        let (org_id, _) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        Ok(lock_version(&tx, org_id, version).await?.map(|_| tx))
    }

    /// Deletes a file's row, in a transaction that the caller commits once the bytes are out of sight.
    pub async fn file_remove(&self, permit: &Permit<WriteFile>, id: WorkspaceFileId) -> Result<FileRemoval> {
        let (org_id, goal_id) = permit.key();
        let tx = self.begin_write(Some(org_id)).await?;
        lock_usage(&tx, org_id).await?;
        let mut select = Query::select();
        select
            .columns([Column::Version, Column::Path, Column::SizeBytes])
            .from(Entity)
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::GoalId).eq(goal_id))
            .and_where(Expr::col(Column::Id).eq(id))
            .lock(LockType::Update);
        let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
        let version = Version { org_id, goal_id, id: FileVersionId::try_get_by_index(&row, 0)? };
        let path = stored_path(&String::try_get_by_index(&row, 1)?)?;
        let size = i64::try_get_by_index(&row, 2)?;
        let mut delete = Query::delete();
        delete
            .from_table(Entity)
            .and_where(Expr::col(Column::OrgId).eq(org_id))
            .and_where(Expr::col(Column::Id).eq(id));
        tx.execute(&delete).await?;
        account(&tx, org_id, -1, -size, None).await?;
        let audit_payload = json!({ "goalId": goal_id.to_string(), "path": path.as_str(), "sizeBytes": size });
        Ok(FileRemoval { tx, version, path, record: Record::about("file.deleted", id).with(audit_payload) })
    }
}

/// A path that was checked when it was stored.
fn stored_path(text: &str) -> Result<WorkspacePath> {
    text.parse().map_err(|_| Error::internal("a stored path is none"))
}

/// Locks what the organisation's files take; made with the first of them.
async fn lock_usage(tx: &Tx, org_id: OrgId) -> Result<()> {
    use workspace_usage::{Column, Entity};
    let none = workspace_usage::ActiveModel { org_id: Set(org_id), files: Set(0), bytes: Set(Confidential::new(0)) };
    let mut insert = Entity::insert(none).into_query();
    insert.on_conflict(OnConflict::new().do_nothing().to_owned());
    tx.execute(&insert).await?;
    // An UPDATE that changes nothing locks the row on both databases.
    let mut lock = Query::update();
    lock.table(Entity).value(Column::Files, Expr::col(Column::Files)).and_where(Expr::col(Column::OrgId).eq(org_id));
    tx.execute(&lock).await?;
    Ok(())
}

/// Adds to what the organisation's files take; what would go beyond the quota is a conflict.
async fn account(tx: &Tx, org_id: OrgId, files: i64, bytes: i64, quota: Option<Quota>) -> Result<()> {
    use workspace_usage::{Column, Entity};
    let (files, bytes) = (Expr::col(Column::Files).add(files), Expr::col(Column::Bytes).add(bytes));
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::Files, files.clone())
        .value(Column::Bytes, bytes.clone())
        .and_where(Expr::col(Column::OrgId).eq(org_id));
    if let Some(quota) = quota {
        update.and_where(files.lte(quota.files)).and_where(bytes.lte(quota.bytes));
    }
    match tx.execute(&update).await?.rows_affected() {
        0 => Err(Error::Conflict("The organisation's quota for files is used up.")),
        _ => Ok(()),
    }
}

async fn agent_of(tx: &Tx, org_id: OrgId, goal_id: GoalId) -> Result<AgentId> {
    use goal::{Column, Entity};
    let mut select = Query::select();
    select
        .column(Column::AgentId)
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Id).eq(goal_id));
    let row = tx.query_one(&select).await?.ok_or(Error::NotFound)?;
    Ok(AgentId::try_get_by_index(&row, 0)?)
}

/// The file at the draft's path, if there is one. Whether it is the expected one is asked in the database, which is where
/// its checksum may be read.
async fn stored_file_at(tx: &Tx, org_id: OrgId, goal_id: GoalId, draft: &FileDraft) -> Result<Option<StoredFile>> {
    let expected = draft.expected_sha256.clone().unwrap_or_default();
    let mut select = Query::select();
    select
        .columns([Column::Id, Column::Version, Column::SizeBytes])
        .expr(Expr::col(Column::Sha256).eq(expected))
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::GoalId).eq(goal_id))
        .and_where(Expr::col(Column::Path).eq(draft.path.as_str()))
        .lock(LockType::Update);
    let Some(row) = tx.query_one(&select).await? else { return Ok(None) };
    Ok(Some(StoredFile {
        id: WorkspaceFileId::try_get_by_index(&row, 0)?,
        version: FileVersionId::try_get_by_index(&row, 1)?,
        size: i64::try_get_by_index(&row, 2)?,
        is_expected: bool::try_get_by_index(&row, 3)?,
    }))
}

/// No file is also a folder: a disk could not hold both, and a bucket is not to differ.
async fn room_at(tx: &Tx, org_id: OrgId, goal_id: GoalId, path: &WorkspacePath) -> Result<()> {
    let column = || Expr::col(Column::Path);
    // Everything below `a/` sorts from there up to `a0`: the digit follows the slash.
    let below = (format!("{}/", path.as_str()), format!("{}0", path.as_str()));
    let mut in_the_way = Cond::any().add(column().gte(below.0).and(column().lt(below.1)));
    let above: Vec<String> = path.folders().map(str::to_owned).collect();
    if !above.is_empty() {
        in_the_way = in_the_way.add(column().is_in(above));
    }
    let mut select = Query::select();
    select
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::GoalId).eq(goal_id))
        .cond_where(in_the_way)
        .limit(1);
    match tx.query_one(&select).await? {
        None => Ok(()),
        Some(_) => Err(Error::Conflict("A file or a folder of that name is in the way.")),
    }
}

/// What is published of a file.
#[derive(Clone, Debug)]
pub struct Present {
    /// The goal.
    pub goal_id: GoalId,
    /// Where it stands.
    pub path: WorkspacePath,
    /// What its bytes add up to.
    pub checksum: Checksum,
}

/// Holds the row that names this version until the transaction ends; none when no row does. For a put's last step, and on
/// `Role::System` for what a killed process left.
pub async fn lock_version(tx: &Tx, org_id: OrgId, version: FileVersionId) -> Result<Option<Present>> {
    let mut select = Query::select();
    select
        .columns([Column::GoalId, Column::Path, Column::SizeBytes, Column::Sha256])
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(Expr::col(Column::Version).eq(version))
        .lock(LockType::Update);
    let Some(row) = tx.query_one(&select).await? else { return Ok(None) };
    let (size, sha256) = (i64::try_get_by_index(&row, 2)?, String::try_get_by_index(&row, 3)?);
    Ok(Some(Present {
        goal_id: GoalId::try_get_by_index(&row, 0)?,
        path: stored_path(&String::try_get_by_index(&row, 1)?)?,
        checksum: Checksum::stored(size, &sha256),
    }))
}

/// Which of these versions no row names. On `Role::System`.
pub async fn versions_without_file(tx: &Tx, org_id: OrgId, versions: &[FileVersionId]) -> Result<Vec<FileVersionId>> {
    let mut select = Query::select();
    let asked: Vec<uuid::Uuid> = versions.iter().map(|version| version.uuid()).collect();
    select
        .column(Column::Version)
        .from(Entity)
        .and_where(Expr::col(Column::OrgId).eq(org_id))
        .and_where(crate::store::any_of(Expr::col(Column::Version), &asked, tx.get_database_backend()));
    let mut named = std::collections::HashSet::new();
    for row in tx.query_all(&select).await? {
        named.insert(FileVersionId::try_get_by_index(&row, 0)?);
    }
    Ok(versions.iter().copied().filter(|version| !named.contains(version)).collect())
}

/// Every organisation, for jobs that enter one after the other. On `Role::System`.
pub async fn organization_ids(tx: &Tx) -> Result<Vec<OrgId>> {
    use entity::organization::{Column, Entity};
    let mut select = Query::select();
    select.column(Column::Id).from(Entity).order_by(Column::Id, sea_orm::sea_query::Order::Asc);
    let rows = tx.query_all(&select).await?;
    Ok(rows.iter().map(|row| OrgId::try_get_by_index(row, 0)).collect::<Result<_, _>>()?)
}
