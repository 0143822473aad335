//! Mails that tell an organisation's admins of what a super-admin asks for.
//!
//! Every admin is told, those who are suspended too, and who becomes an admin while a request waits is told then. When
//! such a mail was **sent** counts: where nobody is left to answer, a member may, so many hours after every admin was
//! told (`member::confirm`), and an outbox that leads nowhere tells nobody.

use entity::{
    enums::OrgRole,
    ids::{MemberRequestId, OrgId, UserId},
};

use super::mail;
use crate::{clock::Clock, error::Result, store::db::Tx, store::write::member as rows};

/// Where and how it is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Post<'a> {
    /// Time and ids.
    pub clock: &'a Clock,
    /// Where the platform is reached.
    pub public_url: &'a str,
    /// The organisation.
    pub org_id: OrgId,
    /// Its name.
    pub organization: &'a str,
}

/// What a super-admin asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    /// Which request.
    pub id: MemberRequestId,
    /// Whom it is about.
    pub email: &'a str,
    /// What they are to be.
    pub role: OrgRole,
}

/// Tells every admin of a request.
pub(super) async fn tell_admins(tx: &Tx, post: Post<'_>, request: Request<'_>) -> Result<()> {
    for (admin, address) in rows::member_admins(tx, post.org_id).await? {
        tell(tx, post, request, admin, address).await?;
    }
    Ok(())
}

/// Tells who has just become an admin of the requests that wait.
pub(super) async fn tell_new_admin(tx: &Tx, post: Post<'_>, admin: UserId, address: &str) -> Result<()> {
    for open in rows::member_open_requests(tx, post.org_id, admin).await? {
        let request = Request { id: open.id, email: &open.email, role: open.role };
        tell(tx, post, request, admin, address.to_owned()).await?;
    }
    Ok(())
}

async fn tell(tx: &Tx, post: Post<'_>, request: Request<'_>, admin: UserId, address: String) -> Result<()> {
    let mail = mail::request_mail(post.public_url, post.organization, address, request.email, request.role);
    mail::enqueue_notice(tx, post.clock, mail, request.id, admin).await
}
