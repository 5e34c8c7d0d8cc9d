//! Receiving, paying, transferring, giving back, and one transaction.

catalogue! {
    Receive {
        title: "Receber" | "Receive";
        lead: "Crie uma cobrança e mostre o QR code." | "Make a charge and show its QR code.";
        description_hint: "Quem paga vê este texto." | "Shown to whoever pays.";
        expires: "Vale por" | "Valid for";
        an_hour: "1 hora" | "1 hour";
        a_day: "1 dia" | "1 day";
        a_week: "7 dias" | "7 days";
        submit: "Gerar QR code" | "Make the QR code";
        qr_label: "QR code Pix de {}" | "Pix QR code for {}";
        copy_paste: "Pix copia e cola" | "Pix code to copy";
        copy: "Copiar código" | "Copy code";
        copied: "Copiado" | "Copied";
        valid_until: "Vale até {}" | "Valid until {}";
        simulate: "Simular pagamento" | "Simulate a payment";
        simulate_means: "Só na demonstração: paga como se fosse outro banco." | "In the demonstration only: pays as another bank would.";
        refresh: "Atualizar" | "Refresh";
    }
}

catalogue! {
    Pay {
        title: "Pagar" | "Pay";
        lead: "Cole uma chave Pix ou um código copia e cola." | "Paste a Pix key or a Pix code.";
        target: "Chave ou código Pix" | "Pix key or code";
        target_hint: "CPF, CNPJ, e-mail, celular com +55, chave aleatória ou copia e cola." | "CPF, CNPJ, e-mail, mobile with +55, random key, or Pix code.";
        amount: "Valor" | "Amount";
        amount_hint: "Deixe em branco se o código já traz o valor." | "Leave it empty if the code names the amount.";
        amount_now: "Quanto você quer pagar?" | "How much do you want to pay?";
        description: "Descrição (opcional)" | "Description (optional)";
        submit: "Continuar" | "Continue";
        review: "Confira antes de pagar" | "Check before you pay";
        to: "Para" | "To";
        key_kind: "Tipo de chave" | "Kind of key";
        message: "Mensagem" | "Message";
        fee: "Tarifa" | "Fee";
        free: "Grátis" | "Free";
        total: "Total" | "Total";
        after: "Saldo depois" | "Balance after";
        expires: "Vale até" | "Valid until";
        inside: "Vai direto para outra carteira PixWave, na hora." | "It goes straight to another PixWave wallet, at once.";
        unnamed: "O nome do destinatário só aparece no comprovante: confira a chave." | "The payee's name shows on the receipt only: please check the key.";
        no_gateway: "Os provedores de Pix estão instáveis agora. O pagamento pode demorar ou não acontecer; nesse caso o valor volta." | "The Pix providers are unsteady right now. The payment may take long or not happen; then the amount comes back.";
        confirm: "Pagar {}" | "Pay {}";
        change: "Alterar" | "Change";
        kind_cpf: "CPF" | "CPF";
        kind_cnpj: "CNPJ" | "CNPJ";
        kind_phone: "celular" | "mobile";
        kind_email: "e-mail" | "e-mail";
        kind_evp: "aleatória" | "random";
        seen_key: "Chave Pix: {}." | "Pix key: {}.";
        seen_code: "Código Pix de {}." | "Pix code of {}.";
        seen_code_amount: "Código Pix de {}: {}." | "Pix code of {}: {}.";
        unreadable: "Isto não parece uma chave ou um código Pix." | "This is neither a Pix key nor a Pix code.";
        unreadable_code: "Este código está incompleto ou foi alterado. Copie de novo." | "This code is incomplete or altered. Copy it again.";
        phone_hint: "Não é um CPF válido. Se for um celular, comece com +55 e o DDD." | "Not a valid CPF. If it is a mobile, start with +55 and the area code.";
        bad_digits: "Os números desta chave não conferem." | "The digits of this key do not match.";
        cash_code: "Este código é de saque, que não fazemos." | "This code asks for cash, which we do not pay.";
        own_code: "Este código é da sua própria carteira." | "This code belongs to your own wallet.";
        not_payable: "Este código já foi pago, expirou ou foi cancelado." | "This code is paid, expired or cancelled.";
        code_says: "O código pede outro valor." | "The code asks for another amount.";
        not_enough: "Saldo insuficiente: você tem {}." | "Not enough money: you have {}.";
        over_transaction: "Acima do limite por pagamento: {}." | "Above the limit per payment: {}.";
        over_day: "Acima do limite de hoje: restam {}." | "Above today's limit: {} left.";
        over_night: "Acima do limite noturno (20h às 6h): restam {}." | "Above the night limit (20h to 6h): {} left.";
        used_key: "Este formulário já foi usado para outro pagamento. Confira a sua atividade e comece de novo." | "This form was used for another payment. Check your activity and start again.";
    }
}

