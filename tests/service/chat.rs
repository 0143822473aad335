//! Invariant: whose chat it is says something in it, its agent's key answers, an admin reads along, and an operator sees
//! the row; messages stand in one order without gaps, are said once for each key, and end with their chat.

use chrono::TimeDelta;
use entity::{
    enums::{AgentStatus, ChatRole, ChatSessionStatus, ServiceScope},
    ids::{AgentId, ChatMessageId, ChatSessionId},
};
use palisade::{
    clock::Clock,
    error::Result,
    policy::{Permission, Resource, decide},
    service::{
        agent as agents,
        chat::{self, MESSAGE, PostMessageInput, StartChatInput},
    },
    store::{
        list::{
            page::{Page, PageRequest},
            row::Row as _,
        },
        read::chat::{ChatFilter, ChatMessageRow, ChatSessionRow},
        write::chat_end::{chats_expire, chats_forget},
    },
    viewer::Viewer,
};

use super::agent;
use crate::support::{empty_world::on_both, two_organizations::*};

fn with(agent_id: AgentId) -> StartChatInput {
    StartChatInput { agent_id, title: Some("Äpfel".to_owned()), expires_in_seconds: None }
}

async fn start(who: &As, agent: AgentId) -> Result<ChatSessionId> {
    chat::start(who.cx().await, with(agent)).await
}

fn says(session_id: ChatSessionId, role: ChatRole, content: &str) -> PostMessageInput {
    PostMessageInput {
        session_id,
        role,
        content: content.to_owned(),
        tool_calls: None,
        tool_results: None,
        tokens_in: None,
        tokens_out: None,
        idempotency_key: None,
    }
}

fn keyed(session_id: ChatSessionId, content: &str, key: &str) -> PostMessageInput {
    PostMessageInput { idempotency_key: Some(key.to_owned()), ..says(session_id, ChatRole::User, content) }
}

async fn post(who: &As, session: ChatSessionId, role: ChatRole, content: &str) -> Result<ChatMessageId> {
    chat::post(who.cx().await, says(session, role, content)).await
}

async fn say(who: &As, session: ChatSessionId, content: &str) -> Result<ChatMessageId> {
    post(who, session, ChatRole::User, content).await
}

/// A key that answers in chats, of these agents or of all.
async fn answerer(world: &World, scopes: &[ServiceScope], agents: Option<&[AgentId]>) -> As {
    let key = world.service_account(world.acme.id, world.acme.admin, scopes, agents).await;
    world.viewer(Viewer::clone(&key.viewer))
}

async fn page(who: &As, session: ChatSessionId, page: &PageRequest) -> Page<ChatMessageRow> {
    let cx = who.cx().await;
    let chats = cx.store.chat_by_ids(&[session], ChatSessionRow::keys()).await.unwrap();
    let parents: Vec<_> = chats.iter().map(|row| (row.org_id, row.id)).collect();
    let pages = cx.store.messages_of_chats(&parents, ChatMessageRow::keys(), page).await.unwrap();
    pages.into_iter().next().unwrap_or(Page::empty())
}

/// Everything that somebody reads of a chat, in its order.
async fn heard(who: &As, session: ChatSessionId) -> Vec<ChatMessageId> {
    let all = PageRequest { size: 100, ..PageRequest::default() };
    page(who, session, &all).await.edges.into_iter().map(|edge| edge.node.id).collect()
}

async fn sees(who: &As, session: ChatSessionId) -> bool {
    !who.cx().await.store.chat_by_ids(&[session], ChatSessionRow::keys()).await.unwrap().is_empty()
}

async fn state(world: &World, session: ChatSessionId) -> String {
    world.text("SELECT status FROM chat_sessions WHERE id = $1", [session.into()]).await
}

fn later(world: &World, by: TimeDelta) -> Clock {
    Clock::fixed(world.clock.now() + by, TimeDelta::milliseconds(1))
}

