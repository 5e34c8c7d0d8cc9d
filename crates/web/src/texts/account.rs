//! The account: who it is, and keys for programs.

catalogue! {
    Account {
        title: "Conta" | "Account";
        name: "Nome" | "Name";
        email: "E-mail" | "E-mail";
        document: "Documento" | "Document";
        since: "Cliente desde" | "Member since";
        per_transaction: "Por pagamento" | "Per payment";
        day_left: "Restam hoje" | "Left today";
        night_left: "Restam nesta noite" | "Left tonight";
        keys: "Chaves de API" | "API keys";
        keys_lead: "Para programas que usam esta carteira em seu nome." | "For programs that use this wallet for you.";
        no_keys: "Nenhuma chave ainda." | "No keys yet.";
        key_name: "Nome da chave" | "Name of the key";
        scopes: "O que ela pode fazer" | "What it may do";
        scope_read: "Consultar" | "Read";
        scope_charges: "Cobrar" | "Charge";
        scope_payouts: "Pagar" | "Pay";
        scope_transfers: "Transferir" | "Transfer";
        scope_refunds: "Devolver" | "Refund";
        scopes_needed: "Escolha pelo menos uma permissão." | "Choose at least one.";
        create: "Criar chave" | "Create key";
        revoke: "Revogar {}" | "Revoke {}";
        revoke_short: "Revogar" | "Revoke";
        revoked: "Revogada" | "Revoked";
        secret: "Sua nova chave" | "Your new key";
        sessions: "Sessões abertas" | "Open sessions";
        this_one: "Esta sessão" | "This session";
        session_since: "Desde {}" | "Since {}";
        session_until: "Até {}" | "Until {}";
        end_others: "Encerrar as outras" | "End the others";
        secret_once: "Copie agora: ela não será mostrada de novo." | "Copy it now: it will not be shown again.";
    }
}
