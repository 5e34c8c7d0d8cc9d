//! What a payout would be, before anybody asks for it: nothing is held, stored or sent.
//!
//! The destination is read by the same rules as a payout's, so what is refused here would be refused
//! there. Limits, balance and gateways are those of this moment and promise nothing.

use domain::gateway::{Gateway, Operation, PayoutForm};
use domain::ids::WalletId;
use domain::limits::Left;
use domain::money::Money;
use domain::pix::br_code::{BrCode, Decoded};
use domain::pix::key::PixKeyKind;
use domain::routing::Need;
use domain::time::Moment;

use super::{Order, read_order};
use crate::commands::{Caller, MoneyRefusal, MoneyRequest, PayoutDestination, RequestPayout};
use crate::context::App;
use crate::transactions::view::masked;
use crate::views::PartyView;

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewPayout {
    /// `None`: the caller's only wallet.
    pub wallet_id: Option<WalletId>,
    /// `None`: it is not decided yet, or the code names it.
    pub amount: Option<Money>,
    pub destination: PayoutDestination,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayoutPreview {
    /// `None`: neither the request nor the code names it.
    pub amount: Option<Money>,
    /// The code names the amount, or it is the one of a charge of ours: no other is accepted.
    pub is_amount_fixed: bool,
    pub fee: Option<Money>,
    /// The key that would be paid, of a key or a static code.
    pub pix_key: Option<String>,
    pub pix_key_type: Option<&'static str>,
    /// As the code tells it; a key alone tells nothing.
    pub payee: Option<PartyView>,
    /// The text in a static code.
    pub description: Option<String>,
    /// Known of our own charges only.
    pub expires_at: Option<Moment>,
    /// It would be paid from wallet to wallet here, at once and without a gateway.
    pub is_inside: bool,
    /// What the wallet holds now.
    pub available: Money,
    pub left: Left,
    /// The gateways that could carry it now, the preferred one first.
    pub gateways: Vec<Gateway>,
}

/// Stands for an amount that is not known yet.
fn some_amount() -> Money {
    Money::from_cents(100).expect("one real is an amount")
}

impl App {
    /// What would be paid to whom, what it would cost, and whether it could be carried now.
    ///
    /// # Errors
    /// What a payout with the same facts would be refused for, but for balance and limits, which are
    /// part of the answer.
    pub async fn preview_payout(
        &self,
        caller: &Caller,
        request: PreviewPayout,
    ) -> Result<PayoutPreview, MoneyRefusal> {
        let wallet_id = self.wallet_of(caller, request.wallet_id).await?;
        let own = self.own_charge(&request.destination).await?;
        let due = own.as_ref().map(|own| own.due);
        let decoded = decoded(&request.destination);
        let (amount, order) = read(&request, due)?;
        let named = decoded.as_ref().and_then(Decoded::amount_centavos);
        let mut preview = PayoutPreview {
            is_amount_fixed: due.is_some() || named.is_some_and(|cents| cents > 0),
            amount,
            fee: amount.map(|amount| self.settings.payout_fee.on(amount)),
            payee: payee(&order, decoded.as_ref()),
            pix_key_type: kind(&order),
            pix_key: order.private.pix_key.clone(),
            description: decoded.as_ref().and_then(information),
            expires_at: None,
            is_inside: own.is_some(),
            available: Money::ZERO,
            left: Left {
                per_transaction: Money::ZERO,
                day: Money::ZERO,
                night: None,
            },
            gateways: Vec::new(),
        };
        match &own {
            Some(own) => {
                if amount != Some(own.due) {
                    return Err(MoneyRefusal::Invalid {
                        field: "amount_cents",
                        code: "differs_from_br_code",
                        message: format!("the code asks for {}", own.due),
                    });
                }
                let (payee, expires_at) = self.payable_charge(own, wallet_id).await?;
                preview.payee = Some(payee);
                preview.expires_at = Some(expires_at);
                preview.fee = Some(Money::ZERO);
            }
            None => preview.gateways = self.able(&order).await?,
        }
        let wallet = self.store.wallet(wallet_id).await?;
        let wallet = wallet.ok_or(MoneyRefusal::NotFound("wallet"))?;
        preview.available = wallet.available;
        preview.left = self.limits_left(&wallet);
        Ok(preview)
    }

    async fn able(&self, order: &Order) -> Result<Vec<Gateway>, MoneyRefusal> {
        let form = match (order.dynamic, &order.private.br_code) {
            (true, _) => PayoutForm::DynamicBrCode,
            (false, Some(_)) => PayoutForm::StaticBrCode,
            (false, None) => PayoutForm::Key,
        };
        let candidates = self
            .candidates(
                Need::Payout,
                Operation::Payout,
                order.amount,
                Some(form),
                &[],
            )
            .await?;
        let able = candidates
            .iter()
            .filter(|candidate| candidate.is_usable(Need::Payout));
        Ok(able.map(|candidate| candidate.gateway).collect())
    }
}

/// The amount, when it is known, and the order as a payout would read it. Without an amount the
/// rest is read as if some amount were paid.
fn read(
    request: &PreviewPayout,
    due: Option<Money>,
) -> Result<(Option<Money>, Order), MoneyRefusal> {
    let with = |amount| RequestPayout {
        common: MoneyRequest {
            idempotency_key: String::new(),
            wallet_id: request.wallet_id,
            reference: None,
            metadata: None,
            description: None,
        },
        amount,
        destination: request.destination.clone(),
    };
    match read_order(&with(request.amount), due) {
        Ok(order) => Ok((Some(order.amount), order)),
        Err(MoneyRefusal::Invalid {
            field: "amount_cents",
            code: "required",
            ..
        }) => Ok((None, read_order(&with(Some(some_amount())), due)?)),
        Err(refusal) => Err(refusal),
    }
}

fn decoded(destination: &PayoutDestination) -> Option<Decoded> {
    match destination {
        PayoutDestination::Key { .. } => None,
        PayoutDestination::BrCode(text) => BrCode::decode(text).ok(),
    }
}

fn information(code: &Decoded) -> Option<String> {
    code.as_static().and_then(|payment| payment.info.clone())
}

fn kind(order: &Order) -> Option<&'static str> {
    let name = order.private.pix_key_type.as_deref()?;
    PixKeyKind::from_name(name).map(PixKeyKind::as_str)
}

