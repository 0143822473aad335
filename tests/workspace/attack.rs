//! Invariant: whatever stands in a workspace, planted by an agent that may write there, changes nothing outside and shows
//! nothing of it. Every case compares the world outside before and after, to the byte.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use palisade::workspace::{Checksum, Fault, Version, Workspace, local::LocalWorkspace};

use super::{goal, org, path, store, version};

const SECRET: &[u8] = b"another organisation's";

/// A workspace beside things that it must not touch.
struct Scene {
    folder: tempfile::TempDir,
    workspace: Arc<dyn Workspace>,
    before: BTreeMap<PathBuf, String>,
}

fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let about = path.symlink_metadata().unwrap();
            let what = if about.is_dir() { String::new() } else { format!("{:?}", fs::read(&path).unwrap()) };
            found.insert(path.clone(), format!("{:o} {what}", about.mode()));
            if about.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let workspace: Arc<dyn Workspace> = Arc::new(LocalWorkspace::open(&root).unwrap());
        for outside in
            [folder.path().join("outside"), root.join("orgs").join(org(2).to_string()).join(goal(1).to_string())]
        {
            fs::create_dir_all(outside.join("folder/empty")).unwrap();
            for name in ["secret", "folder/secret"] {
                fs::write(outside.join(name), SECRET).unwrap();
            }
        }
        let mut scene = Self { folder, workspace, before: BTreeMap::new() };
        fs::create_dir_all(scene.goal()).unwrap();
        scene.before = scene.look();
        scene
    }

    fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    fn org(&self) -> PathBuf {
        self.folder.path().join("root/orgs").join(org(1).to_string())
    }

    fn neighbour(&self) -> PathBuf {
        self.folder.path().join("root/orgs").join(org(2).to_string()).join(goal(1).to_string())
    }

    fn goal(&self) -> PathBuf {
        self.org().join(goal(1).to_string())
    }

    fn look(&self) -> BTreeMap<PathBuf, String> {
        let mut all = tree(&self.outside());
        all.extend(tree(&self.neighbour()));
        all
    }

    #[track_caller]
    fn nothing_happened_outside(&self, what: &str) {
        assert_eq!(self.look(), self.before, "{what}");
    }

    /// Everything that can be asked for at a path, with the secret's checksum: a reader that followed would hand it out.
    async fn ask_everything(&self, at: &str, what: &str) {
        let at = path(at);
        let version = version();
        let asked = tokio::time::timeout(Duration::from_secs(10), async {
            let got = self.workspace.get(version, &at, &Checksum::of(SECRET)).await;
            assert!(matches!(got, Err(Fault::Obstructed | Fault::NotFound)), "{what}: {got:?}");
            let put = self.workspace.put(version, &at, Bytes::from_static(b"written")).await;
            assert_eq!(put, Err(Fault::Obstructed), "{what}");
            self.nothing_happened_outside(what);
            let published = self.workspace.publish(version, &at, &Checksum::of(b"written")).await;
            assert!(matches!(published, Err(Fault::Obstructed | Fault::NotFound)), "{what}: {published:?}");
        });
        asked.await.unwrap_or_else(|_| panic!("{what}: it hangs"));
        self.nothing_happened_outside(what);
    }

    /// The plant comes between the put and the rest.
    async fn plant_between(&self, at: &str, what: &str, plant: impl FnOnce()) {
        let (at, version, checksum) = (path(at), version(), Checksum::of(b"written"));
        self.workspace.put(version, &at, Bytes::from_static(b"written")).await.unwrap();
        plant();
        let asked = tokio::time::timeout(Duration::from_secs(10), async {
            let published = self.workspace.publish(version, &at, &checksum).await;
            self.nothing_happened_outside(what);
            assert!(matches!(published, Ok(()) | Err(Fault::Obstructed)), "{what}: {published:?}");
            // Published or not, the file is there, and it is the one that was put.
            assert_eq!(self.workspace.get(version, &at, &checksum).await.unwrap(), b"written", "{what}");
            let _ = self.workspace.withdraw(version, &at).await;
            self.workspace.discard(version).await.unwrap();
        });
        asked.await.unwrap_or_else(|_| panic!("{what}: it hangs"));
        self.nothing_happened_outside(what);
    }
}

/// Where a planted link may lead.
fn targets(scene: &Scene) -> Vec<PathBuf> {
    vec![
        scene.outside().join("secret"),
        scene.outside().join("folder"),
        scene.outside().join("folder/empty"),
        scene.neighbour().join("secret"),
        scene.neighbour(),
        PathBuf::from("../../../../outside/secret"),
        PathBuf::from("../../../../outside"),
        PathBuf::from("/proc/self/root/etc/passwd"),
        PathBuf::from("/proc/self/cwd"),
        PathBuf::from("/dev/zero"),
        PathBuf::from("nowhere"),
        PathBuf::from("link"),
        PathBuf::from("."),
        PathBuf::from(".."),
    ]
}

