//! Invariant: a global agent is the platform's, and what an organisation installed of it is the organisation's: neither
//! changes the other's row, the stricter of the two counts, and no row is installed twice.

use entity::{
    enums::AgentStatus,
    ids::{AgentId, OrgId},
};
use palisade::{
    service::agent::{self as service, UpdateAgentInput},
    store::{list::row::Row as _, read::agent::AgentRow},
};

use super::{
    agent::{self, nothing, rename, require, require_plan, set_status},
    document, goal,
};
use crate::support::{empty_world::on_both, two_organizations::*};

/// Status, approvals and plan approval as the viewer's organisation is bound by them.
async fn effective(who: &As, id: AgentId) -> (AgentStatus, i32, bool) {
    let columns = AgentRow::columns(["status", "requiredApprovals", "requirePlanApproval"]);
    let row = who.cx().await.store.agent_by_ids(&[id], columns).await.unwrap().pop().unwrap();
    (*row.status.get().unwrap(), *row.required_approvals.get().unwrap(), *row.require_plan_approval.get().unwrap())
}

async fn installed(world: &World, org: OrgId, id: AgentId) -> i64 {
    world.count("agents WHERE org_id = $1 AND id = $2 AND visibility = 'GLOBAL'", [org.into(), id.into()]).await
}

