//! Subscriptions: each field is followed in both worlds while somebody makes something happen.

use std::time::Duration;

use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::{
    document::{Argument, Field, Input, Operation, Printed, Selection},
    generate::Generator,
    schema::named,
    twins::{Heard, Twins, head, masked},
};

/// What happens while it is followed.
#[derive(Clone, Debug)]
pub enum Happening {
    /// The organisation's admin calls the goal off.
    GoalCancelled(String),
    /// Somebody speaks in the chat.
    Said { role: &'static str, chat: String },
    /// A goal is submitted, planned and put up for approval, and tasks are claimed.
    Work,
    /// Nothing: what is followed happened before.
    Nothing,
}

/// A subscription and what happens meanwhile.
#[derive(Clone, Debug)]
pub struct Following {
    pub operation: Operation,
    pub happening: Happening,
    /// Whether what is said meanwhile differs between the worlds: for a viewer who may not read it.
    pub differs: bool,
    /// Whom the generator had open a chat with which agent, until one was opened.
    pub opens: Vec<(&'static str, String)>,
}

/// How long a stream is listened to after its last word, and how long it may be behind the other.
const QUIET: Duration = Duration::from_millis(150);
const BEHIND: Duration = Duration::from_secs(5);

fn text(name: &str, ty: &str, value: String) -> Argument {
    Argument { name: name.to_owned(), ty: ty.to_owned(), value: Input::Text(value), variable: true }
}

/// A subscription of the generator's, to one field after the other.
pub async fn make(generator: &mut Generator, twins: &Twins, turn: usize, differs: bool) -> Following {
    let schema = generator.schema.clone();
    let fields = schema.fields("Subscription");
    let definition = &fields[turn % fields.len()];
    let ty = named(&definition.ty).to_owned();
    let depth = generator.dice.below(2);
    let selections = generator.selections(&ty, depth);
    let (mut happening, mut opens) = (Happening::Work, Vec::new());
    let arguments = match definition.name.as_str() {
        "goalUpdated" => {
            let goal = generator.pools.id("goal", &mut generator.dice);
            happening = Happening::GoalCancelled(goal.clone());
            vec![text("id", "ID!", goal)]
        }
        "chatMessageAdded" => {
            let mut opened = None;
            for role in [twins.role, "Acme admin"] {
                for agent in twins.worlds[0].plan.agents.iter().filter(|row| row.chat_capable) {
                    if opened.is_none() && agent.org_id == twins.worlds[0].acme() {
                        opens.push((role, agent.id.to_string()));
                        opened = open_chat(twins, role, &agent.id.to_string()).await.map(|id| (role, id));
                    }
                }
            }
            let chat = match opened {
                Some((role, chat)) => {
                    happening = Happening::Said { role, chat: chat.clone() };
                    chat
                }
                // The viewer has closed every agent that chats.
                None => {
                    happening = Happening::Nothing;
                    generator.pools.id("chat", &mut generator.dice)
                }
            };
            vec![text("sessionId", "ID!", chat)]
        }
        name => {
            let mut arguments = Vec::new();
            let given = generator.given(&format!("Subscription.{name}"), &definition.arguments);
            for (name, ty, value) in given {
                let cursor = generator.pages.iter().rev().find(|page| page.cursor.len() > 20).map(|page| &page.cursor);
                let value = match (name.as_str(), cursor) {
                    ("after", Some(cursor)) => Input::Text(cursor.clone()),
                    _ => value,
                };
                arguments.push(Argument { name, ty: ty.to_string(), value, variable: true });
            }
            // An operator follows an organisation by name.
            if name != "taskUpdated" && !arguments.iter().any(|argument| argument.name == "organizationId") {
                arguments.push(text("organizationId", "ID", twins.worlds[0].acme().to_string()));
            }
            if generator.dice.percent(15) {
                happening = Happening::Nothing;
            }
            arguments
        }
    };
    let (on, name) = ("Subscription".to_owned(), definition.name.clone());
    let field = Field { on, name, alias: None, arguments, ty, selections };
    let operation = Operation { kind: "subscription", selections: vec![Selection::Field(field)] };
    Following { operation, happening, differs, opens }
}

/// Opens a chat in both worlds.
async fn open_chat(twins: &Twins, role: &str, agent: &str) -> Option<String> {
    let start = "mutation($agent: ID!) { startChat(input: { agentId: $agent }) { chatSession { id } } }";
    let first = twins.ask_as(0, role, start, json!({ "agent": agent })).await;
    let second = twins.ask_as(1, role, start, json!({ "agent": agent })).await;
    assert_eq!(first, second, "a chat that both worlds open alike");
    first["data"]["startChat"]["chatSession"]["id"].as_str().map(str::to_owned)
}

/// Does in new worlds what was done before a stream was followed.
pub async fn prepare(twins: &Twins, following: &Following) {
    for (role, agent) in &following.opens {
        open_chat(twins, role, agent).await;
    }
}

/// Does in new worlds all that was done for a stream, without following it.
pub async fn again(twins: &Twins, following: &Following) {
    prepare(twins, following).await;
    tokio::join!(happen(twins, 0, following), happen(twins, 1, following));
}

/// What both worlds say.
pub async fn follow(twins: &Twins, following: &Following) -> [Heard; 2] {
    let asked = following.operation.print();
    let (first, second) = tokio::join!(Stream::open(twins, 0, &asked), Stream::open(twins, 1, &asked));
    let mut streams = [first, second];
    if streams.iter().all(|stream| stream.live) {
        tokio::join!(happen(twins, 0, following), happen(twins, 1, following));
    }
    let [first, second] = &mut streams;
    tokio::join!(first.listen(QUIET), second.listen(QUIET));
    let until = tokio::time::Instant::now() + BEHIND;
    while first.events() != second.events() && tokio::time::Instant::now() < until {
        tokio::join!(first.listen(QUIET), second.listen(QUIET));
    }
    streams.map(|stream| Heard { body: masked(stream.said), ..stream.heard })
}

struct Stream {
    heard: Heard,
    body: axum::body::Body,
    said: String,
    /// Whether it is a stream, and goes on.
    live: bool,
}

impl Stream {
    async fn open(twins: &Twins, which: usize, asked: &Printed) -> Self {
        let response = twins.open(which, asked).await;
        let (status, headers) = head(&response);
        let live = headers.iter().any(|(name, value)| name == "content-type" && value.starts_with("text/event-stream"));
        Self {
            heard: Heard { status, headers, body: String::new() },
            body: response.into_body(),
            said: String::new(),
            live,
        }
    }

