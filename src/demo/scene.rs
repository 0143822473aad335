//! One organisation while its rows are made: who it is, what time it is, what is to be logged.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::{Confidential, JsonText},
    enums::OrganizationStatus,
    fold::fold,
    ids::{OrgId, TypedId, UserId},
    organization, platform_event,
};
use serde_json::{Value, json};

use super::{
    DemoPlatform,
    dice::{Dice, Words},
};
use crate::viewer::Actor;

/// How long the platform has been there.
pub(super) const HISTORY: TimeDelta = TimeDelta::days(30);

/// An organisation of the demo, and what is different about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Organization {
    pub(super) name: &'static str,
    pub(super) slug: &'static str,
    /// When it joined, counted from the beginning of the history.
    joined: TimeDelta,
}

pub(super) const ACME: Organization = Organization { name: "Acme", slug: "acme", joined: TimeDelta::hours(1) };
pub(super) const GLOBEX: Organization = Organization { name: "Globex", slug: "globex", joined: TimeDelta::hours(5) };
pub(super) const ORGANIZATIONS: [Organization; 2] = [ACME, GLOBEX];

/// Something that happened, for the audit log.
#[derive(Debug)]
pub(super) struct Happening {
    pub(super) at: DateTime<Utc>,
    pub(super) kind: &'static str,
    pub(super) actor: Actor,
    pub(super) subject: String,
    pub(super) payload: Option<Value>,
}

/// An organisation that is being filled.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) is: Organization,
    pub(super) org_id: OrgId,
    pub(super) now: DateTime<Utc>,
    /// When the organisation was made.
    pub(super) since: DateTime<Utc>,
    pub(super) operator: UserId,
    pub(super) rows: &'a mut DemoPlatform,
    pub(super) dice: &'a mut Dice,
    pub(super) happened: Vec<Happening>,
}

impl<'a> Scene<'a> {
    /// Makes the organisation.
    pub(super) fn open(
        is: Organization,
        now: DateTime<Utc>,
        operator: UserId,
        rows: &'a mut DemoPlatform,
        dice: &'a mut Dice,
    ) -> Self {
        let since = now - HISTORY + is.joined;
        let org_id: OrgId = dice.id(since);
        let config = json!({
            "defaultModel": "claude-sonnet-4",
            "retentionDays": 365,
            "allowedDomains": [format!("{}.example", is.slug)],
            "notifications": {"channel": format!("{}-agents", is.slug), "digest": "daily"},
        });
        rows.organizations.push(organization::Model {
            id: org_id,
            name: is.name.to_owned(),
            name_folded: fold(is.name),
            slug: is.slug.to_owned(),
            status: OrganizationStatus::Active,
            config: sealed_json(config),
            created_at: since,
            updated_at: since,
        });
        platform_event(rows, dice, since, operator, "organization.created", org_id);
        let mut scene = Self { is, org_id, now, since, operator, rows, dice, happened: Vec::new() };
        scene.log(since, "organization.created", Some(operator), org_id, None);
        scene
    }

    /// The words that name the organisation.
    pub(super) fn words(&self) -> Words {
        Words::default().with("org", self.is.name).with("slug", self.is.slug)
    }

    /// Notes what happened; the log is put in order at the end.
    pub(super) fn log(
        &mut self,
        at: DateTime<Utc>,
        kind: &'static str,
        actor: Option<UserId>,
        subject: impl TypedId,
        payload: Option<Value>,
    ) {
        self.log_by(at, kind, actor.map_or(Actor::Platform, Actor::User), subject, payload);
    }

    /// The same, whoever did it.
    pub(super) fn log_by(
        &mut self,
        at: DateTime<Utc>,
        kind: &'static str,
        actor: Actor,
        subject: impl TypedId,
        payload: Option<Value>,
    ) {
        self.happened.push(Happening { at, kind, actor, subject: subject.to_string(), payload });
    }
}

/// Notes what an operator did to the platform.
pub(super) fn platform_event(
    rows: &mut DemoPlatform,
    dice: &mut Dice,
    at: DateTime<Utc>,
    operator: UserId,
    kind: &str,
    subject: impl TypedId,
) {
    rows.platform_events.push(platform_event::Model {
        id: dice.id(at),
        kind: kind.to_owned(),
        actor_user_id: Some(operator),
        subject_id: Some(subject.to_string()),
        created_at: at,
    });
}

/// JSON as it is stored in a confidential column.
pub(super) fn sealed_json(value: Value) -> Confidential<JsonText> {
    Confidential::new(JsonText::new(value.to_string()))
}
