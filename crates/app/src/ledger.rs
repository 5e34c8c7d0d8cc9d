//! The only place that makes postings.
//!
//! Each kind of booking is one function here that names its movements; [`Books`] turns them into a
//! journal, moves the locked wallets' balances with the domain's pure fold, numbers the wallets'
//! entries, and collects the rows to write. A wallet that is not locked cannot be booked on.

use std::collections::BTreeMap;

use domain::gateway::Gateway;
use domain::ids::{JournalId, TransactionId, WalletId};
use domain::ledger::{Account, Entry, Float, Journal, LedgerError, Movement, Pocket, fold};
use domain::money::Money;
use domain::time::Moment;

use crate::ports::store::{EntryRow, JournalRow, WalletRow, Write};

/// Whose a received PIX is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Wallet(WalletId),
    /// Nobody's we know: it stands in suspense.
    Suspense,
    /// Ours: it is float that came from the other gateway.
    InTransit,
}

impl Owner {
    pub const fn wallet(self) -> Option<WalletId> {
        match self {
            Owner::Wallet(wallet) => Some(wallet),
            Owner::Suspense | Owner::InTransit => None,
        }
    }
}

/// Why a booking is refused. Nothing of it has been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookingError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("wallet {0} is not locked")]
    NotLocked(WalletId),
}

impl BookingError {
    /// The money that was missing, when that was the reason.
    pub fn overdrawn(&self) -> Option<Account> {
        match self {
            BookingError::Ledger(LedgerError::Overdraft { account, .. }) => Some(*account),
            BookingError::Ledger(LedgerError::Overflow) | BookingError::NotLocked(_) => None,
        }
    }
}

/// The head of a journal.
#[derive(Clone, Copy, Debug)]
pub struct Heading {
    pub id: JournalId,
    pub kind: &'static str,
    pub transaction_id: Option<TransactionId>,
    pub at: Moment,
}

/// The locked wallets of one unit and the journals booked on them so far.
#[derive(Clone, Debug)]
pub struct Books {
    wallets: BTreeMap<WalletId, WalletRow>,
    touched: Vec<WalletId>,
    journals: Vec<JournalRow>,
}

impl Books {
    pub fn new(wallets: &BTreeMap<WalletId, WalletRow>) -> Books {
        Books {
            wallets: wallets.clone(),
            touched: Vec::new(),
            journals: Vec::new(),
        }
    }

    /// The wallet as it stands after the bookings so far.
    pub fn wallet(&self, id: WalletId) -> Option<&WalletRow> {
        self.wallets.get(&id)
    }

    /// Replaces what was spent in the wallet's windows; balances move only by bookings.
    pub fn set_spent(
        &mut self,
        id: WalletId,
        spent: domain::limits::Spent,
    ) -> Result<(), BookingError> {
        self.wallets
            .get_mut(&id)
            .ok_or(BookingError::NotLocked(id))?
            .spent = spent;
        self.touch(id);
        Ok(())
    }

    /// Money is put aside for something that will leave: available to held.
    pub fn hold(
        &mut self,
        heading: Heading,
        wallet: WalletId,
        total: Money,
    ) -> Result<(), BookingError> {
        self.book(
            heading,
            &[Movement {
                debit: available(wallet),
                credit: held(wallet),
                amount: total,
            }],
        )
    }

    /// It will not leave after all: held to available.
    pub fn release(
        &mut self,
        heading: Heading,
        wallet: WalletId,
        total: Money,
    ) -> Result<(), BookingError> {
        self.book(
            heading,
            &[Movement {
                debit: held(wallet),
                credit: available(wallet),
                amount: total,
            }],
        )
    }

    /// It left through a gateway; the fee stays with us to pay the gateway's.
    pub fn paid_out(
        &mut self,
        heading: Heading,
        wallet: WalletId,
        gateway: Gateway,
        (amount, fee): (Money, Money),
    ) -> Result<(), BookingError> {
        self.book(
            heading,
            &[
                Movement {
                    debit: held(wallet),
                    credit: float(gateway),
                    amount,
                },
                Movement {
                    debit: held(wallet),
                    credit: Account::GatewayFees(gateway),
                    amount: fee,
                },
            ],
        )
    }