    fn events(&self) -> usize {
        self.said.matches("event: next").count()
    }

    /// Takes what comes until nothing does.
    async fn listen(&mut self, quiet: Duration) {
        while self.events() < 12 {
            match tokio::time::timeout(quiet, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let bytes = frame.into_data().unwrap_or_default();
                    let text = String::from_utf8_lossy(&bytes);
                    // A sign of life says nothing, and comes when it comes.
                    if !text.starts_with(':') {
                        self.said.push_str(&text);
                    }
                }
                Ok(_) => {
                    self.live = false;
                    return;
                }
                Err(_) => return,
            }
        }
    }
}

async fn happen(twins: &Twins, which: usize, following: &Following) {
    let words = if following.differs && which == 1 { "Zebra quartz, ".repeat(40) } else { "Do it.".to_owned() };
    match &following.happening {
        Happening::Nothing => {}
        Happening::GoalCancelled(goal) => {
            let cancel = "mutation($id: ID!) { cancelGoal(id: $id) { goal { id } } }";
            twins.ask_as(which, "Acme admin", cancel, json!({ "id": goal })).await;
        }
        Happening::Said { role, chat } => {
            let post =
                "mutation($input: PostChatMessageInput!) { postChatMessage(input: $input) { chatMessage { id } } }";
            let input = json!({ "sessionId": chat, "role": "USER", "content": words });
            twins.ask_as(which, role, post, json!({ "input": input })).await;
        }
        Happening::Work => work(twins, which, &words).await,
    }
}

/// A goal from its text to its plan's approval, and a task on its way.
async fn work(twins: &Twins, which: usize, words: &str) {
    let world = &twins.worlds[which];
    let planner = world.plan.service_account_agents.iter().find(|row| row.org_id == world.acme()).unwrap();
    let submit = "mutation($input: SubmitGoalInput!) { submitGoal(input: $input) { goal { id } } }";
    let input = json!({ "agentId": planner.agent_id.to_string(), "goalText": words });
    let submitted = twins.ask_as(which, "Acme admin", submit, json!({ "input": input })).await;
    let Some(goal) = submitted["data"]["submitGoal"]["goal"]["id"].as_str() else { return };
    let start = "mutation($id: ID!) { startPlanning(goalId: $id) { goal { id } } }";
    twins.ask_as(which, "Acme planner", start, json!({ "id": goal })).await;
    let propose = "mutation($input: ProposePlanInput!) { proposePlan(input: $input) { goal { status } } }";
    let tasks = json!([{ "key": "one", "type": "think", "payload": { "say": words } }]);
    let input = json!({ "goalId": goal, "plan": { "because": words }, "tasks": tasks });
    twins.ask_as(which, "Acme planner", propose, json!({ "input": input })).await;
    let fail = "mutation($id: ID!) { cancelTask(id: $id) { task { id } } }";
    let open = |task: &&entity::task::Model| task.org_id == world.acme() && task.finished_at.is_none();
    for task in world.plan.tasks.iter().filter(open).take(2) {
        let _: Value = twins.ask_as(which, "Acme admin", fail, json!({ "id": task.id.to_string() })).await;
    }
}
