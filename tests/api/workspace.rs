//! Invariant: a goal's files are put, read and deleted by whoever may, within the quota, and what they say is nobody else's.

use std::{fs, os::unix::fs::symlink, path::PathBuf, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use entity::{enums::AgentVisibility, goal};
use futures_util::future::join_all;
use palisade::workspace::{Checksum, Files, Quota};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};

use crate::{
    support::world::{QUOTA, Reply, World, on_both},
    workspace::moto::Moto,
};

pub const PUT: &str = "mutation($input: PutWorkspaceFileInput!) { putWorkspaceFile(input: $input) { file {
    id path sizeBytes sha256 contents createdAt updatedAt goal { id } } } }";
pub const READ: &str =
    "query($id: ID!) { goal(id: $id) { files(first: 20) { totalCount nodes { id path sha256 sizeBytes contents } } } }";
pub const DELETE: &str = "mutation($id: ID!) { deleteWorkspaceFile(id: $id) { deletedId } }";

/// A goal of Acme's Finance that has no files yet.
pub fn goal_of_team(world: &World) -> goal::Model {
    let plan = &world.plan;
    let agents: Vec<_> = plan.agents.iter().filter(|agent| agent.visibility == AgentVisibility::Team).collect();
    let acme = plan.organizations.iter().find(|org| org.slug == "acme").unwrap().id;
    let finance = plan.teams.iter().find(|team| team.org_id == acme && team.slug == "finance").unwrap().id;
    let is_finances = |goal: &&goal::Model| {
        let agent = agents.iter().find(|agent| agent.org_id == acme && agent.id == goal.agent_id);
        agent.is_some_and(|agent| agent.team_id == Some(finance))
            && !plan.workspace_files.iter().any(|file| file.goal_id == goal.id)
    };
    plan.goals.iter().filter(|goal| goal.org_id == acme).find(is_finances).unwrap().clone()
}

fn input(goal: &goal::Model, path: &str, contents: &str) -> Value {
    json!({ "input": { "goalId": goal.id.to_string(), "path": path, "contents": contents } })
}

/// Puts as Acme's admin.
pub async fn put(world: &World, goal: &goal::Model, path: &str, contents: &str) -> Reply {
    world.acme_admin().await.send(PUT, input(goal, path, contents)).await
}

fn place(world: &World, goal: &goal::Model, path: &str) -> PathBuf {
    world.workspace.path().join("orgs").join(goal.org_id.to_string()).join(goal.id.to_string()).join(path)
}

#[track_caller]
fn refused(reply: &Reply, code: &str, field: &str) {
    assert_eq!(reply.code(), Some(code), "{}", reply.text);
    assert_eq!(reply.body["errors"][0]["extensions"]["field"], field, "{}", reply.text);
}

/// Files and bytes that the organisation is held to have.
async fn usage(world: &World, goal: &goal::Model) -> (i64, i64) {
    use entity::ids::TypedId as _;
    let backend = world.root.get_database_backend();
    let sql = "SELECT files, bytes FROM workspace_usage WHERE org_id = $1";
    let row = world.root.query_one_raw(Statement::from_sql_and_values(backend, sql, [goal.org_id.uuid().into()])).await;
    let row = row.unwrap().unwrap();
    (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())
}