    /// A PIX arrived: gross to the wallet, the gateway's fee as its own line.
    pub fn pay_in(
        &mut self,
        heading: Heading,
        wallet: WalletId,
        gateway: Gateway,
        (amount, fee): (Money, Money),
    ) -> Result<(), BookingError> {
        let net = amount.checked_sub(fee).unwrap_or(Money::ZERO);
        let borne = amount.checked_sub(net).unwrap_or(Money::ZERO);
        let repaid = self.repaid(wallet, amount)?;
        self.book(
            heading,
            &[
                Movement {
                    debit: float(gateway),
                    credit: available(wallet),
                    amount: net,
                },
                Movement {
                    debit: Account::GatewayFees(gateway),
                    credit: available(wallet),
                    amount: borne,
                },
                repaid,
            ],
        )
    }

    /// A PIX arrived that belongs to nobody we know.
    pub fn suspense(
        &mut self,
        heading: Heading,
        gateway: Gateway,
        (amount, fee): (Money, Money),
    ) -> Result<(), BookingError> {
        let net = amount.checked_sub(fee).unwrap_or(Money::ZERO);
        let borne = amount.checked_sub(net).unwrap_or(Money::ZERO);
        let suspense = Account::Suspense(gateway);
        self.book(
            heading,
            &[
                Movement {
                    debit: float(gateway),
                    credit: suspense,
                    amount: net,
                },
                Movement {
                    debit: Account::GatewayFees(gateway),
                    credit: suspense,
                    amount: borne,
                },
            ],
        )
    }

    /// A gateway took a pay-in back: from available, the shortfall as the user's debt.
    pub fn reversal(
        &mut self,
        heading: Heading,
        wallet: WalletId,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        let taken = self.taken(wallet, float(gateway), amount)?;
        self.book(heading, &taken)
    }

    /// A gateway took back a pay-in that belonged to nobody we know.
    pub fn suspense_reversal(
        &mut self,
        heading: Heading,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        self.book(
            heading,
            &[Movement {
                debit: Account::Suspense(gateway),
                credit: float(gateway),
                amount,
            }],
        )
    }

    // ------------------------------------------------------------ our own float

    /// Float left this gateway for the other one.
    pub fn float_left(
        &mut self,
        heading: Heading,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        self.book(
            heading,
            &[Movement {
                debit: Account::InTransit,
                credit: float(gateway),
                amount,
            }],
        )
    }

    /// Float in transit is back at the gateway that it left, or had never left it.
    pub fn float_back(
        &mut self,
        heading: Heading,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        self.book(
            heading,
            &[Movement {
                debit: float(gateway),
                credit: Account::InTransit,
                amount,
            }],
        )
    }

    /// Float reached this gateway; what it kept of it is a line of its own.
    pub fn float_arrived(
        &mut self,
        heading: Heading,
        gateway: Gateway,
        (amount, fee): (Money, Money),
    ) -> Result<(), BookingError> {
        let net = amount.checked_sub(fee).unwrap_or(Money::ZERO);
        let borne = amount.checked_sub(net).unwrap_or(Money::ZERO);
        let legs = [
            (float(gateway), net),
            (Account::GatewayFees(gateway), borne),
        ];
        self.book(
            heading,
            &legs.map(|(debit, amount)| Movement {
                debit,
                credit: Account::InTransit,
                amount,
            }),
        )
    }

    /// Money in suspense turned out to be float of ours. Its fee was booked when it arrived.
    pub fn suspense_in_transit(
        &mut self,
        heading: Heading,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        self.book(
            heading,
            &[Movement {
                debit: Account::Suspense(gateway),
                credit: Account::InTransit,
                amount,
            }],
        )
    }

    /// A gateway took back float that had arrived: it is in transit again, on its way home.
    pub fn arrival_reversal(
        &mut self,
        heading: Heading,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        self.float_left(heading, gateway, amount)
    }

