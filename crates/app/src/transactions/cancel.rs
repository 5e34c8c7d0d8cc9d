//! Taking a transaction back before it is dispatched or paid.

use domain::ids::TransactionId;
use domain::status::Kind;

use crate::commands::{Caller, CancelRefusal};
use crate::context::App;
use crate::views::TransactionView;

impl App {
    /// Takes back what has not been dispatched or paid: a queued payout or an unpaid charge.
    pub async fn cancel(
        &self,
        caller: &Caller,
        id: TransactionId,
    ) -> Result<TransactionView, CancelRefusal> {
        let record = self.store.transaction(id).await?;
        let record = record
            .filter(|record| record.row.user_id == caller.user_id)
            .ok_or(CancelRefusal::NotFound)?;
        match record.row.kind {
            Kind::Charge => self.cancel_charge(&record).await?,
            Kind::Payout => self.cancel_payout(&record).await?,
            Kind::Transfer | Kind::Refund => {
                return Err(CancelRefusal::AlreadyDispatched {
                    stage: record.row.stage,
                });
            }
        }
        Ok(self.view_of(id).await?)
    }
}
