//! One window of a gateway's lists against the books.

use std::collections::{BTreeMap, BTreeSet};

use domain::gateway::Gateway;
use domain::ids::TransactionId;
use domain::status::{Kind, Status};
use domain::time::{Moment, Span};

use super::{Finding, FindingKind};
use crate::attempt_key::attempt_key;
use crate::context::App;
use crate::pay_ins::Credited;
use crate::ports::gateway::{GatewayTrouble, ObservedPayIn, ObservedSent, SentList, SentState};
use crate::ports::store::{AttemptRow, StoreError, TransactionFilter};

/// A window narrows until the gateway can list it, to no less than this.
const NARROWEST: Span = Span::from_seconds(10 * 60);
/// Payments of one page.
const PAGE: u32 = 200;

/// Why a window could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Gateway(#[from] GatewayTrouble),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One window, compared.
#[derive(Debug, Default)]
pub struct Compared {
    /// How many payments the gateway listed.
    pub received: u64,
    /// `None`: the gateway has no list of what it sent.
    pub sent: Option<u64>,
    pub findings: Vec<Finding>,
}

/// The end of the window that begins at `from`: what was asked for, or less where the gateway could
/// not list that much at once.
pub fn narrower(from: Moment, to: Moment) -> Option<Moment> {
    let width = to.since(from);
    (width > NARROWEST).then(|| {
        let quarter = Span::from_millis(u32::try_from(width.millis() / 4).unwrap_or(u32::MAX));
        from.plus(quarter.max(NARROWEST))
    })
}

impl App {
    /// Compares as much of the window as the gateway can list at once; answers where it ended.
    ///
    /// # Errors
    /// A gateway that cannot even list the narrowest window, and the store's.
    pub async fn compare_window(
        &self,
        gateway: Gateway,
        from: Moment,
        mut to: Moment,
    ) -> Result<(Moment, Compared), Trouble> {
        loop {
            match self.compare_whole(gateway, from, to).await {
                Err(Trouble::Gateway(trouble)) => match narrower(from, to) {
                    Some(nearer) => to = nearer,
                    None => return Err(trouble.into()),
                },
                Ok(compared) => return Ok((to, compared)),
                Err(error) => return Err(error),
            }
        }
    }

    async fn compare_whole(
        &self,
        gateway: Gateway,
        from: Moment,
        to: Moment,
    ) -> Result<Compared, Trouble> {
        let client = self.gateway(gateway);
        let received = client.received(from, to).await?;
        let sent = client.sent(from, to).await?;
        let mut compared = Compared {
            received: received.len() as u64,
            ..Compared::default()
        };
        for observed in received {
            let finding = self.compare_received(gateway, &observed).await?;
            compared.findings.extend(finding);
        }
        if let SentList::Listed(sent) = sent {
            compared.sent = Some(sent.len() as u64);
            compared
                .findings
                .extend(self.compare_sent(gateway, &sent).await?);
        }
        Ok(compared)
    }

    async fn compare_received(
        &self,
        gateway: Gateway,
        listed: &ObservedPayIn,
    ) -> Result<Option<Finding>, Trouble> {
        let finding = |kind| Finding::new(kind, gateway, &listed.key);
        if let Some(known) = self.store.pay_in(gateway, &listed.key).await? {
            return Ok((known.amount != listed.amount).then(|| {
                finding(FindingKind::ReceivedAmountDiffers)
                    .of(known.transaction_id)
                    .amounts(Some(listed.amount), Some(known.amount))
            }));
        }
        // A line of a list alone never credits.
        let Some(shown) = self.gateway(gateway).look_up_pay_in(&listed.key).await? else {
            let unconfirmed = finding(FindingKind::ReceivedUnconfirmed);
            return Ok(Some(unconfirmed.amounts(Some(listed.amount), None)));
        };
        let amount = shown.amount;
        let kind = match self.credit(gateway, shown, "reconciliation").await? {
            Credited::New | Credited::Matched => FindingKind::ReceivedCredited,
            Credited::Suspense => FindingKind::ReceivedInSuspense,
            // A notification has been faster.
            Credited::Known | Credited::Reversed | Credited::Disputed | Credited::Released => {
                return Ok(None);
            }
        };
        let booked = self.store.pay_in(gateway, &listed.key).await?;
        let transaction = booked.and_then(|row| row.transaction_id);
        Ok(Some(
            finding(kind).of(transaction).amounts(Some(amount), None),
        ))
    }

