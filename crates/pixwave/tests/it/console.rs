//! The operators' pages and the panel of the played gateways over HTTP, without scripts.

use app::ports::store::{AuditFilter, JobRow, JobState, Write};
use domain::gateway::Gateway;
use domain::ids::JobId;
use domain::time::Span;
use serde_json::json;

use crate::client::string;
use crate::harness::{Database, EFI, PASSWORD, TestApp, brisk, without_circuits};
use crate::pages::Browser;

pub const ANA: &str = "ana@operators.example.com";
const BIA: &str = "bia@operators.example.com";

pub async fn with_operators(change: impl FnOnce(&mut app::context::Settings)) -> TestApp {
    let mut settings = brisk();
    change(&mut settings);
    let app = TestApp::with_settings(Database::Sqlite, settings).await;
    for email in [ANA, BIA] {
        let added = app
            .app()
            .add_operator(email.into(), email.into(), PASSWORD.into());
        added.await.expect("an operator");
    }
    app
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_exists_for_operators_only() {
    let app = with_operators(|_| ()).await;
    let person = app.person_with(10_000).await;
    let paid = app.payout(&person, 1_000).await.id();
    app.ended(&person, &paid).await;
    let paths = [
        "/console".to_owned(),
        "/console/transacoes".to_owned(),
        format!("/console/transacoes/{paid}"),
        "/console/revisoes".to_owned(),
        format!("/console/revisoes/{paid}"),
        "/console/alertas".to_owned(),
        "/console/trabalhos".to_owned(),
        "/console/auditoria".to_owned(),
        "/console/contas".to_owned(),
        "/console/gateways".to_owned(),
        "/console/gateways/efi/payout/pausar".to_owned(),
        "/console/despacho".to_owned(),
        "/console/webhooks".to_owned(),
        "/console/conciliacoes".to_owned(),
        format!("/console/contas/{}", person.user_id),
    ];
    let mut stranger = Browser::new(&app);
    let mut customer = Browser::signed_in_as(&app, &person.email).await;
    let mut ana = Browser::signed_in_as(&app, ANA).await;
    ana.get("/app").await;
    assert_eq!(ana.page.location(), "/console");
    for path in &paths {
        stranger.get(path).await;
        assert_eq!(stranger.page.status, 303, "{path}");
        assert!(
            stranger
                .page
                .location()
                .starts_with("/app/entrar?voltar=%2Fconsole")
        );
        assert_eq!(customer.get(path).await.status, 404, "{path}");
        assert_eq!(ana.get(path).await.status, 200, "{path}");
    }
    // Nothing is done for a customer, nor without the page's token.
    let block = format!("/console/contas/{}/bloquear", person.user_id);
    customer.get("/app").await;
    assert_eq!(customer.post(&block, &[]).await.status, 404);
    ana.page.text.clear();
    assert_eq!(ana.post(&block, &[]).await.status, 403);
    assert!(app.get("/v1/me").by(&person.token).await.status == 200);

    // Whoever signs in for a page of the console gets there.
    stranger.get(&paths[2]).await;
    stranger.follow().await;
    let fields = [
        ("email", ANA),
        ("password", PASSWORD),
        ("voltar", &paths[2]),
    ];
    stranger.post("/app/entrar", &fields).await;
    assert_eq!(stranger.page.location(), paths[2]);

    // The overview follows what happens, and its checks come out well.
    ana.until("/console", "nenhuma diferença").await;
    ana.until("/console", "Transações ao vivo").await;
    assert!(ana.page.text.contains("data-live=\"/app/eventos?depois="));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_is_found_and_tells_why() {
    let app = with_operators(|settings| settings.primary_payout = Gateway::Efi).await;
    let person = app.person_with(10_000).await;
    app.fault(EFI, json!({"mode": "down"})).await;
    let body = json!({
        "amount_cents": 1_234, "pix_key": "padaria@example.com",
        "description": "<script>alert(1)</script>", "reference": "\"><b>order-7",
    });
    let payout = app.payout_call(&person, &body).key("why").expect(202).await;
    let payout = app.ended(&person, &payout.id()).await;
    assert_eq!(payout["stage"], "settled", "{payout}");
    app.heal().await;
    let id = string(&payout, "id");
    let attempts = app.attempts(&person, &id).await;
    let mut ana = Browser::signed_in_as(&app, ANA).await;
    let key = string(&attempts[1], "attempt_key");
    for search in [key.as_str(), "\"><b>order-7"] {
        let query: String = url::form_urlencoded::byte_serialize(search.as_bytes()).collect();
        let page = ana.get(&format!("/console/transacoes?busca={query}")).await;
        assert!(page.text.contains(&id), "{search}");
        assert!(!page.text.contains("\"><b>"), "it is escaped");
    }
    let page = ana
        .get("/console/transacoes?tipo=charge&situacao=success")
        .await;
    assert!(!page.text.contains(&id));
    ana.get(&format!("/console/transacoes?busca={id}")).await;
    let page = ana.follow().await;
    for told in [
        "Mercado Pago foi escolhido: o preferido não podia ser usado.",
        "recusou ou usou todas as suas tentativas",
        "nenhum byte da tentativa 1 saiu daqui",
        "Refeita com os dados guardados, a escolha é a mesma.",
        "payout.settled",
        "wallet.held",
        &key,
        "pa•••om",
    ] {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    assert!(!page.text.contains("padaria@example.com") && !page.text.contains("<script>alert"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_decide_in_the_browser() {
    let app = with_operators(|settings| {
        without_circuits(settings);
        settings.in_doubt_deadline = Span::from_millis(800);
        settings.lookups.first = Span::from_millis(600);
        settings.lookups.longest = Span::from_millis(600);
    })
    .await;
    let person = app.person_with(10_000).await;
    for fault in [
        json!({"operation": "payout", "mode": "timeout_before"}),
        json!({"operation": "lookup", "mode": "error_500"}),
        json!({"operation": "webhook", "mode": "lose"}),
    ] {
        app.fault(EFI, fault).await;
    }
    let id = app.payout(&person, 1_000).await.id();
    app.at_stage(&person, &id, "in_review").await;
    let mut ana = Browser::signed_in_as(&app, ANA).await;
    let mut bia = Browser::signed_in_as(&app, BIA).await;
    assert!(ana.get("/console").await.text.contains("Em revisão"));
    assert!(ana.get("/console/revisoes").await.text.contains(&id));
    let page = format!("/console/revisoes/{id}");
    let propose = format!("{page}/propor");

    ana.get(&page).await;
    let incomplete = ana.post(&propose, &[("outcome", "release")]).await;
    assert_eq!(incomplete.status, 422);
    let version = ana.page.hidden("version");
    let fields = [
        ("outcome", "release"),
        ("evidence", "painel,\r\n14h02 <b>"),
        ("reason", "o cliente pede"),
        ("version", version.as_str()),
    ];
    ana.post(&propose, &fields).await;
    assert_eq!(ana.page.location(), page);
    let shown = ana.follow().await.text.clone();
    assert!(shown.contains("Outra pessoa precisa aprovar") && !shown.contains("14h02 <b>"));
    let approve = shown
        .split("href=\"")
        .find(|rest| rest.contains("/aprovar/prp_"));
    let approve = approve
        .and_then(|rest| rest.split('"').next())
        .expect("a link");

    ana.get(approve).await;
    let own = ana.post(approve, &[]).await;
    assert_eq!(own.status, 422);
    assert!(own.text.contains("(same_person)"), "{}", own.text);

    app.heal().await;
    // The gateway now answers that it knows nothing of it, which is no news to decide by.
    let confirm = bia.get(approve).await;
    assert!(
        confirm.text.contains("volta para a carteira"),
        "{}",
        confirm.text
    );
    bia.post(approve, &[]).await;
    if bia.page.status == 422 {
        // The lookup of the approval saw something else than the last one: look again.
        assert!(
            bia.page.text.contains("(evidence_changed)"),
            "{}",
            bia.page.text
        );
        bia.get(&page).await;
        let version = bia.page.hidden("version");
        let fields = [
            fields[0],
            fields[1],
            fields[2],
            ("version", version.as_str()),
        ];
        ana.get(&page).await;
        ana.post(&propose, &fields).await;
        let shown = ana.follow().await.text.clone();
        let approve = shown
            .split("href=\"")
            .find(|rest| rest.contains("/aprovar/prp_"));
        let approve = approve
            .and_then(|rest| rest.split('"').next())
            .expect("a link");
        bia.get(approve).await;
        bia.post(approve, &[]).await;
    }
    assert_eq!(bia.page.status, 303, "{}", bia.page.text);
    assert!(bia.follow().await.text.contains("Aprovado e executado."));
    let seen = app.transaction(&person, &id).await;
    assert_eq!(seen["stage"], "rejected", "{seen}");
    assert_eq!(app.balance(&person).await, (10_000, 0));
    let page = bia
        .get(&format!(
            "/console/auditoria?sobre={id}&acao=review.approved"
        ))
        .await;
    assert!(page.text.contains("review.approved"), "{}", page.text);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_account_is_out_until_it_is_let_in() {
    let app = with_operators(|_| ()).await;
    let person = app.person_with(5_000).await;
    let mut customer = Browser::signed_in_as(&app, &person.email).await;
    let mut ana = Browser::signed_in_as(&app, ANA).await;
    let page = format!("/console/contas/{}", person.user_id);
    for search in [&person.email, &person.tax_id, &person.user_id] {
        let path = format!("/console/contas?busca={search}");
        assert!(ana.get(&path).await.text.contains(&page), "{search}");
    }
    ana.get(&page).await;
    ana.post(&format!("{page}/bloquear"), &[]).await;
    assert!(ana.follow().await.text.contains("Bloqueada"));
    app.get("/v1/me").by(&person.token).expect(401).await;
    assert_eq!(customer.get("/app").await.status, 303);
    let body = json!({"email": person.email, "password": PASSWORD});
    app.post("/v1/sessions", &body).expect(401).await;
    // Money that arrives is credited all the same: nothing of it is lost.
    ana.post(&format!("{page}/desbloquear"), &[]).await;
    assert!(ana.follow().await.text.contains("Ativa"));
    let token = app.sign_in(&person.email).await;
    app.adopt(&person, token);
    let filter = AuditFilter {
        subject: Some(person.user_id.clone()),
        limit: 10,
        ..AuditFilter::default()
    };
    let trail = app.app().audit_trail(&filter).await.expect("the trail");
    let actions: Vec<&str> = trail.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["user.unblocked", "user.blocked"]);

    // The same over the API, where nobody blocks themselves.
    let token = app.sign_in(ANA).await;
    let me = string(&app.get("/v1/me").by(&token).await.body, "id");
    let path = format!("/v1/users/{me}/block");
    app.post(&path, &json!({})).by(&token).expect(403).await;
    let path = format!("/v1/users/{}/block", person.user_id);
    app.post(&path, &json!({})).by(&token).expect(204).await;
    let path = format!("/v1/users/{}/unblock", person.user_id);
    app.post(&path, &json!({})).by(&token).expect(204).await;
    let token = app.sign_in(&person.email).await;
    app.adopt(&person, token);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_work_is_taken_up_again_by_hand() {
    let app = with_operators(|_| ()).await;
    let id = JobId::from_bytes([9; 16]);
    let job = JobRow {
        id,
        kind: "retired.v0".into(),
        transaction_id: None,
        payload: "{}".into(),
        visible_at: None,
        state: JobState::Dead,
        tries: 3,
        token: 0,
        last_error: Some("<i>gone</i>".into()),
        created_at: app.app().now(),
    };
    use app::context::Decision;
    let writes = vec![Write::InsertJob(job)];
    let decide = move |_: &_| Decision::<(), ()>::Commit(writes.clone(), ());
    let done = app.app().commit("test", Default::default(), decide).await;
    done.expect("it is written");
    let mut ana = Browser::signed_in_as(&app, ANA).await;
    let page = ana.get("/console/trabalhos?estado=dead").await;
    assert!(page.text.contains("retired.v0") && !page.text.contains("<i>gone"));
    ana.post(&format!("/console/trabalhos/{id}/retomar"), &[])
        .await;
    assert!(ana.follow().await.text.contains("voltou para a fila"));
    // No worker of this program knows its kind: it waits for one that does.
    let page = ana.get("/console/trabalhos?estado=ready").await;
    assert!(page.text.contains("retired.v0"));
    let token = app.sign_in(ANA).await;
    let path = format!("/v1/jobs/{id}/retry");
    let refused = app.post(&path, &json!({})).by(&token).expect(409).await;
    assert_eq!(refused.body["code"], "job_not_dead");
    app.discard();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_panel_breaks_heals_pays_and_compares() {
    let app = with_operators(|_| ()).await;
    let person = app.person().await;
    let charge = app.charge(&person, 2_000).await;
    let id = string(&charge, "id");
    let mut visitor = Browser::new(&app);
    let page = visitor.get("/sandbox").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("SANDBOX") && page.text.contains(&id));
    let fields = [
        ("gateway", "efi"),
        ("modo", "flaky"),
        ("operacao", "payout"),
        ("chance", "40"),
        ("latencia", ""),
    ];
    visitor.post("/sandbox/painel/falhas", &fields).await;
    let page = visitor.follow().await;
    assert!(page.text.contains("payout: flaky, 40 %"), "{}", page.text);
    let wrong = [("gateway", "efi"), ("modo", "flaky"), ("chance", "400")];
    visitor.post("/sandbox/painel/falhas", &wrong).await;
    assert!(visitor.follow().await.text.contains("recusou esta falha"));
    visitor.post("/sandbox/painel/curar", &[]).await;
    assert!(!visitor.follow().await.text.contains("flaky, 40"));

    visitor
        .post("/sandbox/painel/pagar", &[("id", &id), ("como", "parte")])
        .await;
    visitor.follow().await;
    app.at_stage(&person, &id, "underpaid").await;
    let ledger = app.ledger().await;
    assert_eq!(ledger.len(), 1, "{ledger:?}");
    visitor.get("/sandbox").await;
    assert!(visitor.page.text.contains("Recebido"));

    let rich = app.person_with(9_000).await;
    let payout = app.payout(&rich, 3_000).await.id();
    app.ended(&rich, &payout).await;
    visitor.until("/sandbox", "Confere").await;
    visitor
        .post(
            "/sandbox/painel/voltar",
            &[("id", &payout), ("quanto", "parte")],
        )
        .await;
    assert!(visitor.follow().await.text.contains("Feito."));
    app.at_stage(&rich, &payout, "returned").await;
    assert!(!visitor.get("/sandbox").await.text.contains("Difere!"));

    // Without its token a form does nothing.
    visitor.page.text.clear();
    assert_eq!(visitor.post("/sandbox/painel/curar", &[]).await.status, 403);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_keeps_its_promise() {
    let app = with_operators(|_| ()).await;
    let mut visitor = Browser::new(&app);
    for (name, kept) in [
        ("failover", "pago uma única vez, pelo outro gateway"),
        (
            "lost_reply",
            "executado uma única vez, apesar da resposta perdida",
        ),
        ("both_ill", "nada foi pago e nada se perdeu"),
    ] {
        visitor.get("/sandbox").await;
        visitor
            .post("/sandbox/painel/roteiros", &[("qual", name)])
            .await;
        let page = visitor.page.location();
        assert!(page.starts_with("/sandbox/painel/roteiros/"), "{page}");
        visitor.until(&page, "Promessa").await;
        assert!(visitor.page.text.contains(kept), "{}", visitor.page.text);
        assert!(visitor.page.text.contains("/console/transacoes/txn_"));
        // The next one starts with circuits that have recovered.
        visitor.until("/sandbox", "Sem falhas").await;
    }
    for check in app::checks::check(app.app()).await.expect("the checks run") {
        assert!(
            check.broken.is_empty(),
            "{}: {:?}",
            check.rule,
            check.broken
        );
    }
    assert!(!visitor.get("/sandbox").await.text.contains("Difere!"));
    app.discard();
}
