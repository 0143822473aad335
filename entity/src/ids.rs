//! Typed ids: UUIDv7 in the database, a TypeID string (`agt_01h455vb4pex5vsknk084sn02q`) outside it.
//!
//! A type per noun keeps an agent's id from being used as a goal's. The prefix tells a reader what an id is, and a
//! malformed or wrong-prefix id is refused before any query. Text form: <https://github.com/jetify-com/typeid>.

use std::{fmt, str::FromStr};

use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use uuid::Uuid;

/// Crockford's base32, lower case: sorts like the number it writes.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 128 bits in digits of 5.
const DIGITS: usize = 26;

/// Why a text is no id of the wanted kind. Says nothing about whether such an object exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdError {
    /// Another noun's prefix, or none.
    #[error("expected an id that starts with \"{expected}_\"")]
    Prefix {
        /// The wanted prefix, without the underscore.
        expected: &'static str,
    },
    /// Not 26 lower-case base32 digits that fit 128 bits.
    #[error("malformed id")]
    Malformed,
}

fn encode(prefix: &str, uuid: Uuid, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut rest = uuid.as_u128();
    let mut digits = [0u8; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    f.write_str(prefix)?;
    f.write_str("_")?;
    digits.iter().try_for_each(|digit| fmt::Write::write_char(f, char::from(*digit)))
}

fn decode(expected: &'static str, text: &str) -> Result<Uuid, IdError> {
    let digits =
        text.strip_prefix(expected).and_then(|rest| rest.strip_prefix('_')).ok_or(IdError::Prefix { expected })?;
    // The first digit carries only 3 bits: a larger one would overflow and two texts would name one id.
    if digits.len() != DIGITS || digits.as_bytes()[0] > b'7' {
        return Err(IdError::Malformed);
    }
    digits
        .bytes()
        .try_fold(0u128, |sum, byte| {
            let digit = ALPHABET.iter().position(|known| *known == byte).ok_or(IdError::Malformed)?;
            Ok(sum << 5 | digit as u128)
        })
        .map(Uuid::from_u128)
}

/// What all typed ids share.
pub trait TypedId: Copy + fmt::Display + FromStr<Err = IdError> + Send + Sync + 'static {
    /// The text prefix, without the underscore.
    const PREFIX: &'static str;

    /// Wraps a UUID that came from the database or the id generator.
    fn from_uuid(uuid: Uuid) -> Self;

    /// The bare UUID, for binding into queries.
    fn uuid(self) -> Uuid;
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, DeriveValueType)]
            pub struct $name(Uuid);

            impl TypedId for $name {
                const PREFIX: &'static str = $prefix;

                fn from_uuid(uuid: Uuid) -> Self {
                    Self(uuid)
                }

                fn uuid(self) -> Uuid {
                    self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    encode($prefix, self.0, f)
                }
            }

            impl FromStr for $name {
                type Err = IdError;

                fn from_str(text: &str) -> Result<Self, IdError> {
                    decode($prefix, text).map(Self)
                }
            }

            impl TryFromU64 for $name {
                fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                    Err(DbErr::ConvertFromU64(stringify!($name)))
                }
            }
        )*

        /// Every prefix, for the tests and for `node(id:)`.
        pub const PREFIXES: &[&str] = &[$($prefix),*];
    };
}

typed_ids! {
    /// Names an organisation.
    OrgId = "org";
    /// Names a user account.
    UserId = "usr";
    /// Names a link to an external subject.
    UserIdentityId = "uid";
    /// Names a membership of an organisation.
    OrgMembershipId = "mem";
    /// Names an external issuer that an organisation lets in.
    OrganizationIssuerId = "ois";
    /// Names an invitation.
    InvitationId = "inv";
    /// Names a team.
    TeamId = "team";
    /// Names a membership of a team.
    TeamMembershipId = "tmem";
    /// Names an agent, an organisation's or a global one.
    AgentId = "agt";
    /// Names a collaborator's grant.
    AgentCollaboratorId = "col";
    /// Names an agent admin's appointment.
    AgentAdminId = "aadm";
    /// Names a document of an agent.
    AgentDocumentId = "doc";
    /// Names a goal.
    GoalId = "goal";
    /// Names a task.
    TaskId = "task";
    /// Names a dependency between two tasks.
    TaskDependencyId = "dep";
    /// Names an execution.
    ExecutionId = "exe";
    /// Names a service account.
    ServiceAccountId = "sva";
    /// Names an agent in a service account's sight.
    ServiceAccountAgentId = "svag";
    /// Names a file of a goal's workspace.
    WorkspaceFileId = "file";
    /// Names one content of such a file: with every replacement there is another.
    FileVersionId = "fver";
    /// Names a worker.
    WorkerId = "wrk";
    /// Names an approval request.
    ApprovalRequestId = "apr";
    /// Names a decision about an approval request.
    ApprovalDecisionId = "adec";
    /// Names a chat session.
    ChatSessionId = "chat";
    /// Names a chat message.
    ChatMessageId = "msg";
    /// Names a record of LLM usage.
    LlmUsageId = "use";
    /// Names an audit event.
    EventId = "evt";
    /// Names a sign-in session.
    SessionId = "ses";
    /// Names a refresh token.
    RefreshTokenId = "rtok";
    /// Names a one-time token.
    OneTimeTokenId = "otok";
    /// Names a change of an account's address.
    EmailChangeId = "ech";
    /// Names what a super-admin asks of an organisation: a membership or a role.
    MemberRequestId = "mreq";
    /// Names a signing key: the `kid` of a token.
    SigningKeyId = "key";
    /// Names a mail in the outbox.
    MailId = "mail";
    /// Names a platform event.
    PlatformEventId = "pevt";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_the_uuid_it_was_written_from() {
        for n in [0, 1, 31, 32, u128::MAX, 0x0188_bac7_4afa_78aa_bc3b_bd1e_ef28_d881] {
            let id = AgentId::from_uuid(Uuid::from_u128(n));
            assert_eq!(id.to_string().parse::<AgentId>(), Ok(id));
        }
    }

    #[test]
    fn the_text_form_is_the_one_of_the_typeid_specification() {
        let id = AgentId::from_uuid(Uuid::from_u128(0x0188_bac7_4afa_78aa_bc3b_bd1e_ef28_d881));
        assert_eq!(id.to_string(), "agt_01h2xcejqtf2nbrexx3vqjhp41");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the order of the real clock is what is tested")]
    fn text_order_is_the_order_of_creation() {
        let (older, newer) = (Uuid::now_v7(), Uuid::now_v7());
        assert!(GoalId::from_uuid(older).to_string() < GoalId::from_uuid(newer).to_string());
    }

    #[test]
    fn other_prefixes_overflows_and_other_spellings_are_refused() {
        let good = "agt_01h2xcejqtf2nbrexx3vqjhp41";
        assert!(good.parse::<AgentId>().is_ok());
        assert_eq!(good.parse::<GoalId>(), Err(IdError::Prefix { expected: "goal" }));
        for bad in [
            "agt_81h2xcejqtf2nbrexx3vqjhp41",
            "agt_01H2XCEJQTF2NBREXX3VQJHP41",
            "agt_01h2xcejqtf2nbrexx3vqjhp4",
            "agt_01h2xcejqtf2nbrexx3vqjhp411",
            "agt_01h2xcejqtf2nbrexx3vqjhpi1",
            "agt_",
        ] {
            assert_eq!(bad.parse::<AgentId>(), Err(IdError::Malformed), "{bad}");
        }
    }
}
