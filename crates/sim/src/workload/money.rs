//! Money that people and gateways move without asking the product: payers pay, payees send back,
//! gateways take back.

use domain::gateway::Gateway;
use domain::ids::TransactionId;
use domain::money::Money;

use super::{Outside, PATIENCE, fee};
use crate::bank::Received;
use crate::gateway::{About, Notice};

impl Outside {
    pub(super) fn notify(&self, gateway: Gateway, about: About, reference: String) {
        let at = self.world.runtime.elapsed();
        self.world.notices.add(Notice {
            gateway,
            at,
            about,
            reference,
        });
    }

    pub(super) async fn pay(&self, charge: u32, percent: i64) {
        let Some(id) = self.id_of(charge).await else {
            return;
        };
        for _ in 0..PATIENCE {
            if self.pay_code(id, percent) {
                return;
            }
            self.rest(500).await;
        }
    }

    /// Pays one of the charge's codes, most often the first.
    fn pay_code(&self, id: TransactionId, percent: i64) -> bool {
        let now = self.world.runtime.elapsed();
        let mut keys = self.world.auditor.keys(id);
        keys.retain(|(gateway, key)| self.world.bank.code(*gateway, key).is_some());
        if keys.is_empty() {
            return false;
        }
        let drawn = usize::try_from(self.world.runtime.draw() % 4).unwrap_or(0);
        let (gateway, key) = keys.get(drawn).unwrap_or(&keys[0]).clone();
        let Some(code) = self.world.bank.code(gateway, &key) else {
            return false;
        };
        let Ok(amount) = Money::from_cents((code.amount.cents() * percent / 100).max(1)) else {
            return true;
        };
        let paid = self
            .world
            .bank
            .pay(gateway, Some(&key), amount, fee(amount), now);
        let name = self.world.trace.name(id);
        match paid {
            Some(pix) => {
                self.tell(|| format!("{name} is paid with {amount} at {gateway}: {}", pix.key));
                self.notify(gateway, About::Charge, key);
            }
            None => self.tell(|| format!("{name} cannot be paid any more")),
        }
        true
    }

    pub(super) fn pay_nobody(&self, gateway: Gateway, cents: i64) {
        let now = self.world.runtime.elapsed();
        let Ok(amount) = Money::from_cents(cents) else {
            return;
        };
        let paid = self.world.bank.pay(gateway, None, amount, fee(amount), now);
        if let Some(Received { key, .. }) = paid {
            self.tell(|| format!("{amount} arrive at {gateway} for nobody: {key}"));
            self.notify(gateway, About::PayIn, key);
        }
    }

    pub(super) async fn send_back(&self, payout: u32, percent: i64) {
        let Some(id) = self.id_of(payout).await else {
            return;
        };
        for _ in 0..PATIENCE {
            let now = self.world.runtime.elapsed();
            for (gateway, key) in self.world.auditor.keys(id) {
                let Some(row) = self.world.auditor.row(id) else {
                    continue;
                };
                let cents = (row.amount.cents() * percent / 100).max(1);
                let Ok(amount) = Money::from_cents(cents) else {
                    continue;
                };
                if self.world.bank.send_back(gateway, &key, amount, now) {
                    let name = self.world.trace.name(id);
                    self.tell(|| format!("{amount} of {name} are sent back"));
                    return self.notify(gateway, About::Payout, key);
                }
            }
            self.rest(1_000).await;
        }
    }

    pub(super) async fn reverse(&self, charge: u32, percent: i64) {
        let Some(id) = self.id_of(charge).await else {
            return;
        };
        for _ in 0..PATIENCE {
            if self.reverse_one(id, percent) {
                return;
            }
            self.rest(1_000).await;
        }
    }

    fn reverse_one(&self, id: TransactionId, percent: i64) -> bool {
        let now = self.world.runtime.elapsed();
        for (gateway, code) in self.world.auditor.keys(id) {
            for pix in self.world.bank.all_received(gateway, now) {
                let cents = (pix.amount.cents() * percent / 100).max(1);
                let Ok(amount) = Money::from_cents(cents) else {
                    continue;
                };
                if pix.code.as_deref() != Some(&code)
                    || !self.world.bank.reverse(gateway, &pix.key, amount, now)
                {
                    continue;
                }
                self.tell(|| format!("{gateway} takes {amount} of {} back", pix.key));
                let slot = (gateway, pix.key.clone());
                self.memory.told().reversed.insert(slot, now);
                self.notify(gateway, About::Refund, pix.key);
                return true;
            }
        }
        false
    }
}
