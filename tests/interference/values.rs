//! Values for arguments: mostly ones that lead somewhere.

use async_graphql::parser::types::{BaseType, Type};

use super::{
    document::Input,
    generate::Generator,
    schema::{Kind, named},
};

/// Which ids an argument takes: by its name, and where that is `id`, by the field. `any` takes every kind.
pub const IDS: &[(&str, &str)] = &[
    ("agentId", "agt"),
    ("agentIds", "agt"),
    ("organizationId", "org"),
    ("fromOrganizationId", "org"),
    ("toOrganizationId", "org"),
    ("userId", "usr"),
    ("ownerId", "usr"),
    ("actorId", "usr"),
    ("submittedById", "usr"),
    ("teamId", "team"),
    ("goalId", "goal"),
    ("taskId", "task"),
    ("workerId", "wrk"),
    ("serviceAccountId", "sva"),
    ("sessionId", "chat"),
    ("chatSessionId", "chat"),
    ("subjectId", "any"),
    ("ids", "any"),
    ("Query.node", "any"),
    ("Query.viewerCan", "any"),
    ("agent", "agt"),
    ("approvalRequest", "apr"),
    ("chatSession", "chat"),
    ("goal", "goal"),
    ("organization", "org"),
    ("task", "task"),
    ("team", "team"),
    ("user", "usr"),
    ("worker", "wrk"),
    ("archiveAgent", "agt"),
    ("archiveOrganization", "org"),
    ("cancelGoal", "goal"),
    ("cancelTask", "task"),
    ("closeChat", "chat"),
    ("deactivateUser", "usr"),
    ("deleteTeam", "team"),
    ("deleteWorkspaceFile", "file"),
    ("drainWorker", "wrk"),
    ("reactivateOrganization", "org"),
    ("reactivateUser", "usr"),
    ("removeDocument", "doc"),
    ("retryTask", "task"),
    ("revokeInvitation", "inv"),
    ("revokeServiceAccount", "sva"),
    ("rotateServiceAccountKey", "sva"),
    ("suspendOrganization", "org"),
    ("suspendUser", "usr"),
    ("unlinkIdentity", "uid"),
    ("goalUpdated", "goal"),
    ("DecideApprovalInput", "apr"),
    ("SetAgentVisibilityInput", "agt"),
    ("UpdateAgentInput", "agt"),
    ("UpdateOrganizationInput", "org"),
    ("UpdateTeamInput", "team"),
    ("UpdateUserInput", "usr"),
];

/// Arguments of which one is given and not several.
const EITHER: &[&[&str]] =
    &[&["content", "uri"], &["teamId", "userId"], &["goalId", "chatSessionId", "taskId"], &["first", "last"]];

/// Which ids are taken by `argument` of `place`: `Type.field`, or an input type.
pub fn prefix(place: &str, argument: &str) -> &'static str {
    let find = |wanted: &str| IDS.iter().find(|(name, _)| *name == wanted).map(|(_, prefix)| *prefix);
    let short = place.rsplit('.').next().unwrap();
    let found = find(argument).or_else(|| find(place)).or_else(|| find(short));
    found.unwrap_or_else(|| panic!("what ids does {argument} of {place} take? Say so in IDS"))
}

impl Generator {
    /// The arguments of a field, or the fields of an input: what is required, and some of the rest.
    pub fn given(&mut self, place: &str, of: &[super::schema::Argument]) -> Vec<(String, Type, Input)> {
        let mut given = Vec::new();
        for argument in of {
            let count = if place.contains('.') {
                self.coverage.of(&format!("{place}({})", argument.name))
            } else {
                self.coverage.of(&format!("{place}.{}", argument.name))
            };
            let rare = count < 3;
            let paging = ["after", "before", "last"].contains(&argument.name.as_str());
            let chance = match argument.name.as_str() {
                // Cursors are taken from answers by `follow`; one of another list now and then.
                "after" | "before" => 3,
                "last" => 10,
                "first" => 75,
                _ if rare => 50,
                _ => 25,
            };
            let wanted = argument.required || self.dice.percent(chance) || rare && paging && self.dice.percent(20);
            if !wanted {
                continue;
            }
            let value = if argument.ty.nullable && self.dice.percent(2) {
                Input::Null
            } else {
                self.value(place, &argument.name, &argument.ty)
            };
            given.push((argument.name.clone(), argument.ty.clone(), value));
        }
        for group in EITHER {
            let present: Vec<String> =
                given.iter().map(|of| of.0.clone()).filter(|name| group.contains(&name.as_str())).collect();
            if present.len() > 1 && self.dice.percent(90) {
                let keep = self.dice.pick(&present).clone();
                given.retain(|of| of.0 == keep || !present.contains(&of.0) || !of.1.nullable);
            }
        }
        given
    }

    fn value(&mut self, place: &str, name: &str, ty: &Type) -> Input {
        if let BaseType::List(inner) = &ty.base {
            let low = usize::from(!self.dice.percent(5));
            let count = low + self.dice.below(3);
            return Input::List((0..count).map(|_| self.value(place, name, inner)).collect());
        }
        let ty = named(ty).to_owned();
        match self.schema.clone().kind(&ty) {
            Kind::Enum(values) => {
                let rarest = values.iter().min_by_key(|value| self.coverage.of(&format!("{ty}.{value}"))).unwrap();
                let value = if self.dice.percent(30) { rarest } else { self.dice.pick(values) };
                Input::Enum(ty.clone(), value.clone())
            }
            Kind::Input(fields) => {
                let mut given: Vec<(String, Input)> =
                    self.given(&ty, fields).into_iter().map(|(name, _, value)| (name, value)).collect();
                self.fit(&ty, &mut given);
                Input::Object(ty, given)
            }
            _ => self.scalar(place, name, &ty),
        }
    }

