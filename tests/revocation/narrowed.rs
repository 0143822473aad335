//! Rights that are taken away in part: the streams go on with what is left, those that stood wholly on what was lost end with
//! `NOT_FOUND`, and of what was lost nothing that came later is ever told.

use serde_json::json;

use super::{
    crowd::{Ask, Crowd, Guest, Stream, Topic},
    log::{Log, head},
    stage::{Bustle, Stage, agent, goal, key, touch},
};
use crate::support::{
    server::{Caller, Node},
    world::on_both,
};

/// Somebody who loses the sight of an agent, the one who takes it away and the event by which they do.
struct Loss {
    party: &'static str,
    email: &'static str,
    /// Somebody who keeps it, or gains it.
    keeps: &'static str,
    act: &'static str,
    event: &'static str,
}

/// Each on an agent of its own, in this order.
const LOSSES: [Loss; 8] = [
    Loss {
        party: "demoted",
        email: "ben@acme.example",
        keeps: "grace@acme.example",
        act: "mutation($user: ID!) { updateMemberRole(input: { userId: $user, role: MEMBER }) { membership { role } } }",
        event: "member.role_changed",
    },
    Loss {
        party: "out of the team",
        email: "dmitri@acme.example",
        keeps: "chiara@acme.example",
        act: "mutation($user: ID!, $finance: ID!) { removeTeamMember(teamId: $finance, userId: $user) { team { id } } }",
        event: "team.member_removed",
    },
    Loss {
        party: "of a public agent",
        email: "hugo@acme.example",
        keeps: "jonas@acme.example",
        act: "mutation($agent: ID!) { setAgentVisibility(input: { id: $agent, visibility: PRIVATE }) { agent { id } } }",
        event: "agent.visibility_changed",
    },
    Loss {
        party: "of another team",
        email: "farid@acme.example",
        keeps: "ines@acme.example",
        act: "mutation($agent: ID!, $revenue: ID!) {
            setAgentVisibility(input: { id: $agent, visibility: TEAM, teamId: $revenue }) { agent { id } } }",
        event: "agent.visibility_changed",
    },
    Loss {
        party: "a collaborator",
        email: "grace@acme.example",
        keeps: "jonas@acme.example",
        act: "mutation($agent: ID!, $user: ID!) {
            removeCollaborator(input: { agentId: $agent, userId: $user }) { agent { id } } }",
        event: "agent.collaborator_removed",
    },
    Loss {
        party: "a team that collaborated",
        email: "ines@acme.example",
        keeps: "grace@acme.example",
        act: "mutation($agent: ID!, $revenue: ID!) {
            removeCollaborator(input: { agentId: $agent, teamId: $revenue }) { agent { id } } }",
        event: "agent.collaborator_removed",
    },
    Loss {
        party: "an agent's admin",
        email: "hugo@acme.example",
        keeps: "grace@acme.example",
        act: "mutation($agent: ID!, $user: ID!) { removeAgentAdmin(agentId: $agent, userId: $user) { agent { id } } }",
        event: "agent.admin_removed",
    },
    Loss {
        party: "of a team that is gone",
        email: "esther@acme.example",
        keeps: "grace@acme.example",
        act: "mutation($crew: ID!) { deleteTeam(id: $crew) { deletedId } }",
        event: "team.deleted",
    },
];
const KEEPS: [&str; 8] = ["keeps 1", "keeps 2", "keeps 3", "gains 4", "keeps 5", "keeps 6", "keeps 7", "keeps 8"];

const COLLABORATOR: &str = "mutation($agent: ID!, $user: ID, $team: ID) {
    setCollaborator(input: { agentId: $agent, userId: $user, teamId: $team, permission: USE }) { agent { id } } }";
