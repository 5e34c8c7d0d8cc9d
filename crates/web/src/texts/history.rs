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
        what: "Lançamento" | "Entry";
        amount: "Valor" | "Amount";
        balance: "Saldo" | "Balance";
        empty: "Nenhum lançamento neste mês." | "No entries in this month.";
        csv_head: "data;lançamento;valor;saldo;número" | "date;entry;amount;balance;number";
        received: "Pix recebido" | "Pix received";
        set_aside: "Reserva para pagamento" | "Set aside for a payment";
        sent: "Pix enviado" | "Pix sent";
        given_back: "Reserva liberada" | "Released";
        transfer_in: "Transferência recebida" | "Transfer received";
        transfer_out: "Transferência enviada" | "Transfer sent";
        refund: "Reserva para devolução" | "Set aside for a refund";
        returned: "Pagamento devolvido a você" | "Payment returned to you";
        disputed: "Contestação" | "Dispute";
        reversed: "Estorno" | "Reversal";
        grant: "Saldo inicial" | "Opening balance";
        other: "Ajuste" | "Adjustment";
    }
}
