//! The first admin of `default`: the only one whom no admin could invite.

use chrono::Duration;
use entity::ids::{OrgId, TypedId as _};
use sea_orm::DbErr;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    Conversion,
    pages::{Batch, row},
};

/// How long the invitation can be accepted.
const VALID: Duration = Duration::days(7);

impl Conversion<'_> {
    /// Writes the invitation, and the mail that carries its token. The token itself is stored nowhere else.
    ///
    /// A token is `inv_<organisation's id without its prefix>_<64 hex digits>`: it says which organisation to look in.
    /// What is stored is the SHA-256 of the whole text, in hex.
    pub(super) async fn invite(&self, admin: &str, public_url: Option<&str>) -> Result<(), DbErr> {
        let org = OrgId::from_uuid(self.org).to_string();
        let digits = org.strip_prefix("org_").unwrap_or(&org);
        let token = format!("inv_{digits}_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let hash: String = Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut invitations = Batch::new(
            "invitations",
            &["org_id", "id", "email", "role", "status", "first_admin", "token_hash", "expires_at", "created_at"],
        );
        let expires = self.now + VALID;
        let row = row![self.org, Uuid::now_v7(), admin, "ADMIN", "PENDING", true, hash, expires, self.now];
        invitations.push(self.db, row).await?;
        invitations.flush(self.db).await?;

        let link = match public_url {
            // In the fragment, which browsers send to nobody.
            Some(url) => format!("{}/accept-invitation#token={token}", url.trim_end_matches('/')),
            None => token,
        };
        let subject = "You are invited to administer the organisation \"Default\" on Palisade";
        let body = format!(
            "Palisade now serves many organisations. All that was here before is in the organisation \"Default\", and you \
             are to be its first admin.\n\nAccept within 7 days:\n\n{link}\n\nThis works once."
        );
        let mut mails = Batch::new("mail_outbox", &["id", "recipient", "subject", "body", "attempts", "created_at"]);
        mails.push(self.db, row![Uuid::now_v7(), admin, subject, body, 0, self.now]).await?;
        mails.flush(self.db).await
    }
}
