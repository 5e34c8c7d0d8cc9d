//! The first minute: what this is, signing in and up, the first page of the wallet.

catalogue! {
    Landing {
        title: "Sua carteira Pix" | "Your Pix wallet";
        lead: "Receba, pague e transfira na hora. Cada centavo conferido, cada passo à vista." | "Receive, pay and transfer in seconds. Every centavo accounted for, every step in plain sight.";
        try_it: "Experimente agora" | "Try it now";
        try_means: "Um clique e você entra numa carteira com dinheiro de mentira." | "One click takes you into a wallet with play money.";
        enter_as: "Entrar como {}" | "Enter as {}";
        operators: "Para operar o sistema, entre com {}. A senha está no terminal em que o programa foi iniciado." | "To operate the system, sign in as {}. The password is in the terminal where the program was started.";
        sign_in: "Entrar" | "Sign in";
        sign_up: "Criar conta" | "Create account";
        point_live: "Ao vivo" | "Live";
        point_live_means: "O pagamento aparece na tela no instante em que chega, sem atualizar a página." | "A payment shows up the instant it arrives, without reloading the page.";
        point_once: "Nunca duas vezes" | "Never twice";
        point_once_means: "Clique duplo, queda de rede ou provedor fora do ar: um pagamento sai uma única vez." | "Double clicks, lost connections, a provider that is down: a payment leaves exactly once.";
        point_two: "Dois provedores" | "Two providers";
        point_two_means: "Se um falha antes de enviar, o outro assume. Na dúvida, ninguém envia de novo." | "If one fails before sending, the other takes over. In doubt, nobody sends again.";
    }
}

catalogue! {
    SignIn {
        title: "Entrar" | "Sign in";
        lead: "Bom ver você de novo." | "Good to see you again.";
        email: "E-mail" | "E-mail";
        password: "Senha" | "Password";
        submit: "Entrar" | "Sign in";
        wrong: "E-mail ou senha incorretos." | "Wrong e-mail or password.";
        too_many: "Muitas tentativas. Espere alguns minutos e tente de novo." | "Too many tries. Wait a few minutes and try again.";
        expired: "Sua sessão terminou. Entre de novo para continuar de onde parou." | "Your session has ended. Sign in again to go on where you were.";
        no_account: "Ainda não tem conta?" | "No account yet?";
        sign_out: "Sair" | "Sign out";
    }
}

catalogue! {
    SignUp {
        title: "Criar conta" | "Create account";
        lead: "Leva menos de um minuto." | "It takes less than a minute.";
        name: "Nome completo" | "Full name";
        tax_id: "CPF ou CNPJ" | "CPF or CNPJ";
        tax_id_hint: "Com ou sem pontos." | "With or without dots.";
        password_hint: "Pelo menos 8 caracteres." | "At least 8 characters.";
        submit: "Criar conta" | "Create account";
        email_taken: "Já existe uma conta com este e-mail." | "There is an account with this e-mail.";
        tax_id_taken: "Já existe uma conta com este documento." | "There is an account with this document.";
        have_account: "Já tem conta?" | "Have an account?";
        cpf_good: "CPF válido." | "Valid CPF.";
        cnpj_good: "CNPJ válido." | "Valid CNPJ.";
    }
}

catalogue! {
    Home {
        hello: "Olá, {}" | "Hello, {}";
        balance: "Saldo disponível" | "Available balance";
        hidden: "Saldo escondido" | "Balance hidden";
        hide: "Esconder saldo" | "Hide balance";
        show: "Mostrar saldo" | "Show balance";
        held: "Reservado em pagamentos: {}" | "Set aside for payments: {}";
        blocked: "Bloqueado em contestação: {}" | "Blocked by a dispute: {}";
        owed: "A compensar: {}" | "To be settled: {}";
        transfer: "Transferir" | "Transfer";
        statement: "Extrato" | "Statement";
        recent: "Atividade recente" | "Recent activity";
        see_all: "Ver tudo" | "See all";
        empty: "Nada por aqui ainda" | "Nothing here yet";
        empty_means: "Crie uma cobrança e mostre o QR code para receber o seu primeiro Pix." | "Make a charge and show its QR code to receive your first Pix.";
        empty_action: "Receber um Pix" | "Receive a Pix";
    }
}
