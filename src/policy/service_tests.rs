//! What a service account's key may do: what its scopes name, to the agents that it was made for, and nothing else.

use entity::{
    enums::{AgentVisibility, ServiceScope},
    ids::{AgentId, GoalId, OrgId, ServiceAccountId, SessionId, TypedId, UserId},
};
use uuid::Uuid;

use super::{
    AgentFacts, AgentKey, GoalFacts, OrgFacts, Outcome, Permission, Resource, can_start_operation, decide,
    decide::holds_everywhere,
    permit::{Action, permit},
    table::{Grant, RULES, ServiceGrant, rule},
};
use crate::viewer::{Account, AgentAccess, ServiceViewer, Viewer};

fn id<I: TypedId>(n: u128) -> I {
    I::from_uuid(Uuid::from_u128(n))
}

const ORG: u128 = 1;

fn key(scopes: &[ServiceScope], agents: AgentAccess) -> Viewer {
    let scopes = scopes.iter().copied().collect();
    Viewer::ServiceAccount(ServiceViewer { id: id::<ServiceAccountId>(5), org_id: id(ORG), scopes, agents })
}

fn agent(org: Option<u128>, n: u128, visibility: AgentVisibility) -> AgentFacts {
    AgentFacts {
        key: AgentKey { org_id: org.map(id::<OrgId>), id: id::<AgentId>(n) },
        visibility,
        owner_id: None,
        team_id: None,
        share: None,
        is_agent_admin: false,
    }
}

#[test]
fn a_key_without_a_scope_may_do_what_every_key_may_and_nothing_else() {
    let none = key(&[], AgentAccess::All);
    for row in RULES {
        let may = can_start_operation(&none, row.permission).is_ok();
        assert_eq!(may, row.service_account == ServiceGrant::Any, "{}", row.permission.as_str());
    }
    let any: Vec<_> = RULES.iter().filter(|row| row.service_account == ServiceGrant::Any).collect();
    assert_eq!(any.len(), 3, "signing in, seeing oneself, one's organisation");
}

#[test]
fn each_scope_starts_the_rows_that_name_it() {
    for scope in ServiceScope::ALL {
        let viewer = key(&[*scope], AgentAccess::All);
        for row in RULES {
            let named = match row.service_account {
                ServiceGrant::No => false,
                ServiceGrant::Any => true,
                ServiceGrant::Scope(scopes) => scopes.contains(scope),
            };
            let permission = row.permission;
            assert_eq!(decide(&viewer, permission, Resource::Platform).allowed(), named, "{}", permission.as_str());
        }
    }
}

#[test]
fn whoever_works_on_goals_reads_what_it_works_on() {
    for scope in [ServiceScope::TasksRun, ServiceScope::PlansWrite] {
        let viewer = key(&[scope], AgentAccess::All);
        for permission in [Permission::NodeRead, Permission::AgentRead, Permission::GoalRead, Permission::ApprovalRead]
        {
            assert!(can_start_operation(&viewer, permission).is_ok(), "{scope:?} {}", permission.as_str());
        }
    }
    let chat = key(&[ServiceScope::ChatWrite], AgentAccess::All);
    assert!(
        can_start_operation(&chat, Permission::AgentRead).is_ok()
            && can_start_operation(&chat, Permission::GoalRead).is_err()
    );
}

#[test]
fn no_key_manages_anything_that_people_manage() {
    let all = key(ServiceScope::ALL, AgentAccess::All);
    for permission in [
        Permission::ServiceAccountManage,
        Permission::OperationsRead,
        Permission::BudgetSet,
        Permission::MemberManage,
        Permission::MemberConfirm,
        Permission::TeamManage,
        Permission::AgentCreate,
        Permission::AgentUpdate,
        Permission::AgentGovern,
        Permission::GoalSubmit,
        Permission::GoalCancel,
        Permission::ApprovalDecide,
        Permission::OrganizationConfigure,
        Permission::AuditRead,
    ] {
        assert!(can_start_operation(&all, permission).is_err(), "{}", permission.as_str());
    }
}

