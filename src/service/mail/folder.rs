//! Mail into a folder: for development, and for a relay that watches it.
//!
//! One `.eml` file a mail, named by its id, readable by the server's user alone, written aside and renamed, so that a
//! reader never finds half of one. Delivering twice writes the same file twice.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use entity::{ids::MailId, mail_outbox};
use tokio::{
    fs::{self, OpenOptions},
    io::AsyncWriteExt,
};

use super::message::{self, Encoding};

/// A folder that mail is written to.
#[derive(Clone, Debug)]
pub struct MailFolder {
    folder: PathBuf,
    from: String,
}

/// A mail as it lies in the folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Received {
    /// The address.
    pub recipient: String,
    /// The subject line.
    pub subject: String,
    /// When it was written, as the mail says it.
    pub date: String,
    /// The text.
    pub body: String,
}

impl MailFolder {
    /// Delivers into `folder`, from the address `from`.
    pub fn new(folder: impl Into<PathBuf>, from: impl Into<String>) -> Self {
        Self { folder: folder.into(), from: from.into() }
    }

    /// Writes a mail.
    pub(super) async fn write(&self, mail: &mail_outbox::Model) -> io::Result<()> {
        private_folder(&self.folder).await?;
        let aside = self.folder.join(format!(".{}.part", mail.id));
        if let Err(error) = fs::remove_file(&aside).await
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&aside).await?;
        file.write_all(message::text(mail, &self.from, Encoding::EightBit).as_bytes()).await?;
        file.sync_all().await?;
        fs::rename(&aside, self.folder.join(file_name(mail.id))).await
    }

    /// The last `most` mails, the latest first. Their names are ids, which sort by time.
    pub async fn latest(&self, most: usize) -> io::Result<Vec<Received>> {
        let mut files = match fs::read_dir(&self.folder).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            files => files?,
        };
        let mut paths = Vec::new();
        while let Some(file) = files.next_entry().await? {
            let path = file.path();
            if path.extension().is_some_and(|extension| extension == "eml") && file.file_type().await?.is_file() {
                paths.push(path);
            }
        }
        paths.sort_unstable_by(|one, other| other.cmp(one));
        let mut mails = Vec::new();
        for path in paths.into_iter().take(most) {
            match fs::read(&path).await {
                Ok(bytes) => mails.extend(message::read(&String::from_utf8_lossy(&bytes))),
                // Whoever watches the folder has taken it.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(mails)
    }
}

fn file_name(id: MailId) -> String {
    format!("{id}.eml")
}

async fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(folder).await
}