#[tokio::test]
async fn a_symbolic_link_in_place_of_a_file_is_not_followed() {
    for at in 0..targets(&Scene::new()).len() {
        let scene = Scene::new();
        let target = targets(&scene).swap_remove(at);
        symlink(&target, scene.goal().join("link")).unwrap();
        scene.ask_everything("link", &format!("link to {}", target.display())).await;
        assert_eq!(fs::read_link(scene.goal().join("link")).unwrap(), target, "it is left as it is");
        scene
            .plant_between("late", &format!("late link to {}", target.display()), || {
                symlink(&target, scene.goal().join("late")).unwrap();
            })
            .await;
    }
}

#[tokio::test]
async fn a_symbolic_link_in_place_of_a_folder_is_not_followed_at_any_depth() {
    for depth in 0..4 {
        for at in 0..targets(&Scene::new()).len() {
            let scene = Scene::new();
            let target = targets(&scene).swap_remove(at);
            let above = scene.goal().join(vec!["d"; depth].join("/"));
            fs::create_dir_all(&above).unwrap();
            symlink(&target, above.join("link")).unwrap();
            let below = format!("{}link", "d/".repeat(depth));
            for name in ["secret", "folder/secret", "new", "new/er"] {
                let what = format!("{below}/{name} by a link to {}", target.display());
                scene.ask_everything(&format!("{below}/{name}"), &what).await;
            }
            scene
                .plant_between(&format!("{}late/secret", "d/".repeat(depth)), "late folder", || {
                    symlink(&target, above.join("late")).unwrap();
                })
                .await;
        }
    }
}

#[tokio::test]
async fn links_in_place_of_our_own_folders_are_not_followed() {
    let scene = Scene::new();
    fs::remove_dir(scene.goal()).unwrap();
    symlink(scene.neighbour(), scene.goal()).unwrap();
    scene.ask_everything("secret", "the goal's folder").await;

    let scene = Scene::new();
    fs::remove_dir_all(scene.org()).unwrap();
    symlink(scene.neighbour().parent().unwrap(), scene.org()).unwrap();
    scene.ask_everything("secret", "the organisation's folder").await;

    let scene = Scene::new();
    symlink(scene.outside(), scene.org().join(".versions")).unwrap();
    let put = scene.workspace.put(version(), &path("a"), Bytes::from_static(b"written")).await;
    assert_eq!(put, Err(Fault::Obstructed));
    assert_eq!(scene.workspace.unsettled(org(1), super::later()).await, Err(Fault::Obstructed));
    assert_eq!(scene.workspace.discard(version()).await, Err(Fault::Obstructed));
    scene.nothing_happened_outside("the versions' folder");
}

#[tokio::test]
async fn a_hard_link_shows_and_changes_nothing() {
    for target in ["outside", "neighbour"] {
        let scene = Scene::new();
        let secret = if target == "outside" { scene.outside() } else { scene.neighbour() }.join("secret");
        fs::hard_link(&secret, scene.goal().join("link")).unwrap();
        scene.ask_everything("link", target).await;
        scene.plant_between("late", target, || fs::hard_link(&secret, scene.goal().join("late")).unwrap()).await;
        let given_away = store(&*scene.workspace, &path("mine"), SECRET).await.unwrap();
        fs::hard_link(scene.goal().join("mine"), scene.goal().join("second")).unwrap();
        // Whoever made a second name of our file can change it behind the checksum's back; it is not read any more.
        let got = scene.workspace.get(given_away, &path("mine"), &Checksum::of(SECRET)).await;
        assert_eq!(got, Err(Fault::Obstructed));
    }
}

fn pipe(at: &Path) {
    assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
}

#[tokio::test]
async fn pipes_sockets_and_devices_neither_hang_nor_answer() {
    let scene = Scene::new();
    pipe(&scene.goal().join("pipe"));
    scene.ask_everything("pipe", "a pipe").await;
    scene.ask_everything("pipe/below", "below a pipe").await;
    scene.plant_between("late", "a late pipe", || pipe(&scene.goal().join("late"))).await;

    let scene = Scene::new();
    let listening = std::os::unix::net::UnixListener::bind(scene.goal().join("s")).unwrap();
    scene.ask_everything("s", "a socket").await;
    drop(listening);
    scene.ask_everything("s", "a dead socket").await;

    // Only root can make one, so that only root can plant one.
    let scene = Scene::new();
    let device = scene.goal().join("zero");
    if Command::new("mknod").arg(&device).args(["c", "1", "5"]).status().unwrap().success() {
        scene.ask_everything("zero", "a device").await;
    }
}

