//! What happened: the list with its filters, and the statement.

catalogue! {
    History {
        title: "Atividade" | "Activity";
        filters: "Filtrar e buscar" | "Filter and search";
        list: "Movimentações" | "Movements";
        kind: "Tipo" | "Kind";
        any_kind: "Todos" | "All";
        received: "Cobranças" | "Charges";
        sent: "Pix enviados" | "Pix sent";
        transfers: "Transferências" | "Transfers";
        refunds: "Devoluções" | "Refunds";
        status: "Situação" | "Status";
        any_status: "Todas" | "All";
        pending: "Em andamento" | "Pending";
        success: "Concluídas" | "Done";
        failed: "Não concluídas" | "Not done";
        month: "Período" | "Period";
        any_month: "Desde o início" | "From the start";
        search: "Buscar" | "Search";
        search_hint: "Número, ID Pix ou referência" | "Number, Pix id or reference";
        apply: "Filtrar" | "Filter";
        clear: "Limpar" | "Clear";
        empty: "Nada encontrado" | "Nothing found";
        empty_means: "Mude os filtros ou comece pelo início." | "Change the filters or start over.";
        more: "Carregar mais" | "Load more";
        download: "Baixar CSV" | "Download CSV";
        statement: "Ver extrato com saldo" | "See the statement with balances";
        csv_head: "data;tipo;situação;valor;tarifa;nome;descrição;referência;id pix;número" | "date;kind;status;amount;fee;name;description;reference;pix id;number";
    }
}

catalogue! {
    Statement {
        title: "Extrato" | "Statement";
        month: "Mês" | "Month";
        show: "Ver" | "Show";
        entries: "Lançamentos" | "Entries";
        opening: "Saldo no início" | "Balance at the start";
        changed: "Movimento" | "Change";
        closing: "Saldo no fim" | "Balance at the end";
        closing_now: "Saldo agora" | "Balance now";
        after: "Saldo {}" | "Balance {}";
        with_fee: "tarifa de {} incluída" | "fee of {} included";
        empty: "Nenhum lançamento neste mês." | "No entries in this month.";
        csv_head: "data;lançamento;valor;tarifa incluída;saldo;número" | "date;entry;amount;fee included;balance;number";
        received: "Pix recebido" | "Pix received";
        received_from: "Pix recebido de {}" | "Pix received from {}";
        sent: "Pix enviado" | "Pix sent";
        sent_to: "Pix enviado para {}" | "Pix sent to {}";
        sending: "Pagamento Pix" | "Pix payment";
        sending_to: "Pix para {}" | "Pix to {}";
        not_sent: "Pix não enviado" | "Pix not sent";
        not_sent_to: "Pix não enviado para {}" | "Pix not sent to {}";
        given_back: "Valor devolvido: Pix não enviado" | "Given back: Pix not sent";
        given_back_of: "Valor devolvido: Pix não enviado para {}" | "Given back: Pix not sent to {}";
        transfer_in: "Transferência recebida" | "Transfer received";
        transfer_in_from: "Transferência recebida de {}" | "Transfer received from {}";
        transfer_out: "Transferência enviada" | "Transfer sent";
        transfer_out_to: "Transferência enviada para {}" | "Transfer sent to {}";
        refund: "Devolução" | "Refund";
        refund_not_sent: "Devolução não enviada" | "Refund not sent";
        refund_given_back: "Valor devolvido: devolução não enviada" | "Given back: refund not sent";
        returned: "Pix enviado que voltou" | "Pix sent that came back";
        returned_by: "Pix devolvido por {}" | "Pix returned by {}";
        disputed: "Bloqueado por contestação" | "Blocked by a dispute";
        dispute_won: "Contestação encerrada: valor liberado" | "Dispute over: amount released";
        reversed: "Estorno de Pix recebido" | "Reversal of a Pix received";
        debt: "Abatimento do que era devido" | "Repayment of what was owed";
        grant: "Saldo inicial" | "Opening balance";
        other: "Ajuste" | "Adjustment";
    }
}