    /// Makes what belongs together fit: a worker's report names a task that this worker has.
    fn fit(&mut self, ty: &str, given: &mut [(String, Input)]) {
        if given.iter().filter(|(name, _)| ["taskId", "workerId", "attempt"].contains(&name.as_str())).count() == 3
            && !self.pools.running.is_empty()
            && self.dice.percent(70)
        {
            let (task, worker, attempt) = self.dice.pick(&self.pools.running).clone();
            for (name, value) in given.iter_mut() {
                match name.as_str() {
                    "taskId" => *value = Input::Text(task.clone()),
                    "workerId" => *value = Input::Text(worker.clone()),
                    "attempt" => *value = Input::Int(attempt),
                    _ => {}
                }
            }
        }
        // The right password of an account of the other organisation makes another viewer, who may see more.
        if ty == "LoginInput" {
            let email = given.iter().find_map(|(name, value)| match (name.as_str(), value) {
                ("email", Input::Text(email)) => Some(email.clone()),
                _ => None,
            });
            if email != self.email {
                given.iter_mut().filter(|(name, _)| name == "password").for_each(|(_, value)| {
                    *value = Input::Text("not-the-password".to_owned());
                });
            }
        }
    }

    fn scalar(&mut self, place: &str, name: &str, ty: &str) -> Input {
        let dice = &mut self.dice;
        match ty {
            "Boolean" => Input::Bool(dice.percent(60)),
            "ID" => Input::Text(match prefix(place, name) {
                "any" => self.pools.any(dice),
                // A change of what is not there says little; most go to what is.
                prefix if self.changes && dice.percent(60) => self.pools.good(prefix, dice),
                prefix => self.pools.id(prefix, dice),
            }),
            "Int" => Input::Int(match name {
                "first" | "last" => *dice.pick(&[0, 1, 1, 2, 2, 3, 3, 5, 8, 101]),
                "attempt" | "requiredApprovals" | "limit" => dice.between(1, 2),
                "expiresInSeconds" => dice.between(1, 4) * 900,
                "overlapHours" => dice.between(0, 30),
                "maxRetries" => dice.between(0, 4),
                _ if dice.percent(5) => -3,
                _ => dice.between(1, 30),
            }),
            "Float" => Input::Int(dice.between(0, 9)),
            "BigInt" => Input::Text(dice.between(0, 50_000).to_string()),
            "Decimal" => Input::Text(format!("{}.25", dice.between(0, 400))),
            "Date" => Input::Text(format!("2026-11-{:02}", dice.between(1, 28))),
            "DateTime" => Input::Text(match name {
                "from" => format!("2026-{:02}-{:02}T00:00:00Z", dice.between(10, 11), dice.between(1, 20)),
                "to" => format!("2026-11-{:02}T{:02}:00:00Z", dice.between(20, 30), dice.between(0, 23)),
                _ => format!("2026-11-{:02}T08:00:00Z", dice.between(20, 22)),
            }),
            "JSON" => match dice.below(4) {
                0 => Input::Object(String::new(), Vec::new()),
                1 => Input::Object(String::new(), vec![("Zebra".to_owned(), Input::Int(1))]),
                2 => Input::Object(String::new(), vec![("steps".to_owned(), Input::List(vec![Input::Bool(true)]))]),
                _ => Input::Object(String::new(), vec![("deep".to_owned(), Input::Object(String::new(), Vec::new()))]),
            },
            "String" => Input::Text(self.text(place, name)),
            other => panic!("no values for {other}: {place} {name}"),
        }
    }

    fn text(&mut self, place: &str, name: &str) -> String {
        let dice = &mut self.dice;
        let number = dice.below(1000);
        match name {
            "email" | "newEmail" | "firstAdminEmail" => match dice.below(10) {
                0..7 => dice.pick(&self.pools.emails).clone(),
                _ => format!("new{number}@acme.example"),
            },
            "password" | "currentPassword" => dice.pick(&["demo-palisade", "not-the-password"]).to_string(),
            "newPassword" => dice.pick(&["demo-palisade", "short"]).to_string(),
            "slug" if dice.percent(40) => dice.pick(&self.pools.slugs).clone(),
            "slug" => format!("slug-{number}"),
            "search" => dice.pick(&self.pools.words).clone(),
            "types" if place.contains("Task") => dice.pick(&self.pools.kinds).clone(),
            "types" => dice.pick(&self.pools.events).clone(),
            "type" | "capabilities" => dice.pick(&self.pools.kinds).clone(),
            "after" | "before" => match self.pages.is_empty() {
                true => "bm9uZQ".to_owned(),
                false => self.pages[dice.below(self.pages.len())].cursor.clone(),
            },
            "uri" => format!("https://files.example/{number}"),
            "path" => format!("notes/{}.md", number % 7),
            "expectedSha256" => "0".repeat(64),
            "key" => format!("step{}", number % 4),
            "dependsOn" => format!("step{}", number % 3),
            "requestId" | "idempotencyKey" => format!("once-{}", number % 9),
            "model" => dice.pick(&["claude-sonnet-4", "gpt-5", "quartz-1"]).to_string(),
            "issuer" => "https://issuer.example".to_owned(),
            "token" | "refreshToken" => "no-such-token".to_owned(),
            "hostname" => format!("node-{}", number % 5),
            "name" => format!("{} {}", dice.pick(&self.pools.words), number % 40),
            _ => format!("{} {} {number}", dice.pick(&self.pools.words), dice.pick(&self.pools.words)),
        }
    }
}
