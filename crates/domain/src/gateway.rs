//! The two gateways, what they are asked to do, and what each can carry.

use std::fmt;

use crate::time::Span;

/// A payment gateway.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gateway {
    MercadoPago,
    Efi,
}

impl Gateway {
    pub const ALL: [Gateway; 2] = [Gateway::Efi, Gateway::MercadoPago];

    pub const fn as_str(self) -> &'static str {
        match self {
            Gateway::MercadoPago => "mercado_pago",
            Gateway::Efi => "efi",
        }
    }

    /// Parses the name; `gerencianet` is Efí's former name.
    pub fn parse(text: &str) -> Option<Gateway> {
        match text {
            "mercado_pago" => Some(Gateway::MercadoPago),
            "efi" | "gerencianet" => Some(Gateway::Efi),
            _ => None,
        }
    }

    /// Whether a lookup that finds nothing says anything: only where it can be made by the key that
    /// we chose.
    pub const fn shows_absence(self) -> bool {
        match self {
            Gateway::Efi => true,
            Gateway::MercadoPago => false,
        }
    }

    /// Whether it tells by which end-to-end id it sends a payout.
    pub const fn tells_end_to_end_ids(self) -> bool {
        match self {
            Gateway::Efi => true,
            Gateway::MercadoPago => false,
        }
    }

    /// The institution by which its payments carry their end-to-end ids.
    pub const fn ispb(self) -> &'static str {
        match self {
            Gateway::MercadoPago => "10573521",
            Gateway::Efi => "09089356",
        }
    }

    pub const fn other(self) -> Gateway {
        match self {
            Gateway::MercadoPago => Gateway::Efi,
            Gateway::Efi => Gateway::MercadoPago,
        }
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a gateway is asked to do. Availability is kept for each apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    Charge,
    Payout,
    Refund,
    Lookup,
}

impl Operation {
    pub const ALL: [Operation; 4] = [
        Operation::Charge,
        Operation::Payout,
        Operation::Refund,
        Operation::Lookup,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Operation::Charge => "charge",
            Operation::Payout => "payout",
            Operation::Refund => "refund",
            Operation::Lookup => "lookup",
        }
    }

    pub fn parse(text: &str) -> Option<Operation> {
        Operation::ALL
            .into_iter()
            .find(|operation| operation.as_str() == text)
    }
}

/// How a payout names its destination. Not every gateway can carry every form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayoutForm {
    /// A PIX key.
    Key,
    /// A static BR Code: it holds a key, so it travels as one.
    StaticBrCode,
    /// A dynamic BR Code, which only the gateway can resolve.
    DynamicBrCode,
}

/// How an attempt that got no clear answer can be asked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// A query by the key we chose.
    LookUpByKey,
    /// Only a repeat of the same bytes under the same key tells the gateway's id.
    ReplaySameBytes,
}

/// What one gateway can do, as the router needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    pub dynamic_br_code: bool,
    pub smallest_payout_cents: i64,
    pub shortest_charge_expiry: Span,
    pub longest_charge_expiry: Span,
    pub resolution: Resolution,
    /// How long the gateway promises to execute one key at most once.
    pub dedup_window: Span,
    /// How long after the payment a refund may be asked.
    pub refund_window: Span,
}

impl Capabilities {
    pub const fn carries(&self, form: PayoutForm) -> bool {
        match form {
            PayoutForm::Key | PayoutForm::StaticBrCode => true,
            PayoutForm::DynamicBrCode => self.dynamic_br_code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_the_old_name_still_works() {
        for gateway in Gateway::ALL {
            assert_eq!(Gateway::parse(gateway.as_str()), Some(gateway));
            assert_eq!(gateway.other().other(), gateway);
        }
        assert_eq!(Gateway::parse("gerencianet"), Some(Gateway::Efi));
        assert_eq!(Gateway::parse("Efi"), None);
        for operation in Operation::ALL {
            assert_eq!(Operation::parse(operation.as_str()), Some(operation));
        }
    }
}
