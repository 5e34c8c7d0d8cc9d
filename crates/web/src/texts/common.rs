//! What every page says, and what is said about money, refusals and errors.

catalogue! {
    Common {
        skip: "Ir para o conteúdo" | "Skip to content";
        main_menu: "Menu principal" | "Main menu";
        home: "Início" | "Home";
        receive: "Receber" | "Receive";
        pay: "Pagar" | "Pay";
        history: "Atividade" | "Activity";
        account: "Conta" | "Account";
        today: "Hoje" | "Today";
        yesterday: "Ontem" | "Yesterday";
        demo_short: "Demonstração" | "Demonstration";
        demo: "Demonstração: nenhum dinheiro real se move." | "Demonstration: no real money moves.";
        language_name: "English" | "Português";
        language_switch: "Mudar para inglês" | "Switch to Portuguese";
        theme: "Tema" | "Theme";
        theme_auto: "Automático" | "Automatic";
        theme_light: "Claro" | "Light";
        theme_dark: "Escuro" | "Dark";
        source: "API" | "API";
        foot: "Carteira PIX de código aberto, na sua própria casa." | "An open-source PIX wallet, hosted by you.";
        fix_fields: "Confira os campos marcados." | "Please check the marked fields.";
        connection_lost: "Sem conexão. Tentando de novo…" | "Connection lost. Trying again…";
    }
}

catalogue! {
    Notices {
        signed_out: "Você saiu da sua conta." | "You have signed out.";
        welcome: "Conta criada. Boas-vindas!" | "Your account is ready. Welcome!";
        paid_before: "Este pedido já tinha sido feito. Nada foi feito de novo." | "This had been asked for already. Nothing was done a second time.";
        cancelled: "Cancelado." | "Cancelled.";
        too_late_to_cancel: "Não dá mais para cancelar: já está em andamento." | "Too late to cancel: it is under way.";
        cannot_cancel_now: "Não é possível cancelar agora: os pagamentos estão sendo conferidos." | "This cannot be cancelled now: payments are being checked.";
        not_confirmed_yet: "O cancelamento ainda não foi confirmado. Tente de novo em instantes." | "The cancellation is not confirmed yet. Try again in a moment.";
        sessions_ended: "As outras sessões foram encerradas." | "The other sessions have been ended.";
        key_revoked: "A chave foi revogada." | "The key has been revoked.";
        simulation_failed: "O pagamento simulado não foi aceito." | "The simulated payment was not accepted.";
        proposed: "Proposta guardada. Outra pessoa precisa aprovar." | "Proposal stored. Another person must approve it.";
        approved: "Aprovado e executado." | "Approved and carried out.";
        job_retried: "O trabalho voltou para a fila." | "The job is back in the queue.";
        job_not_dead: "Este trabalho não está morto; segue sozinho." | "This job is not dead; it goes on by itself.";
        user_blocked: "Conta bloqueada e sessões encerradas." | "Account blocked and its sessions ended.";
        user_unblocked: "A conta pode entrar de novo." | "The account may sign in again.";
        own_account: "Ninguém bloqueia a própria conta." | "Nobody blocks their own account.";
        control_kept: "Guardado. Todos os processos seguem em cerca de um segundo." | "Kept. Every process follows within about a second.";
        dispatch_resumed: "Os livros foram comparados. Os pagamentos voltam a sair." | "The books have been compared. Payments leave again.";
        dispatch_running: "Os pagamentos já saem." | "Payments leave already.";
        replayed: "A entrega será tentada agora." | "The delivery is tried now.";
        endpoint_off: "O endpoint está desligado. Ligue-o primeiro." | "The endpoint is switched off. Switch it on first.";
        endpoint_switched: "Feito." | "Done.";
        fault_armed: "Falha armada." | "Fault armed.";
        fault_refused: "O painel recusou esta falha." | "The panel refused this fault.";
        healed: "Os dois gateways estão sãos." | "Both gateways are healthy.";
        moved: "Feito." | "Done.";
        not_moved: "Nada se moveu: o estado não permite." | "Nothing moved: its state does not allow it.";
        scenario_busy: "Um roteiro já está rodando. Espere o fim dele." | "A scenario is running already. Wait for its end.";
    }
}

