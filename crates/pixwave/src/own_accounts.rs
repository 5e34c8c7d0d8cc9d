//! What identifies our own accounts at the gateways: the keys that float moves are paid to, and who
//! pays them.

use std::collections::BTreeMap;

use domain::gateway::Gateway;
use domain::pix::key::PixKey;
use domain::tax_id::TaxId;

use crate::config::RealGateways;
use crate::sandbox_access::Access;

#[derive(Default)]
pub struct OwnAccounts {
    /// By gateway, where one is known.
    pub keys: BTreeMap<Gateway, PixKey>,
    pub holder: Option<TaxId>,
}

impl OwnAccounts {
    pub fn real(real: &RealGateways) -> OwnAccounts {
        // A key in a form of its own is no use as a destination: moves there are refused.
        let efi = PixKey::recognize(&real.efi.pix_key).ok();
        let keys = [
            (Gateway::Efi, efi),
            (Gateway::MercadoPago, real.mercado_pago.pix_key.clone()),
        ];
        OwnAccounts {
            keys: known(keys),
            holder: real.account_holder.clone(),
        }
    }

    pub fn played(access: &Access) -> OwnAccounts {
        let keys = [
            (Gateway::Efi, &access.efi.pix_key),
            (Gateway::MercadoPago, &access.mercado_pago.pix_key),
        ];
        OwnAccounts {
            keys: known(keys.map(|(gateway, key)| (gateway, PixKey::recognize(key).ok()))),
            holder: TaxId::parse(sandbox::ACCOUNT_HOLDER).ok(),
        }
    }
}

fn known(keys: [(Gateway, Option<PixKey>); 2]) -> BTreeMap<Gateway, PixKey> {
    let known = |(gateway, key): (Gateway, Option<PixKey>)| Some((gateway, key?));
    keys.into_iter().filter_map(known).collect()
}
