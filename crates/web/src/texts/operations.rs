//! What the console says about gateways that operators steer, dispatch, customers' webhooks and
//! comparisons with the gateways.

catalogue! {
    Steering {
        gateways: "Gateways" | "Gateways";
        means: "O que vale aqui vence a configuração, fica guardado no banco de dados, e todos os processos seguem em cerca de um segundo." | "What is set here wins over the configuration, is kept in the database, and every process follows within about a second.";
        takes: "Recebe" | "Takes new ones";
        paused: "Em pausa" | "Paused";
        preferred: "Preferido" | "Preferred";
        stored: "Guardado" | "Stored";
        configured: "Configuração" | "Configuration";
        last_change: "Última mudança" | "Last change";
        nothing_stored: "nada: vale a configuração" | "nothing: the configuration holds";
        stored_paused: "em pausa" | "paused";
        stored_preferred: "preferido" | "preferred";
        configured_preferred: "preferido" | "preferred";
        configured_other: "o outro é preferido" | "the other one is preferred";
        configured_none: "volta por onde o dinheiro entrou" | "goes back the way the money came";
        never_changed: "nunca" | "never";
        changed_by: "{}, por {}" | "{}, by {}";
        pause: "Pausar" | "Pause";
        resume: "Retomar" | "Resume";
        prefer: "Preferir" | "Prefer";
        pause_title: "Pausar: {} em {}" | "Pause: {} at {}";
        resume_title: "Retomar: {} em {}" | "Resume: {} at {}";
        prefer_title: "Preferir: {} em {}" | "Prefer: {} at {}";
        pause_means: "Nada novo vai para lá. O que já está em andamento continua sendo consultado e levado até o fim." | "Nothing new goes there. What is under way is still asked after and carried to its end.";
        resume_means: "Volta a receber o que é novo, se o circuito estiver fechado." | "It takes what is new again, if its circuit is closed.";
        prefer_means: "É escolhido primeiro sempre que estiver disponível. O outro deixa de ser o preferido." | "It is chosen first whenever it is available. The other one is preferred no more.";
        other_paused: "O outro gateway também está em pausa: o que for pedido vai esperar até que um volte." | "The other gateway is paused as well: what is asked for will wait until one is back.";
        other_ill: "O circuito do outro gateway não está fechado: o que for pedido pode esperar ou falhar." | "The other gateway’s circuit is not closed: what is asked for may wait or fail.";
        refunds_wait: "Uma devolução volta pelo gateway que recebeu o dinheiro: as dele vão esperar." | "A refund goes back through the gateway that received the money: those of this one will wait.";
        reason: "Motivo" | "Reason";
        reason_hint: "Fica guardado e aparece para os outros operadores." | "It is kept and shown to the other operators.";
        confirm_pause: "Pausar agora" | "Pause now";
        confirm_resume: "Retomar agora" | "Resume now";
        confirm_prefer: "Preferir agora" | "Prefer now";
        cancel: "Voltar sem mudar" | "Go back, change nothing";
        trail: "Quem mudou o quê" | "Who changed what";
        dispatch: "Saída de pagamentos" | "Dispatch";
        running: "Os pagamentos saem" | "Payments leave";
        stopped: "Pagamentos parados" | "Payments are stopped";
        running_means: "Pagamentos e devoluções saem normalmente." | "Payouts and refunds leave as usual.";
        stopped_means: "Pagamentos e devoluções esperam; nenhum prazo corre para eles. Cobranças, créditos e consultas continuam. Isto acontece depois de restaurar um backup: antes de continuar, os livros são comparados com os gateways, para que nada saia duas vezes." | "Payouts and refunds wait, and no deadline runs for them. Charges, credits and lookups go on. This happens after a backup was restored: before it goes on, the books are compared with the gateways, so that nothing leaves twice.";
        banner: "Pagamentos e devoluções estão parados até que os livros sejam comparados com os gateways." | "Payouts and refunds are stopped until the books have been compared with the gateways.";
        banner_link: "Ver e retomar" | "Look and resume";
        stored_epoch: "Época no banco de dados" | "Epoch in the database";
        configured_epoch: "Época na configuração (DISPATCH_EPOCH)" | "Epoch in the configuration (DISPATCH_EPOCH)";
        no_epoch: "nenhuma ainda" | "none yet";
        any_epoch: "não definida: vale a do banco de dados" | "not set: whichever the database holds";
        resume_dispatch: "Retomar a saída" | "Resume dispatch";
        resume_dispatch_means: "Tudo desde o momento que o backup mostra é comparado com os dois gateways. O que foi recebido é creditado; o que tinha saído é acompanhado. Se sobrar alguma diferença, ela é mostrada aqui e nada sai." | "Everything since the moment that the backup shows is compared with both gateways. What was received is credited, what had left is followed. If any difference remains, it is shown here and nothing leaves.";
        since: "Momento que o banco restaurado mostra" | "Moment that the restored database shows";
        since_hint: "Horário de Brasília, no máximo 31 dias atrás. Na dúvida, escolha antes." | "Brasília time, at most 31 days ago. When in doubt, choose an earlier one.";
        password: "Sua senha" | "Your password";
        compare_and_resume: "Comparar e retomar" | "Compare and resume";
        differences_mean: "Os gateways mostram o que estes livros não têm. Olhe cada uma; marque as que viu e aceita deixar para trás, e compare de novo." | "The gateways show what these books do not have. Look at each; tick those that you have seen and go past, and compare again.";
        accept: "Diferenças que vi e aceito" | "Differences that I have seen and accept";
        by_command: "O mesmo pelo terminal" | "The same in a terminal";
        wrong_since: "Escolha um momento passado, no máximo 31 dias atrás." | "Choose a moment in the past, at most 31 days ago.";
        wrong_password: "A senha não confere." | "The password is not right.";
        too_many_tries: "Muitas tentativas. Espere alguns minutos." | "Too many tries. Wait a few minutes.";
        gateway_silent: "Um gateway não respondeu à comparação. Nada mudou; tente de novo." | "A gateway did not answer the comparison. Nothing has changed; try again.";
        epoch_moved: "A época do banco mudou enquanto isso. Olhe de novo." | "The database’s epoch has changed meanwhile. Look again.";
        not_listed: "O gateway não lista o que enviou: confira o extrato dele à mão." | "The gateway lists nothing of what it sent: compare its statement by hand.";
    }
}

