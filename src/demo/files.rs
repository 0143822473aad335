//! Files of finished goals: what their agents handed in.

use chrono::TimeDelta;
use entity::{confidential::Confidential, enums::GoalStatus, workspace_file, workspace_usage};

use super::{DemoPlatform, dice::Dice, scene};
use crate::workspace::{Checksum, Version, WorkspacePath};

/// Bytes of a file, for its backend.
#[derive(Clone, Debug)]
pub struct DemoFile {
    /// Which bytes they are.
    pub version: Version,
    /// Where the file stands.
    pub path: WorkspacePath,
    /// What they add up to.
    pub checksum: Checksum,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// How many goals of each organisation have files.
const GOALS: usize = 6;
/// Names, and what is in them.
const FILES: [(&str, &str); 2] = [
    ("report.md", "# Report for $org\n\nAll steps of this goal are done. Figures are in `data/figures.csv`.\n"),
    ("data/figures.csv", "organisation,step,seconds\n$org,collect,41\n$org,compare,17\n$org,write,23\n"),
];

/// Writes them. They have dice of their own: what was thrown before stays as it was.
pub(super) fn write(rows: &mut DemoPlatform) {
    let mut dice = Dice::new(0xf11e_5ade);
    for organization in scene::ORGANIZATIONS {
        let Some(org_id) = rows.organizations.iter().find(|row| row.slug == organization.slug).map(|row| row.id) else {
            continue;
        };
        let done = rows.goals.iter().filter(|goal| goal.org_id == org_id && goal.status == GoalStatus::Completed);
        let (mut files, mut bytes) = (0, 0);
        for goal in done.take(GOALS) {
            let at = goal.completed_at.unwrap_or(goal.updated_at) - TimeDelta::seconds(1);
            for (name, text) in FILES {
                let text = text.replace("$org", organization.name).into_bytes();
                // The names above are paths.
                let Ok(path) = name.parse::<WorkspacePath>() else { continue };
                let version = Version { org_id, goal_id: goal.id, id: dice.id(at) };
                let checksum = Checksum::of(&text);
                let size = i64::try_from(text.len()).unwrap_or(0);
                rows.workspace_files.push(workspace_file::Model {
                    org_id,
                    id: dice.id(at),
                    goal_id: goal.id,
                    agent_id: goal.agent_id,
                    path: Confidential::new(name.to_owned()),
                    size_bytes: Confidential::new(size),
                    sha256: Confidential::new(checksum.sha256().to_owned()),
                    version: version.id,
                    created_at: at,
                    updated_at: at,
                });
                rows.files.push(DemoFile { version, path, checksum, bytes: text });
                (files, bytes) = (files + 1, bytes + size);
            }
        }
        rows.workspace_usage.push(workspace_usage::Model { org_id, files, bytes: Confidential::new(bytes) });
    }
}