on_both! {
    async fn a_chat_is_started_continued_answered_and_closed(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::private(&ada).await;
        let key = answerer(&world, &[ServiceScope::ChatWrite], Some(&[agent])).await;
        let seen = world.log(world.acme.id).await.len();
        let id = start(&ada, agent).await.unwrap();
        let asked = say(&ada, id, "xylophone?").await.unwrap();
        let calls = PostMessageInput {
            tool_calls: Some(r#"[{"name":"look"}]"#.to_owned()),
            tokens_in: Some(3),
            ..says(id, ChatRole::Assistant, "")
        };
        let calls = chat::post(key.cx().await, calls).await.unwrap();
        let results = PostMessageInput { tool_results: Some("[1]".to_owned()), ..says(id, ChatRole::Tool, "") };
        let results = chat::post(key.cx().await, results).await.unwrap();
        let answered = post(&key, id, ChatRole::Assistant, "xylophone!").await.unwrap();
        assert_eq!(heard(&ada, id).await, [asked, calls, results, answered]);
        assert_eq!(heard(&key, id).await.len(), 4);
        chat::close(ada.cx().await, id).await.unwrap();
        assert_eq!(state(&world, id).await, "CLOSED");
        let before = world.dump().await;
        conflict(say(&ada, id, "still there?").await);
        conflict(post(&key, id, ChatRole::Assistant, "no").await);
        conflict(chat::close(ada.cx().await, id).await);
        assert_eq!(world.dump().await, before);
        let added = "chat.message_added";
        assert_eq!(world.events(world.acme.id, seen).await, ["chat.started", added, added, added, added, "chat.closed"]);
        assert_eq!(world.count("events WHERE payload LIKE '%xylophone%'", []).await, 0, "the log holds no content");
        assert_eq!(world.count("events WHERE subject_id = $1", [asked.to_string().into()]).await, 1);
    }

    async fn eight_who_post_at_once_leave_no_gap_and_no_double(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::private(&ada).await;
        let id = start(&ada, agent).await.unwrap();
        let all: Vec<As> = (0..8).map(|_| world.again(&ada)).collect();
        let all = all.iter().map(|who| async move {
            for n in 0..5 {
                say(who, id, &format!("word {n}")).await.unwrap();
            }
        });
        futures_util::future::join_all(all).await;
        let rows = world.rows("SELECT position FROM chat_messages WHERE session_id = $1 ORDER BY position", [id.into()]).await;
        let places: Vec<i64> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        assert_eq!(places, (1..=40).collect::<Vec<i64>>());
        assert_eq!(world.count("chat_sessions WHERE id = $1 AND message_count = 40", [id.into()]).await, 1);
    }

    async fn messages_are_paged_both_ways_in_the_order_in_which_they_were_said(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::private(&ada).await;
        let id = start(&ada, agent).await.unwrap();
        let mut said = Vec::new();
        for n in 0..7 {
            said.push(say(&ada, id, &format!("word {n}")).await.unwrap());
        }
        for backward in [false, true] {
            let mut found = Vec::new();
            let mut request = PageRequest { size: 3, backward, ..PageRequest::default() };
            loop {
                let page = page(&ada, id, &request).await;
                let ids: Vec<_> = page.edges.iter().map(|edge| edge.node.id).collect();
                let more = if backward { page.has_previous } else { page.has_next };
                if backward {
                    found.splice(0..0, ids);
                    request.before = page.edges.first().map(|edge| edge.position.clone());
                } else {
                    found.extend(ids);
                    request.after = page.edges.last().map(|edge| edge.position.clone());
                }
                if !more {
                    break;
                }
            }
            assert_eq!(found, said, "backward: {backward}");
        }
        let counts = ada.cx().await.store.message_counts_of_chats(&[id]).await.unwrap();
        assert_eq!(counts[&id], 7);
    }

    async fn the_same_key_says_the_same_once(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::private(&ada).await;
        let (id, other) = (start(&ada, agent).await.unwrap(), start(&ada, agent).await.unwrap());
        let all: Vec<As> = (0..8).map(|_| world.again(&ada)).collect();
        let all = all.iter().map(|who| async move { chat::post(who.cx().await, keyed(id, "once", "k")).await.unwrap() });
        let mut ids = futures_util::future::join_all(all).await;
        ids.dedup();
        assert_eq!(ids.len(), 1);
        conflict(chat::post(ada.cx().await, keyed(id, "something else", "k")).await);
        assert_ne!(chat::post(ada.cx().await, keyed(other, "once", "k")).await.unwrap(), ids[0]);
        assert_eq!(heard(&ada, id).await, ids);
        // A retry finds its message also when the chat is over.
        chat::close(ada.cx().await, id).await.unwrap();
        assert_eq!(chat::post(ada.cx().await, keyed(id, "once", "k")).await.unwrap(), ids[0]);
        assert_eq!(world.count("chat_messages WHERE idempotency_key = 'k'", []).await, 0, "kept as a digest");
    }

    async fn a_chat_is_its_users_and_its_admins_read_along(world) {
        let (ada, bob) = (world.tenant(&world.acme, world.acme.ada).await, world.tenant(&world.acme, world.acme.bob).await);
        let admin = world.tenant(&world.acme, world.acme.admin).await;
        let foreign = world.tenant(&world.globex, world.globex.admin).await;
        let agent = agent::public(&admin).await;
        let id = start(&ada, agent).await.unwrap();
        let said = say(&ada, id, "hello").await.unwrap();
        let absent = told(say(&bob, world.absent(), "hello").await);
        let before = world.dump().await;
        for who in [&bob, &foreign] {
            assert!(!sees(who, id).await && heard(who, id).await.is_empty());
            let found = who.cx().await.store.chat_message_by_ids(&[said], ChatMessageRow::keys()).await.unwrap();
            assert!(found.is_empty());
            assert_eq!(told(say(who, id, "hello").await), absent);
            assert_eq!(told(chat::close(who.cx().await, id).await), absent);
        }
        assert_eq!(heard(&admin, id).await, [said]);
        forbidden(say(&admin, id, "hello").await);
        forbidden(post(&admin, id, ChatRole::Assistant, "hello").await);
        // A person speaks as a person.
        for role in [ChatRole::Assistant, ChatRole::System, ChatRole::Tool] {
            forbidden(post(&ada, id, role, "hello").await);
        }
        assert_eq!(world.dump().await, before);
        chat::close(admin.cx().await, id).await.unwrap();
        assert_eq!(state(&world, id).await, "CLOSED");
    }

    async fn a_key_answers_with_the_scope_for_it_in_the_chats_of_its_agents(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let (agent, other) = (agent::private(&ada).await, agent::private(&ada).await);
        let id = start(&ada, agent).await.unwrap();
        say(&ada, id, "hello").await.unwrap();
        let before = world.dump().await;
        let named = answerer(&world, &[ServiceScope::ChatWrite], Some(&[other])).await;
        let blind = answerer(&world, &[ServiceScope::TasksRun, ServiceScope::PlansWrite], None).await;
        for key in [&named, &blind] {
            not_found(post(key, id, ChatRole::Assistant, "hi").await);
            assert!(!sees(key, id).await && heard(key, id).await.is_empty());
        }
        let all = answerer(&world, &[ServiceScope::ChatWrite], None).await;
        forbidden(post(&all, id, ChatRole::User, "hi").await);
        forbidden(start(&all, agent).await);
        forbidden(chat::close(all.cx().await, id).await);
        assert_eq!(world.dump().await, before);
        post(&all, id, ChatRole::System, "be brief").await.unwrap();
        // A stopped agent is asked nothing more, and may end what it began.
        agent::set_status(&ada, agent, AgentStatus::Stopped).await.unwrap();
        conflict(say(&ada, id, "and now?").await);
        post(&all, id, ChatRole::Assistant, "hi").await.unwrap();
    }

    async fn an_operator_sees_the_row_and_no_message(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let id = start(&ada, agent::private(&ada).await).await.unwrap();
        let said = say(&ada, id, "hello").await.unwrap();
        let operator = world.operator();
        assert!(sees(&operator, id).await && heard(&operator, id).await.is_empty());
        let before = world.dump().await;
        forbidden(say(&operator, id, "hello").await);
        forbidden(chat::close(operator.cx().await, id).await);
        forbidden(start(&operator, agent::global(&world).await).await);
        assert_eq!(world.count("chat_messages", []).await, 1);
        assert!(world.dump().await.len() > before.len(), "the global agent alone is new");
        let cx = operator.cx().await;
        assert!(cx.store.chat_message_by_ids(&[said], ChatMessageRow::keys()).await.unwrap().is_empty());
        assert!(cx.store.message_counts_of_chats(&[id]).await.unwrap().is_empty());
        let all = cx.store.chat_list(&ChatFilter::default(), ChatSessionRow::keys(), &PageRequest::default()).await;
        assert_eq!(all.unwrap().edges.len(), 1);
        let row = cx.store.chat_by_ids(&[id], ChatSessionRow::columns(["messageCount"])).await.unwrap().pop().unwrap();
        assert_eq!(*row.message_count.get().unwrap(), 1);
    }

    async fn a_chat_stays_readable_and_closable_when_its_agent_went_out_of_sight(world) {
        let (ada, admin) = (world.tenant(&world.acme, world.acme.ada).await, world.tenant(&world.acme, world.acme.admin).await);
        let agent = agent::public(&admin).await;
        let id = start(&ada, agent).await.unwrap();
        let said = say(&ada, id, "hello").await.unwrap();
        agent::set_private(&admin, agent).await.unwrap();
        assert_eq!(heard(&ada, id).await, [said]);
        forbidden(say(&ada, id, "still there?").await);
        not_found(start(&ada, agent).await);
        let cx = ada.cx().await;
        let facts = cx.store.chat_facts(id).await.unwrap();
        assert!(facts.agent.is_none());
        let may = |permission| decide(cx.viewer, permission, Resource::Chat(&facts)).allowed();
        assert!(may(Permission::ChatRead) && may(Permission::ChatClose) && !may(Permission::ChatWrite));
        chat::close(ada.cx().await, id).await.unwrap();
    }

    async fn a_chat_is_started_with_an_agent_that_takes_chats(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let bob = world.tenant(&world.acme, world.acme.bob).await;
        let agent = agent::private(&ada).await;
        let absent = told(start(&ada, world.absent()).await);
        assert_eq!(told(start(&bob, agent).await), absent);
        let mute = agents::CreateAgentInput {
            chat_capable: false,
            ..agent::input(entity::enums::AgentVisibility::Private, None)
        };
        let mute = agents::create(ada.cx().await, mute).await.unwrap();
        conflict(start(&ada, mute).await);
        agent::set_status(&ada, agent, AgentStatus::Stopped).await.unwrap();
        conflict(start(&ada, agent).await);
        assert_eq!(world.count("chat_sessions", []).await, 0);
        // A global agent is installed by its first use.
        let global = agent::global(&world).await;
        let seen = world.log(world.acme.id).await.len();
        let id = start(&bob, global).await.unwrap();
        say(&bob, id, "hello").await.unwrap();
        let told = world.events(world.acme.id, seen).await;
        assert_eq!(told, ["agent.installed", "chat.started", "chat.message_added"]);
    }

    async fn what_is_too_large_or_out_of_place_says_nothing(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::private(&ada).await;
        let id = start(&ada, agent).await.unwrap();
        let user = |content: &str| says(id, ChatRole::User, content);
        let before = world.dump().await;
        for (new, field) in [
            (user(&"x".repeat(MESSAGE + 1)), "input.content"),
            (user(" "), "input.content"),
            (user("nul \0"), "input.content"),
            (PostMessageInput { tool_calls: Some("[]".to_owned()), ..user("x") }, "input.toolCalls"),
            (PostMessageInput { tool_results: Some("[]".to_owned()), ..user("x") }, "input.toolResults"),
            (PostMessageInput { tokens_in: Some(-1), ..user("x") }, "input.tokensIn"),
            (keyed(id, "x", ""), "input.idempotencyKey"),
        ] {
            let refusal = told(chat::post(ada.cx().await, new).await);
            assert!(refusal.contains(field), "{refusal}");
        }
        for seconds in [0, -1, 366 * 24 * 3600] {
            let new = StartChatInput { expires_in_seconds: Some(seconds), ..with(agent) };
            assert!(told(chat::start(ada.cx().await, new).await).contains("input.expiresInSeconds"));
        }
        assert_eq!(world.dump().await, before);
    }

    async fn a_chat_expires_once_when_nobody_says_anything(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::private(&ada).await;
        let new = StartChatInput { expires_in_seconds: Some(3600), ..with(agent) };
        let (short, long) = (chat::start(ada.cx().await, new).await.unwrap(), start(&ada, agent).await.unwrap());
        world.pass(TimeDelta::minutes(40));
        say(&ada, short, "still here").await.unwrap();
        world.pass(TimeDelta::minutes(40));
        say(&ada, short, "each message puts it off by as long").await.unwrap();
        let late = later(&world, TimeDelta::minutes(61));
        let all = (0..8).map(|_| chats_expire(&world.db, &late));
        let ended: usize = futures_util::future::join_all(all).await.into_iter().map(Result::unwrap).sum();
        assert_eq!(ended, 1);
        assert_eq!((state(&world, short).await, state(&world, long).await), ("EXPIRED".into(), "OPEN".into()));
        assert_eq!(world.count("events WHERE type = 'chat.expired'", []).await, 1);
        conflict(say(&ada, short, "hello?").await);
        conflict(chat::close(ada.cx().await, short).await);
        assert_eq!(chats_expire(&world.db, &later(&world, TimeDelta::days(31))).await.unwrap(), 1);
        assert_eq!(state(&world, long).await, ChatSessionStatus::Expired.as_str());
        // Nobody speaks in one whose time is over, also where no job has come by.
        let last = start(&ada, agent).await.unwrap();
        world.set("chat_sessions", last, "expires_at = created_at").await;
        conflict(say(&ada, last, "hello?").await);
    }

    async fn messages_of_chats_that_ended_long_ago_are_deleted_and_the_chats_stay(world) {
        let ada = world.tenant(&world.acme, world.acme.ada).await;
        let agent = agent::private(&ada).await;
        let (over, open) = (start(&ada, agent).await.unwrap(), start(&ada, agent).await.unwrap());
        for id in [over, open] {
            say(&ada, id, "one").await.unwrap();
            say(&ada, id, "two").await.unwrap();
        }
        chat::close(ada.cx().await, over).await.unwrap();
        let year = Some(TimeDelta::days(365));
        let forget = async |days, retention| {
            chats_forget(&world.db, &later(&world, TimeDelta::days(days)), retention).await.unwrap()
        };
        assert_eq!(forget(364, year).await, 0);
        assert_eq!(forget(4000, None).await, 0, "kept for ever");
        let (one, two) = tokio::join!(forget(366, year), forget(366, year));
        assert_eq!(one + two, 2);
        assert!(heard(&ada, over).await.is_empty());
        assert_eq!(heard(&ada, open).await.len(), 2);
        assert_eq!(world.count("chat_sessions WHERE id = $1 AND message_count = 2", [over.into()]).await, 1);
        assert_eq!(forget(366, year).await, 0);
    }
}
