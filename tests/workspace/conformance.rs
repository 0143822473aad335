//! Invariant: every backend keeps versions alike. Each case runs on the local disk, and all of them on an S3 of the tests'
//! own.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use palisade::workspace::{
    Checksum, Fault, Version, Workspace,
    s3::{Bucket, S3Workspace},
};

use super::{goal, later, local, moto::Moto, org, path, store, version};

macro_rules! cases {
    ($(async fn $name:ident($workspace:ident: &dyn Workspace) $body:block)*) => {
        mod cases {
            use super::*;

            $(pub async fn $name($workspace: &dyn Workspace) $body)*
        }

        mod on_the_local_disk {
            use super::*;

            $(
                #[tokio::test]
                async fn $name() {
                    let (_folder, workspace) = local();
                    cases::$name(&*workspace).await;
                }
            )*
        }

        #[tokio::test]
        async fn a_bucket_keeps_versions_as_a_disk_does() {
            let moto = Moto::start();
            $(
                println!("{}", stringify!($name));
                cases::$name(&moto.workspace(stringify!($name))).await;
            )*
        }
    };
}

cases! {
    async fn what_was_put_is_read_before_and_after_it_is_published(workspace: &dyn Workspace) {
        let (at, version) = (path("a/b/report.md"), version());
        let checksum = Checksum::of(b"all is well");
        workspace.put(version, &at, Bytes::from_static(b"all is well")).await.unwrap();
        assert_eq!(workspace.get(version, &at, &checksum).await.unwrap(), b"all is well");
        workspace.publish(version, &at, &checksum).await.unwrap();
        assert_eq!(workspace.get(version, &at, &checksum).await.unwrap(), b"all is well");
    }

    async fn every_step_may_be_done_twice(workspace: &dyn Workspace) {
        let (at, version) = (path("twice"), version());
        let checksum = Checksum::of(b"once");
        for _ in 0..2 {
            workspace.put(version, &at, Bytes::from_static(b"once")).await.unwrap();
        }
        for _ in 0..2 {
            workspace.publish(version, &at, &checksum).await.unwrap();
        }
        assert_eq!(workspace.get(version, &at, &checksum).await.unwrap(), b"once");
        for _ in 0..2 {
            workspace.withdraw(version, &at).await.unwrap();
        }
        assert_eq!(workspace.get(version, &at, &checksum).await.unwrap(), b"once");
        for _ in 0..2 {
            workspace.discard(version).await.unwrap();
        }
        assert_eq!(workspace.get(version, &at, &checksum).await, Err(Fault::NotFound));
    }

    async fn a_version_is_written_once(workspace: &dyn Workspace) {
        let (at, version) = (path("once"), version());
        workspace.put(version, &at, Bytes::from_static(b"first")).await.unwrap();
        assert_eq!(workspace.put(version, &at, Bytes::from_static(b"other")).await, Err(Fault::Damaged));
        assert_eq!(workspace.get(version, &at, &Checksum::of(b"first")).await.unwrap(), b"first");
    }

    async fn bytes_that_do_not_add_up_are_not_given_out(workspace: &dyn Workspace) {
        let at = path("sum");
        let version = store(workspace, &at, b"12345").await.unwrap();
        for wrong in [&b"12346"[..], b"1234", b"123456", b""] {
            assert_eq!(workspace.get(version, &at, &Checksum::of(wrong)).await, Err(Fault::Damaged));
        }
    }

    async fn a_replacement_is_seen_whole_and_the_replaced_is_not_given_out_for_it(workspace: &dyn Workspace) {
        let at = path("deep/er/file");
        let first = store(workspace, &at, b"first").await.unwrap();
        let second = store(workspace, &at, b"second").await.unwrap();
        workspace.discard(first).await.unwrap();
        assert_eq!(workspace.get(second, &at, &Checksum::of(b"second")).await.unwrap(), b"second");
        assert!(workspace.get(first, &at, &Checksum::of(b"first")).await.is_err());
    }

    async fn empty_and_large_files_and_every_byte_are_kept(workspace: &dyn Workspace) {
        let every: Vec<u8> = (0..=255).cycle().take(700_001).collect();
        for (name, bytes) in [("empty", &[][..]), ("large", &every)] {
            let at = path(name);
            let version = store(workspace, &at, bytes).await.unwrap();
            assert!(workspace.get(version, &at, &Checksum::of(bytes)).await.unwrap() == bytes, "{name}");
        }
    }

    async fn odd_names_are_names(workspace: &dyn Workspace) {
        let long = format!("{}/{}", "l".repeat(255), "ä".repeat(127));
        let deep = vec!["d"; 32].join("/");
        for name in ["-rf", "a b", "%2e%2e", "~", "*", "?", "#x", "Übersicht/日本語.md", "👩\u{200d}🚀", "'; DROP--", "$(x)", "&amp;<a>", &long, &deep] {
            let at = path(name);
            let version = store(workspace, &at, name.as_bytes()).await.unwrap();
            let checksum = Checksum::of(name.as_bytes());
            assert_eq!(workspace.get(version, &at, &checksum).await.unwrap(), name.as_bytes(), "{name}");
            workspace.withdraw(version, &at).await.unwrap();
            workspace.discard(version).await.unwrap();
            assert_eq!(workspace.get(version, &at, &checksum).await, Err(Fault::NotFound), "{name}");
        }
    }

    async fn names_that_differ_in_case_are_two(workspace: &dyn Workspace) {
        let (lower, upper) = (path("readme/a"), path("README/a"));
        let (one, two) = (store(workspace, &lower, b"1").await.unwrap(), store(workspace, &upper, b"2").await.unwrap());
        assert_eq!(workspace.get(one, &lower, &Checksum::of(b"1")).await.unwrap(), b"1");
        assert_eq!(workspace.get(two, &upper, &Checksum::of(b"2")).await.unwrap(), b"2");
    }

    async fn a_folder_that_a_deleted_file_left_may_become_a_file(workspace: &dyn Workspace) {
        let inner = store(workspace, &path("x/y/z"), b"inner").await.unwrap();
        workspace.withdraw(inner, &path("x/y/z")).await.unwrap();
        workspace.discard(inner).await.unwrap();
        let version = store(workspace, &path("x"), b"file").await.unwrap();
        workspace.withdraw(version, &path("x")).await.unwrap();
        workspace.discard(version).await.unwrap();
        store(workspace, &path("x/y"), b"again").await.unwrap();
    }

    async fn another_organisations_or_goals_version_is_not_found(workspace: &dyn Workspace) {
        let at = path("mine");
        let mine = store(workspace, &at, b"mine").await.unwrap();
        let checksum = Checksum::of(b"mine");
        for theirs in [Version { org_id: org(2), ..mine }, Version { goal_id: goal(2), ..mine }] {
            assert_eq!(workspace.get(theirs, &at, &checksum).await, Err(Fault::NotFound));
            let _ = workspace.withdraw(theirs, &at).await;
            workspace.discard(theirs).await.unwrap();
        }
        assert_eq!(workspace.get(mine, &at, &checksum).await.unwrap(), b"mine");
    }

    async fn what_is_kept_and_not_published_is_told_once_it_is_old(workspace: &dyn Workspace) {
        let (at, kept) = (path("kept"), version());
        workspace.put(kept, &at, Bytes::from_static(b"kept")).await.unwrap();
        let foreign = Version { org_id: org(2), ..version() };
        workspace.put(foreign, &at, Bytes::from_static(b"theirs")).await.unwrap();
        assert_eq!(workspace.unsettled(org(1), later()).await.unwrap(), [kept]);
        assert_eq!(workspace.unsettled(org(1), chrono::DateTime::UNIX_EPOCH).await.unwrap(), []);
        assert_eq!(workspace.unsettled(org(3), later()).await.unwrap(), []);
        workspace.discard(kept).await.unwrap();
        assert_eq!(workspace.unsettled(org(1), later()).await.unwrap(), []);
    }

    async fn twenty_put_at_one_path_at_once(workspace: &dyn Workspace) {
        let at = path("race/file");
        let texts: Vec<String> = (0..20).map(|n| format!("text {n}").repeat(1_000)).collect();
        let versions = join_all(texts.iter().map(async |text| {
            let version = version();
            workspace.put(version, &at, Bytes::copy_from_slice(text.as_bytes())).await.unwrap();
            version
        })).await;
        // A row decides which of them is the file's: its bytes are there.
        for (version, text) in versions.iter().zip(&texts) {
            assert_eq!(workspace.get(*version, &at, &Checksum::of(text.as_bytes())).await.unwrap(), text.as_bytes());
        }
        workspace.check().await.unwrap();
    }
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_is_unavailable_soon() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bucket = Bucket {
        name: "files".to_owned(),
        endpoint: format!("http://{closed}"),
        region: "us-east-1".to_owned(),
        access_key_id: "id".to_owned(),
        secret_access_key: palisade::config::Sensitive::new("hunter2"),
    };
    let workspace: Arc<dyn Workspace> = Arc::new(S3Workspace::open(&bucket).unwrap());
    let began = std::time::Instant::now();
    let told = workspace.put(version(), &path("salaries.csv"), Bytes::from_static(b"x")).await;
    let Err(Fault::Unavailable(cause)) = told else { panic!("{told:?}") };
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert!(!cause.contains("hunter2") && !cause.contains("salaries"), "{cause}");
    assert!(!format!("{bucket:?} {workspace:?}").contains("hunter2"));
}