#[test]
fn an_agent_that_a_key_was_not_made_for_does_not_exist_for_it() {
    let named = key(ServiceScope::ALL, AgentAccess::Named([id(10), id(20)].into()));
    let outcome = |facts: &AgentFacts| decide(&named, Permission::AgentRead, Resource::Agent(facts)).outcome;
    assert_eq!(outcome(&agent(Some(ORG), 10, AgentVisibility::Private)), Outcome::Allow);
    assert_eq!(outcome(&agent(None, 20, AgentVisibility::Global)), Outcome::Allow);
    assert_eq!(outcome(&agent(Some(ORG), 11, AgentVisibility::Public)), Outcome::Hide);
    assert_eq!(outcome(&agent(None, 21, AgentVisibility::Global)), Outcome::Hide);
    assert_eq!(outcome(&agent(Some(2), 10, AgentVisibility::Public)), Outcome::Hide);
    let goal = |facts| GoalFacts { org_id: id(ORG), id: id::<GoalId>(3), submitted_by: None, agent: facts };
    let there = goal(agent(Some(ORG), 10, AgentVisibility::Private));
    let hidden = goal(agent(Some(ORG), 11, AgentVisibility::Public));
    let foreign = GoalFacts { org_id: id(2), ..there };
    let claim = |goal: &GoalFacts| decide(&named, Permission::TaskRun, Resource::Goal(goal)).outcome;
    assert_eq!([claim(&there), claim(&hidden), claim(&foreign)], [Outcome::Allow, Outcome::Hide, Outcome::Hide]);
}

#[test]
fn a_key_for_all_agents_sees_its_organisations_and_the_global_ones() {
    let all = key(&[ServiceScope::Read], AgentAccess::All);
    let outcome = |facts: &AgentFacts| decide(&all, Permission::AgentRead, Resource::Agent(facts)).outcome;
    assert_eq!(outcome(&agent(Some(ORG), 11, AgentVisibility::Private)), Outcome::Allow);
    assert_eq!(outcome(&agent(None, 21, AgentVisibility::Global)), Outcome::Allow);
    assert_eq!(outcome(&agent(Some(2), 11, AgentVisibility::Public)), Outcome::Hide);
    let other = OrgFacts { org_id: id(2) };
    assert_eq!(decide(&all, Permission::OrganizationRead, Resource::Organization(&other)).outcome, Outcome::Hide);
}

#[test]
fn a_key_for_some_agents_holds_throughout_only_what_is_not_about_agents() {
    let some = key(ServiceScope::ALL, AgentAccess::Named([id(10)].into()));
    assert!(holds_everywhere(&some, Permission::OrganizationRead));
    assert!(!holds_everywhere(&some, Permission::TaskRun));
    assert!(holds_everywhere(&key(ServiceScope::ALL, AgentAccess::All), Permission::TaskRun));
}

enum SetSomething {}

impl Action for SetSomething {
    const PERMISSION: Permission = Permission::OperationsRead;
    type On = OrgFacts;
}

#[test]
fn a_super_admin_makes_no_key_and_what_it_only_sees_it_does_not_change() {
    let account = Account::signed_in(id::<UserId>(2), id::<SessionId>(3));
    let operator = Viewer::SuperAdmin(account);
    assert!(can_start_operation(&operator, Permission::ServiceAccountManage).is_err());
    for row in RULES.iter().filter(|row| row.super_admin == Grant::Metadata) {
        assert!(decide(&operator, row.permission, Resource::Platform).allowed());
    }
    assert_eq!(rule(Permission::OperationsRead).super_admin, Grant::Metadata);
    assert!(permit::<SetSomething>(&operator, &OrgFacts { org_id: id(ORG) }).is_err());
}
