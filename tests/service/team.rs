//! Invariant: an organisation's admins and super-admins make, rename and delete teams; only the organisation's own admins
//! and the team's put somebody into one, and only an active member of the same organisation.

use entity::{enums::TeamRole, ids::TeamId};
use palisade::service::team::{self, CreateTeamInput, TeamMemberInput, UpdateTeamInput};

use super::{agent, collaborator};
use crate::support::{empty_world::on_both, two_organizations::*};

fn team(organization_id: Option<entity::ids::OrgId>, slug: &str) -> CreateTeamInput {
    CreateTeamInput { organization_id, name: format!("Team {slug}"), slug: slug.to_owned(), description: None }
}

fn rename(id: TeamId) -> UpdateTeamInput {
    UpdateTeamInput { id, name: Some("Renamed".to_owned()), slug: None, description: None }
}

fn member(team_id: TeamId, user_id: entity::ids::UserId) -> TeamMemberInput {
    TeamMemberInput { team_id, user_id, role: TeamRole::Member }
}

on_both! {
    async fn an_org_admin_creates_renames_and_deletes_teams(world) {
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let id = team::create(admin.cx().await, team(None, "ops")).await.unwrap();
        team::update(admin.cx().await, rename(id)).await.unwrap();
        let row = world.row("SELECT name, name_folded, slug FROM teams WHERE id = $1", [id.into()]).await;
        let words: Vec<String> = (0..3).map(|at| row.try_get_by_index(at).unwrap()).collect();
        assert_eq!(words, ["Renamed", "renamed", "ops"]);
        team::delete(admin.cx().await, id).await.unwrap();
        assert_eq!(world.count("teams WHERE id = $1", [id.into()]).await, 0);
        assert_eq!(world.events(world.acme.id, 0).await, ["team.created", "team.updated", "team.deleted"]);
        assert!(world.events(world.globex.id, 0).await.is_empty());
    }

    async fn a_super_admin_manages_teams_of_a_named_organisation_and_it_shows_there(world) {
        let operator = world.operator();
        invalid(team::create(operator.cx().await, team(None, "ops")).await, "input.organizationId");
        not_found(team::create(operator.cx().await, team(Some(world.absent()), "ops")).await);
        let id = team::create(operator.cx().await, team(Some(world.globex.id), "ops")).await.unwrap();
        team::update(operator.cx().await, rename(id)).await.unwrap();
        team::delete(operator.cx().await, id).await.unwrap();
        assert_eq!(world.events(world.globex.id, 0).await, ["team.created", "team.updated", "team.deleted"]);
        let actors = "events WHERE org_id = $1 AND actor_user_id = $2";
        assert_eq!(world.count(actors, [world.globex.id.into(), world.operator.into()]).await, 3);
        assert!(world.events(world.acme.id, 0).await.is_empty());
    }

    async fn a_super_admin_deletes_a_team_that_people_and_agents_refer_to(world) {
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let agent = agent::private(&admin).await;
        collaborator::share_with_team(&admin, agent, world.acme.team).await.unwrap();
        team::delete(world.operator().cx().await, world.acme.team).await.unwrap();
        assert_eq!(world.count("team_memberships WHERE team_id = $1", [world.acme.team.into()]).await, 0);
        assert_eq!(world.count("agent_collaborators WHERE team_id = $1", [world.acme.team.into()]).await, 0);
        assert_eq!(world.count("team_memberships WHERE team_id = $1", [world.globex.team.into()]).await, 2);
    }

    async fn a_super_admin_does_not_touch_members(world) {
        let before = world.dump().await;
        let operator = world.operator();
        forbidden(team::add_member(operator.cx().await, member(world.acme.team, world.acme.ada)).await);
        forbidden(team::update_member_role(operator.cx().await, member(world.acme.team, world.acme.lead)).await);
        forbidden(team::remove_member(operator.cx().await, world.acme.team, world.acme.mate).await);
        assert_eq!(world.dump().await, before);
    }

    async fn nobody_else_manages_teams(world) {
        let before = world.dump().await;
        for who in [world.acme.ada, world.acme.mate, world.acme.lead] {
            let who = world.tenant(&world.acme, who).await;
            forbidden(team::create(who.cx().await, team(None, "ops")).await);
            forbidden(team::update(who.cx().await, rename(world.acme.team)).await);
            forbidden(team::delete(who.cx().await, world.acme.empty_team).await);
        }
        assert_eq!(world.dump().await, before);
    }

    async fn another_organisations_team_answers_like_one_that_never_was(world) {
        let before = world.dump().await;
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let cx = admin.cx().await;
        let (foreign, absent) = (world.globex.team, world.absent::<TeamId>());
        assert_eq!(told(team::update(cx, rename(foreign)).await), told(team::update(cx, rename(absent)).await));
        assert_eq!(told(team::delete(cx, foreign).await), told(team::delete(cx, absent).await));
        let ada = world.acme.ada;
        let add = async |team| told(team::add_member(cx, member(team, ada)).await);
        assert_eq!(add(foreign).await, add(absent).await);
        let role = async |team| told(team::update_member_role(cx, member(team, world.globex.mate)).await);
        assert_eq!(role(foreign).await, role(absent).await);
        let remove = async |team| told(team::remove_member(cx, team, world.globex.mate).await);
        assert_eq!(remove(foreign).await, remove(absent).await);
        assert!(remove(foreign).await.contains("NOT_FOUND"));
        not_found(team::create(cx, team(Some(world.globex.id), "ops")).await);
        assert_eq!(world.dump().await, before);
    }

    async fn a_slug_is_unique_in_its_organisation_and_free_in_another(world) {
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let other = world.tenant(&world.globex, world.globex.admin).await;
        team::create(admin.cx().await, team(None, "ops")).await.unwrap();
        team::create(other.cx().await, team(None, "ops")).await.unwrap();
        let before = world.dump().await;
        conflict(team::create(admin.cx().await, team(None, "ops")).await);
        let change = UpdateTeamInput { slug: Some("ops".to_owned()), ..rename(world.acme.team) };
        conflict(team::update(admin.cx().await, change).await);
        invalid(team::create(admin.cx().await, team(None, "No Slug")).await, "input.slug");
        invalid(team::create(admin.cx().await, CreateTeamInput { name: " ".to_owned(), ..team(None, "x") }).await, "input.name");
        assert_eq!(world.dump().await, before);
    }

    async fn a_team_that_owns_agents_is_not_deleted(world) {
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let agent = agent::of_team(&admin, world.acme.team).await;
        let before = world.dump().await;
        conflict(team::delete(admin.cx().await, world.acme.team).await);
        conflict(team::delete(world.operator().cx().await, world.acme.team).await);
        assert_eq!(world.dump().await, before);
        // An archived agent is still the team's, and can still be moved.
        palisade::service::agent::archive(admin.cx().await, agent).await.unwrap();
        conflict(team::delete(admin.cx().await, world.acme.team).await);
        agent::set_private(&admin, agent).await.unwrap();
        team::delete(admin.cx().await, world.acme.team).await.unwrap();
    }

    async fn org_admins_and_the_teams_own_admins_manage_its_members(world) {
        for who in [world.acme.admin, world.acme.lead] {
            let who = world.tenant(&world.acme, who).await;
            team::add_member(who.cx().await, member(world.acme.team, world.acme.ada)).await.unwrap();
            let promoted = TeamMemberInput { role: TeamRole::Admin, ..member(world.acme.team, world.acme.ada) };
            team::update_member_role(who.cx().await, promoted).await.unwrap();
            let role = "SELECT role FROM team_memberships WHERE team_id = $1 AND user_id = $2";
            let row = world.row(role, [world.acme.team.into(), world.acme.ada.into()]).await;
            assert_eq!(row.try_get_by_index::<String>(0).unwrap(), "ADMIN");
            team::remove_member(who.cx().await, world.acme.team, world.acme.ada).await.unwrap();
        }
        let told = ["team.member_added", "team.member_role_changed", "team.member_removed"];
        assert_eq!(world.events(world.acme.id, 0).await, [told, told].concat());

        let before = world.dump().await;
        for who in [world.acme.ada, world.acme.mate] {
            let who = world.tenant(&world.acme, who).await;
            forbidden(team::add_member(who.cx().await, member(world.acme.team, world.acme.bob)).await);
            forbidden(team::update_member_role(who.cx().await, member(world.acme.team, world.acme.mate)).await);
            forbidden(team::remove_member(who.cx().await, world.acme.team, world.acme.mate).await);
        }
        // A team's admin is nobody in another team.
        let lead = world.tenant(&world.acme, world.acme.lead).await;
        forbidden(team::add_member(lead.cx().await, member(world.acme.empty_team, world.acme.ada)).await);
        assert_eq!(world.dump().await, before);
    }

    async fn only_an_active_member_of_the_organisation_joins_and_nobody_else_can_be_told_apart(world) {
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let before = world.dump().await;
        let add = async |user| told(team::add_member(admin.cx().await, member(world.acme.team, user)).await);
        let absent = add(world.absent()).await;
        assert!(absent.contains("NOT_FOUND"), "{absent}");
        for user in [world.globex.ada, world.globex.admin, world.operator, world.acme.leaver, world.acme.pending] {
            assert_eq!(add(user).await, absent);
        }
        assert_eq!(world.dump().await, before);
    }

    async fn nobody_is_in_a_team_twice_or_changed_in_one_they_are_not_in(world) {
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let before = world.dump().await;
        conflict(team::add_member(admin.cx().await, member(world.acme.team, world.acme.mate)).await);
        not_found(team::update_member_role(admin.cx().await, member(world.acme.team, world.acme.ada)).await);
        not_found(team::remove_member(admin.cx().await, world.acme.team, world.acme.ada).await);
        assert_eq!(world.dump().await, before);
    }
}