catalogue! {
    Errors {
        needed: "Preencha este campo." | "Please fill this in.";
        too_long: "Texto longo demais." | "This is too long.";
        invalid_characters: "Há caracteres que não podemos aceitar." | "There are characters we cannot accept.";
        amount_needed: "Digite o valor." | "Enter the amount.";
        amount_unreadable: "Digite o valor em reais, como 25,90." | "Enter the amount in reais, like 25,90.";
        amount_zero: "O valor precisa ser maior que zero." | "The amount must be above zero.";
        amount_too_large: "Este valor é alto demais." | "This amount is too large.";
        email: "Este e-mail não parece válido." | "This e-mail does not look right.";
        password_short: "Use pelo menos 8 caracteres." | "Use at least 8 characters.";
        tax_id: "Digite um CPF ou CNPJ." | "Enter a CPF or CNPJ.";
        tax_id_length: "Um CPF tem 11 dígitos e um CNPJ, 14." | "A CPF has 11 digits and a CNPJ 14.";
        tax_id_digits: "Os números não conferem. Veja se digitou certo." | "The digits do not match. Check for a typo.";
    }
}

catalogue! {
    Stops {
        not_found: "Página não encontrada" | "Page not found";
        not_found_means: "O endereço não existe ou não é seu." | "The address does not exist or is not yours.";
        foreign_form: "Este formulário não vale mais" | "This form is no longer valid";
        foreign_form_means: "Por segurança, abra a página de novo e repita. Nada foi feito." | "For your safety, open the page again and repeat. Nothing was done.";
        forbidden: "Esta conta não tem carteira" | "This account has no wallet";
        forbidden_means: "Contas de operação acompanham o sistema, mas não guardam dinheiro. Entre com uma conta de cliente." | "Operators watch over the system but hold no money. Sign in as a customer.";
        wait: "Calma, muitas tentativas" | "Slow down: too many tries";
        wait_means: "Espere {} segundos e tente de novo." | "Wait {} seconds and try again.";
        too_large: "O envio é grande demais" | "That is too large";
        too_large_means: "Encurte o texto e tente de novo." | "Shorten the text and try again.";
        unavailable: "Voltamos já" | "We will be right back";
        unavailable_means: "O sistema está indisponível neste momento. Seu dinheiro está seguro; nada se perdeu." | "The system is unavailable right now. Your money is safe and nothing is lost.";
        no_such_method: "Esta página não se abre assim" | "This page is not opened like this";
        no_such_method_means: "O endereço só recebe formulários. Abra a página pelo menu." | "The address only takes forms. Open the page from the menu.";
        internal: "Algo deu errado do nosso lado" | "Something went wrong on our side";
        internal_means: "Seu dinheiro está seguro. Confira a sua atividade antes de repetir um pagamento." | "Your money is safe. Check your activity before you repeat a payment.";
        back_home: "Voltar ao início" | "Back to the start";
    }
}

catalogue! {
    Activity {
        received: "Pix recebido" | "Pix received";
        charge: "Cobrança" | "Charge";
        payout: "Pix enviado" | "Pix sent";
        payout_pending: "Pagamento Pix" | "Pix payment";
        payout_failed: "Pix não enviado" | "Pix not sent";
        transfer_out: "Transferência" | "Transfer";
        transfer_in: "Transferência recebida" | "Transfer received";
        refund: "Devolução" | "Refund";
    }
}

