//! Whatever a super-admin does, in whatever order, makes no accomplice a reader, and stands in the organisation's log.
//!
//! Not by examples: all sequences of up to three mutations are tried, of an alphabet that has every mutation which a
//! super-admin may start; after every one of them the accomplices try to get in. That is some 120,000, and minutes on two
//! processors: `PALISADE_TEST_LENGTH=2` is enough for a first look. Where an organisation has no admin or two, and on
//! PostgreSQL, it is all of two; on PostgreSQL chance tries some of three besides, and `PALISADE_TEST_SEED` chooses which.
#![expect(clippy::print_stdout, reason = "how much was tried is read with the test")]

mod alphabet;
mod attack;
mod scene;
mod stage;
mod tree;
mod undo;

use std::{env, sync::Mutex};

use alphabet::{NEVER, OPS, Op};
use scene::Admins;
use stage::Stage;
use tree::Found;

const SEED: u64 = 20_261_122;
const CHANCES: usize = 100;

/// Tries all sequences of up to `longest` mutations, on both processors.
async fn all(make: impl AsyncFn() -> Stage, longest: usize) -> Found {
    let found = Mutex::new(Found::default());
    let (one, other) = (make().await, make().await);
    let begin = tree::state(&one).await;
    assert_eq!(begin, tree::state(&other).await, "a state's name depends on its rows alone");
    let (even, odd) = (|at: usize| at.is_multiple_of(2), |at: usize| !at.is_multiple_of(2));
    let (mut path, mut other_path) = (Vec::new(), Vec::new());
    let handle = tokio::runtime::Handle::current();
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| handle.block_on(tree::explore(&one, &found, begin, longest, &mut path, &even)));
        let second =
            scope.spawn(|| handle.block_on(tree::explore(&other, &found, begin, longest, &mut other_path, &odd)));
        (first.join().unwrap(), second.join().unwrap())
    });
    let sequences = first.unwrap_or_else(|leak| panic!("{leak}")) + second.unwrap_or_else(|leak| panic!("{leak}"));
    assert_eq!(tree::state(&one).await, begin, "all of it was taken back");
    let found = found.into_inner().unwrap();
    let every: u64 = (1..=longest).map(|length| (OPS.len() as u64).pow(u32::try_from(length).unwrap())).sum();
    println!(
        "{every} sequences of up to {longest} of {} mutations: {sequences} with no step refused, {} steps tried, {} refused, {} states, {} attacks",
        OPS.len(),
        found.steps,
        found.refused,
        found.states.len(),
        found.attacked.len()
    );
    found
}

/// What a search never saw work says nothing.
fn all_worked(found: &Found, but: &[&str]) {
    let idle: Vec<&str> = OPS.iter().map(|op| op.name).filter(|name| !found.worked.contains_key(name)).collect();
    let unexpected: Vec<&&str> = idle.iter().filter(|name| !but.contains(name)).collect();
    assert!(unexpected.is_empty(), "{unexpected:?} never worked");
}

/// What is refused whatever went before: a super-admin is no member, a member no super-admin, and nobody unmakes itself.
const REFUSED: [&str; 2] = ["addMember root", "setSuperAdmin root off"];

fn op(name: &str) -> &'static Op {
    OPS.iter().find(|op| op.name == name).unwrap_or_else(|| panic!("{name} is in the alphabet"))
}

