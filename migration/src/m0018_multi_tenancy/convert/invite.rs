//! The first admin of `default`: the only one whom no admin could invite.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
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
    /// A token is `pali_<organisation's id without its prefix>_<256 random bits in base64url>`, as the server makes and
    /// reads them: it says which organisation to look in. What is stored is the SHA-256 of the whole text, in hex.
    pub(super) async fn invite(&self, admin: &str, public_url: Option<&str>) -> Result<(), DbErr> {
        let org = OrgId::from_uuid(self.org).to_string();
        let digits = org.strip_prefix("org_").unwrap_or(&org);
        let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
        let token = format!("pali_{digits}_{}", URL_SAFE_NO_PAD.encode(random));
        let hash: String = Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut invitations = Batch::new(
            "invitations",
            &["org_id", "id", "email", "role", "status", "first_admin", "token_hash", "expires_at", "created_at"],
        );
        let expires = self.now + VALID;
        let row = row![self.org, Uuid::now_v7(), admin, "ADMIN", "PENDING", true, hash, expires, self.now];
        invitations.push(self.db, row).await?;
        invitations.flush(self.db).await?;

        let subject = "Invitation to Default";
        let place = public_url.unwrap_or("Palisade");
        let body = format!(
            "You are invited to be the first admin of the organisation \"Default\" at {place}. It holds all that was there \
             before the platform served many organisations.\n\nUse the mutation acceptInvitation with this token, signed in \
             if you have an account:\n\n{token}\n\nIt works once, until {}.",
            expires.format("%F %H:%M UTC")
        );
        let mut mails = Batch::new("mail_outbox", &["id", "recipient", "subject", "body", "attempts", "created_at"]);
        mails.push(self.db, row![Uuid::now_v7(), admin, subject, body, 0, self.now]).await?;
        mails.flush(self.db).await
    }
}