catalogue! {
    Transfer {
        title: "Transferir" | "Transfer";
        lead: "Para outra conta PixWave, na hora e sem tarifa." | "To another PixWave account, at once and free.";
        to: "E-mail, CPF ou CNPJ de quem recebe" | "The payee's e-mail, CPF or CNPJ";
        review: "Confira antes de transferir" | "Check before you transfer";
        confirm: "Transferir {}" | "Transfer {}";
        unknown: "Não encontramos uma conta com estes dados." | "We found no account with these details.";
        kinds: "Use o e-mail, CPF ou CNPJ do cadastro." | "Use the e-mail, CPF or CNPJ of the account.";
        too_often: "Muitas buscas. Espere um minuto." | "Too many look-ups. Wait a minute.";
    }
}

catalogue! {
    Refund {
        title: "Devolver" | "Refund";
        lead: "O dinheiro volta para quem pagou, pelo mesmo caminho." | "The money goes back to whoever paid, the way it came.";
        pay_in: "Qual recebimento?" | "Which payment?";
        left: "{} de {}, em {}" | "{} from {}, on {}";
        somebody: "pagador" | "payer";
        amount_hint: "Tudo ou uma parte." | "All of it or a part.";
        confirm: "Devolver" | "Refund";
        too_much: "É mais do que resta deste recebimento." | "That is more than is left of this payment.";
        one_open: "Já há uma devolução deste recebimento em andamento." | "A refund of this payment is under way.";
        disputed: "Este recebimento está em contestação." | "This payment is disputed.";
        inside: "Veio de outra carteira PixWave: devolva com uma transferência." | "It came from another PixWave wallet: give it back with a transfer.";
        too_late: "O prazo para devolver este recebimento terminou." | "It is too late to refund this payment.";
        not_possible: "Este recebimento não pode ser devolvido." | "This payment cannot be refunded.";
    }
}

catalogue! {
    Detail {
        facts: "Detalhes" | "Details";
        fee: "Tarifa" | "Fee";
        payer: "De" | "From";
        payee: "Para" | "To";
        document: "Documento" | "Document";
        bank: "Banco" | "Bank";
        key: "Chave Pix" | "Pix key";
        description: "Descrição" | "Description";
        reference: "Referência" | "Reference";
        gateway: "Provedor" | "Provider";
        end_to_end: "ID Pix (E2E)" | "Pix id (E2E)";
        number: "Número" | "Number";
        refunded: "Devolvido" | "Refunded";
        returned: "Voltou para você" | "Came back to you";
        of_charge: "Cobrança devolvida" | "Refunded charge";
        open: "Abrir" | "Open";
        steps: "Linha do tempo" | "Timeline";
        step_created: "Pedido" | "Asked for";
        step_paid: "Pagamento de {} recebido" | "Payment of {} received";
        step_returned: "{} voltou" | "{} came back";
        step_tried: "Tentativa por {}: não realizada" | "Try by {}: not done";
        step_doubt: "Tentativa por {}: sem resposta clara" | "Try by {}: no clear answer";
        step_sent: "Enviado por {}" | "Sent by {}";
        step_now: "Agora: {}" | "Now: {}";
        late: "Pago depois do vencimento." | "Paid after it had expired.";
        corrected: "A situação foi corrigida depois de conferida." | "The status was corrected after a check.";
        receipt: "Comprovante" | "Receipt";
        refund: "Devolver" | "Refund";
        cancel: "Cancelar" | "Cancel";
        receipt_title: "Comprovante Pix" | "Pix receipt";
        receipt_file: "comprovante" | "receipt";
        receipt_foot: "Emitido por PixWave" | "Issued by PixWave";
        status: "Situação" | "Status";
        authentication: "Autenticação" | "Authentication";
        picture: "Baixar imagem" | "Download picture";
        share: "Compartilhar" | "Share";
        print: "Imprimir ou salvar" | "Print or save";
        back: "Voltar" | "Back";
        when: "Data e hora" | "Date and time";
        brasilia: "Horário de Brasília" | "Brasília time";
        another: "Fazer outro pagamento" | "Make another payment";
    }
}
