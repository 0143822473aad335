//! Invariant: whatever step a put or a deletion is cut off after, what was acknowledged is read as it was put, nothing is
//! read that does not match its checksum, and the next round of settling leaves rows and disk alike.

use std::{
    os::unix::process::CommandExt as _,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use entity::ids::OrgId;
use palisade::{
    clock::Clock,
    service::workspace::settle,
    viewer::Viewer,
    workspace::{Checksum, Fault, Files, Version, Workspace, WorkspacePath},
};
use serde_json::{Value, json};

use super::{later, local, path, store, version};
use crate::{
    api::workspace::{DELETE, READ, goal_of_team, put},
    support::world::{World, on_both},
};

/// A backend that dies after so many steps, in the middle of the next or just before it.
#[derive(Debug)]
struct Dying {
    inner: Arc<dyn Workspace>,
    left: AtomicI64,
    does_the_last: bool,
}

impl Dying {
    /// Whether this step is still done, and whether anybody hears of it.
    fn step(&self) -> (bool, bool) {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        (left > 0 || left == 0 && self.does_the_last, left > 0)
    }
}

macro_rules! step {
    ($this:ident, $act:expr) => {{
        let (done, told) = $this.step();
        let outcome = if done { $act.await } else { Err(Fault::Unavailable(String::new())) };
        if told { outcome } else { Err(Fault::Unavailable("dead".to_owned())) }
    }};
}

#[async_trait::async_trait]
impl Workspace for Dying {
    async fn put(&self, version: Version, path: &WorkspacePath, bytes: Bytes) -> Result<(), Fault> {
        step!(self, self.inner.put(version, path, bytes))
    }

    async fn publish(&self, version: Version, path: &WorkspacePath, checksum: &Checksum) -> Result<(), Fault> {
        step!(self, self.inner.publish(version, path, checksum))
    }

    async fn get(&self, version: Version, path: &WorkspacePath, checksum: &Checksum) -> Result<Vec<u8>, Fault> {
        self.inner.get(version, path, checksum).await
    }

    async fn withdraw(&self, version: Version, path: &WorkspacePath) -> Result<(), Fault> {
        step!(self, self.inner.withdraw(version, path))
    }

    async fn discard(&self, version: Version) -> Result<(), Fault> {
        step!(self, self.inner.discard(version))
    }

    async fn unsettled(&self, org_id: OrgId, until: DateTime<Utc>) -> Result<Vec<Version>, Fault> {
        self.inner.unsettled(org_id, until).await
    }

    fn publishes(&self) -> bool {
        self.inner.publishes()
    }

    async fn check(&self) -> Result<(), Fault> {
        self.inner.check().await
    }
}

fn dying(world: &World, after: i64, does_the_last: bool) -> Files {
    let left = AtomicI64::new(after);
    let backend = Arc::new(Dying { inner: Arc::clone(&world.files.backend), left, does_the_last });
    Files { backend, quota: world.files.quota }
}

/// What the world's mount shows of a goal's file.
fn shown(world: &World, goal: &entity::goal::Model, name: &str) -> Option<Vec<u8>> {
    let place = world.workspace.path().join("orgs").join(goal.org_id.to_string()).join(goal.id.to_string()).join(name);
    std::fs::read(place).ok()
}

fn leftovers(world: &World, goal: &entity::goal::Model) -> usize {
    let place = world.workspace.path().join("orgs").join(goal.org_id.to_string()).join(".versions");
    std::fs::read_dir(place).map_or(0, Iterator::count)
}

/// A round of settling, long after.
async fn settled(world: &World) {
    let clock = Clock::fixed(later(), TimeDelta::seconds(1));
    let request = world.rooms.request(Viewer::Anonymous);
    settle(request.store.database(), &world.files, &clock).await.unwrap();
}

on_both! {
    async fn a_put_that_is_cut_off_at_any_step_leaves_the_old_file_or_the_new_one_whole(world) {
        let mut world = world;
        let goal = goal_of_team(&world);
        for (at, does_the_last) in [(0, false), (0, true), (1, false), (1, true), (2, false), (2, true), (9, true)] {
            let name = format!("deep/{at}-{does_the_last}");
            let (old, new) = ("old ".repeat(100), "new".repeat(50));
            put(&world, &goal, &name, &old).await.data();
            let whole = world.files.clone();
            let broken = dying(&world, at, does_the_last);
            world = world.with_files(broken);
            let reply = put(&world, &goal, &name, &new).await;
            world = world.with_files(whole);
            let admin = world.acme_admin().await;
            let read = async || {
                let reply = admin.send(READ, json!({ "id": goal.id.to_string() })).await;
                let files = reply.data()["goal"]["files"]["nodes"].as_array().unwrap().clone();
                let file = files.into_iter().find(|file| file["path"] == name.as_str()).unwrap();
                assert_eq!(file["sha256"], Checksum::of(file["contents"].as_str().unwrap().as_bytes()).sha256());
                file["contents"].as_str().unwrap().to_owned()
            };
            let now = read().await;
            assert!(now == old || now == new, "{name}: {now}");
            if reply.code().is_none() {
                assert_eq!(now, new, "{name}: acknowledged, and not there");
            } else {
                assert_eq!(now, old, "{name}: refused, and there");
            }
            settled(&world).await;
            assert_eq!(read().await, now, "{name}");
            assert_eq!(shown(&world, &goal, &name), Some(now.into_bytes()), "{name}");
            assert_eq!(leftovers(&world, &goal), 0, "{name}");
        }
    }

    async fn a_deletion_that_is_cut_off_leaves_the_file_or_nothing(world) {
        let mut world = world;
        let goal = goal_of_team(&world);
        for (at, does_the_last) in [(0, false), (0, true), (1, false), (1, true), (9, true)] {
            let name = format!("gone/{at}-{does_the_last}");
            let id = put(&world, &goal, &name, "text").await.data()["putWorkspaceFile"]["file"]["id"].clone();
            let whole = world.files.clone();
            let broken = dying(&world, at, does_the_last);
            world = world.with_files(broken);
            let reply = world.acme_admin().await.send(DELETE, json!({ "id": id })).await;
            world = world.with_files(whole);
            let admin = world.acme_admin().await;
            let query = "query($id: ID!) { node(id: $id) { ... on WorkspaceFile { contents } } }";
            let read = async || admin.send(query, json!({ "id": id })).await.data()["node"].clone();
            let left = if reply.code().is_none() { Value::Null } else { json!({ "contents": "text" }) };
            assert_eq!(read().await, left, "{name}");
            settled(&world).await;
            assert_eq!(read().await, left, "{name}");
            assert_eq!(shown(&world, &goal, &name).is_some(), !left.is_null(), "{name}");
            assert_eq!(leftovers(&world, &goal), 0, "{name}");
        }
    }

    async fn settling_leaves_alone_what_is_young_and_what_is_in_order(world) {
        let goal = goal_of_team(&world);
        put(&world, &goal, "a", "text").await.data();
        let kept = Version { org_id: goal.org_id, goal_id: goal.id, id: version().id };
        world.files.backend.put(kept, &path("b"), Bytes::from_static(b"on its way")).await.unwrap();
        let clock = Clock::fixed(Utc::now(), TimeDelta::seconds(1));
        let request = world.rooms.request(Viewer::Anonymous);
        let young = settle(request.store.database(), &world.files, &clock).await.unwrap();
        assert_eq!((young.published, young.forgotten), (0, 0));
        assert_eq!(leftovers(&world, &goal), 1);
        settled(&world).await;
        assert_eq!(leftovers(&world, &goal), 0);
        assert_eq!(shown(&world, &goal, "a").as_deref(), Some(&b"text"[..]));
    }
}

/// Not a test: what the next one runs in a process whose files cannot grow.
#[tokio::test]
async fn full_disk_child() {
    let Ok(root) = std::env::var("PALISADE_TEST_FULL") else { return };
    let workspace = palisade::workspace::local::LocalWorkspace::open(root.as_ref()).unwrap();
    let small = store(&workspace, &path("file"), b"old").await.unwrap();
    let refused = version();
    let put = workspace.put(refused, &path("file"), Bytes::from(vec![7; 1_000_000])).await;
    assert!(matches!(put, Err(Fault::Unavailable(_))), "{put:?}");
    assert_eq!(workspace.get(small, &path("file"), &Checksum::of(b"old")).await.unwrap(), b"old");
    assert_eq!(workspace.unsettled(refused.org_id, later()).await.unwrap(), [], "what did not fit takes no room");
    println!("it was full");
}

#[test]
fn a_full_disk_keeps_the_old_version() {
    let (folder, _) = local();
    let this = std::env::current_exe().unwrap();
    // A signal that is ignored stays ignored in the program: the write fails instead of ending it.
    let script = "trap '' XFSZ; ulimit -f 400; exec \"$0\" --exact workspace::crash::full_disk_child --nocapture";
    let mut full = Command::new("sh");
    full.args(["-c", script]).arg(this).env("PALISADE_TEST_FULL", folder.path()).process_group(0);
    let outcome = full.output().unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout);
    assert!(outcome.status.success() && said.contains("it was full"), "{said}");
}
