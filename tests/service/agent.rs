//! Invariant: who may create, change, move or archive an agent is what the table says of the agent as it is, and of what
//! it would become; relaxing its approvals is the org admins' alone; what is archived stays so.

use entity::{
    enums::{AgentStatus, AgentVisibility, CollaboratorPermission},
    ids::{AgentId, TeamId},
};
use palisade::{
    error::Result,
    service::agent::{self, CreateAgentInput, SetVisibilityInput, UpdateAgentInput},
};

use super::{collaborator, document, goal};
use crate::support::{empty_world::on_both, two_organizations::*};

/// An agent of that visibility, which two must approve.
pub fn input(visibility: AgentVisibility, team_id: Option<TeamId>) -> CreateAgentInput {
    CreateAgentInput {
        name: "Scout".to_owned(),
        description: Some("Looks around".to_owned()),
        visibility,
        team_id,
        system_prompt: Some("be kind".to_owned()),
        config: Some(r#"{"model":"m"}"#.to_owned()),
        chat_capable: true,
        required_approvals: 2,
        require_plan_approval: true,
    }
}

pub async fn private(who: &As) -> AgentId {
    agent::create(who.cx().await, input(AgentVisibility::Private, None)).await.unwrap()
}

pub async fn public(who: &As) -> AgentId {
    agent::create(who.cx().await, input(AgentVisibility::Public, None)).await.unwrap()
}

pub async fn of_team(who: &As, team_id: TeamId) -> AgentId {
    agent::create(who.cx().await, input(AgentVisibility::Team, Some(team_id))).await.unwrap()
}

pub async fn global(world: &World) -> AgentId {
    agent::create(world.operator().cx().await, input(AgentVisibility::Global, None)).await.unwrap()
}

pub async fn set_private(who: &As, id: AgentId) -> Result<AgentId> {
    agent::set_visibility(
        who.cx().await,
        SetVisibilityInput { id, visibility: AgentVisibility::Private, team_id: None },
    )
    .await
}

pub async fn set_public(who: &As, id: AgentId) -> Result<AgentId> {
    agent::set_visibility(who.cx().await, SetVisibilityInput { id, visibility: AgentVisibility::Public, team_id: None })
        .await
}

pub async fn set_team(who: &As, id: AgentId, team: TeamId) -> Result<AgentId> {
    let change = SetVisibilityInput { id, visibility: AgentVisibility::Team, team_id: Some(team) };
    agent::set_visibility(who.cx().await, change).await
}

pub fn nothing(id: AgentId) -> UpdateAgentInput {
    UpdateAgentInput {
        id,
        name: None,
        description: None,
        status: None,
        system_prompt: None,
        config: None,
        chat_capable: None,
        required_approvals: None,
        require_plan_approval: None,
    }
}

pub async fn rename(who: &As, id: AgentId) -> Result<AgentId> {
    agent::update(who.cx().await, UpdateAgentInput { name: Some("Renamed".to_owned()), ..nothing(id) }).await
}

pub async fn require(who: &As, id: AgentId, approvals: i32) -> Result<AgentId> {
    agent::update(who.cx().await, UpdateAgentInput { required_approvals: Some(approvals), ..nothing(id) }).await
}

pub async fn require_plan(who: &As, id: AgentId, required: bool) -> Result<AgentId> {
    agent::update(who.cx().await, UpdateAgentInput { require_plan_approval: Some(required), ..nothing(id) }).await
}

pub async fn set_status(who: &As, id: AgentId, status: AgentStatus) -> Result<AgentId> {
    agent::update(who.cx().await, UpdateAgentInput { status: Some(status), ..nothing(id) }).await
}

/// Owner and team as stored.
async fn belongs(world: &World, id: AgentId) -> (Option<entity::ids::UserId>, Option<TeamId>) {
    let row = world.row("SELECT owner_id, team_id FROM agents WHERE id = $1", [id.into()]).await;
    (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())
}

on_both! {
    async fn a_member_creates_private_and_public_agents_and_owns_them(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        for id in [private(&ada).await, public(&ada).await] {
            assert_eq!(belongs(&world, id).await, (Some(world.acme.ada), None));
            let sql = "SELECT name_folded, status, system_prompt, config FROM agents WHERE org_id = $1 AND id = $2";
            let row = world.row(sql, [world.acme.id.into(), id.into()]).await;
            let words: Vec<String> = (0..4).map(|at| row.try_get_by_index(at).unwrap()).collect();
            assert_eq!(words, ["scout", "ACTIVE", "be kind", r#"{"model":"m"}"#]);
        }
        assert_eq!(world.events(world.acme.id, 0).await, ["agent.created", "agent.created"]);
    }

    async fn a_team_agent_belongs_to_the_team_and_takes_the_right_to_make_one_there(world) {
        for who in [world.acme.lead, world.acme.admin] {
            let who = world.tenant(&world.acme, who).await;
            let id = of_team(&who, world.acme.team).await;
            assert_eq!(belongs(&world, id).await, (None, Some(world.acme.team)));
        }
        let before = world.dump().await;
        let create = async |who, team| {
            let who = world.tenant(&world.acme, who).await;
            agent::create(who.cx().await, input(AgentVisibility::Team, Some(team))).await
        };
        forbidden(create(world.acme.ada, world.acme.team).await);
        forbidden(create(world.acme.mate, world.acme.team).await);
        forbidden(create(world.acme.lead, world.acme.empty_team).await);
        for who in [world.acme.admin, world.acme.lead, world.acme.ada] {
            let foreign = told(create(who, world.globex.team).await);
            assert_eq!(foreign, told(create(who, world.absent()).await));
            assert!(foreign.contains("NOT_FOUND"), "{foreign}");
        }
        assert_eq!(world.dump().await, before);
    }

    async fn only_a_super_admin_creates_a_global_agent_and_it_creates_no_other(world) {
        let before = world.dump().await;
        for who in [world.acme.admin, world.acme.ada] {
            let who = world.tenant(&world.acme, who).await;
            forbidden(agent::create(who.cx().await, input(AgentVisibility::Global, None)).await);
        }
        let operator = world.operator();
        forbidden(agent::create(operator.cx().await, input(AgentVisibility::Private, None)).await);
        forbidden(agent::create(operator.cx().await, input(AgentVisibility::Public, None)).await);
        forbidden(agent::create(operator.cx().await, input(AgentVisibility::Team, Some(world.acme.team))).await);
        assert_eq!(world.dump().await, before);
        global(&world).await;
    }

    async fn what_does_not_fit_together_is_refused(world) {
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let before = world.dump().await;
        let create = async |input| agent::create(admin.cx().await, input).await;
        let good = || input(AgentVisibility::Private, None);
        invalid(create(input(AgentVisibility::Team, None)).await, "input.teamId");
        invalid(create(input(AgentVisibility::Private, Some(world.acme.team))).await, "input.teamId");
        invalid(create(CreateAgentInput { name: String::new(), ..good() }).await, "input.name");
        invalid(create(CreateAgentInput { config: Some("[]".to_owned()), ..good() }).await, "input.config");
        invalid(create(CreateAgentInput { required_approvals: 0, ..good() }).await, "input.requiredApprovals");
        invalid(create(CreateAgentInput { required_approvals: 101, ..good() }).await, "input.requiredApprovals");
        let long = Some("x".repeat(300_000));
        invalid(create(CreateAgentInput { system_prompt: long, ..good() }).await, "input.systemPrompt");
        assert_eq!(world.dump().await, before);
    }

    async fn an_agent_is_changed_by_whoever_the_table_says(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = private(&ada).await;
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        not_found(rename(&bob, id).await);
        collaborator::share(&ada, id, world.acme.bob, CollaboratorPermission::Use).await.unwrap();
        forbidden(rename(&bob, id).await);
        collaborator::share(&ada, id, world.acme.bob, CollaboratorPermission::Edit).await.unwrap();
        rename(&bob, id).await.unwrap();
        forbidden(agent::archive(bob.cx().await, id).await);
        collaborator::share(&ada, id, world.acme.bob, CollaboratorPermission::Admin).await.unwrap();
        agent::archive(bob.cx().await, id).await.unwrap();

        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let of_research = of_team(&admin, world.acme.team).await;
        rename(&world.tenant(&world.acme, world.acme.lead).await, of_research).await.unwrap();
        forbidden(rename(&world.tenant(&world.acme, world.acme.mate).await, of_research).await);
        not_found(rename(&ada, of_research).await);
        rename(&admin, of_research).await.unwrap();
        forbidden(rename(&world.operator(), of_research).await);
    }

    async fn only_what_is_given_changes(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = private(&ada).await;
        let change = UpdateAgentInput {
            description: Some("Elsewhere".to_owned()),
            system_prompt: Some("be brief".to_owned()),
            chat_capable: Some(false),
            status: Some(AgentStatus::Stopped),
            ..nothing(id)
        };
        agent::update(ada.cx().await, change).await.unwrap();
        let sql = "SELECT name, description, status, system_prompt, config, chat_capable FROM agents WHERE id = $1";
        let row = world.row(sql, [id.into()]).await;
        let words: Vec<String> = (0..5).map(|at| row.try_get_by_index(at).unwrap()).collect();
        assert_eq!(words, ["Scout", "Elsewhere", "STOPPED", "be brief", r#"{"model":"m"}"#]);
        assert!(!row.try_get_by_index::<bool>(5).unwrap());
        let payload = "SELECT payload FROM events WHERE org_id = $1 AND type = 'agent.updated'";
        let payload: String = world.row(payload, [world.acme.id.into()]).await.try_get_by_index(0).unwrap();
        assert!(payload.contains("systemPrompt") && !payload.contains("be brief"), "{payload}");
    }

    async fn only_an_org_admin_relaxes_approvals(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = private(&ada).await;
        require(&ada, id, 3).await.unwrap();
        let before = world.dump().await;
        forbidden(require(&ada, id, 2).await);
        forbidden(require_plan(&ada, id, false).await);
        require(&ada, id, 3).await.unwrap();
        assert_ne!(world.dump().await, before);

        let admin = world.tenant(&world.acme, world.acme.admin).await;
        require(&admin, id, 1).await.unwrap();
        require_plan(&admin, id, false).await.unwrap();
        // Back on is anybody's who may change the agent.
        require_plan(&ada, id, true).await.unwrap();
        forbidden(require_plan(&ada, id, false).await);

        let of_research = of_team(&admin, world.acme.team).await;
        let lead = world.tenant(&world.acme, world.acme.lead).await;
        require(&lead, of_research, 5).await.unwrap();
        forbidden(require(&lead, of_research, 4).await);
        forbidden(require_plan(&lead, of_research, false).await);
    }

    async fn an_agents_admin_is_nobody_who_changes_it(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = private(&ada).await;
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        palisade::service::agent_admin::add(admin.cx().await, id, world.acme.bob).await.unwrap();
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        forbidden(rename(&bob, id).await);
        forbidden(require(&bob, id, 1).await);
        forbidden(agent::archive(bob.cx().await, id).await);
        forbidden(set_public(&bob, id).await);
    }

    async fn an_archived_agent_stays_as_it_is(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = private(&ada).await;
        invalid(set_status(&ada, id, AgentStatus::Archived).await, "input.status");
        agent::archive(ada.cx().await, id).await.unwrap();
        let before = world.dump().await;
        conflict(agent::archive(ada.cx().await, id).await);
        conflict(rename(&ada, id).await);
        conflict(set_status(&ada, id, AgentStatus::Active).await);
        assert_eq!(world.dump().await, before);
    }

    async fn a_hidden_a_foreign_and_an_absent_agent_answer_alike(world) {
        let hidden = private(&world.tenant(&world.acme, world.acme.bob).await).await;
        let foreign = public(&world.tenant(&world.globex, world.globex.admin).await).await;
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let before = world.dump().await;
        let absent = world.absent::<AgentId>();
        let answers = async |id| {
            [
                told(rename(&ada, id).await),
                told(set_public(&ada, id).await),
                told(set_team(&ada, id, world.acme.team).await),
                told(agent::archive(ada.cx().await, id).await),
                told(collaborator::share(&ada, id, world.acme.ada, CollaboratorPermission::Admin).await),
                told(collaborator::unshare(&ada, id, world.acme.ada).await),
                told(palisade::service::agent_admin::add(ada.cx().await, id, world.acme.ada).await),
                told(palisade::service::agent_admin::remove(ada.cx().await, id, world.acme.ada).await),
                told(document::attach(&ada, id, None).await),
                told(goal::submit(&ada, id).await),
            ]
        };
        let expected = answers(absent).await;
        assert!(expected.iter().all(|answer| *answer == expected[0]), "{expected:?}");
        assert!(expected[0].contains("NOT_FOUND"), "{expected:?}");
        assert_eq!(answers(hidden).await, expected);
        assert_eq!(answers(foreign).await, expected);
        assert_eq!(world.dump().await, before);
    }

    async fn moving_an_agent_takes_the_right_over_it_and_the_right_to_make_what_it_becomes(world) {
        let lead = world.tenant(&world.acme, world.acme.lead).await;
        let id = private(&lead).await;
        let before = world.dump().await;
        // Not its admin there.
        forbidden(set_team(&lead, id, world.acme.empty_team).await);
        let foreign = told(set_team(&lead, id, world.globex.team).await);
        assert_eq!(foreign, told(set_team(&lead, id, world.absent()).await));
        assert!(foreign.contains("NOT_FOUND"), "{foreign}");
        assert_eq!(world.dump().await, before);

        set_team(&lead, id, world.acme.team).await.unwrap();
        assert_eq!(belongs(&world, id).await, (None, Some(world.acme.team)));
        let mate = world.tenant(&world.acme, world.acme.mate).await;
        forbidden(set_private(&mate, id).await);
        // What leaves a team belongs to whoever took it out.
        set_private(&lead, id).await.unwrap();
        assert_eq!(belongs(&world, id).await, (Some(world.acme.lead), None));
        // What was somebody's stays theirs, whoever publishes it.
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        set_public(&admin, id).await.unwrap();
        assert_eq!(belongs(&world, id).await, (Some(world.acme.lead), None));
        forbidden(set_private(&world.operator(), id).await);
        forbidden(agent::archive(world.operator().cx().await, id).await);

        let seen = world.events(world.acme.id, 0).await.len();
        set_public(&admin, id).await.unwrap();
        assert_eq!(world.events(world.acme.id, seen).await.len(), 0, "nothing changed");
    }

    async fn a_collaborator_may_publish_with_admin_and_not_with_edit(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = private(&ada).await;
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        collaborator::share(&ada, id, world.acme.bob, CollaboratorPermission::Edit).await.unwrap();
        forbidden(set_public(&bob, id).await);
        collaborator::share(&ada, id, world.acme.bob, CollaboratorPermission::Admin).await.unwrap();
        set_public(&bob, id).await.unwrap();
        // Publishing ends no collaboration, a team's taking over does.
        assert_eq!(world.count("agent_collaborators WHERE agent_id = $1", [id.into()]).await, 1);
        set_team(&world.tenant(&world.acme, world.acme.admin).await, id, world.acme.team).await.unwrap();
        assert_eq!(world.count("agent_collaborators WHERE agent_id = $1", [id.into()]).await, 0);
    }

    async fn global_is_neither_set_nor_left(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = private(&ada).await;
        let shared = global(&world).await;
        let before = world.dump().await;
        let to_global = SetVisibilityInput { id, visibility: AgentVisibility::Global, team_id: None };
        invalid(agent::set_visibility(ada.cx().await, to_global).await, "input.visibility");
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        forbidden(set_private(&admin, shared).await);
        conflict(set_public(&world.operator(), shared).await);
        assert_eq!(world.dump().await, before);
    }
}
