//! What the panel of the played gateways says.

catalogue! {
    Panel {
        title: "Painel de falhas" | "Fault panel";
        sign: "Os dois gateways e o Banco Central são de mentira. Nenhum dinheiro real se move." | "Both gateways and the central bank are played. No real money moves.";
        means: "Quebre os gateways de propósito e veja o que o PixWave faz. Tudo funciona também pelos endereços /sandbox da API." | "Break the gateways on purpose and see what PixWave does. All of it works through the /sandbox paths of the API, too.";
        scenarios: "Roteiros" | "Scenarios";
        running: "Um roteiro está rodando…" | "A scenario is running…";
        run: "Rodar" | "Run";
        failover: "Queda do gateway preferido" | "The preferred gateway is down";
        failover_means: "O gateway preferido cai. O pagamento prova que nada saiu por ele e vai pelo outro." | "The preferred gateway goes down. The payment proves that nothing left through it and takes the other one.";
        failover_kept: "Promessa cumprida: pago uma única vez, pelo outro gateway." | "Promise kept: paid exactly once, through the other gateway.";
        lost: "Resposta perdida" | "The lost reply";
        lost_means: "O gateway executa o pagamento e corta a conexão antes de responder. Ninguém sabe o que houve até perguntar; nada é pago duas vezes." | "The gateway executes the payment and cuts the connection before it answers. Nobody knows until it is asked; nothing is paid twice.";
        lost_kept: "Promessa cumprida: executado uma única vez, apesar da resposta perdida." | "Promise kept: executed exactly once, although the reply was lost.";
        both_ill: "Os dois gateways fora do ar" | "Both gateways are ill";
        both_ill_means: "Nenhum gateway atende. O pagamento é recusado ou espera, e o dinheiro não se perde." | "No gateway answers. The payment is rejected or waits, and no money is lost.";
        both_ill_kept: "Promessa cumprida: nada foi pago e nada se perdeu." | "Promise kept: nothing was paid and nothing is lost.";
        not_kept: "O roteiro não terminou como prometido. Veja os passos e o porquê." | "The scenario did not end as promised. Look at its steps and at the reasons.";
        why_so: "Por que foi assim (entre como operação)" | "Why it went so (sign in as an operator)";
        said_healed: "Os dois gateways estão sãos." | "Both gateways are healthy.";
        said_armed: "{} agora falha: {}." | "{} fails now: {}.";
        said_asked: "O cliente de demonstração paga {} a {}." | "The demo customer pays {} to {}.";
        said_not_accepted: "O pedido não foi aceito: saldo ou limite." | "The request was not accepted: balance or limit.";
        said_stage: "Etapa: {} ({})." | "Stage: {} ({}).";
        said_attempt: "Tentativa {} pelo {}: {}." | "Attempt {} through {}: {}.";
        said_executed: "O Banco Central executou {} vez(es)." | "The central bank executed it {} time(s).";
        said_balance: "Saldo disponível: antes {}, depois {}." | "Available balance: before {}, after {}.";
        said_waits: "O pagamento ainda espera, com o valor reservado." | "The payment still waits, its amount set aside.";
        balance: "saldo" | "balance";
        healthy: "Sem falhas" | "No faults";
        mode: "Falha" | "Fault";
        by_mode: "conforme a falha" | "as the fault implies";
        chance: "Chance, em %" | "Chance, in %";
        latency: "Atraso, em ms" | "Delay, in ms";
        arm: "Armar" | "Arm";
        heal: "Curar tudo" | "Heal all";
        more_times: ", mais {} vez(es)" | ", {} more time(s)";
        charges: "Cobranças abertas" | "Open charges";
        no_charges: "Nenhuma cobrança espera pagamento." | "No charge waits for a payment.";
        charge_of: "Cobrança de {}" | "Charge of {}";
        payout_of: "Pagamento de {}" | "Payout of {}";
        pay: "Pagar" | "Pay";
        pay_part: "Metade" | "Half";
        pay_twice: "Duas vezes" | "Twice";
        pay_late: "Mesmo vencida" | "Even if expired";
        settled: "Pagamentos que podem voltar" | "Payments that can come back";
        back_all: "Volta tudo" | "All comes back";
        back_part: "Volta metade" | "Half comes back";
        ledger: "O livro do Banco Central" | "The central bank’s ledger";
        ledger_means: "O que foi mesmo executado, ao lado do que o PixWave diz." | "What was really executed, beside what PixWave says.";
        ours: "O PixWave diz" | "PixWave says";
        agrees: "Confere" | "Agrees";
        under_way: "Em andamento" | "Under way";
        differs: "Difere!" | "Differs!";
        unknown_here: "Desconhecido aqui" | "Unknown here";
        executed_twice: "Executado mais de uma vez!" | "Executed more than once!";
        not_there: "Pago aqui, ausente lá!" | "Paid here, absent there!";
        kind_received: "Recebido" | "Received";
        kind_sent: "Enviado" | "Sent";
        kind_refund: "Devolvido" | "Refunded";
        kind_return: "Voltou" | "Returned";
        kind_reversal: "Retirado" | "Taken back";
    }
}
