//! Writing the audit trail, in the unit of work of what it tells.

use super::Core;
use crate::clock::Timestamp;
use crate::model::audit::{Event, Subject};
use crate::model::{Client, Error};
use crate::store::{Tx, audit};

impl Core {
    pub(super) async fn record(
        &self,
        tx: &mut Tx,
        event: Event<'_>,
        subject: Subject<'_>,
        client: Option<&Client>,
        now: Timestamp,
    ) -> Result<(), Error> {
        audit::insert(tx, self.random.uuid(now), event, subject, client, now).await?;
        self.metrics.count_event(event.name());
        Ok(())
    }

    /// Records what failed, in a unit of work of its own. The refusal stands whether or not this can be written.
    pub(super) async fn record_refusal(&self, event: Event<'_>, subject: Subject<'_>, client: &Client) {
        if let Err(error) = self.try_record(event, subject, client).await {
            tracing::error!(event = event.name(), ?error, request_id = %client.request_id, "an audit event was not written");
        }
    }

    async fn try_record(&self, event: Event<'_>, subject: Subject<'_>, client: &Client) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        self.record(&mut tx, event, subject, Some(client), self.clock.now()).await?;
        tx.commit().await
    }
}