#[tokio::test]
async fn a_folder_with_something_in_it_is_not_replaced_and_a_file_is_no_folder() {
    let scene = Scene::new();
    fs::create_dir_all(scene.goal().join("full/of")).unwrap();
    scene.ask_everything("full", "a folder").await;
    fs::write(scene.goal().join("file"), SECRET).unwrap();
    scene.ask_everything("file/below", "below a file").await;
    scene.plant_between("late", "a late folder", || fs::create_dir_all(scene.goal().join("late/full")).unwrap()).await;
    assert!(scene.goal().join("full/of").is_dir());
}

#[tokio::test]
async fn a_file_that_was_changed_behind_our_back_is_damaged_and_not_shown() {
    let scene = Scene::new();
    let at = path("a/b");
    let version = store(&*scene.workspace, &at, b"as it was put").await.unwrap();
    let checksum = Checksum::of(b"as it was put");
    for changed in [&b"as it was pus"[..], b"", b"as it was put, and more", &[b'x'; 5_000_000]] {
        fs::write(scene.goal().join("a/b"), changed).unwrap();
        assert_eq!(scene.workspace.get(version, &at, &checksum).await, Err(Fault::Damaged));
    }
    fs::remove_file(scene.goal().join("a/b")).unwrap();
    assert_eq!(scene.workspace.get(version, &at, &checksum).await, Err(Fault::NotFound));
    fs::remove_dir(scene.goal().join("a")).unwrap();
    symlink(scene.outside(), scene.goal().join("a")).unwrap();
    assert_eq!(scene.workspace.get(version, &at, &checksum).await, Err(Fault::Obstructed));
    scene.workspace.withdraw(version, &at).await.unwrap_err();
    scene.nothing_happened_outside("a changed file");
}

#[tokio::test]
async fn what_is_written_is_the_owners_alone() {
    let scene = Scene::new();
    store(&*scene.workspace, &path("a/b"), b"x").await.unwrap();
    let mode = |at: &str| fs::metadata(scene.goal().join(at)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("a/b"), mode("a")), (0o600, 0o700));
    assert_eq!(fs::metadata(scene.org().join(".versions")).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(scene.org().join(".versions")).unwrap().count(), 0, "nothing is left over");
}

#[tokio::test]
async fn a_root_that_anybody_can_write_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let refused = LocalWorkspace::open(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("chmod o-w"), "{refused}");
}

/// Swaps what stands at `at` between a folder and a link to the outside, until told to stop.
fn swap(at: PathBuf, aside: PathBuf, target: PathBuf, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let link = aside.with_extension("link");
        let mut swaps = 0;
        while !stop.load(Ordering::Relaxed) {
            let _ = fs::create_dir(&at);
            let _ = symlink(&target, &link);
            if fs::rename(&at, &aside).is_ok() {
                let _ = fs::rename(&link, &at);
                let _ = fs::remove_file(&at);
                let _ = fs::rename(&aside, &at);
                swaps += 1;
            }
            let _ = fs::remove_file(&link);
            let _ = fs::remove_dir_all(&aside);
        }
        swaps
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere() {
    let scene = Scene::new();
    let stop = Arc::new(AtomicBool::new(false));
    let swapping = swap(scene.goal().join("d"), scene.org().join("aside"), scene.outside(), Arc::clone(&stop));
    let began = Instant::now();
    let (mut stored, mut refused) = (0, 0);
    let secret = Checksum::of(SECRET);
    while began.elapsed() < Duration::from_secs(3) {
        for name in ["d/secret", "d/new", "d/folder/secret"] {
            let (at, version) = (path(name), version());
            let got = scene.workspace.get(version, &at, &secret).await;
            assert!(got.is_err(), "it read what a link led to");
            let checksum = Checksum::of(b"written");
            let put = scene.workspace.put(version, &at, Bytes::from_static(b"written")).await;
            if put.is_ok() && scene.workspace.publish(version, &at, &checksum).await.is_ok() {
                stored += 1;
            } else {
                refused += 1;
            }
            let _ = scene.workspace.withdraw(version, &at).await;
            let _ = scene.workspace.discard(version).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let swaps = swapping.join().unwrap();
    scene.nothing_happened_outside("swapping");
    println!("{swaps} swaps, {stored} stored, {refused} refused");
    assert!(swaps > 100 && stored > 10, "{swaps} swaps, {stored} stored: too few to prove anything");
}

#[tokio::test]
async fn a_foreign_organisations_file_is_not_reached_by_a_version_of_ones_own() {
    let scene = Scene::new();
    let mine = Version { org_id: org(1), ..version() };
    let got = scene.workspace.get(mine, &path("secret"), &Checksum::of(SECRET)).await;
    assert_eq!(got, Err(Fault::NotFound));
    scene.nothing_happened_outside("a version of one's own");
}
