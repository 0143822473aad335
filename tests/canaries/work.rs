//! What an organisation does all day, with a marker in everything that it says.

use serde_json::{Value, json};

use super::{marker::Marks, remote::Remote};

/// Who works, and on what.
pub struct Office {
    pub admin: Remote,
    /// Another admin, who decides what the first asks.
    pub second: Remote,
    /// A team: what it owns is hidden from who is not in it.
    pub team: String,
    pub org: String,
}

/// What came of it.
pub struct Done {
    pub ids: Vec<String>,
    /// The goal, the agent and the chat.
    pub goal: String,
    pub agent: String,
    pub chat: String,
    /// Tokens and keys that were given out: secrets of those who got them.
    pub secrets: Vec<String>,
    /// Everything that was said, each with its marker.
    pub said: Vec<(&'static str, String)>,
}

const ALL: [&str; 5] = ["READ", "PLANS_WRITE", "TASKS_RUN", "USAGE_WRITE", "CHAT_WRITE"];

fn id(of: &Value) -> String {
    of["id"].as_str().unwrap_or_else(|| panic!("{of}")).to_owned()
}

impl Office {
    /// Prepares what followers have to know of: the agent, the goal and the chat.
    pub async fn work(&self, marks: &Marks, mut meanwhile: impl AsyncFnMut(&Done)) -> Done {
        let mut said: Vec<(&'static str, String)> = Vec::new();
        let mut row = 0;
        let mut word = |what: &'static str| {
            row += 1;
            let text = format!("Say \"{}\" of it", marks.text('t', 99, row));
            said.push((what, marks.text('t', 99, row)));
            text
        };
        let admin = &self.admin;
        let mut ids = Vec::new();
        let config = json!({ "config": { "note": word("Organization.config") } });
        admin.does("updateOrganization", config, "organization { id config }").await;
        let agent = json!({
            "name": "Scout", "visibility": "TEAM", "teamId": self.team, "chatCapable": true, "requirePlanApproval": true,
            "systemPrompt": word("Agent.systemPrompt"), "config": { "note": word("Agent.config") },
        });
        let agent = id(&admin.does("createAgent", agent, "agent { id systemPrompt config }").await["agent"]);
        for (what, name) in [("AgentDocument.content", "content"), ("AgentDocument.uri", "uri")] {
            let text = word(what);
            let text = if name == "uri" { format!("https://acme.example/{}", &text[5..text.len() - 7]) } else { text };
            let page = json!({ "agentId": agent, "type": "RULE", "name": "Rule", name: text });
            ids.push(id(&admin.does("attachDocument", page, "document { id content uri }").await["document"]));
        }
        let made = admin.does("createServiceAccount", json!({ "name": "Everything", "scopes": ALL }), "key").await;
        let key = made["key"].as_str().unwrap().to_owned();
        let worker = Remote { address: admin.address, token: Some(key.clone()) };
        let kind = format!("kind-{}", &agent[agent.len() - 6..]);
        let box_ = json!({ "hostname": "box", "capabilities": [kind] });
        let box_ = id(&worker.does("registerWorker", box_, "worker { id }").await["worker"]);
        let asked = json!({
            "agentId": agent, "goalText": word("Goal.goalText"), "idempotencyKey": word("an idempotency key"),
            "documents": [{ "name": "Brief", "type": "RULE", "content": word("a goal's document") }],
        });
        let goal = id(&admin.does("submitGoal", asked, "goal { id goalText }").await["goal"]);
        let chat = json!({ "agentId": agent, "title": word("ChatSession.title") });
        let chat = id(&admin.does("startChat", chat, "chatSession { id title }").await["chatSession"]);
        ids.extend([agent.clone(), goal.clone(), chat.clone()]);
        let mut done = Done { ids, goal, agent, chat, secrets: vec![key], said: Vec::new() };
        meanwhile(&done).await;

        let tasks: Vec<Value> = ["a", "b"]
            .map(
                |key| json!({ "key": key, "type": kind, "maxRetries": 0, "payload": { "note": word("Task.payload") } }),
            )
            .into();
        let plan = json!({ "goalId": done.goal, "plan": { "note": word("Goal.plan") }, "tasks": tasks });
        worker.does("proposePlan", plan, "goal { id plan approvalRequests { id payload } }").await;
        let waiting = "query($goal: ID!) { goal(id: $goal) { approvalRequests { id status payload } } }";
        let waiting =
            self.second.send(waiting, json!({ "goal": done.goal })).await["data"]["goal"]["approvalRequests"].clone();
        let asked = id(waiting
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["status"] == "PENDING")
            .unwrap_or_else(|| panic!("{waiting}")));
        let yes = json!({ "id": asked, "decision": "APPROVE", "comment": word("ApprovalDecision.comment") });
        self.second.does("decideApproval", yes, "approvalRequest { id payload decisions { comment } }").await;
        let claim = json!({ "workerId": box_, "limit": 2 });
        let claimed = worker.does("claimTasks", claim, "tasks { id attempt payload }").await["tasks"].clone();
        let claim =
            |at: usize| json!({ "taskId": id(&claimed[at]), "workerId": box_, "attempt": claimed[at]["attempt"] });
        let with = |at: usize, more: Value| {
            let mut claim = claim(at);
            claim.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            claim
        };
        let ran = with(
            0,
            json!({
                "status": "SUCCEEDED", "code": word("Execution.code"), "codeOutput": word("Execution.codeOutput"),
                "shellOutput": word("Execution.shellOutput"), "fileContents": { "note": word("Execution.fileContents") },
                "idempotencyKey": word("a run's key"),
            }),
        );
        let fields = "execution { id code codeOutput shellOutput fileContents }";
        done.ids.push(id(&worker.does("recordExecution", ran, fields).await["execution"]));
        let risky = with(
            0,
            json!({ "payload": { "note": word("ApprovalRequest.payload") }, "reason": word("ApprovalRequest.reason") }),
        );
        let asked = id(
            &worker.does("requestApproval", risky, "approvalRequest { id payload reason }").await["approvalRequest"],
        );
        let yes = json!({ "id": asked, "decision": "APPROVE", "comment": word("ApprovalDecision.comment") });
        self.second.does("decideApproval", yes, "approvalRequest { id reason payload decisions { comment } }").await;
        done.ids.push(asked);
        let result = with(0, json!({ "result": { "note": word("Task.result") } }));
        done.ids.push(id(&worker.does("completeTask", result, "task { id result payload }").await["task"]));
        let error = with(1, json!({ "error": word("Task.error"), "retryable": false }));
        done.ids.push(id(&worker.does("failTask", error, "task { id error }").await["task"]));
        let path = format!("notes/{}.md", &word("WorkspaceFile.path")[5..28]);
        let file = json!({ "goalId": done.goal, "path": path, "contents": word("WorkspaceFile.contents") });
        done.ids.push(id(
            &admin.does("putWorkspaceFile", file, "file { id path contents sha256 sizeBytes }").await["file"],
        ));
        let hello = json!({ "sessionId": done.chat, "role": "USER", "content": word("ChatMessage.content"), "idempotencyKey": word("a message's key") });
        done.ids.push(id(&admin.does("postChatMessage", hello, "chatMessage { id content }").await["chatMessage"]));
        let answer = json!({
            "sessionId": done.chat, "role": "ASSISTANT", "content": word("ChatMessage.content"), "tokensIn": 7, "tokensOut": 9,
            "toolCalls": [{ "note": word("ChatMessage.toolCalls") }],
        });
        done.ids.push(id(
            &worker.does("postChatMessage", answer, "chatMessage { id content toolCalls }").await["chatMessage"],
        ));
        let tool = json!({ "sessionId": done.chat, "role": "TOOL", "content": word("ChatMessage.content"), "toolResults": [{ "note": word("ChatMessage.toolResults") }] });
        done.ids.push(id(&worker.does("postChatMessage", tool, "chatMessage { id toolResults }").await["chatMessage"]));
        done.said = said;
        done
    }
}
