//! Conversations. Personal to their user: the same conversation is had by different people in both organisations.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    chat_message, chat_session,
    confidential::Confidential,
    enums::{ChatRole, ChatSessionStatus},
    ids::UserId,
};
use serde_json::json;

use super::{
    agents::Agent,
    dice::Words,
    graph,
    people::{Cast, Who},
    scene::{Scene, sealed_json},
    work::usage,
};

/// What is said in a conversation.
struct Conversation {
    agent: &'static str,
    title: &'static str,
    /// The tool that the agent looks things up with.
    tool: &'static str,
    said: &'static [&'static str],
}

/// In turns: the user, the agent, the user, …
const CONVERSATIONS: [Conversation; 5] = [
    Conversation {
        agent: "onboarding-guide",
        title: "First day at $org",
        tool: "handbook.search",
        said: &[
            "Hi! It is my first day at $org tomorrow. Where do I have to be, and when?",
            "Welcome! Please be at the front desk at 9:00 and ask for the Workplace team, they have your badge and laptop. Your buddy picks you up at 9:30. It is all on handbook.$slug.example/first-day.",
            "Great. Do I need to bring anything for the payroll?",
            "That one is for People Operations, so I would rather not guess: people@$slug.example answers within a day. What I can do is order your second monitor. Shall I?",
            "Yes please, to the Lisbon office.",
            "To be sure: one monitor, 27 inch, for you, delivered to the Lisbon office. I have opened ticket $ref with the Workplace team of $org.",
        ],
    },
    Conversation {
        agent: "onboarding-guide",
        title: "Access to the staging database",
        tool: "handbook.search",
        said: &[
            "Who can give me access to the staging database of $org?",
            "Staging access comes from the Platform Engineering team: open a request at desk.$slug.example and choose \"Database, staging\". Production access is different, that is your manager's to ask for.",
            "Thanks, that was quick.",
            "Any time. Should the form ask for a cost centre, use the one of your team, not $org's general one.",
        ],
    },
    Conversation {
        agent: "support-triage",
        title: "Angry ticket about $item",
        tool: "tickets.read",
        said: &[
            "Look at $ref please. The customer is furious, is it really urgent?",
            "I read it. The tone is angry, the problem is real but small: $item fails for one of their forty users, and there is a workaround in kb.$slug.example/articles/$n. I would mark it normal and answer today.",
            "They threaten to cancel. Does that change anything?",
            "It does not mention a lawyer or the press, so a person is not required by our rules. But their contract with $org renews next month at $money: I would tell the account manager. Shall I draft the answer?",
            "Yes, and leave out the word unfortunately.",
            "\"Thank you for being so clear about $item. Here is what works today: open Settings, choose Access, then Renew. We are fixing the cause and will write again when it is done. $org Support\"",
        ],
    },
    Conversation {
        agent: "contract-reviewer",
        title: "Liability in $ref",
        tool: "clauses.search",
        said: &[
            "Is clause 9.3 in $ref with $item acceptable for us?",
            "It is not within the playbook: \"shall be liable without limitation for any breach of Section 9\". The position of $org is a cap at the fees of the preceding twelve months, $money here. That makes it \"escalate\".",
            "What did we agree with them last year?",
            "Last year's contract had a cap at 150 %, our fallback. The sentence quoted above is new, and their cover letter does not mention it.",
        ],
    },
    Conversation {
        agent: "research-assistant",
        title: "Sources on $item",
        tool: "web.search",
        said: &[
            "I need three solid sources on $item for a slide at $org. Nothing older than two years.",
            "I opened eleven and would use these: a systematic review with 41 studies, the agency's monitoring report, and a field trial with published data. Two of the others repeat the same press release.",
            "Does the field trial support our plan?",
            "Partly. It was smaller than what $org has in mind and ran in summer only. I would say \"promising, not shown for winter\", with the citation $ref.",
        ],
    },
];

/// The organisation's conversations.
pub(super) fn sessions(scene: &mut Scene<'_>, cast: &Cast, staff: &[Agent]) {
    use Who::{Ada, Chiara, Dmitri, Esther, Farid, Grace, Hugo, Ines, Jonas, Mina};
    let talks: [(usize, Who, i64); 14] = [
        (0, Jonas, 660),
        (1, Farid, 610),
        (0, Mina, 560),
        (4, Esther, 430),
        (2, Grace, 380),
        (3, Ines, 300),
        (4, Dmitri, 240),
        (1, Hugo, 170),
        (2, Hugo, 120),
        (3, Chiara, 70),
        (4, Ada, 30),
        (2, Grace, 7),
        (3, Dmitri, 2),
        (0, Hugo, 1),
    ];
    for (position, (talk, who, hours)) in talks.into_iter().enumerate() {
        let conversation = &CONVERSATIONS[talk];
        let Some(agent) = staff.iter().find(|agent| agent.book.key == conversation.agent) else { continue };
        let begin = scene.now - TimeDelta::hours(hours) + scene.dice.seconds(0, 900);
        let status = match (hours, position % 3) {
            (0..24, _) => ChatSessionStatus::Open,
            (_, 0) => ChatSessionStatus::Expired,
            _ => ChatSessionStatus::Closed,
        };
        session(scene, agent, conversation, cast.user(who), begin, status);
    }
}