    // ------------------------------------------------------------ disputes

    /// A payer contests a pay-in: the gateway keeps the money from us, and we keep it from the
    /// user. What the wallet no longer holds is blocked all the same, as the user's debt, so that
    /// blocked is the whole disputed amount and later credits repay the debt first. What no wallet
    /// owns nobody can spend anyway.
    pub fn dispute_opened(
        &mut self,
        heading: Heading,
        owner: Owner,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        let mut movements = vec![Movement {
            debit: float_blocked(gateway),
            credit: float(gateway),
            amount,
        }];
        if let Some(wallet) = owner.wallet() {
            movements.extend(self.taken(wallet, blocked(wallet), amount)?);
        }
        self.book(heading, &movements)
    }

    /// The dispute is lost: what was blocked is gone, at the gateway too. A debt stays a debt.
    pub fn dispute_lost(
        &mut self,
        heading: Heading,
        owner: Owner,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        let debit = match owner {
            Owner::Wallet(wallet) => blocked(wallet),
            Owner::Suspense => Account::Suspense(gateway),
            Owner::InTransit => Account::InTransit,
        };
        self.book(
            heading,
            &[Movement {
                debit,
                credit: float_blocked(gateway),
                amount,
            }],
        )
    }

    /// The dispute is over and the money is ours: it is free again, the user's debt repaid first.
    pub fn dispute_released(
        &mut self,
        heading: Heading,
        owner: Owner,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        let mut movements = vec![Movement {
            debit: float(gateway),
            credit: float_blocked(gateway),
            amount,
        }];
        if let Some(wallet) = owner.wallet() {
            movements.push(Movement {
                debit: blocked(wallet),
                credit: available(wallet),
                amount,
            });
            movements.push(self.repaid(wallet, amount)?);
        }
        self.book(heading, &movements)
    }

    /// What was lost in a dispute came back from the gateway.
    pub fn dispute_given_back(
        &mut self,
        heading: Heading,
        owner: Owner,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        match owner {
            Owner::Wallet(wallet) => self.pay_in(heading, wallet, gateway, (amount, Money::ZERO)),
            Owner::Suspense => self.suspense(heading, gateway, (amount, Money::ZERO)),
            Owner::InTransit => self.float_arrived(heading, gateway, (amount, Money::ZERO)),
        }
    }

    /// Money in suspense turned out to be a user's. Its fee was booked when it arrived.
    pub fn suspense_matched(
        &mut self,
        heading: Heading,
        wallet: WalletId,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        let repaid = self.repaid(wallet, amount)?;
        self.book(
            heading,
            &[
                Movement {
                    debit: Account::Suspense(gateway),
                    credit: available(wallet),
                    amount,
                },
                repaid,
            ],
        )
    }

    /// Money of a settled payout came back.
    pub fn payout_return(
        &mut self,
        heading: Heading,
        wallet: WalletId,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        self.pay_in(heading, wallet, gateway, (amount, Money::ZERO))
    }

    /// A payment whose money was given back was made after all: from available, the shortfall as
    /// the user's debt.
    pub fn paid_after_all(
        &mut self,
        heading: Heading,
        wallet: WalletId,
        gateway: Gateway,
        (amount, fee): (Money, Money),
    ) -> Result<(), BookingError> {
        let there = self
            .wallets
            .get(&wallet)
            .ok_or(BookingError::NotLocked(wallet))?
            .available;
        let covered = there.min(amount);
        let covered_fee = there.checked_sub(covered).unwrap_or(Money::ZERO).min(fee);
        let rest = |whole: Money, part| whole.checked_sub(part).unwrap_or(Money::ZERO);
        let legs = [
            (available(wallet), float(gateway), covered),
            (
                Account::Receivable(wallet),
                float(gateway),
                rest(amount, covered),
            ),
            (
                available(wallet),
                Account::GatewayFees(gateway),
                covered_fee,
            ),
            (
                Account::Receivable(wallet),
                Account::GatewayFees(gateway),
                rest(fee, covered_fee),
            ),
        ];
        self.book(
            heading,
            &legs.map(|(debit, credit, amount)| Movement {
                debit,
                credit,
                amount,
            }),
        )
    }

