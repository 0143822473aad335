//! No query runs more statements because there are more rows: children of all parents of a level come in one.

use crate::support::world::on_both;

on_both! {
    async fn statements_grow_with_levels_and_not_with_rows(world) {
        let admin = world.acme_admin().await;
        let operator = world.operator().await;
        // The most that any caller takes: an operator's agents have their goals in two places, its own and all organisations'.
        for (shape, most) in [
            ("{ agents(first: N) { nodes { name } } }", 1),
            ("{ agents(first: N) { totalCount nodes { name } } }", 2),
            ("{ agents(first: N) { nodes { goals(first: N) { nodes { tasks(first: N) { nodes { type } } } } } } }", 4),
            ("{ goals(first: N) { nodes { submittedBy { name } agent { name owner { name } team { name } } } } }", 5),
            ("{ tasks(first: N) { nodes { worker { hostname } goal { status } dependsOn { status } dependents { status } } } }", 7),
            ("{ teams(first: N) { nodes { members(first: N) { totalCount nodes { user { name } } } agents(first: N) { nodes { name } } } } }", 5),
            ("{ agents(first: N) { nodes { viewerCanUpdate viewerCanUse goalCounts { count } collaborators { permission } admins { name } } } }", 8),
            ("{ approvalRequests(first: N, filter: { status: [PENDING] }) { nodes { viewerCanDecide } } }", 6),
            ("{ approvalRequests(first: N) { nodes { approvers { name } agent { name } goal { status } } } }", 6),
            ("{ approvalRequests(first: N, filter: { status: [APPROVED] }) { nodes { requestedBy { name } decisions { decidedBy { name } comment } } } }", 4),
            ("{ goals(first: N) { nodes { approvalRequests { status decisions { decision } } } } }", 3),
            ("{ organizations(first: N) { nodes { counts { agents members goals { count } } members(first: N) { nodes { user { name } } } } } }", 7),
        ] {
            for caller in [&admin, &operator] {
                let few = caller.statements(&shape.replace(": N", ": 2")).await;
                let many = caller.statements(&shape.replace(": N", ": 30")).await;
                assert!(many <= most, "{many} statements, {most} allowed: {shape}");
                assert!(many <= few + 2, "{few} statements for two rows and {many} for thirty: {shape}");
            }
        }
    }

    async fn what_needs_no_database_opens_no_transaction(world) {
        assert_eq!(world.anonymous().statements("{ serverInfo { name version } viewer { isSuperAdmin } }").await, 0);
        assert_eq!(world.acme_admin().await.statements("{ viewer { isSuperAdmin orgRole permissions } }").await, 0);
    }
}
