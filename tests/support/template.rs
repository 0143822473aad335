//! Worlds that are not quite the demo's, and that a test can have anew as often as it wants.

use std::sync::Arc;

use palisade::{demo::DemoPlatform, http::graphql::engine::Engine};
use sea_orm::DatabaseConnection;

use super::{
    postgres,
    world::{Keep, World, engine, fill_with, plan},
};

/// The database of such a world, to be copied.
pub struct Template {
    pub plan: Arc<DemoPlatform>,
    engine: Arc<Engine>,
    stored: Stored,
}

enum Stored {
    Sqlite(Vec<u8>),
    Postgres(String),
}

impl Template {
    /// Of the platform that `change` makes of the demo's, with what `alter` does to its rows. `name` says what is in it.
    pub async fn build(
        kind: &'static str,
        name: &str,
        change: impl FnOnce(&mut DemoPlatform),
        alter: impl AsyncFnOnce(&DatabaseConnection),
    ) -> Self {
        let mut changed = DemoPlatform::clone(&*plan().await);
        change(&mut changed);
        Self::of(kind, name, Arc::new(changed), alter).await
    }

    async fn of(
        kind: &'static str,
        name: &str,
        plan: Arc<DemoPlatform>,
        alter: impl AsyncFnOnce(&DatabaseConnection),
    ) -> Self {
        let stored = if kind == "sqlite" {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("template.db");
            fill_with(format!("sqlite:{}?mode=rwc", path.display()), &plan, alter).await;
            Stored::Sqlite(std::fs::read(path).unwrap())
        } else {
            let fill = async |url: String| {
                fill_with(url, &plan, alter).await;
                Ok::<_, std::convert::Infallible>(())
            };
            Stored::Postgres(postgres::cluster().await.template(name, fill).await)
        };
        Self { plan, engine: engine(), stored }
    }

    /// A world of its own.
    pub async fn world(&self) -> World {
        let (url, kind, keep) = match &self.stored {
            Stored::Sqlite(bytes) => {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("palisade.db");
                std::fs::write(&path, bytes).unwrap();
                (format!("sqlite:{}?mode=rwc", path.display()), "sqlite", Keep::Sqlite(folder))
            }
            Stored::Postgres(template) => {
                let database = postgres::cluster().await.create_database(Some(template)).await;
                (database.url("postgres"), "postgres", Keep::Postgres(Box::new(database)))
            }
        };
        World::new(url, kind, keep, Arc::clone(&self.plan), Arc::clone(&self.engine)).await
    }
}

impl World {
    /// A world of another plan than the demo's, which `name` names among templates.
    pub async fn planned(kind: &'static str, name: &str, plan: Arc<DemoPlatform>) -> Self {
        Template::of(kind, name, plan, async |_| {}).await.world().await
    }
}
