//! What can be typed, with an example for each.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::policy::Permission;

/// A GraphQL control plane for an AI-agent platform that many organisations share.
#[derive(Debug, Parser)]
#[command(name = "palisade", version, after_help = "Try it: palisade demo")]
pub struct Arguments {
    /// Settings file; variables PALISADE_SECTION__KEY win over it (docs/settings.md)
    #[arg(long, global = true, value_name = "FILE", env = "PALISADE_CONFIG")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API until SIGTERM
    #[command(
        after_help = "Examples:\n  palisade serve --config palisade.toml\n  PALISADE_HTTP__LISTEN=0.0.0.0:8080 palisade serve\n  palisade serve --print-config"
    )]
    Serve {
        /// Print the settings in force as TOML, without secrets, and leave; `docs` prints docs/settings.md
        #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "settings")]
        print_config: Option<Print>,
    },
    /// Serve a world of made-up organisations from an embedded database
    #[command(
        after_help = "Examples:\n  palisade demo\n  PALISADE_HTTP__LISTEN=127.0.0.1:0 palisade demo --data-dir /tmp/demo --reset"
    )]
    Demo {
        /// Folder for the demo's database, mail and files
        #[arg(long, value_name = "DIR", default_value = ".palisade/demo")]
        data_dir: PathBuf,
        /// Begin again from nothing
        #[arg(long)]
        reset: bool,
    },
    /// Bring the database's schema up, take it back, or say how far it is
    #[command(
        after_help = "Examples:\n  palisade migrate up\n  palisade migrate up --default-admin ada@example.com\n  palisade migrate down --steps 1\n  palisade migrate status"
    )]
    Migrate {
        #[command(subcommand)]
        command: Migrate,
    },
    /// Print the GraphQL schema, or hold a file against it
    #[command(after_help = "Examples:\n  palisade schema print > schema.graphql\n  palisade schema check")]
    Schema {
        #[command(subcommand)]
        command: Schema,
    },
    /// Print the permission matrix, or say why somebody may do something
    #[command(
        after_help = "Examples:\n  palisade policy print > docs/permissions.md\n  palisade policy explain --as ada@acme.example --action GOAL_CANCEL --on goal_01h455vb4pex5vsknk084sn02q"
    )]
    Policy {
        #[command(subcommand)]
        command: Policy,
    },
    /// Make the first super-admin
    #[command(
        after_help = "Examples:\n  palisade admin create --email ada@example.com\n  pass show palisade | palisade admin create --email ada@example.com"
    )]
    Admin {
        #[command(subcommand)]
        command: Admin,
    },
    /// Issue a short access token for trying out the API
    #[command(after_help = "Example:\n  curl -H \"Authorization: Bearer $(palisade token --email ada@example.com)\" …")]
    Token {
        /// Whose
        #[arg(long)]
        email: String,
    },
    /// Hold the organisations' audit logs against their hash chains; exit code 1 when one does not hold
    #[command(
        after_help = "Examples:\n  palisade audit verify\n  palisade audit verify --organization org_01h455vb4pex5vsknk084sn02q"
    )]
    Audit {
        #[command(subcommand)]
        command: Audit,
    },
    /// Hold the sums of usage against the reported calls; exit code 1 when they differ
    #[command(after_help = "Example:\n  palisade usage verify")]
    Usage {
        #[command(subcommand)]
        command: Usage,
    },
    /// Look for what is missing or wrong, with a remedy for each
    #[command(after_help = "Example:\n  palisade doctor && palisade serve")]
    Doctor,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Print {
    /// The settings in force.
    Settings,
    /// The page docs/settings.md.
    Docs,
}

#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Apply what is pending
    Up {
        /// Who is invited as the `default` organisation's admin, where content of the time before tenancy is converted
        #[arg(long, value_name = "EMAIL")]
        default_admin: Option<String>,
    },
    /// Take the last migrations back
    Down {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// Change nothing and say how far the schema is; exit code 1 when something is pending
    Status,
}

#[derive(Debug, Subcommand)]
pub enum Schema {
    /// To stdout, sorted
    Print,
    /// Fail when the file is not the schema's
    Check {
        /// The file
        #[arg(default_value = "schema.graphql")]
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum Policy {
    /// To stdout, as docs/permissions.md
    Print,
    /// Say why somebody may do something, or may not; exit code 1 when they may not
    #[command(
        after_help = "Examples:\n  palisade policy explain --as ada@acme.example --action AGENT_UPDATE --on agt_01h455vb4pex5vsknk084sn02q\n  palisade policy explain --as Worker --org acme --action TASK_RUN"
    )]
    Explain {
        /// An address, or a service account's id or name
        #[arg(long = "as", value_name = "WHO")]
        who: String,
        /// A row of the permission table, such as AGENT_UPDATE
        #[arg(long, value_name = "PERMISSION", value_parser = permission)]
        action: Permission,
        /// An organisation's, user's, team's, agent's, goal's, approval request's or chat's id; their organisation without it
        #[arg(long, value_name = "ID")]
        on: Option<String>,
        /// The handle of the organisation that they work in; without it the one that sign-in would take
        #[arg(long, value_name = "SLUG")]
        org: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

fn permission(word: &str) -> Result<Permission, String> {
    let wanted = word.to_uppercase().replace('-', "_");
    let found = Permission::ALL.iter().find(|permission| permission.as_str() == wanted);
    found.copied().ok_or_else(|| "no row of the permission table; `palisade policy print` lists them".to_owned())
}

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Find events that were altered, taken out or put elsewhere
    Verify {
        /// One organisation's log; all without it
        #[arg(long, value_name = "ID")]
        organization: Option<entity::ids::OrgId>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Usage {
    /// Find days whose sums are not those of their calls
    Verify,
}

#[derive(Debug, Subcommand)]
pub enum Admin {
    /// The password is asked for, or read from stdin
    Create {
        /// The new super-admin's address
        #[arg(long)]
        email: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together_and_every_command_has_an_example() {
        let command = Arguments::command();
        command.clone().debug_assert();
        for command in command.get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{}", command.get_name());
        }
    }

    #[test]
    fn a_password_cannot_be_given_as_an_argument() {
        for arguments in [["--password", "x"], ["--secret", "x"]] {
            let line = ["palisade", "admin", "create", "--email", "a@b.example"].into_iter().chain(arguments);
            assert!(Arguments::try_parse_from(line).is_err());
        }
    }
}
