//! What the console says of float moves.

catalogue! {
    FloatMoves {
        title: "Saldo entre gateways" | "Float";
        means: "Nosso próprio dinheiro, de um gateway para o outro: uma pessoa propõe, outra aprova." | "Our own money, from one gateway to the other: one person proposes, another approves.";
        none: "Nada foi movido ainda." | "Nothing was ever moved.";
        number: "Movimento" | "Move";
        way: "De → para" | "From → to";
        in_transit_cents: "Em trânsito" | "In transit";
        propose: "Propor um movimento" | "Propose a move";
        propose_means: "Nada sai antes de outra pessoa aprovar, em até um dia. O dinheiro sai por PIX para a nossa própria chave no outro gateway." | "Nothing leaves before another person approves it, within a day. The money leaves by a PIX to our own key at the other gateway.";
        direction: "Direção" | "Direction";
        choose_direction: "Escolha de onde para onde." | "Choose from where to where.";
        reason: "Motivo" | "Reason";
        expires: "Pode ser aprovado até" | "Can be approved until";
        left: "Saiu" | "Left";
        returned: "Voltou" | "Came back";
        arrived: "Chegou" | "Arrived";
        payout: "Pagamento" | "Payout";
        approve: "Aprovar e mover" | "Approve and move";
        decline: "Recusar" | "Decline";
        withdraw: "Retirar a proposta" | "Withdraw the proposal";
        own: "Quem propôs não pode aprovar: outra pessoa decide." | "Whoever proposed it cannot approve it: another person decides.";
        state_proposed: "Espera aprovação" | "Waits for approval";
        state_declined: "Recusado" | "Declined";
        state_expired: "Venceu" | "Expired";
        state_sending: "Saindo" | "Sending";
        state_in_transit: "Em trânsito" | "In transit";
        state_arrived: "Chegou" | "Arrived";
        state_returned: "Voltou" | "Came back";
        state_failed: "Não saiu" | "Did not leave";
        refused_same_gateway: "O dinheiro já está lá." | "The money lies there already.";
        refused_no_key: "Não há chave PIX nossa configurada no destino." | "No PIX key of our own is configured at the target.";
        refused_holder: "Sem ACCOUNT_HOLDER_TAX_ID, o que vem de lá não se distingue de um pagamento alheio." | "Without ACCOUNT_HOLDER_TAX_ID, what comes from there cannot be told from a stranger’s payment.";
        refused_float: "Nosso saldo lá não basta." | "Our money there is not enough.";
        refused_small: "É menos do que o gateway envia." | "It is less than the gateway sends.";
        refused_expired: "A proposta venceu. Proponha de novo, se ainda for preciso." | "The proposal has expired. Propose it anew, if it is still needed.";
    }
}