catalogue! {
    Stages {
        creating: "Gerando código" | "Making the code";
        creating_means: "O código Pix fica pronto em instantes." | "The Pix code will be ready in a moment.";
        awaiting: "Aguardando pagamento" | "Waiting for payment";
        awaiting_means: "Mostre o QR code ou envie o código. Avisamos aqui assim que o dinheiro chegar." | "Show the QR code or send the code. This page tells you the moment the money arrives.";
        underpaid: "Pago em parte" | "Paid in part";
        underpaid_means: "Chegou menos do que foi pedido. O que chegou já é seu." | "Less arrived than was asked for. What arrived is yours already.";
        paid: "Recebido" | "Received";
        paid_means: "O dinheiro já está no seu saldo." | "The money is in your balance.";
        expired: "Expirada" | "Expired";
        expired_means: "Ninguém pagou a tempo. Crie outra cobrança quando quiser." | "Nobody paid in time. Make another charge whenever you like.";
        creation_failed: "Não foi criada" | "Not created";
        creation_failed_means: "Não foi possível gerar o código. Tente de novo." | "The code could not be made. Please try again.";
        scheduled: "Agendado" | "Scheduled";
        scheduled_means: "Sai na data marcada." | "It will leave on the date you chose.";
        queued: "Na fila" | "Queued";
        queued_means: "O valor está reservado e sai em instantes." | "The amount is set aside and will leave in a moment.";
        sending: "Enviando" | "Sending";
        sending_means: "Estamos enviando agora." | "We are sending it now.";
        accepted: "Em processamento" | "Being processed";
        accepted_means: "O pedido foi aceito. A confirmação chega em instantes." | "It has been accepted. The confirmation follows shortly.";
        in_doubt: "Confirmando" | "Confirming";
        in_doubt_means: "Não recebemos uma resposta clara e estamos conferindo. O valor continua reservado: não será cobrado duas vezes. Não repita o pagamento." | "We got no clear answer and are checking. The amount stays set aside and will not be charged twice. Please do not repeat the payment.";
        in_review: "Em análise" | "Under review";
        in_review_means: "Uma pessoa está conferindo este pagamento. O valor continua reservado e seguro. Não repita o pagamento." | "A person is checking this payment. The amount stays set aside and safe. Please do not repeat the payment.";
        sent: "Enviado" | "Sent";
        sent_means: "O dinheiro chegou ao destino." | "The money has reached its destination.";
        transferred: "Concluída" | "Done";
        transferred_means: "O dinheiro já está na outra carteira." | "The money is in the other wallet.";
        refunded: "Devolvido" | "Refunded";
        refunded_means: "O dinheiro voltou para quem pagou." | "The money went back to whoever paid.";
        returned: "Voltou" | "Came back";
        returned_means: "Quem recebeu devolveu o dinheiro, que já está no seu saldo." | "The payee gave money back; it is in your balance.";
        rejected: "Não realizado" | "Not done";
        rejected_means: "O dinheiro não saiu: o valor voltou para o seu saldo." | "No money left: the amount is back in your balance.";
        cancelled: "Cancelado" | "Cancelled";
        cancelled_means: "Foi cancelado antes de acontecer." | "It was cancelled before it happened.";
        waits_for_float: "Está na fila por falta de fundos de liquidação. Tentamos de novo sozinhos." | "It waits for settlement funds. We try again by ourselves.";
        waits_for_outcomes: "Está na fila enquanto outros pagamentos são confirmados." | "It waits while other payments are being confirmed.";
        waits_paused: "Os envios estão pausados. Sai assim que voltarem." | "Payments are paused. It leaves as soon as they resume.";
    }
}

catalogue! {
    Failures {
        key_not_found: "Esta chave Pix não existe." | "This Pix key does not exist.";
        payee_mismatch: "A chave não pertence ao CPF ou CNPJ informado." | "The key does not belong to the given CPF or CNPJ.";
        payee_refused: "A conta de destino não aceitou o pagamento." | "The destination account did not accept the payment.";
        bank_unavailable: "O banco de destino está fora do ar." | "The destination bank is unavailable.";
        risk: "O pagamento foi recusado pela análise de segurança." | "The payment was refused by the security check.";
        code_refused: "Este código não pode mais ser pago." | "This code can no longer be paid.";
        refund_not_allowed: "Este recebimento não pode mais ser devolvido." | "This payment can no longer be refunded.";
        unavailable: "Os provedores de Pix estão fora do ar neste momento. Tente mais tarde." | "The Pix providers are unavailable right now. Try again later.";
        float: "Os envios estão sem fundos de liquidação neste momento. Tente mais tarde." | "There are no settlement funds right now. Try again later.";
        not_capable: "Nenhum provedor consegue fazer este pagamento." | "No provider can carry this payment.";
        released: "Depois de conferido, o valor foi liberado." | "After a check, the amount was released.";
        removed: "O provedor retirou esta cobrança." | "The provider removed this charge.";
        other: "O provedor recusou (código {})." | "The provider refused (code {}).";
    }
}
