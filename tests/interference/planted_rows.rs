//! Leaks planted in the rows underneath: a store that puts content, or another's rows, where they do not belong.

use super::{leaks::found, variants};

async fn operator(planted: &[&str], place: &str, fields: usize) {
    found(variants::contents("sqlite", planted).await, "Operator", None, place, fields).await;
}

async fn member(role: &'static str, planted: &[&str], place: &str, fields: usize) {
    found(variants::neighbours("sqlite", planted).await, role, None, place, fields).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_in_an_agents_description_is_found() {
    // One agent's only: the generator must come upon it.
    let copy = "UPDATE agents SET description = coalesce(substr(system_prompt, 1, 12), '') WHERE rowid = \
                (SELECT max(rowid) FROM agents WHERE visibility <> 'GLOBAL')";
    operator(&[copy], "description", 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_that_follows_a_contents_length_is_found() {
    operator(
        &["UPDATE chat_sessions SET updated_at = datetime(updated_at, length(title) || ' seconds') || '.000000+00:00' \
           WHERE title IS NOT NULL"],
        "updatedAt",
        5,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_missing_where_content_is_empty_is_found() {
    operator(&["DELETE FROM executions WHERE shell_output IS NULL"], "exe", 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_priority_that_follows_a_contents_length_is_found() {
    operator(&["UPDATE goals SET priority = length(goal_text) % 7"], "riority", 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_a_trigger_copies_later_is_found() {
    // Rows as they were made leak nothing; what is written from now on does.
    let trigger = "CREATE TRIGGER leak AFTER INSERT ON approval_requests BEGIN \
                   UPDATE approval_requests SET required_approvals = 1 + length(NEW.payload) WHERE id = NEW.id; END";
    operator(&[trigger], "requiredApprovals", 6).await;
}

const ACME: &str = "(SELECT id FROM organizations WHERE slug = 'acme')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_of_the_other_organisation_in_ones_own_list_is_found() {
    let sql = format!(
        "INSERT INTO workers (org_id, id, hostname, status, capabilities, last_heartbeat_at, created_at) \
         SELECT {ACME}, id, hostname, status, capabilities, last_heartbeat_at, created_at FROM workers \
         WHERE org_id <> {ACME} LIMIT 1"
    );
    member("Acme outsider", &[&sql], "orker", 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_of_a_global_agent_summed_over_all_organisations_is_found() {
    let sql = format!(
        "UPDATE usage_days SET requests = requests + (SELECT count(*) FROM goals WHERE goals.org_id <> {ACME} AND \
         goals.agent_id = usage_days.agent_id) WHERE org_id = {ACME} AND agent_id IN (SELECT id FROM global_agents)"
    );
    member("Acme admin", &[&sql], "requests", 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_figure_that_counts_the_others_messages_is_found() {
    let sql = format!(
        "UPDATE chat_sessions SET message_count = (SELECT count(*) FROM chat_messages) WHERE org_id = {ACME} AND rowid \
         = (SELECT max(rowid) FROM chat_sessions WHERE org_id = {ACME})"
    );
    member("Acme admin", &[&sql], "messageCount", 5).await;
}