/// Puts, replaces and deletes a file, and reads it after each step.
async fn through_its_life(world: &World) {
    let goal = goal_of_team(world);
    let admin = world.acme_admin().await;
    let (files, bytes) = usage(world, &goal).await;
    let reply = put(world, &goal, "plan/Übersicht.md", "erste Fassung").await;
    let file = &reply.data()["putWorkspaceFile"]["file"];
    let first = Checksum::of("erste Fassung".as_bytes());
    assert_eq!(file["path"], "plan/Übersicht.md");
    assert_eq!(file["sizeBytes"], first.size().to_string());
    assert_eq!(file["sha256"], first.sha256());
    assert_eq!(file["contents"], "erste Fassung");
    assert_eq!(file["goal"]["id"], goal.id.to_string());
    assert_eq!(usage(world, &goal).await, (files + 1, bytes + 13));

    let other = put(world, &goal, "plan/Übersicht.md", "zweite").await;
    let replaced = &other.data()["putWorkspaceFile"]["file"];
    assert_eq!((&replaced["id"], &replaced["contents"]), (&file["id"], &json!("zweite")));
    assert_eq!(replaced["createdAt"], file["createdAt"]);
    assert!(replaced["updatedAt"].as_str() > file["updatedAt"].as_str());
    assert_eq!(usage(world, &goal).await, (files + 1, bytes + 6));

    let bytes_of = json!({ "input": { "goalId": goal.id.to_string(), "path": "bin", "contents": STANDARD.encode([0, 159, 146, 150]), "encoding": "BASE64" } });
    let binary = admin.send("mutation($input: PutWorkspaceFileInput!) { putWorkspaceFile(input: $input) { file { id text: contents raw: contents(encoding: BASE64) sizeBytes } } }", bytes_of).await;
    let file_of = &binary.body["data"]["putWorkspaceFile"]["file"];
    assert_eq!(
        (&file_of["text"], &file_of["raw"], &file_of["sizeBytes"]),
        (&Value::Null, &json!("AJ+Slg=="), &json!("4"))
    );
    refused(&binary, "VALIDATION", "encoding");
    let read = admin.send(READ, json!({ "id": goal.id.to_string() })).await;
    assert_eq!(read.body["data"]["goal"]["files"]["totalCount"], 2);

    let id = json!({ "id": file["id"] });
    let deleted = admin.send(DELETE, id.clone()).await;
    assert_eq!(deleted.data()["deleteWorkspaceFile"]["deletedId"], file["id"]);
    assert_eq!(admin.send(DELETE, id.clone()).await.code(), Some("NOT_FOUND"));
    assert!(admin.send("query($id: ID!) { node(id: $id) { id } }", id).await.data()["node"].is_null());
    assert_eq!(usage(world, &goal).await, (files + 1, bytes + 4));
    let log = admin.query("{ auditEvents(first: 6) { nodes { type subjectId payload } } }").await;
    let mut told = log.data()["auditEvents"]["nodes"].as_array().unwrap().clone();
    told.retain(|event| event["type"].as_str().unwrap().starts_with("file."));
    let kinds: Vec<&str> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["file.deleted", "file.put", "file.put", "file.put"]);
    assert_eq!(told[0]["subjectId"], file["id"]);
    assert_eq!(told[0]["payload"]["path"], "plan/Übersicht.md");
    assert_eq!((&told[2]["payload"]["replaced"], &told[3]["payload"]["replaced"]), (&json!(true), &json!(false)));
}

