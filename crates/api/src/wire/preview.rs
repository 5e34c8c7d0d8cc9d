//! A payout before it is asked for, as JSON.

use app::payouts::preview::PayoutPreview;
use domain::money::Money;
use serde::Serialize;
use utoipa::ToSchema;

use super::time;
use super::transaction::PartyBody;

/// What a payout would be now. Amounts are centavos.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayoutPreview)]
pub(crate) struct PayoutPreviewBody {
    /// `null`: neither the request nor the code names it.
    pub amount_cents: Option<i64>,
    /// The code names the amount; no other is accepted.
    pub amount_fixed: bool,
    pub fee_cents: Option<i64>,
    /// The key of a key or a static code.
    pub pix_key: Option<String>,
    /// `cpf`, `cnpj`, `phone`, `email` or `evp`.
    pub pix_key_type: Option<&'static str>,
    /// As the code tells it; a key alone tells nothing.
    pub payee: Option<PartyBody>,
    /// The text in a static code.
    pub description: Option<String>,
    /// Known of charges made here only.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// It would be paid from wallet to wallet here, without a gateway.
    pub inside: bool,
    pub available_cents: i64,
    pub limits: LimitsLeftBody,
    /// The gateways that could carry it now, the preferred one first; empty when it is paid inside.
    pub gateways: Vec<&'static str>,
}

/// What the wallet may still send, in centavos.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LimitsLeft)]
pub(crate) struct LimitsLeftBody {
    pub per_transaction_cents: i64,
    pub day_left_cents: i64,
    /// `null` outside the night (20h to 06h in Brasília).
    pub night_left_cents: Option<i64>,
}

impl From<&PayoutPreview> for PayoutPreviewBody {
    fn from(preview: &PayoutPreview) -> PayoutPreviewBody {
        PayoutPreviewBody {
            amount_cents: preview.amount.map(Money::cents),
            amount_fixed: preview.is_amount_fixed,
            fee_cents: preview.fee.map(Money::cents),
            pix_key: preview.pix_key.clone(),
            pix_key_type: preview.pix_key_type,
            payee: preview.payee.as_ref().map(PartyBody::from),
            description: preview.description.clone(),
            expires_at: preview.expires_at.map(time::format),
            inside: preview.is_inside,
            available_cents: preview.available.cents(),
            limits: LimitsLeftBody {
                per_transaction_cents: preview.left.per_transaction.cents(),
                day_left_cents: preview.left.day.cents(),
                night_left_cents: preview.left.night.map(Money::cents),
            },
            gateways: preview.gateways.iter().map(|it| it.as_str()).collect(),
        }
    }
}