catalogue! {
    Hooks {
        webhooks: "Webhooks" | "Webhooks";
        means: "Para onde as contas pediram que os seus eventos fossem enviados. Segredos e o que vem depois do caminho do endereço não aparecem aqui." | "Where accounts have asked their events to be sent. Secrets, and what follows the path of an address, are not shown here.";
        none: "Nenhuma conta registrou um endpoint." | "No account has registered an endpoint.";
        none_disabled: "Nenhum endpoint está desligado." | "No endpoint is switched off.";
        address: "Endereço" | "Address";
        events: "Eventos" | "Events";
        all_events: "todos" | "all";
        some_events: "{} tipos" | "{} types";
        failures: "Falhas seguidas" | "Failures in a row";
        failing_since: "{}, desde {}" | "{}, since {}";
        last_delivery: "Última entrega" | "Last delivery";
        no_delivery: "nenhuma" | "none";
        enabled: "Ligado" | "On";
        off: "Desligado" | "Off";
        off_owner: "Desligado pela conta ou por um operador" | "Switched off by its account or an operator";
        off_failing: "Desligado: falhou por tempo demais" | "Switched off: it failed for too long";
        off_gone: "Desligado: respondeu que não existe mais (410)" | "Switched off: it answered that it is gone (410)";
        since: "Desde" | "Since";
        rests_until: "Descansa até" | "Rests until";
        only_disabled: "Só desligados" | "Switched off only";
        switch_on: "Ligar" | "Switch on";
        switch_on_means: "O que espera por ele é enviado em seguida." | "What waits for it is sent at once.";
        switch_off: "Desligar" | "Switch off";
        switch_off_means: "Nada mais é enviado, e o que acontecer enquanto isso não é guardado para ele." | "Nothing more is sent, and what happens meanwhile is not kept for it.";
        deliveries: "Entregas" | "Deliveries";
        no_deliveries: "Nenhuma entrega com este resultado." | "No delivery with this outcome.";
        outcome: "Resultado" | "Outcome";
        pending: "Pendente" | "Pending";
        retrying: "Falhou, tenta de novo" | "Failed, will be tried again";
        delivered: "Entregue" | "Delivered";
        failed: "Falhou" | "Failed";
        event: "Evento" | "Event";
        tries: "Tentativas" | "Tries";
        answer: "Resposta" | "Answer";
        no_answer: "sem resposta: {}" | "no answer: {}";
        latency: "Latência" | "Latency";
        next_try: "Próxima" | "Next";
        replay: "Entregar de novo" | "Deliver again";
        try_now: "Tentar agora" | "Try now";
    }
}

