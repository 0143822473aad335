//! Prints the table as `docs/permissions.md`.

use std::fmt::Write as _;

use entity::enums::{CollaboratorPermission, ServiceScope};

use super::table::{Grant, RULES, ServiceGrant};

/// A cell as the published matrix shows it.
pub(super) const fn cell(grant: Grant) -> &'static str {
    match grant {
        Grant::No => "–",
        Grant::Yes => "●",
        Grant::Metadata => "○",
        Grant::Own => "● own",
        Grant::ByVisibility => "by visibility",
        Grant::Share(CollaboratorPermission::Use) => "owner or collaborator",
        Grant::Share(CollaboratorPermission::Edit) => "owner, or collaborator `edit`/`admin`",
        Grant::Share(CollaboratorPermission::Admin) => "owner, or collaborator `admin`",
        Grant::OwnWork => "the submitter, or who may change the agent",
        Grant::Personal => "oneself",
        Grant::NoActiveAdmin => "where there is no admin",
    }
}

/// A scope as the documentation and the tokens' headers say it.
pub const fn scope(scope: ServiceScope) -> &'static str {
    match scope {
        ServiceScope::Read => "read",
        ServiceScope::TasksRun => "tasks:run",
        ServiceScope::PlansWrite => "plans:write",
        ServiceScope::UsageWrite => "usage:write",
        ServiceScope::ChatWrite => "chat:write",
    }
}

/// The same for a service account.
pub(super) fn service_cell(grant: ServiceGrant) -> String {
    match grant {
        ServiceGrant::No => "–".to_owned(),
        ServiceGrant::Any => "●".to_owned(),
        ServiceGrant::Scope(scopes) => {
            scopes.iter().map(|word| format!("`{}`", scope(*word))).collect::<Vec<_>>().join(" or ")
        }
    }
}

/// The whole page.
pub fn permissions() -> String {
    let mut page = String::from(
        "# Permissions\n\n\
         Printed from the table in `src/policy/table.rs` by `palisade policy print`; do not edit.\n\n\
         ● yes, ○ metadata only (content is null), – no. \"own\" is the team or the agent that the role is for. Team and\n\
         agent roles are added on top of the organisation role. What a viewer may not see does not exist for it.\n\n\
         A service account (a planner's or worker's key) needs one of the scopes named, and reaches the agents that it was\n\
         made for, with what hangs off them. `tasks:run` and `plans:write` open the content of goals, plans, tasks,\n\
         executions, approvals, files, agents and documents; `chat:write` opens chats; `read` and `usage:write` open none,\n\
         and no key opens an organisation's settings or its audit log.\n\n\
         | permission | lets one | super_admin | org_admin | org_member | team_admin | team_member | agent_admin | service_account |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for rule in RULES {
        let service = service_cell(rule.service_account);
        let note = if rule.note.is_empty() { String::new() } else { format!(". {}", rule.note.trim_end_matches('.')) };
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {}{note} | {} | {} | {} | {} | {} | {} | {service} |",
            rule.permission.as_str(),
            rule.action,
            cell(rule.super_admin),
            cell(rule.org_admin),
            cell(rule.org_member),
            cell(rule.team_admin),
            cell(rule.team_member),
            cell(rule.agent_admin),
        );
    }
    page
}