    /// A payment booked as made was not: amount and fee come back, what the user owes is repaid
    /// first.
    pub fn not_paid_after_all(
        &mut self,
        heading: Heading,
        wallet: WalletId,
        gateway: Gateway,
        (amount, fee): (Money, Money),
    ) -> Result<(), BookingError> {
        let total = amount.checked_add(fee).unwrap_or(Money::MAX);
        let owed = self
            .wallets
            .get(&wallet)
            .ok_or(BookingError::NotLocked(wallet))?
            .receivable
            .min(total);
        self.book(
            heading,
            &[
                Movement {
                    debit: float(gateway),
                    credit: available(wallet),
                    amount,
                },
                Movement {
                    debit: Account::GatewayFees(gateway),
                    credit: available(wallet),
                    amount: fee,
                },
                Movement {
                    debit: available(wallet),
                    credit: Account::Receivable(wallet),
                    amount: owed,
                },
            ],
        )
    }

    /// A second attempt of one payment was executed too: the loss is the operator's.
    pub fn executed_twice(
        &mut self,
        heading: Heading,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        self.book(
            heading,
            &[Movement {
                debit: Account::Losses,
                credit: float(gateway),
                amount,
            }],
        )
    }

    /// Money of such a second execution came back.
    pub fn loss_recovered(
        &mut self,
        heading: Heading,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        self.book(
            heading,
            &[Movement {
                debit: float(gateway),
                credit: Account::Losses,
                amount,
            }],
        )
    }

    /// A payout to another wallet of ours leaves the payer's wallet.
    pub fn send_inside(
        &mut self,
        heading: Heading,
        wallet: WalletId,
        amount: Money,
    ) -> Result<(), BookingError> {
        let debit = available(wallet);
        let credit = Account::InTransit;
        self.book(
            heading,
            &[Movement {
                debit,
                credit,
                amount,
            }],
        )
    }

    /// It reaches the payee's wallet, in the same commit; what the payee owes is repaid first.
    pub fn receive_inside(
        &mut self,
        heading: Heading,
        wallet: WalletId,
        amount: Money,
    ) -> Result<(), BookingError> {
        let repaid = self.repaid(wallet, amount)?;
        self.book(
            heading,
            &[
                Movement {
                    debit: Account::InTransit,
                    credit: available(wallet),
                    amount,
                },
                repaid,
            ],
        )
    }

    /// From wallet to wallet; what the payee owes is repaid first.
    pub fn transfer(
        &mut self,
        heading: Heading,
        from: WalletId,
        to: WalletId,
        amount: Money,
    ) -> Result<(), BookingError> {
        let repaid = self.repaid(to, amount)?;
        self.book(
            heading,
            &[
                Movement {
                    debit: available(from),
                    credit: available(to),
                    amount,
                },
                repaid,
            ],
        )
    }

    /// The operator's own money, placed at a gateway.
    pub fn opening_float(
        &mut self,
        heading: Heading,
        gateway: Gateway,
        amount: Money,
    ) -> Result<(), BookingError> {
        self.book(
            heading,
            &[Movement {
                debit: float(gateway),
                credit: Account::Equity,
                amount,
            }],
        )
    }

    /// A gift of the operator to a wallet, such as the demo customer's money.
    pub fn grant(
        &mut self,
        heading: Heading,
        wallet: WalletId,
        amount: Money,
    ) -> Result<(), BookingError> {
        self.book(
            heading,
            &[Movement {
                debit: Account::Equity,
                credit: available(wallet),
                amount,
            }],
        )
    }

    /// The rows to write: the journals and each touched wallet once.
    pub fn into_writes(self) -> Vec<Write> {
        let Books {
            wallets,
            touched,
            journals,
        } = self;
        let saves = touched
            .into_iter()
            .filter_map(|id| wallets.get(&id).cloned())
            .map(Write::SaveWallet);
        journals
            .into_iter()
            .map(Write::InsertJournal)
            .chain(saves)
            .collect()
    }