on_both! {
    async fn a_super_admin_changes_and_archives_the_platforms_row(world) {
        let id = agent::global(&world).await;
        let operator = world.operator();
        let change = UpdateAgentInput {
            system_prompt: Some("be brief".to_owned()),
            config: Some("{}".to_owned()),
            required_approvals: Some(1),
            ..nothing(id)
        };
        service::update(operator.cx().await, change).await.unwrap();
        rename(&operator, id).await.unwrap();
        let sql = "SELECT name, name_folded, system_prompt, config FROM global_agents WHERE id = $1";
        let row = world.row(sql, [id.into()]).await;
        let words: Vec<String> = (0..4).map(|at| row.try_get_by_index(at).unwrap()).collect();
        assert_eq!(words, ["Renamed", "renamed", "be brief", "{}"]);
        service::archive(operator.cx().await, id).await.unwrap();
        conflict(service::archive(operator.cx().await, id).await);
        conflict(rename(&operator, id).await);
        conflict(agent::set_public(&operator, id).await);
        let kinds = ["created", "updated", "updated", "archived"];
        for kind in kinds {
            let of_kind = "platform_events WHERE type = $1";
            let expected = kinds.iter().filter(|known| **known == kind).count();
            let found = world.count(of_kind, [format!("global_agent.{kind}").into()]).await;
            assert_eq!(usize::try_from(found).unwrap(), expected, "{kind}");
        }
        assert_eq!(installed(&world, world.acme.id, id).await, 0);
    }

    async fn an_organisation_changes_nothing_of_the_platforms_row(world) {
        let id = agent::global(&world).await;
        let before = world.dump().await;
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        forbidden(rename(&admin, id).await);
        let prompt = UpdateAgentInput { system_prompt: Some("leak".to_owned()), ..nothing(id) };
        forbidden(service::update(admin.cx().await, prompt).await);
        let both = UpdateAgentInput { required_approvals: Some(5), chat_capable: Some(false), ..nothing(id) };
        forbidden(service::update(admin.cx().await, both).await);
        forbidden(service::archive(admin.cx().await, id).await);
        invalid(set_status(&admin, id, AgentStatus::Error).await, "input.status");
        for who in [world.acme.ada, world.acme.lead] {
            let who = world.tenant(&world.acme, who).await;
            forbidden(require(&who, id, 5).await);
            forbidden(set_status(&who, id, AgentStatus::Stopped).await);
        }
        assert_eq!(world.dump().await, before);
    }

    async fn an_org_admin_tightens_and_stops_it_for_the_organisation_alone(world) {
        let id = agent::global(&world).await;
        let acme = world.tenant(&world.acme, world.acme.admin).await;
        let globex = world.tenant(&world.globex, world.globex.admin).await;
        require(&acme, id, 4).await.unwrap();
        set_status(&acme, id, AgentStatus::Stopped).await.unwrap();
        assert_eq!(effective(&acme, id).await, (AgentStatus::Stopped, 4, true));
        assert_eq!(effective(&globex, id).await, (AgentStatus::Active, 2, true));
        assert_eq!(installed(&world, world.globex.id, id).await, 0);
        set_status(&acme, id, AgentStatus::Active).await.unwrap();
        require(&acme, id, 2).await.unwrap();
        assert_eq!(effective(&acme, id).await, (AgentStatus::Active, 2, true));
        let told = world.events(world.acme.id, 0).await;
        assert_eq!(told, ["agent.installed", "agent.updated", "agent.updated", "agent.updated", "agent.updated"]);
    }

    async fn no_organisation_goes_below_the_platform(world) {
        let id = agent::global(&world).await;
        let acme = world.tenant(&world.acme, world.acme.admin).await;
        let before = world.dump().await;
        conflict(require(&acme, id, 1).await);
        conflict(require_plan(&acme, id, false).await);
        assert_eq!(world.dump().await, before);
    }

    async fn a_super_admins_change_tightens_and_never_loosens_what_was_installed(world) {
        let id = agent::global(&world).await;
        let (acme, globex) =
            (world.tenant(&world.acme, world.acme.admin).await, world.tenant(&world.globex, world.globex.admin).await);
        goal::submit(&acme, id).await.unwrap();
        let operator = world.operator();
        require(&operator, id, 1).await.unwrap();
        require_plan(&operator, id, false).await.unwrap();
        assert_eq!(effective(&acme, id).await, (AgentStatus::Active, 2, true), "used it under the stricter rule");
        assert_eq!(effective(&globex, id).await, (AgentStatus::Active, 1, false), "never used it");
        require(&operator, id, 7).await.unwrap();
        assert_eq!(effective(&acme, id).await.1, 7);
        assert_eq!(effective(&globex, id).await.1, 7);
        set_status(&operator, id, AgentStatus::Stopped).await.unwrap();
        // What the platform stopped, no organisation starts.
        set_status(&acme, id, AgentStatus::Active).await.unwrap();
        assert_eq!(effective(&acme, id).await.0, AgentStatus::Stopped);
        conflict(goal::submit(&acme, id).await);
    }

    async fn the_installed_row_holds_nothing_of_the_platforms(world) {
        let id = agent::global(&world).await;
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        goal::submit(&ada, id).await.unwrap();
        let empty = "agents WHERE id = $1 AND name = '' AND name_folded = '' AND description = '' \
                     AND system_prompt IS NULL AND config IS NULL AND owner_id IS NULL AND team_id IS NULL";
        assert_eq!(world.count(empty, [id.into()]).await, 1);
        assert_eq!(world.events(world.acme.id, 0).await, ["agent.installed", "goal.submitted"]);
        goal::submit(&ada, id).await.unwrap();
        assert_eq!(world.events(world.acme.id, 2).await, ["goal.submitted"]);
    }

    async fn of_many_first_uses_at_once_one_installs(world) {
        let id = agent::global(&world).await;
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let many = (0..10).map(|_| async {
            let who = world.again(&ada);
            goal::submit(&who, id).await
        });
        for submitted in futures_util::future::join_all(many).await {
            submitted.unwrap();
        }
        assert_eq!(installed(&world, world.acme.id, id).await, 1);
        assert_eq!(world.count("goals WHERE agent_id = $1", [id.into()]).await, 10);
        let told = world.events(world.acme.id, 0).await;
        assert_eq!(told.iter().filter(|kind| *kind == "agent.installed").count(), 1);
    }

    async fn an_archived_global_agent_is_over_for_everybody(world) {
        let id = agent::global(&world).await;
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        service::archive(world.operator().cx().await, id).await.unwrap();
        let before = world.dump().await;
        conflict(goal::submit(&admin, id).await);
        conflict(require(&admin, id, 5).await);
        conflict(set_status(&admin, id, AgentStatus::Active).await);
        conflict(document::attach(&world.operator(), id, None).await);
        assert_eq!(world.dump().await, before);
    }
}