fn payee(order: &Order, code: Option<&Decoded>) -> Option<PartyView> {
    let party = PartyView {
        name: code.map(|code| code.merchant_name.clone()),
        tax_id_masked: order.private.payee_tax_id.as_deref().and_then(masked),
        bank: None,
    };
    Some(party).filter(|party| *party != PartyView::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::pix::br_code::{StaticCode, encode_static};
    use domain::pix::key::PixKey;

    fn request(amount: Option<i64>, destination: PayoutDestination) -> PreviewPayout {
        PreviewPayout {
            wallet_id: None,
            amount: amount.map(|cents| Money::from_cents(cents).unwrap()),
            destination,
        }
    }

    fn code(amount_centavos: Option<u64>) -> PayoutDestination {
        let text = encode_static(&StaticCode {
            key: "ana@example.com",
            info: Some("Pedido 7"),
            amount_centavos,
            txid: None,
            merchant_name: "Ana",
            merchant_city: "Recife",
        });
        PayoutDestination::BrCode(text.unwrap())
    }

    #[test]
    fn an_amount_that_nobody_named_stays_open_and_the_rest_is_read() {
        let key = PixKey::recognize("ana@example.com").unwrap();
        let destination = PayoutDestination::Key {
            key,
            payee_tax_id: None,
        };
        let (amount, order) = read(&request(None, destination), None).unwrap();
        assert_eq!((amount, kind(&order)), (None, Some("email")));
        let (amount, order) = read(&request(None, code(None)), None).unwrap();
        assert_eq!(amount, None);
        let decoded = decoded(&code(None)).unwrap();
        assert_eq!(information(&decoded).as_deref(), Some("Pedido 7"));
        let payee = payee(&order, Some(&decoded)).unwrap();
        assert_eq!(payee.name.as_deref(), Some("ANA"));
    }

    #[test]
    fn the_amount_of_a_code_rules() {
        let (amount, _) = read(&request(None, code(Some(1_050))), None).unwrap();
        assert_eq!(amount.map(Money::cents), Some(1_050));
        let refused = read(&request(Some(5), code(Some(1_050))), None);
        assert!(matches!(
            refused,
            Err(MoneyRefusal::Invalid {
                code: "differs_from_br_code",
                ..
            })
        ));
    }
}
