//! What the control paths and the Rust API both turn: the core and the two gateway listeners.

use std::sync::Arc;

use crate::{config::GatewayName, core::Core, faults::Fault, server::Listener};

/// The core with its listeners.
pub struct ControlPanel {
    pub core: Arc<Core>,
    pub efi: Listener,
    pub mercado_pago: Listener,
}

impl ControlPanel {
    pub fn listener(&self, gateway: GatewayName) -> &Listener {
        match gateway {
            GatewayName::Efi => &self.efi,
            GatewayName::MercadoPago => &self.mercado_pago,
        }
    }

    /// Arms a fault; returns when it is in force.
    pub async fn set_fault(&self, gateway: GatewayName, fault: Fault) -> anyhow::Result<()> {
        if let Some(problem) = fault.problem() {
            anyhow::bail!(problem);
        }
        let down = self.core.transact(|state| {
            state.panel(gateway).set(fault);
            state.panel(gateway).is_down()
        });
        let listener = self.listener(gateway);
        if down {
            listener.close().await;
            Ok(())
        } else {
            listener.reopen().await
        }
    }
}
