//! What operators steer in the browser, without scripts: gateways, dispatch, customers' webhooks,
//! comparisons; and the page where nothing is.

use app::reconcile::job::Report;
use domain::gateway::Gateway;
use serde_json::json;

use crate::client::string;
use crate::console::{ANA, with_operators};
use crate::dispatch::{restore, with_epoch};
use crate::harness::{EFI, PASSWORD, TestApp};
use crate::pages::Browser;
use crate::receiver::Receiver;
use crate::reconciliations::leave;
use crate::webhooks::hurried;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_gateway_gets_nothing_new_until_it_is_taken_up_again() {
    let app = with_operators(|settings| settings.primary_payout = Gateway::Efi).await;
    let person = app.person_with(10_000).await;
    let mut ana = Browser::signed_in_as(&app, ANA).await;
    let pause = "/console/gateways/efi/payout/pausar";
    assert!(
        ana.get("/console")
            .await
            .text
            .contains("/console/gateways#efi")
    );
    assert!(ana.get("/console/gateways").await.text.contains(pause));
    ana.get(pause).await;
    let refused = ana.post(pause, &[("reason", " ")]).await;
    assert_eq!(refused.status, 422, "nobody pauses without a reason");
    ana.post(pause, &[("reason", "manutenção <b>deles")]).await;
    assert_eq!(ana.page.location(), "/console/gateways#efi");
    let page = ana.get("/console/gateways").await.text.clone();
    for told in ["manutenção", "Em pausa", "gateway.paused", "payout/retomar"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.contains("<b>deles") && !page.contains(pause));
    let other = ana
        .get("/console/gateways/mercado_pago/payout/pausar")
        .await;
    assert!(
        other.text.contains("também está em pausa"),
        "{}",
        other.text
    );
    let paid = |app: TestApp, person| async move {
        let id = app.payout(&person, 1_000).await.id();
        let ended = app.ended(&person, &id).await;
        (app, person, string(&ended, "gateway"))
    };
    let (app, person, gateway) = paid(app, person).await;
    assert_eq!(gateway, "mercado_pago");

    // Twice is once.
    let resume = "/console/gateways/efi/payout/retomar";
    ana.get(resume).await;
    for _ in 0..2 {
        ana.post(resume, &[("reason", "")]).await;
        assert_eq!(ana.page.status, 303);
        ana.get(resume).await;
    }
    let (app, person, gateway) = paid(app, person).await;
    assert_eq!(gateway, EFI);
    let prefer = "/console/gateways/mercado_pago/payout/preferir";
    ana.get(prefer).await;
    ana.post(prefer, &[]).await;
    let (app, _, gateway) = paid(app, person).await;
    assert_eq!(gateway, "mercado_pago");
    let trail = app.app().audit(50).await.expect("the trail");
    let actions = trail.iter().map(|row| row.action.as_str());
    let steps: Vec<&str> = actions.filter(|it| it.starts_with("gateway.")).collect();
    assert_eq!(
        steps,
        ["gateway.preferred", "gateway.resumed", "gateway.paused"]
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_delivery_is_replayed_by_an_operator() {
    let app = with_operators(|settings| *settings = hurried()).await;
    let person = app.person().await;
    let receiver = Receiver::start().await;
    receiver.answers(500);
    let url = format!("{}?token=hunter2", receiver.url);
    let body = json!({"url": url, "event_types": ["charge.paid"]});
    let endpoint = app.post("/v1/webhook-endpoints", &body).by(&person.token);
    let endpoint = endpoint.expect(201).await;
    let (id, secret) = (endpoint.id(), string(&endpoint.body, "secret"));
    app.fund(&person, 1_000).await;

    let mut ana = Browser::signed_in_as(&app, ANA).await;
    let page = format!("/console/webhooks/{id}");
    ana.until(&format!("{page}?estado=failed"), "/repetir\"")
        .await;
    let list = ana.get("/console/webhooks").await.text.clone();
    assert!(list.contains(&page) && list.contains(&person.user_id));
    let shown = ana.get(&page).await.text.clone();
    for hidden in ["hunter2", &secret] {
        assert!(
            !list.contains(hidden) && !shown.contains(hidden),
            "{hidden}"
        );
    }
    for told in ["charge.paid", "Falhou", "500", " ms", "/hooks?…"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    let (_, rest) = shown.split_once("/entregas/").expect("a delivery");
    let delivery = rest.split('/').next().expect("its id").to_owned();
    let replay = format!("{page}/entregas/{delivery}/repetir");
    let seen = ana.page.hidden("vezes");

    receiver.answers(204);
    let before = receiver.received().len();
    ana.post(&replay, &[("vezes", &seen), ("estado", "failed")])
        .await;
    assert_eq!(ana.page.location(), format!("{page}?estado=failed"));
    ana.until(&format!("{page}?estado=delivered"), "204").await;
    // The same form once more asks for nothing.
    ana.post(&replay, &[("vezes", &seen)]).await;
    assert_eq!(ana.page.status, 303);
    app.quiet().await;
    assert_eq!(receiver.received().len(), before + 1);

    // Off and on again; a switched-off endpoint gets nothing.
    for (turn, told) in [
        ("desligar", "pela conta ou por um operador"),
        ("ligar", "Ligado"),
    ] {
        ana.get(&page).await;
        ana.post(&format!("{page}/{turn}"), &[]).await;
        assert!(ana.follow().await.text.contains(told), "{turn}");
        if turn == "desligar" {
            ana.post(&replay, &[("vezes", "1")]).await;
            assert!(ana.follow().await.text.contains("Ligue-o primeiro"));
            let off = ana.get("/console/webhooks?estado=off").await;
            assert!(off.text.contains(&page));
        }
    }
    let trail = app.app().audit(50).await.expect("the trail");
    let by_operator = |action: &str| {
        let lines = trail.iter().filter(|row| row.action == action);
        lines.filter(|row| row.actor != person.user_id).count()
    };
    assert_eq!(by_operator("webhook_endpoint.switched"), 2);
    assert_eq!(by_operator("webhook_delivery.replayed"), 1);
    // A customer has no say over it.
    let mut customer = Browser::signed_in_as(&app, &person.email).await;
    customer.get("/app").await;
    let refused = customer.post(&format!("{page}/desligar"), &[]).await;
    assert_eq!(refused.status, 404);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_period_is_compared_once_and_told() {
    let app = with_operators(|_| ()).await;
    let person = app.person_with(10_000).await;
    let payout = app.payout(&person, 1_000).await.id();
    app.ended(&person, &payout).await;
    leave(&app, &"e".repeat(32), 300).await;
    let mut ana = Browser::signed_in_as(&app, ANA).await;
    let path = "/console/conciliacoes";
    assert!(ana.get(path).await.text.contains("Nenhuma conciliação"));
    let key = ana.page.hidden("key");
    for (from, to, told) in [
        ("", "2026-11-26T10:00:00", "Escolha um dia e uma hora."),
        (
            "2020-01-02T10:00",
            "2020-01-01T10:00",
            "vir depois do começo",
        ),
        ("2020-01-01T10:00", "2020-03-01T10:00", "No máximo 31 dias."),
        ("2020-01-01T10:00", "2199-03-01T10:00", "no futuro"),
    ] {
        let fields = [("key", key.as_str()), ("de", from), ("ate", to)];
        let page = ana.post(path, &fields).await;
        assert_eq!(page.status, 422, "{told}");
        assert!(page.text.contains(told), "{told}: {}", page.text);
        assert!(page.text.contains(&format!("value=\"{to}\"")), "it is kept");
        assert_eq!(ana.page.hidden("key"), key, "so is the key");
    }
    // The form as it is proposed, a little later, so that what has just happened is within it.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    ana.get(path).await;
    let field = |name: &str| {
        let mark = format!("id=\"{name}\"");
        let (_, rest) = ana.page.text.split_once(&mark).expect("the field");
        let (_, rest) = rest.split_once("value=\"").expect("its value");
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    let (from, to) = (field("de"), field("ate"));
    let fields = [
        ("key", key.as_str()),
        ("de", from.as_str()),
        ("ate", to.as_str()),
    ];
    ana.post(path, &fields).await;
    let page = ana.page.location();
    assert_eq!(page, format!("{path}/{key}"));
    ana.get(path).await;
    ana.post(path, &fields).await;
    assert_eq!(ana.page.location(), page, "it is begun once");
    ana.until(&page, "Terminada").await;
    let shown = ana.page.text.clone();
    for told in [
        "eeee•••eeeeee",
        "R$\u{a0}3,00",
        "não lista",
        "nenhum pagamento destes livros",
        "diferem do saldo",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(!shown.contains(&"e".repeat(32)) && !shown.contains("data-every"));
    let begun = app.app().reconciliations(None, 10).await.expect("the list");
    let found: Vec<u64> = begun
        .iter()
        .map(|(_, it)| Report::differences(it))
        .collect();
    assert_eq!(found, [2], "what nobody asked for, and the money it took");
    assert!(ana.get(path).await.text.contains(&page));
    assert_eq!(ana.get(&format!("{path}/rec_1")).await.status, 404);
    app.discard();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_leave_again_once_every_difference_is_accepted() {
    let app = with_operators(|settings| *settings = with_epoch()).await;
    let person = app.person_with(20_000).await;
    let mut ana = Browser::signed_in_as(&app, ANA).await;
    let (path, banner) = ("/console/despacho", "estão parados até que");
    let running = ana.get(path).await;
    assert!(running.text.contains("Os pagamentos saem") && !running.text.contains(banner));
    restore(&app).await;
    for page in ["/console", "/console/alertas", "/console/contas", path] {
        assert!(ana.get(page).await.text.contains(banner), "{page}");
    }
    for told in ["older", "first", "pixwave dispatch resume"] {
        assert!(ana.page.text.contains(told), "{told}");
    }
    let payout = app.payout(&person, 1_000).await.id();
    let since = jiff::Zoned::now() - jiff::SignedDuration::from_hours(1);
    let since = since.with_time_zone(jiff::tz::TimeZone::get("America/Sao_Paulo").expect("a zone"));
    let since = since.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    for (since, password, told) in [
        ("", PASSWORD, "no máximo 31 dias"),
        ("2020-01-01T10:00", PASSWORD, "no máximo 31 dias"),
        (since.as_str(), "", "Preencha este campo."),
        (since.as_str(), "not the password", "A senha não confere."),
    ] {
        let fields = [("desde", since), ("password", password)];
        let page = ana.post(path, &fields).await;
        assert_eq!(page.status, 422, "{told}");
        assert!(page.text.contains(told), "{told}: {}", page.text);
        assert!(!page.text.contains(&format!("value=\"{PASSWORD}\"")));
    }
    let fields = [("desde", since.as_str()), ("password", PASSWORD)];
    let page = ana.post(path, &fields).await;
    assert_eq!(page.status, 422);
    let obstacle = "value=\"mercado_pago:sent\"";
    assert!(page.text.contains(obstacle) && page.text.contains(&since));
    assert_eq!(app.transaction(&person, &payout).await["stage"], "queued");
    let fields = [fields[0], fields[1], ("aceito", "mercado_pago:sent")];
    ana.post(path, &fields).await;
    assert_eq!(ana.page.location(), path, "{}", ana.page.text);
    let page = ana.follow().await.text.clone();
    assert!(page.contains("voltam a sair") && !page.contains(banner));
    assert_eq!(app.ended(&person, &payout).await["stage"], "settled");
    ana.post(path, &fields).await;
    assert!(ana.follow().await.text.contains("já saem"));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_is_a_browser_gets_a_page_and_a_program_json() {
    let app = with_operators(|_| ()).await;
    let mut visitor = Browser::new(&app);
    for path in ["/nada", "/app/nada", "/sandbox/nada"] {
        let page = visitor.get(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.text.contains("Página não encontrada"), "{path}");
    }
    for path in ["/v1/nada", "/v1", "/webhooks/nada"] {
        let page = visitor.get(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.text.contains("\"not_found\""), "{path}: {}", page.text);
    }
    let program = app.get("/nada").expect(404).await;
    assert_eq!(program.code(), "not_found");
    // A form's address that is opened like a page.
    let page = visitor.get("/app/sair").await;
    assert_eq!(page.status, 405);
    assert!(page.text.contains("não se abre assim"), "{}", page.text);
    app.finish().await;
}