on_both! {
    async fn a_file_is_put_replaced_read_and_deleted(world) {
        through_its_life(&world).await;
        let goal = goal_of_team(&world);
        assert!(!place(&world, &goal, "plan").exists());
        assert_eq!(fs::read(place(&world, &goal, "bin")).unwrap(), [0, 159, 146, 150]);
    }

    async fn what_is_wrong_changes_nothing(world) {
        let goal = goal_of_team(&world);
        put(&world, &goal, "there/is", "x").await.data();
        let link = place(&world, &goal, "link");
        symlink("/etc", &link).unwrap();
        let before = (world.dump().await, usage(&world, &goal).await);
        for bad in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b", "a\0b", "a\nb", "CON", ".palisade-x", "e\u{301}", &"x".repeat(256), &"x/".repeat(40)] {
            refused(&put(&world, &goal, bad, "x").await, "VALIDATION", "input.path");
        }
        refused(&put(&world, &goal, "link/passwd", "x").await, "VALIDATION", "input.path");
        refused(&put(&world, &goal, "link", "x").await, "VALIDATION", "input.path");
        let large = "x".repeat(usize::try_from(QUOTA.file_bytes).unwrap() + 1);
        refused(&put(&world, &goal, "large", &large).await, "VALIDATION", "input.contents");
        for in_the_way in ["there", "there/is/below", "there/is/far/below"] {
            assert_eq!(put(&world, &goal, in_the_way, "x").await.code(), Some("CONFLICT"));
        }
        let admin = world.acme_admin().await;
        for (field, key, value) in [
            ("input.contents", "contents", json!("not base64!")),
            ("input.expectedSha256", "expectedSha256", json!("ABC")),
            ("input.goalId", "goalId", json!("agt_01h2xcejqtf2nbrexx3vqjhp41")),
        ] {
            let mut input = json!({ "goalId": goal.id.to_string(), "path": "p", "contents": "", "encoding": "BASE64" });
            input[key] = value;
            refused(&admin.send(PUT, json!({ "input": input })).await, "VALIDATION", field);
        }
        assert!((world.dump().await, usage(&world, &goal).await) == before);
        let versions = world.workspace.path().join("orgs").join(goal.org_id.to_string()).join(".versions");
        assert_eq!(fs::read_dir(versions).unwrap().count(), 0);
        assert_eq!(fs::read_link(link).unwrap(), PathBuf::from("/etc"));
    }

    async fn a_replacement_of_another_file_than_the_expected_is_a_conflict(world) {
        let goal = goal_of_team(&world);
        let admin = world.acme_admin().await;
        let expecting = async |path: &str, contents: &str, expected: &str| {
            let mut input = input(&goal, path, contents);
            input["input"]["expectedSha256"] = json!(Checksum::of(expected.as_bytes()).sha256());
            admin.send(PUT, input).await
        };
        assert_eq!(expecting("f", "1", "0").await.code(), Some("CONFLICT"));
        put(&world, &goal, "f", "1").await.data();
        expecting("f", "2", "1").await.data();
        assert_eq!(expecting("f", "3", "1").await.code(), Some("CONFLICT"));
        // Of ten that build on one another's file, one wins.
        let texts: Vec<String> = (0..10).map(|n| format!("by {n}")).collect();
        let replies = join_all(texts.iter().map(|text| expecting("f", text, "2"))).await;
        let won: Vec<usize> = (0..10).filter(|n| replies[*n].code().is_none()).collect();
        assert_eq!(won.len(), 1, "{won:?}");
        let read = admin.send(READ, json!({ "id": goal.id.to_string() })).await;
        assert_eq!(read.data()["goal"]["files"]["nodes"][0]["contents"], texts[won[0]].as_str());
        assert_eq!(fs::read_to_string(place(&world, &goal, "f")).unwrap(), texts[won[0]]);
    }

    async fn who_may_not_see_or_write_a_file_does_neither(world) {
        let goal = goal_of_team(&world);
        let id = put(&world, &goal, "salaries.csv", "secret").await.data()["putWorkspaceFile"]["file"]["id"].clone();
        let before = world.dump().await;
        let never = crate::workspace::goal(0xdead_beef);
        for role in ["Acme outsider", "Globex admin", "Globex member"] {
            let caller = world.login(Some(role)).await;
            let foreign = caller.send(PUT, input(&goal, "f", "x")).await;
            let mut absent = input(&goal, "f", "x");
            absent["input"]["goalId"] = json!(never.to_string());
            assert_eq!(foreign.text, caller.send(PUT, absent).await.text, "{role}");
            assert_eq!(foreign.code(), Some("NOT_FOUND"), "{role}");
            assert_eq!(caller.send(DELETE, json!({ "id": id })).await.code(), Some("NOT_FOUND"), "{role}");
            let seen = caller.send("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
            assert!(seen.data()["node"].is_null(), "{role}");
        }
        let member = world.login(Some("Acme member")).await;
        let dmitri = world.plan.users.iter().find(|user| user.email == "dmitri@acme.example").unwrap().id;
        let read = member.send(READ, json!({ "id": goal.id.to_string() })).await;
        assert_eq!(read.data()["goal"]["files"]["nodes"][0]["contents"], "secret");
        if goal.submitted_by != Some(dmitri) {
            assert_eq!(member.send(PUT, input(&goal, "f", "x")).await.code(), Some("FORBIDDEN"));
            assert_eq!(member.send(DELETE, json!({ "id": id })).await.code(), Some("FORBIDDEN"));
        }
        let operator = world.operator().await;
        assert_eq!(operator.send(PUT, input(&goal, "f", "x")).await.code(), Some("FORBIDDEN"));
        assert_eq!(operator.send(DELETE, json!({ "id": id })).await.code(), Some("FORBIDDEN"));
        let blind = operator.send(READ, json!({ "id": goal.id.to_string() })).await;
        let file = &blind.data()["goal"]["files"]["nodes"][0];
        assert_eq!(file, &json!({ "id": id, "path": null, "sha256": null, "sizeBytes": null, "contents": null }));
        let hidden = ["contents", "path", "sha256", "sizeBytes"].map(|field| format!("goal.files.nodes.0.{field}"));
        assert_eq!(blind.redacted(), hidden);
        assert_eq!(blind.data()["goal"]["files"]["totalCount"], 1);
        assert!(world.dump().await == before, "a refusal changed something");
    }

    async fn the_submitter_and_the_teams_admin_put_files_too(world) {
        let goal = goal_of_team(&world);
        world.login(Some("Acme team admin")).await.send(PUT, input(&goal, "f", "x")).await.data();
        let dmitri = world.plan.users.iter().find(|user| user.email == "dmitri@acme.example").unwrap().id;
        let own = world.plan.goals.iter().find(|goal| goal.submitted_by == Some(dmitri)).expect("a goal of the member's");
        let member = world.login(Some("Acme member")).await;
        let id = member.send(PUT, input(own, "mine", "x")).await.data()["putWorkspaceFile"]["file"]["id"].clone();
        member.send(DELETE, json!({ "id": id })).await.data();
    }

    async fn twenty_puts_at_once_do_not_exceed_the_quota(first) {
        let mut world = first;
        let goal = goal_of_team(&world);
        let (files, bytes) = usage(&world, &goal).await;
        for (quota, fits) in [
            (Quota { bytes: bytes + 10 * 1_000 + 999, ..QUOTA }, 10),
            (Quota { files: files + 10 + 5, ..QUOTA }, 5),
        ] {
            let backend = Arc::clone(&world.files.backend);
            world = world.with_files(Files { backend, quota });
            let names: Vec<String> = (0..20).map(|n| format!("{fits}/{n}")).collect();
            let text = "x".repeat(1_000);
            let replies = join_all(names.iter().map(|name| put(&world, &goal, name, &text))).await;
            let done = replies.iter().filter(|reply| reply.code().is_none()).count();
            assert!(replies.iter().all(|reply| matches!(reply.code(), None | Some("CONFLICT"))));
            assert_eq!(done, fits);
        }
        assert_eq!(usage(&world, &goal).await, (files + 15, bytes + 15_000));
        let on_disk: usize = ["10", "5"].map(|folder| fs::read_dir(place(&world, &goal, folder)).unwrap().count()).iter().sum();
        assert_eq!(on_disk, 15);
        let read = "query($id: ID!) { goal(id: $id) { files { totalCount } } }";
        let read = world.acme_admin().await.send(read, json!({ "id": goal.id.to_string() })).await;
        assert_eq!(read.data()["goal"]["files"]["totalCount"], 15);
        // A smaller file in the place of a larger one is welcome in a full organisation.
        let name = (0..20).map(|n| format!("10/{n}")).find(|name| place(&world, &goal, name).exists()).unwrap();
        put(&world, &goal, &name, "less").await.data();
        assert_eq!(put(&world, &goal, &name, &"x".repeat(99_000)).await.code(), None, "there is room in bytes");
    }

    async fn a_file_that_was_changed_behind_our_back_is_null_with_an_error_and_the_rest_is_answered(world) {
        let goal = goal_of_team(&world);
        for name in ["sound", "changed", "gone", "linked"] {
            put(&world, &goal, name, "as it was put").await.data();
        }
        fs::write(place(&world, &goal, "changed"), "as it was pus").unwrap();
        fs::remove_file(place(&world, &goal, "gone")).unwrap();
        fs::remove_file(place(&world, &goal, "linked")).unwrap();
        symlink(place(&world, &goal, "sound"), place(&world, &goal, "linked")).unwrap();
        let reply = world.acme_admin().await.send(READ, json!({ "id": goal.id.to_string() })).await;
        let files = reply.body["data"]["goal"]["files"]["nodes"].as_array().unwrap();
        let contents: Vec<&Value> = files.iter().map(|file| &file["contents"]).collect();
        assert_eq!(contents, [&json!("as it was put"), &Value::Null, &Value::Null, &Value::Null]);
        assert!(files.iter().all(|file| file["path"].is_string() && file["sha256"].is_string()));
        let mut codes: Vec<(u64, &str)> = reply.body["errors"].as_array().unwrap().iter()
            .map(|error| (error["path"][3].as_u64().unwrap(), error["extensions"]["code"].as_str().unwrap())).collect();
        codes.sort_unstable();
        assert_eq!(codes, [(1, "UNAVAILABLE"), (2, "UNAVAILABLE"), (3, "VALIDATION")]);
        assert!(!reply.text.contains(world.workspace.path().to_str().unwrap()), "no place on a disk is told");
    }

    async fn contents_are_costly_and_files_take_one_statement_a_level(world) {
        let goal = goal_of_team(&world);
        let admin = world.acme_admin().await;
        let ask = |first: u32, field: &str| {
            format!("{{ goal(id: \"{}\") {{ files(first: {first}) {{ nodes {{ id {field} }} }} }} }}", goal.id)
        };
        let refused = admin.query(&ask(25, "contents")).await;
        assert_eq!(refused.code(), Some("QUERY_TOO_COMPLEX"), "{}", refused.text);
        let twice = admin.query(&ask(13, "contents raw: contents(encoding: BASE64)")).await;
        assert_eq!(twice.code(), Some("QUERY_TOO_COMPLEX"));
        put(&world, &goal, "0", "x").await.data();
        let one = admin.statements(&ask(20, "path contents")).await;
        for n in 1..10 {
            put(&world, &goal, &n.to_string(), "x").await.data();
        }
        assert_eq!(admin.statements(&ask(20, "path contents")).await, one);
        let level = "{ goals(first: 20) { nodes { files(first: 1) { totalCount nodes { contents } } } } }";
        assert!(admin.statements(level).await <= 4);
    }

    async fn readers_meanwhile_get_the_one_file_or_the_other_whole(world) {
        let goal = goal_of_team(&world);
        let text = |n: usize| format!("{n} ").repeat(2_000 + n * 100);
        put(&world, &goal, "f", &text(0)).await.data();
        let writes = async {
            for n in 1..15 {
                put(&world, &goal, "f", &text(n)).await.data();
            }
        };
        let reader = world.acme_admin().await;
        let reads = join_all((0..3).map(async |_| {
            let mut whole = 0;
            for _ in 0..25 {
                let reply = reader.send(READ, json!({ "id": goal.id.to_string() })).await;
                let file = &reply.body["data"]["goal"]["files"]["nodes"][0];
                match file["contents"].as_str() {
                    Some(contents) => {
                        assert_eq!(file["sha256"], Checksum::of(contents.as_bytes()).sha256());
                        whole += 1;
                    }
                    None => assert_eq!(reply.code(), Some("CONFLICT"), "{}", reply.text),
                }
            }
            whole
        }));
        let ((), whole) = futures_util::join!(writes, reads);
        assert!(whole.iter().sum::<usize>() > 30, "{whole:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_bucket_files_are_put_replaced_read_and_deleted() {
    let moto = Moto::start();
    let bucket = Arc::new(moto.workspace("api"));
    let world = World::sqlite().await.with_files(Files { backend: bucket.clone(), quota: QUOTA });
    through_its_life(&world).await;
    let goal = goal_of_team(&world);
    let left =
        palisade::workspace::Workspace::unsettled(&*bucket, goal.org_id, crate::workspace::later()).await.unwrap();
    assert_eq!(left.len(), 1, "replaced and deleted versions are gone, the one that is left is a file's");
    let clock = palisade::clock::Clock::fixed(crate::workspace::later(), chrono::TimeDelta::seconds(1));
    let request = world.rooms.request(palisade::viewer::Viewer::Anonymous);
    let settled = palisade::service::workspace::settle(request.store.database(), &world.files, &clock).await.unwrap();
    assert_eq!((settled.published, settled.forgotten), (0, 0), "what a row names is left alone");
}