    fn locked(&self, wallet: WalletId) -> Result<&WalletRow, BookingError> {
        self.wallets
            .get(&wallet)
            .ok_or(BookingError::NotLocked(wallet))
    }

    /// What a credit of `amount` repays of the user's debt.
    fn repaid(&self, wallet: WalletId, amount: Money) -> Result<Movement, BookingError> {
        Ok(Movement {
            debit: available(wallet),
            credit: Account::Receivable(wallet),
            amount: self.locked(wallet)?.receivable.min(amount),
        })
    }

    /// `amount` from what the wallet holds to `to`, the shortfall as the user's debt.
    fn taken(
        &self,
        wallet: WalletId,
        to: Account,
        amount: Money,
    ) -> Result<[Movement; 2], BookingError> {
        let covered = self.locked(wallet)?.available.min(amount);
        let short = amount.checked_sub(covered).unwrap_or(Money::ZERO);
        Ok([
            Movement {
                debit: available(wallet),
                credit: to,
                amount: covered,
            },
            Movement {
                debit: Account::Receivable(wallet),
                credit: to,
                amount: short,
            },
        ])
    }

    fn touch(&mut self, wallet: WalletId) {
        if !self.touched.contains(&wallet) {
            self.touched.push(wallet);
        }
    }

    fn book(&mut self, heading: Heading, movements: &[Movement]) -> Result<(), BookingError> {
        let journal = Journal::new(movements)?;
        if journal.is_empty() {
            return Ok(());
        }
        let before = self.protected_balances(&journal)?;
        let after = fold(&before, &journal)?;
        // After this point the booking succeeds.
        let mut running = before;
        let mut entries = Vec::with_capacity(journal.entries().len());
        for entry in journal.entries() {
            entries.push(self.number(entry, &mut running));
        }
        for account in journal.entries().iter().map(|entry| entry.account) {
            self.set_balance(account, after[&account]);
        }
        self.journals.push(JournalRow {
            id: heading.id,
            transaction_id: heading.transaction_id,
            kind: heading.kind.to_owned(),
            created_at: heading.at,
            entries,
        });
        Ok(())
    }

    /// Wallet accounts as locked; system accounts are folded from their entries alone, so here
    /// they start at zero.
    fn protected_balances(
        &self,
        journal: &Journal,
    ) -> Result<BTreeMap<Account, i64>, BookingError> {
        journal
            .entries()
            .iter()
            .map(|entry| entry.account)
            .map(|account| Ok((account, self.balance(account)?)))
            .collect()
    }

    fn balance(&self, account: Account) -> Result<i64, BookingError> {
        let wallet = |id: WalletId| self.wallets.get(&id).ok_or(BookingError::NotLocked(id));
        Ok(match account {
            Account::Wallet(id, Pocket::Available) => wallet(id)?.available.cents(),
            Account::Wallet(id, Pocket::Held) => wallet(id)?.held.cents(),
            Account::Wallet(id, Pocket::Blocked) => wallet(id)?.blocked.cents(),
            Account::Receivable(id) => wallet(id)?.receivable.cents(),
            Account::GatewayFloat(..)
            | Account::GatewayFees(_)
            | Account::Suspense(_)
            | Account::InTransit
            | Account::Equity
            | Account::Losses => 0,
        })
    }

    fn number(&mut self, entry: &Entry, running: &mut BTreeMap<Account, i64>) -> EntryRow {
        let Entry {
            account,
            debit_cents,
        } = *entry;
        let Some(wallet) = account.wallet() else {
            return EntryRow {
                account,
                debit_cents,
                seq: None,
                balance_after: None,
            };
        };
        let balance = running.entry(account).or_insert(0);
        *balance += account.natural(debit_cents);
        let balance_after = Some(*balance);
        self.touch(wallet);
        let row = self
            .wallets
            .get_mut(&wallet)
            .expect("balances were read from it");
        row.seq += 1;
        EntryRow {
            account,
            debit_cents,
            seq: Some(row.seq),
            balance_after,
        }
    }