async fn does(stage: &Stage, name: &str) {
    assert_eq!(tree::step(stage, op(name)).await, Ok(Some(true)), "{name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_sequence_of_an_operators_mutations_makes_an_accomplice_a_reader() {
    let longest = env::var("PALISADE_TEST_LENGTH").map_or(3, |text| text.parse().expect("a length"));
    let found = Box::pin(all(async || Stage::sqlite(Admins::One).await, longest)).await;
    // The last admin is neither moved nor demoted nor removed nor closed.
    let last = ["moveUser ada away", "updateMemberRole ada MEMBER", "removeMember ada", "deactivateUser ada"];
    all_worked(&found, &[&REFUSED[..], &last].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_where_the_organisation_has_no_admin() {
    let found = Box::pin(all(async || Stage::sqlite(Admins::None).await, 2)).await;
    // Nobody is an admin, to be made none.
    all_worked(&found, &[&REFUSED[..], &["updateMemberRole ada MEMBER"]].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_where_the_organisation_has_two_admins() {
    let found = Box::pin(all(async || Stage::sqlite(Admins::Two).await, 2)).await;
    all_worked(&found, &REFUSED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_on_postgresql() {
    Box::pin(all(async || Stage::postgres(Admins::One).await, 2)).await;
}

/// Sequences of three that chance makes, none of whose steps was refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_of_three_by_chance_on_postgresql() {
    let stage = Stage::postgres(Admins::One).await;
    let seed = env::var("PALISADE_TEST_SEED").map_or(SEED, |text| text.parse().expect("a number"));
    let begin = tree::state(&stage).await;
    let (mut dice, mut whole) = (seed, 0);
    for _ in 0..CHANCES {
        let (mark, mut path) = (stage.undo.mark(&stage.root).await, Vec::new());
        while path.len() < 3 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let op = &OPS[usize::try_from(dice >> 33).unwrap() % OPS.len()];
            path.push(op.name);
            let done =
                tree::step(&stage, op).await.unwrap_or_else(|wrong| panic!("seed {seed}, after {path:?}: {wrong}"));
            if done.is_none() {
                path.pop();
            }
        }
        attack::attack(&stage).await.unwrap_or_else(|leak| panic!("seed {seed}, after {path:?}: {leak}"));
        stage.undo.back(&stage.root, mark).await;
        whole += 1;
    }
    assert_eq!(tree::state(&stage).await, begin, "all of it was taken back");
    println!("{whole} sequences of three");
}

async fn what_an_operator_may_never_start_is_refused_after_anything(stage: Stage) {
    for before in [None, Some("addMember mal ADMIN"), Some("suspendUser ada"), Some("setSuperAdmin eve on")] {
        if let Some(name) = before {
            does(&stage, name).await;
        }
        let was = tree::state(&stage).await;
        for document in NEVER {
            let answer = stage.now.ask(Some(&stage.operator), &alphabet::fill(&stage, document).await).await;
            assert!(answer["errors"][0]["message"].is_string(), "{document}: {answer}");
            let code = &answer["errors"][0]["extensions"]["code"];
            assert!(code == "FORBIDDEN" || code == "NOT_FOUND" || code == "VALIDATION", "{document}: {answer}");
        }
        assert_eq!(tree::state(&stage).await, was);
    }
}

/// The attack sees what there is to see, once the organisation's own admin lets somebody in.
async fn whom_an_admin_confirms_reads_and_the_attack_tells(stage: Stage) {
    attack::attack(&stage).await.expect("nothing was done yet");
    does(&stage, "addMember eve ADMIN").await;
    let ada = stage.now.sign_in("ada").await.unwrap();
    let eve = stage.id("eve");
    let confirm = format!(
        "mutation {{ confirmMember(input: {{userId: \"{eve}\", accept: true}}) {{ membership {{ status }} }} }}"
    );
    let answer = stage.now.ask(Some(&ada), &confirm).await;
    assert_eq!(answer["data"]["confirmMember"]["membership"]["status"], "ACTIVE", "{answer}");
    let token = stage.now.sign_in("eve").await.unwrap();
    let read = stage.now.send(Some(&token), &attack::questions(&stage)).await;
    assert!(read.matches(scene::SEALED).count() > 10, "{read}");
    let leak = attack::attack(&stage).await.unwrap_err();
    assert!(leak.starts_with("eve reads"), "{leak}");
}

/// The clock goes on far enough for what time alone changes: a different active member may confirm by then.
async fn where_the_admin_is_locked_out_another_member_confirms_in_time_and_the_attack_tells(stage: Stage) {
    does(&stage, "addMember eve ADMIN").await;
    does(&stage, "suspendUser ada").await;
    stage.execute("UPDATE mail_outbox SET sent_at = created_at", []).await;
    let eve = stage.id("eve");
    let confirm = format!(
        "mutation {{ confirmMember(input: {{userId: \"{eve}\", accept: true}}) {{ membership {{ status }} }} }}"
    );
    let mia = stage.now.sign_in("mia").await.unwrap();
    let answer = stage.now.ask(Some(&mia), &confirm).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "CONFLICT", "{answer}");
    let mia = stage.later.sign_in("mia").await.unwrap();
    let answer = stage.later.ask(Some(&mia), &confirm).await;
    assert_eq!(answer["data"]["confirmMember"]["membership"]["status"], "ACTIVE", "{answer}");
    let leak = attack::attack(&stage).await.unwrap_err();
    assert!(leak.contains("eve"), "{leak}");
}

/// Planted: what an operator asked for is made good behind everybody's back, and a link goes to the wrong address.
async fn a_planted_way_in_is_found(stage: Stage) {
    for (name, planted) in [
        (
            "addMember mal ADMIN",
            "UPDATE org_memberships SET status = 'ACTIVE', pending_role = NULL WHERE pending_role IS NOT NULL",
        ),
        (
            "updateMemberRole mia ADMIN",
            "UPDATE org_memberships SET role = 'ADMIN', pending_role = NULL WHERE pending_role IS NOT NULL",
        ),
        ("resetPassword ada", "UPDATE mail_outbox SET recipient = 'mal@example.com'"),
        ("resetPassword mia", "UPDATE mail_outbox SET recipient = 'root@example.com'"),
    ] {
        let mark = stage.undo.mark(&stage.root).await;
        does(&stage, name).await;
        stage.execute(planted, []).await;
        attack::attack(&stage).await.expect_err(planted);
        stage.undo.back(&stage.root, mark).await;
    }
    attack::attack(&stage).await.expect("all of it was taken back");
}

macro_rules! staged {
    ($($name:ident)*) => {
        $(mod $name {
            use super::{Admins, Stage};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                super::$name(Stage::sqlite(Admins::One).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                super::$name(Stage::postgres(Admins::One).await).await;
            }
        })*
    };
}

staged! {
    what_an_operator_may_never_start_is_refused_after_anything
    whom_an_admin_confirms_reads_and_the_attack_tells
    where_the_admin_is_locked_out_another_member_confirms_in_time_and_the_attack_tells
    a_planted_way_in_is_found
}