catalogue! {
    Comparing {
        reconciliation: "Conciliação" | "Reconciliation";
        reconciliations: "Conciliações" | "Reconciliations";
        means: "Compara um período dos livros com o que os gateways listam. O que foi recebido e não estava lançado é creditado depois de uma consulta; o que saiu e parecia não enviado é acompanhado; o resto é contado, com um alerta." | "Compares a period of the books with what the gateways list. What was received and not booked is credited after a lookup; what was sent and taken for unsent is followed; the rest is told, with an alert.";
        begin: "Conciliar um período" | "Reconcile a period";
        from: "De (horário de Brasília)" | "From (Brasília time)";
        to: "Até (horário de Brasília)" | "To (Brasília time)";
        both: "Os dois gateways" | "Both gateways";
        none: "Nenhuma conciliação ainda." | "No reconciliation yet.";
        earlier: "Feitas até agora" | "So far";
        period: "Período" | "Period";
        differences: "Diferenças" | "Differences";
        asked_by: "Pedida por" | "Asked for by";
        finished: "Terminou" | "Finished";
        queued: "Na fila" | "Queued";
        running: "Comparando" | "Comparing";
        done: "Terminada" | "Done";
        failed: "Não terminou" | "Not finished";
        no_difference: "Nenhuma diferença." | "No difference.";
        none_so_far: "Nenhuma diferença até aqui." | "No difference so far.";
        further: "e mais {} além destas" | "and {} more beyond these";
        compared_until: "Comparado até" | "Compared up to";
        received: "Recebidos listados" | "Listed as received";
        sent: "Enviados listados" | "Listed as sent";
        not_listed: "não lista" | "not listed";
        books: "Nossos livros" | "Our books";
        balance: "Saldo no gateway" | "Gateway’s balance";
        reference: "Referência" | "Reference";
        at_gateway: "No gateway" | "At the gateway";
        in_books: "Nos livros" | "In the books";
        trouble: "Um gateway não respondeu até a última tentativa: {}" | "A gateway did not answer until the last try: {}";
        unreadable: "Escolha um dia e uma hora." | "Choose a day and a time.";
        backwards: "O fim precisa vir depois do começo." | "The end must come after the beginning.";
        future: "O fim não pode estar no futuro." | "The end must not be in the future.";
        too_long: "No máximo 31 dias." | "At most 31 days.";
        received_credited: "Recebido e não lançado: creditado agora" | "Received and not booked: credited now";
        received_in_suspense: "Recebido e não lançado: não é de nenhuma cobrança, ficou em conta transitória" | "Received and not booked: it names no charge of ours and stands in suspense";
        received_unconfirmed: "Listado como recebido, mas a consulta não mostra: não foi lançado" | "Listed as received, but a lookup does not show it: not booked";
        received_amount_differs: "Recebido com outro valor" | "Received with another amount";
        sent_unknown: "Enviado, mas nenhum pagamento destes livros tem esta chave" | "Sent, but no payment of these books has its key";
        sent_adopted: "Enviado, mas parecia não enviado: voltou a ser acompanhado" | "Sent, but taken for unsent: its attempt is restored and followed";
        sent_believed_unsent: "Enviado, mas os livros dizem que não" | "Sent, but the books take it for unsent";
        sent_believed_failed: "Executado, mas os livros dizem que falhou" | "Executed, but the books say that it failed";
        sent_amount_differs: "Enviado com outro valor" | "Sent with another amount";
        float_differs: "Nossos livros do dinheiro lá diferem do saldo do gateway" | "Our books of the money there differ from the gateway’s balance";
    }
}