const PROPOSE: &str = "mutation($goal: ID!) {
    proposePlan(input: { goalId: $goal, tasks: [{ key: \"a\", type: \"code\" }] }) { goal { status } } }";
const SAY: &str = "mutation($id: ID!, $text: String!) {
    postChatMessage(input: { sessionId: $id, role: USER, content: $text }) { chatMessage { id } } }";
const CANCEL: &str = "mutation($id: ID!) { cancelGoal(id: $id) { goal { id } } }";

fn following(agent: &str, goal: &str) -> Vec<Ask> {
    let goal = Ask::new(Topic::Goal, json!({ "id": goal }));
    let tasks = Ask::new(Topic::Tasks, json!({ "id": agent }));
    let mut asks = vec![goal.clone(), tasks.clone()];
    asks.extend(vec![Ask::events(None); 6]);
    asks.extend([goal, tasks]);
    asks
}

async fn collaborates(admin: &Caller<'_>, agent: &str, user: Option<&str>, team: Option<&str>) {
    admin.does(COLLABORATOR, json!({ "agent": agent, "user": user, "team": team })).await;
}

on_both! {
    async fn what_is_lost_is_told_no_more_and_what_is_kept_goes_on_whole(world) {
        let node = Node::start(&world).await;
        let (stage, mut crowd) = (Stage { world: &world, node: &node }, Crowd::default());
        let acme = stage.organization("acme");
        let ada = stage.sign_in("ada@acme.example").await;
        let id = |email: &str| stage.user(email).to_string();
        let team = |slug: &str| stage.team(acme, slug);
        let (finance, platform, revenue) = (team("finance"), team("platform-engineering"), team("revenue"));
        let crew = ada.team("crew").await.as_str().unwrap().to_owned();
        let join = "mutation($team: ID!, $user: ID!) {
            addTeamMember(input: { teamId: $team, userId: $user, role: MEMBER }) { membership { role } } }";
        ada.does(join, json!({ "team": crew, "user": id("esther@acme.example") })).await;

        // What each of them sees.
        let mut agents = Vec::new();
        for (place, loss) in LOSSES.iter().enumerate() {
            let input = match loss.party {
                "out of the team" => json!({ "visibility": "TEAM", "teamId": finance }),
                "of another team" => json!({ "visibility": "TEAM", "teamId": platform }),
                "of a public agent" => json!({ "visibility": "PUBLIC" }),
                _ => json!({ "visibility": "PRIVATE" }),
            };
            let mut input = input;
            input["name"] = json!(format!("Agent {place}"));
            let agent = agent(&ada, input).await;
            match loss.party {
                "a collaborator" => collaborates(&ada, &agent, Some(&id(loss.email)), None).await,
                "a team that collaborated" => collaborates(&ada, &agent, None, Some(&revenue)).await,
                "of a team that is gone" => collaborates(&ada, &agent, None, Some(&crew)).await,
                "an agent's admin" => {
                    let add = "mutation($agent: ID!, $user: ID!) { addAgentAdmin(agentId: $agent, userId: $user) { agent { id } } }";
                    ada.does(add, json!({ "agent": agent, "user": id(loss.email) })).await;
                }
                _ => {}
            }
            // A team's agents have no collaborators; their other members keep the sight.
            if !["out of the team", "of another team"].contains(&loss.party) {
                collaborates(&ada, &agent, Some(&id(loss.keeps)), None).await;
            }
            let goal = goal(&ada, &agent).await;
            agents.push((agent, goal));
        }
        let start = head(&world, acme).await;
        for ((loss, keeps), (agent, goal)) in LOSSES.iter().zip(KEEPS).zip(&agents) {
            let guest = Guest::from(&stage.sign_in(loss.email).await);
            crowd.both(loss.party, &guest, &following(agent, goal)).await;
            let guest = Guest::from(&stage.sign_in(loss.keeps).await);
            let asks = if keeps == "gains 4" { vec![Ask::events(None); 10] } else { following(agent, goal) };
            crowd.both(keeps, &guest, &asks).await;
        }
        // An admin's sight of a chat that is not hers, and a team's admin's of requests.
        let started = "mutation($id: ID!) { startChat(input: { agentId: $id }) { chatSession { id } } }";
        let enable = "mutation($id: ID!) { updateAgent(input: { id: $id, chatCapable: true }) { agent { id } } }";
        ada.does(enable, json!({ "id": agents[2].0 })).await;
        let chat = ada.does(started, json!({ "id": agents[2].0 })).await["startChat"]["chatSession"]["id"].clone();
        let asks = vec![Ask::new(Topic::Chat, json!({ "id": chat })); 4];
        crowd.both("demoted", &Guest::from(&stage.sign_in("ben@acme.example").await), &asks).await;
        crowd.both("the chat's owner", &Guest::from(&ada), &asks).await;
        let careful = json!({ "name": "Careful", "visibility": "TEAM", "teamId": finance, "requirePlanApproval": true });
        let careful = agent(&ada, careful).await;
        let (asked, asked_later) = (goal(&ada, &careful).await, goal(&ada, &careful).await);
        let planner = stage.with(&key(&ada, "Plans", &["PLANS_WRITE", "READ"], None).await);
        let asks = vec![Ask::new(Topic::Approvals, json!({})); 8];
        crowd.both("no admin of the team", &Guest::from(&stage.sign_in("chiara@acme.example").await), &asks).await;
        crowd.both("an admin who decides", &Guest::from(&ada), &asks).await;
        crowd.both("an admin", &Guest::from(&ada), &vec![Ask::events(None); 8]).await;
        let org = acme.to_string();
        crowd.both("an operator", &Guest::from(&node.login("Operator").await), &vec![Ask::events(Some(&org)); 8]).await;
        assert_eq!(crowd.streams.len(), 200);

        crowd.awake(async || {
            for (agent, _) in &agents {
                touch(&Guest::from(&ada), agent).await;
            }
            // What everybody sees.
            ada.team(&uuid::Uuid::now_v7().simple().to_string()).await;
        }).await;
        // Every stream has something to say while its viewer may hear it.
        for (_, goal) in &agents {
            planner.does(PROPOSE, json!({ "goal": goal })).await;
        }
        planner.does(PROPOSE, json!({ "goal": asked })).await;
        ada.does(SAY, json!({ "id": chat, "text": "before" })).await;
        crowd.until(|stream| stream.topic != Topic::Events, |heard| !heard.results.is_empty()).await;

        let everything: Vec<String> = agents.iter().map(|(agent, _)| agent.clone()).collect();
        let bustle = Bustle::begin(Guest::from(&ada), everything);
        for (loss, (agent, _)) in LOSSES.iter().zip(&agents) {
            bustle.more(1).await;
            let variables = json!({ "user": id(loss.email), "agent": agent, "finance": finance, "revenue": revenue, "crew": crew });
            // Only what it asks for: an unknown variable is refused.
            let variables: serde_json::Map<String, serde_json::Value> = variables.as_object().unwrap().iter()
                .filter(|(name, _)| loss.act.contains(&format!("${name}")))
                .map(|(name, value)| (name.clone(), value.clone())).collect();
            ada.does(loss.act, variables.into()).await;
        }
        let role = "mutation($team: ID!, $user: ID!) {
            updateTeamMemberRole(input: { teamId: $team, userId: $user, role: MEMBER }) { membership { role } } }";
        ada.does(role, json!({ "team": finance, "user": id("chiara@acme.example") })).await;
        // Each agent once more, with nobody left to lose it.
        bustle.more(agents.len() as u64 + 1).await;
        bustle.end().await;
        // What nobody may hear who lost the sight of it.
        planner.does(PROPOSE, json!({ "goal": asked_later })).await;
        ada.does(SAY, json!({ "id": chat, "text": "after" })).await;
        for (_, goal) in &agents {
            ada.does(CANCEL, json!({ "id": goal })).await;
        }
        let fence = ada.team("fence").await;
        let log = Log::after(&world, acme, start).await;
        let end = log.last("team.created", fence.as_str().unwrap());
        let told_all = |heard: &super::crowd::Heard| heard.events().last().is_some_and(|told| log.place(told) >= end);
        crowd.until(|stream| stream.topic == Topic::Events, told_all).await;

        for ((loss, keeps), (agent, goal)) in LOSSES.iter().zip(KEEPS).zip(&agents) {
            let subject = match loss.event {
                "member.role_changed" => id(loss.email),
                "team.member_removed" => finance.clone(),
                "team.deleted" => crew.clone(),
                _ => agent.clone(),
            };
            let lost = log.last(loss.event, &subject);
            let of_it = |stream: &Stream| {
                let told = stream.heard().events();
                let told = told.into_iter().filter(|told| [agent, goal].map(Some).contains(&told.subject.as_ref()));
                told.map(|told| (log.place(&told), told.kind)).collect::<Vec<_>>()
            };
            for stream in crowd.of(loss.party) {
                let heard = stream.heard();
                if stream.topic == Topic::Events {
                    let told = of_it(stream);
                    assert!(told.iter().any(|(place, _)| *place < lost), "{} never saw it", stream.name());
                    let late = told.iter().find(|(place, _)| *place >= lost);
                    assert!(late.is_none(), "{} was told of {late:?}, and lost the right at {lost}", stream.name());
                    assert!(!heard.over, "{}: {:?}", stream.name(), heard.code);
                } else {
                    crowd.until(|one| std::ptr::eq(one, stream), |heard| heard.over).await;
                    assert_eq!(stream.heard().code.as_deref(), Some("NOT_FOUND"), "{}", stream.name());
                    let text = format!("{:?}", stream.heard().results);
                    assert!(!text.contains("CANCELLED") && !text.contains("after"), "{}: {text}", stream.name());
                }
                // A place in the log is an admin's to know.
                let numbered = |told: &super::crowd::Told| told.sequence.is_some() && log.place(told) >= lost;
                assert!(stream.topic != Topic::Events || !heard.events().iter().any(numbered), "{}", stream.name());
            }
            for stream in crowd.of(keeps) {
                let name = stream.name();
                if stream.topic == Topic::Events {
                    let from = if keeps == "gains 4" { lost } else { start };
                    let told = stream.heard().events();
                    let told: Vec<_> = told.into_iter().filter(|told| told.subject.as_ref() == Some(agent) && log.place(told) >= from).collect();
                    log.assert_whole(&name, &told, end, |entry| entry.subject_id.as_ref() == Some(agent) && entry.sequence >= from);
                } else {
                    let cancelled = |heard: &super::crowd::Heard| format!("{:?}", heard.results).contains("CANCELLED");
                    crowd.until(|one| std::ptr::eq(one, stream), cancelled).await;
                    assert!(!stream.heard().over, "{name}");
                }
            }
        }
        for stream in crowd.of("the chat's owner") {
            crowd.until(|one| std::ptr::eq(one, stream), |heard| format!("{:?}", heard.results).contains("after")).await;
        }
        // The requests of the team's agent: both to who decides, the first alone to who was the team's admin then.
        crowd.until(|stream| stream.party == "an admin who decides", |heard| heard.results.len() == 2).await;
        for stream in crowd.of("no admin of the team") {
            let results = stream.heard().results;
            assert_eq!(results.len(), 1, "{}: {results:?}", stream.name());
            assert_eq!(results[0]["approvalRequested"]["goal"]["id"], asked, "{}", stream.name());
            assert!(!stream.heard().over);
        }
        for stream in crowd.of("an admin").chain(crowd.of("an operator")) {
            log.assert_whole(&stream.name(), &stream.heard().events(), end, |entry| entry.kind != "mutation.refused");
        }
        println!("{} streams, {} events beside {} revocations", crowd.streams.len(), log.len(), LOSSES.len() + 1);
    }
}