    fn set_balance(&mut self, account: Account, cents: i64) {
        let Some(row) = account
            .wallet()
            .and_then(|wallet| self.wallets.get_mut(&wallet))
        else {
            return;
        };
        let money = Money::from_cents(cents)
            .expect("the fold refuses negative wallets and MAX bounds deposits");
        match account {
            Account::Wallet(_, Pocket::Available) => row.available = money,
            Account::Wallet(_, Pocket::Held) => row.held = money,
            Account::Wallet(_, Pocket::Blocked) => row.blocked = money,
            Account::Receivable(_) => row.receivable = money,
            Account::GatewayFloat(..)
            | Account::GatewayFees(_)
            | Account::Suspense(_)
            | Account::InTransit
            | Account::Equity
            | Account::Losses => unreachable!("only wallet accounts name a wallet"),
        }
    }
}

const fn available(wallet: WalletId) -> Account {
    Account::Wallet(wallet, Pocket::Available)
}
const fn held(wallet: WalletId) -> Account {
    Account::Wallet(wallet, Pocket::Held)
}
const fn blocked(wallet: WalletId) -> Account {
    Account::Wallet(wallet, Pocket::Blocked)
}
const fn float(gateway: Gateway) -> Account {
    Account::GatewayFloat(gateway, Float::Available)
}
const fn float_blocked(gateway: Gateway) -> Account {
    Account::GatewayFloat(gateway, Float::Blocked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::UserId;
    use domain::limits::{Limits, Spent};

    fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }
    fn id(n: u8) -> WalletId {
        WalletId::from_bytes([n; 16])
    }
    fn wallet(n: u8, available: i64) -> WalletRow {
        WalletRow {
            id: id(n),
            user_id: UserId::from_bytes([n; 16]),
            available: cents(available),
            held: Money::ZERO,
            blocked: Money::ZERO,
            receivable: Money::ZERO,
            seq: 0,
            limits: Limits {
                per_transaction: Money::MAX,
                per_day: Money::MAX,
                per_night: Money::MAX,
            },
            spent: Spent::default(),
            created_at: Moment::default(),
        }
    }
    fn books(wallets: &[WalletRow]) -> Books {
        Books::new(&wallets.iter().map(|row| (row.id, row.clone())).collect())
    }
    fn heading() -> Heading {
        Heading {
            id: JournalId::from_bytes([9; 16]),
            kind: "test",
            transaction_id: None,
            at: Moment::default(),
        }
    }
    /// `available/held/receivable` of a wallet.
    fn shown(books: &Books, n: u8) -> String {
        let row = books.wallet(id(n)).unwrap();
        format!(
            "{}/{}/{}",
            row.available.cents(),
            row.held.cents(),
            row.receivable.cents()
        )
    }

    #[test]
    fn a_payout_holds_then_leaves_or_comes_back() {
        let mut paid = books(&[wallet(1, 100)]);
        paid.hold(heading(), id(1), cents(60)).unwrap();
        assert_eq!(shown(&paid, 1), "40/60/0");
        let mut released = paid.clone();
        paid.paid_out(heading(), id(1), Gateway::Efi, (cents(59), cents(1)))
            .unwrap();
        assert_eq!(shown(&paid, 1), "40/0/0");
        released.release(heading(), id(1), cents(60)).unwrap();
        assert_eq!(shown(&released, 1), "100/0/0");
    }

    #[test]
    fn too_little_money_books_nothing() {
        let mut books = books(&[wallet(1, 100)]);
        let refused = books.hold(heading(), id(1), cents(101)).unwrap_err();
        assert_eq!(refused.overdrawn(), Some(available(id(1))));
        assert_eq!(shown(&books, 1), "100/0/0");
        assert!(books.into_writes().is_empty());
    }

    #[test]
    fn a_wallet_that_is_not_locked_cannot_be_booked_on() {
        let mut books = books(&[wallet(1, 100)]);
        assert_eq!(
            books.transfer(heading(), id(1), id(2), cents(1)),
            Err(BookingError::NotLocked(id(2)))
        );
    }

    #[test]
    fn a_reversal_beyond_the_balance_is_owed_and_repaid_by_the_next_pay_in() {
        let mut books = books(&[wallet(1, 30)]);
        books
            .reversal(heading(), id(1), Gateway::Efi, cents(100))
            .unwrap();
        assert_eq!(shown(&books, 1), "0/0/70");
        books
            .pay_in(heading(), id(1), Gateway::Efi, (cents(50), cents(1)))
            .unwrap();
        assert_eq!(shown(&books, 1), "0/0/20");
        books
            .pay_in(heading(), id(1), Gateway::Efi, (cents(50), cents(1)))
            .unwrap();
        assert_eq!(shown(&books, 1), "30/0/0");
    }

    /// `available/blocked/receivable`, and what the float accounts moved by.
    fn disputed(books: &Books) -> String {
        let row = books.wallet(id(1)).unwrap();
        let moved = |account| -> i64 {
            let entries = books.journals.iter().flat_map(|journal| &journal.entries);
            entries
                .filter(|entry| entry.account == account)
                .map(|entry| entry.debit_cents)
                .sum()
        };
        format!(
            "{}/{}/{} float {} blocked {}",
            row.available.cents(),
            row.blocked.cents(),
            row.receivable.cents(),
            moved(float(Gateway::Efi)),
            moved(float_blocked(Gateway::Efi)),
        )
    }

    #[test]
    fn a_dispute_blocks_the_whole_amount_and_the_shortfall_is_owed() {
        let (owner, gateway) = (Owner::Wallet(id(1)), Gateway::Efi);
        let mut open = books(&[wallet(1, 30)]);
        open.dispute_opened(heading(), owner, gateway, cents(100))
            .unwrap();
        assert_eq!(disputed(&open), "0/100/70 float -100 blocked 100");
        let mut lost = open.clone();
        lost.dispute_lost(heading(), owner, gateway, cents(100))
            .unwrap();
        assert_eq!(disputed(&lost), "0/0/70 float -100 blocked 0");
        lost.dispute_given_back(heading(), owner, gateway, cents(100))
            .unwrap();
        assert_eq!(disputed(&lost), "30/0/0 float 0 blocked 0");
        let mut won = open.clone();
        won.dispute_released(heading(), owner, gateway, cents(100))
            .unwrap();
        assert_eq!(disputed(&won), "30/0/0 float 0 blocked 0");
        // A credit meanwhile repays the debt, so that the whole amount comes free.
        open.pay_in(
            heading(),
            id(1),
            Gateway::MercadoPago,
            (cents(80), cents(0)),
        )
        .unwrap();
        assert_eq!(disputed(&open), "10/100/0 float -100 blocked 100");
        open.dispute_released(heading(), owner, gateway, cents(100))
            .unwrap();
        assert_eq!(disputed(&open), "110/0/0 float 0 blocked 0");
    }

    #[test]
    fn disputed_money_in_suspense_is_blocked_at_the_gateway_alone() {
        let suspended = |books: &Books| -> i64 {
            let entries = books.journals.iter().flat_map(|journal| &journal.entries);
            let suspense = entries.filter(|entry| entry.account == Account::Suspense(Gateway::Efi));
            -suspense.map(|entry| entry.debit_cents).sum::<i64>()
        };
        let mut books = books(&[wallet(1, 0)]);
        books
            .suspense(heading(), Gateway::Efi, (cents(100), cents(1)))
            .unwrap();
        books
            .dispute_opened(heading(), Owner::Suspense, Gateway::Efi, cents(60))
            .unwrap();
        assert_eq!(disputed(&books), "0/0/0 float 39 blocked 60");
        books
            .dispute_lost(heading(), Owner::Suspense, Gateway::Efi, cents(60))
            .unwrap();
        assert_eq!(
            (disputed(&books).as_str(), suspended(&books)),
            ("0/0/0 float 39 blocked 0", 40)
        );
        books
            .suspense_matched(heading(), id(1), Gateway::Efi, cents(40))
            .unwrap();
        assert_eq!(
            (disputed(&books).as_str(), suspended(&books)),
            ("40/0/0 float 39 blocked 0", 0)
        );
    }

    #[test]
    fn every_credit_repays_what_is_owed_first() {
        let in_debt = || {
            let mut books = books(&[wallet(1, 0), wallet(2, 100)]);
            books
                .reversal(heading(), id(1), Gateway::Efi, cents(70))
                .unwrap();
            assert_eq!(shown(&books, 1), "0/0/70");
            books
        };
        let mut returned = in_debt();
        returned
            .payout_return(heading(), id(1), Gateway::Efi, cents(50))
            .unwrap();
        assert_eq!(shown(&returned, 1), "0/0/20");
        let mut transferred = in_debt();
        transferred
            .transfer(heading(), id(2), id(1), cents(80))
            .unwrap();
        assert_eq!(shown(&transferred, 1), "10/0/0");
        assert_eq!(shown(&transferred, 2), "20/0/0");
        let mut inside = in_debt();
        inside.send_inside(heading(), id(2), cents(30)).unwrap();
        inside.receive_inside(heading(), id(1), cents(30)).unwrap();
        assert_eq!(shown(&inside, 1), "0/0/40");
        let mut matched = in_debt();
        matched
            .suspense_matched(heading(), id(1), Gateway::Efi, cents(75))
            .unwrap();
        assert_eq!(shown(&matched, 1), "5/0/0");
    }

    #[test]
    fn what_was_given_back_and_paid_after_all_is_taken_and_owed() {
        let mut books = books(&[wallet(1, 30)]);
        books
            .paid_after_all(heading(), id(1), Gateway::Efi, (cents(25), cents(8)))
            .unwrap();
        assert_eq!(shown(&books, 1), "0/0/3");
        books
            .not_paid_after_all(heading(), id(1), Gateway::Efi, (cents(25), cents(8)))
            .unwrap();
        assert_eq!(shown(&books, 1), "30/0/0", "the debt is repaid first");
    }

    #[test]
    fn a_second_execution_is_no_wallets_loss() {
        let mut books = books(&[wallet(1, 30)]);
        books
            .executed_twice(heading(), Gateway::MercadoPago, cents(25))
            .unwrap();
        books
            .loss_recovered(heading(), Gateway::MercadoPago, cents(20))
            .unwrap();
        assert_eq!(shown(&books, 1), "30/0/0");
        let sums = books.into_writes().into_iter().map(|write| match write {
            Write::InsertJournal(journal) => {
                let loss = |entry: &&EntryRow| entry.account == Account::Losses;
                journal.entries.iter().find(loss).unwrap().debit_cents
            }
            other => panic!("no wallet is touched: {other:?}"),
        });
        assert_eq!(sums.collect::<Vec<_>>(), [25, -20]);
    }

    #[test]
    fn entries_are_numbered_and_carry_the_running_balance() {
        let mut books = books(&[wallet(1, 100), wallet(2, 0)]);
        books.transfer(heading(), id(1), id(2), cents(40)).unwrap();
        books.hold(heading(), id(1), cents(10)).unwrap();
        let journals: Vec<JournalRow> = books
            .into_writes()
            .into_iter()
            .filter_map(|write| match write {
                Write::InsertJournal(journal) => Some(journal),
                _ => None,
            })
            .collect();
        let of_first: Vec<(u64, i64)> = journals
            .iter()
            .flat_map(|journal| &journal.entries)
            .filter(|entry| entry.account.wallet() == Some(id(1)))
            .map(|entry| (entry.seq.unwrap(), entry.balance_after.unwrap()))
            .collect();
        assert_eq!(of_first, [(1, 60), (2, 50), (3, 10)]);
        for journal in journals {
            assert_eq!(
                journal
                    .entries
                    .iter()
                    .map(|entry| entry.debit_cents)
                    .sum::<i64>(),
                0
            );
        }
    }
}
