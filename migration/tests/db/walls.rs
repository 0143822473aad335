//! Invariant: after `up`, PostgreSQL holds exactly the roles, policies and grants that are written in `walls`, and what
//! drifts is told and repaired.

use migration::walls;

use crate::support::World;

#[tokio::test]
async fn the_walls_stand_after_up() {
    let world = World::postgres().await;
    world.up().await;
    let findings = walls::check(&world.db).await.unwrap();
    assert!(findings.is_empty(), "{findings:#?}");
}