fn session(
    scene: &mut Scene<'_>,
    agent: &Agent,
    conversation: &Conversation,
    user: UserId,
    begin: DateTime<Utc>,
    status: ChatSessionStatus,
) {
    let words = scene.words().with("item", *scene.dice.pick(agent.book.items));
    let words = graph::numbers(agent.book, words, scene.dice);
    let id = scene.dice.id(begin);
    let first = scene.rows.chat_messages.len();
    let mut at = begin;
    let greeting = words.fill("You talk to a colleague at $org. Be brief.");
    let mut message = |scene: &mut Scene<'_>, at, role, content: &str, calls: Option<_>, results: Option<_>| {
        let size = i32::try_from(content.len()).unwrap_or(i32::MAX) / 4;
        let spoke = role == ChatRole::Assistant;
        scene.rows.chat_messages.push(chat_message::Model {
            org_id: scene.org_id,
            id: scene.dice.id(at),
            session_id: id,
            position: i64::try_from(scene.rows.chat_messages.len() + 1 - first).unwrap_or(1),
            role,
            content: Confidential::new(content.to_owned()),
            tool_calls: calls.map_or_else(Confidential::withheld, sealed_json),
            tool_results: results.map_or_else(Confidential::withheld, sealed_json),
            tokens_in: Confidential::from_option(spoke.then_some(size * 6 + 210)),
            tokens_out: Confidential::from_option(spoke.then_some(size)),
            idempotency_key: None,
            created_at: at,
        });
    };
    message(scene, at, ChatRole::System, &greeting, None, None);
    let mut calls = Vec::new();
    for (turn, text) in conversation.said.iter().enumerate() {
        at += scene.dice.seconds(4, 50);
        let text = words.fill(text);
        if turn % 2 == 0 {
            message(scene, at, ChatRole::User, &text, None, None);
            continue;
        }
        if turn == 1 {
            look_up(scene, &words, conversation.tool, &mut at, &mut message);
        }
        message(scene, at, ChatRole::Assistant, &text, None, None);
        calls.push(at);
    }
    for call in calls {
        usage(scene, call, Some(agent), None, Some(user), 1);
    }
    let expires = begin + TimeDelta::hours(24);
    let ended = match status {
        ChatSessionStatus::Open => at,
        ChatSessionStatus::Closed => at + TimeDelta::minutes(2),
        ChatSessionStatus::Expired => expires,
    };
    scene.rows.chat_sessions.push(chat_session::Model {
        org_id: scene.org_id,
        id,
        agent_id: agent.id,
        user_id: Some(user),
        status,
        title: Confidential::new(words.fill(conversation.title)),
        message_count: i32::try_from(scene.rows.chat_messages.len() - first).unwrap_or(0),
        created_at: begin,
        updated_at: ended,
        expires_at: Some(expires),
    });
    scene.log(begin, "chat.started", Some(user), id, None);
    if status == ChatSessionStatus::Closed {
        scene.log(ended, "chat.closed", Some(user), id, None);
    }
}

type Message<'f> =
    dyn FnMut(&mut Scene<'_>, DateTime<Utc>, ChatRole, &str, Option<serde_json::Value>, Option<serde_json::Value>) + 'f;

/// The agent calls its tool before it answers.
fn look_up(scene: &mut Scene<'_>, words: &Words, tool: &str, at: &mut DateTime<Utc>, message: &mut Message<'_>) {
    let call = format!("call_{}", scene.dice.hex(6));
    let arguments = json!({"query": words.fill("$item $ref"), "scope": words.fill("$slug"), "limit": 5});
    let calls = json!([{"id": call, "name": tool, "arguments": arguments}]);
    message(scene, *at, ChatRole::Assistant, "", Some(calls), None);
    *at += scene.dice.seconds(1, 4);
    let found = words.fill("$n hits, the best in $slug/$ref");
    let results = json!([{"id": call, "ok": true, "content": found}]);
    message(scene, *at, ChatRole::Tool, &found, None, Some(results));
    *at += scene.dice.seconds(1, 6);
}