    async fn compare_sent(
        &self,
        gateway: Gateway,
        listed: &[ObservedSent],
    ) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        let mut unknown = Vec::new();
        for sent in listed {
            let attempt = match &sent.attempt_key {
                Some(key) => self.store.attempt_by_reference(gateway, key).await?,
                None => None,
            };
            match attempt {
                Some(attempt) => {
                    findings.extend(self.compare_attempt(gateway, sent, &attempt).await?);
                }
                None if sent.state == SentState::NotExecuted => {}
                None => unknown.push(sent),
            }
        }
        if unknown.is_empty() {
            return Ok(findings);
        }
        let awaited = self.awaited_keys(gateway, &keys_of(&unknown)).await?;
        for sent in unknown {
            findings.push(self.place_unknown(gateway, sent, &awaited).await?);
        }
        Ok(findings)
    }

    /// What is listed under a key that an attempt of ours has.
    async fn compare_attempt(
        &self,
        gateway: Gateway,
        sent: &ObservedSent,
        attempt: &AttemptRow,
    ) -> Result<Option<Finding>, StoreError> {
        let id = attempt.transaction_id;
        let Some(found) = self.store.transaction(id).await? else {
            return Ok(None);
        };
        let finding = |kind| {
            Finding::new(kind, gateway, &attempt.attempt_key)
                .of(Some(id))
                .amounts(Some(sent.amount), Some(found.row.amount))
        };
        if found.row.amount != sent.amount {
            return Ok(Some(finding(FindingKind::SentAmountDiffers)));
        }
        let is_settled = attempt.outcome == "done";
        if sent.state != SentState::Executed || is_settled {
            return Ok(None);
        }
        // Whatever the books say of it, the gateway is asked, and its answer absorbed.
        self.look_up_attempt(id, attempt.number).await?;
        let is_refuted = found.row.status == Status::Failed || attempt.outcome == "not_done";
        if !is_refuted {
            return Ok(None);
        }
        let after = self
            .store
            .attempt_by_reference(gateway, &attempt.attempt_key);
        let corrected = after.await?.is_some_and(|row| row.outcome == "done");
        if corrected {
            tracing::warn!(transaction = %id, "a reconciliation corrected a payment");
        }
        Ok(Some(finding(FindingKind::SentBelievedFailed)))
    }

    /// What is listed under a key that no attempt has: a queued payment's next one, or nobody's.
    async fn place_unknown(
        &self,
        gateway: Gateway,
        sent: &ObservedSent,
        awaited: &BTreeMap<String, TransactionId>,
    ) -> Result<Finding, StoreError> {
        let reference = sent.attempt_key.as_ref().or(sent.end_to_end_id.as_ref());
        let reference = reference.map_or("", String::as_str);
        let finding = |kind| Finding::new(kind, gateway, reference);
        let Some(id) = awaited.get(reference).copied() else {
            return Ok(finding(FindingKind::SentUnknown).amounts(Some(sent.amount), None));
        };
        let found = self.store.transaction(id).await?;
        let asked = found.map(|found| found.row.amount);
        let kind = match asked {
            Some(asked) if asked != sent.amount => FindingKind::SentAmountDiffers,
            _ if self.adopt(id, gateway, reference).await? => FindingKind::SentAdopted,
            _ => FindingKind::SentBelievedUnsent,
        };
        Ok(finding(kind).of(Some(id)).amounts(Some(sent.amount), asked))
    }

    /// Of these keys, those that queued payouts would use next at this gateway.
    async fn awaited_keys(
        &self,
        gateway: Gateway,
        keys: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, TransactionId>, StoreError> {
        let mut awaited = BTreeMap::new();
        let mut filter = TransactionFilter {
            kind: Some(Kind::Payout),
            status: Some(Status::Pending),
            stage: Some("queued".to_owned()),
            limit: PAGE,
            ..TransactionFilter::default()
        };
        loop {
            let page = self.store.transactions(&filter).await?;
            for row in &page {
                let Some(bound) = &row.idempotency else {
                    continue;
                };
                let found = self.store.transaction(row.id).await?;
                let last = found.map_or(0, |found| {
                    let numbers = found.attempts.iter().map(|attempt| attempt.row.number);
                    numbers.max().unwrap_or(0)
                });
                let key = attempt_key(&bound.account, &bound.key, gateway, last + 1);
                if keys.contains(key.as_str()) {
                    awaited.insert(key, row.id);
                }
            }
            filter.before = page.last().map(|row| row.id);
            if page.len() < PAGE as usize {
                return Ok(awaited);
            }
        }
    }
}

fn keys_of<'a>(sent: &[&'a ObservedSent]) -> BTreeSet<&'a str> {
    let keys = sent.iter().filter_map(|sent| sent.attempt_key.as_deref());
    keys.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_narrow_down_to_ten_minutes() {
        let from = Moment::from_micros(1_000_000);
        let minutes = |count: u32| from.plus(Span::from_seconds(count * 60));
        assert_eq!(narrower(from, minutes(360)), Some(minutes(90)));
        assert_eq!(narrower(from, minutes(20)), Some(minutes(10)));
        assert_eq!(narrower(from, minutes(10)), None);
    }
}
