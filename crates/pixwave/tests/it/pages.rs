//! The wallet's pages over HTTP, as a browser without scripts uses them: forms are posted with what
//! the page put into them, cookies are kept, redirects are looked at.

use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use serde_json::json;

use crate::client::string;
use crate::harness::{Database, LIMIT, PASSWORD, Person, TestApp, brisk, newcomer};

/// One browser: its cookies, and the page it shows.
pub struct Browser {
    http: reqwest::Client,
    base: String,
    cookies: Vec<(String, String)>,
    pub page: Page,
}

#[derive(Clone, Debug, Default)]
pub struct Page {
    pub status: u16,
    headers: HeaderMap,
    pub text: String,
}

impl Page {
    /// Where a redirect leads.
    pub fn location(&self) -> String {
        let value = self.headers.get(LOCATION);
        value.map_or_else(String::new, |it| it.to_str().expect("text").to_owned())
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |it| it.to_str().expect("text"))
    }

    /// The value of the first hidden field of this name.
    pub fn hidden(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&mark).unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

impl Browser {
    pub fn new(app: &TestApp) -> Browser {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Browser {
            http,
            base: app.url().to_owned(),
            cookies: Vec::new(),
            page: Page::default(),
        }
    }

    pub async fn signed_in(app: &TestApp, person: &Person) -> Browser {
        Browser::signed_in_as(app, &person.email).await
    }

    pub async fn signed_in_as(app: &TestApp, email: &str) -> Browser {
        let mut browser = Browser::new(app);
        browser.get("/app/entrar").await;
        let fields = [("email", email), ("password", PASSWORD)];
        browser.post("/app/entrar", &fields).await;
        assert_eq!(browser.page.status, 303, "{}", browser.page.text);
        browser
    }

    fn cookie_line(&self) -> String {
        let pairs = self.cookies.iter();
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> &Page {
        let request = request
            .header("cookie", self.cookie_line())
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        for cookie in headers.get_all(SET_COOKIE) {
            let text = cookie.to_str().expect("text");
            let (name, rest) = text.split_once('=').expect("a pair");
            let value = rest.split(';').next().unwrap_or_default();
            self.cookies.retain(|(kept, _)| kept != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let text = answer.text().await.expect("a body");
        self.page = Page {
            status,
            headers,
            text,
        };
        &self.page
    }

    pub async fn get(&mut self, path: &str) -> &Page {
        let request = self.http.get(format!("{}{path}", self.base));
        self.send(request).await
    }

    fn form(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        self.http
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish())
    }

    /// Posts the fields with the token of the page that is shown.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> &Page {
        let token = self.page.hidden("csrf");
        let mut all = vec![("csrf", token.as_str())];
        all.extend(fields);
        let request = self.form(path, &all);
        self.send(request).await
    }

    /// Follows the redirect that was answered.
    pub async fn follow(&mut self) -> &Page {
        let target = self.page.location();
        assert!(target.starts_with('/'), "{target}: {}", self.page.status);
        self.get(&target).await
    }

    /// The page shows this within a bound.
    pub async fn until(&mut self, path: &str, words: &str) {
        let started = Instant::now();
        while !self.get(path).await.text.contains(words) {
            assert!(
                started.elapsed() < LIMIT,
                "no {words:?}: {}",
                self.page.text
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn people_start() -> impl Future<Output = TestApp> {
    TestApp::with_settings(Database::Sqlite, brisk())
}

async fn payouts(app: &TestApp, person: &Person) -> usize {
    let all = app.transactions(person).await;
    all.iter().filter(|it| it["kind"] == "payout").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_signs_up_is_paid_pays_and_gives_back() {
    let app = people_start().await;
    let body = newcomer();
    let mut browser = Browser::new(&app);
    browser.get("/app/cadastro").await;
    let fields: Vec<(&str, &str)> = ["name", "email", "tax_id", "password"]
        .into_iter()
        .map(|name| (name, body[name].as_str().expect("text")))
        .collect();
    browser.post("/app/cadastro", &fields).await;
    assert_eq!(browser.page.location(), "/app");
    assert!(browser.follow().await.text.contains("Conta criada"));
    assert!(
        !browser.get("/app").await.text.contains("Conta criada"),
        "said once"
    );

    browser.get("/app/receber").await;
    let key = browser.page.hidden("key");
    let fields = [
        ("key", key.as_str()),
        ("amount", "50,00"),
        ("expires", "3600"),
    ];
    browser.post("/app/receber", &fields).await;
    let charge = browser.page.location();
    browser.until(&charge, "<svg viewBox").await;
    browser.post(&format!("{charge}/simular"), &[]).await;
    browser.until(&charge, "Recebido").await;

    browser.get("/app/pagar").await;
    let key = browser.page.hidden("key");
    let fields = [
        ("key", key.as_str()),
        ("target", "ana@example.com"),
        ("amount", "12,34"),
    ];
    browser.post("/app/pagar", &fields).await;
    assert_eq!(browser.page.status, 200);
    assert!(browser.page.text.contains("ana@example.com"));
    let fields = [
        ("key", key.as_str()),
        ("target", "ana@example.com"),
        ("amount", "12,34"),
    ];
    browser.post("/app/pagar/confirmar", &fields).await;
    let payout = browser.page.location();
    browser
        .until(&payout, "O dinheiro chegou ao destino.")
        .await;
    let receipt = browser.get(&format!("{payout}/comprovante")).await;
    assert!(receipt.text.contains("12,34"), "{}", receipt.text);

    browser.get(&format!("{charge}/devolver")).await;
    let (key, pay_in) = (browser.page.hidden("key"), browser.page.hidden("pay_in"));
    let fields = [
        ("key", key.as_str()),
        ("pay_in", pay_in.as_str()),
        ("amount", "10,00"),
    ];
    browser.post(&format!("{charge}/devolver"), &fields).await;
    let refund = browser.page.location();
    browser.until(&refund, "Devolvido").await;
    let csv = browser.get("/app/transacoes?formato=csv").await;
    assert_eq!(csv.text.lines().count(), 4, "{}", csv.text);
    assert!(
        browser
            .get("/app/extrato")
            .await
            .text
            .contains("Pix recebido")
    );
    app.discard();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_our_own_forms_are_taken() {
    let app = people_start().await;
    let (ana, bia) = (app.person_with(10_000).await, app.person().await);
    let mut browser = Browser::signed_in(&app, &ana).await;
    let mut other = Browser::signed_in(&app, &bia).await;
    other.get("/app/pagar").await;
    let foreign = other.page.hidden("csrf");
    browser.get("/app/pagar").await;
    let (token, key) = (browser.page.hidden("csrf"), browser.page.hidden("key"));
    let with = |token: &str| {
        [
            ("csrf", token.to_owned()),
            ("key", key.clone()),
            ("target", "ana@example.com".to_owned()),
            ("amount", "1".to_owned()),
        ]
    };
    let mut refused = Vec::new();
    for (token, header) in [
        ("", None),
        (foreign.as_str(), None),
        (token.as_str(), Some(("origin", "https://evil.example"))),
        (token.as_str(), Some(("origin", "null"))),
        (token.as_str(), Some(("sec-fetch-site", "cross-site"))),
    ] {
        let fields = with(token);
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let mut request = browser.form("/app/pagar/confirmar", &fields);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        refused.push(browser.send(request).await.status);
    }
    assert_eq!(refused, [403; 5]);
    assert_eq!(payouts(&app, &ana).await, 0);
    let fields = with(&token);
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let own = browser.form("/app/pagar/confirmar", &fields);
    let own = own.header("origin", browser.base.clone());
    assert_eq!(browser.send(own).await.status, 303);
    app.quiet().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_cannot_be_framed_and_carry_nothing_inline() {
    let app = people_start().await;
    let person = app.person().await;
    let mut browser = Browser::signed_in(&app, &person).await;
    for path in [
        "/app",
        "/app/pagar",
        "/app/conta",
        "/app/nowhere",
        "/app/extrato",
    ] {
        let page = browser.get(path).await;
        let header = |name: &str| page.headers[name].to_str().expect("text").to_owned();
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
        assert!(!header("content-security-policy").contains("unsafe"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("cache-control"), "no-store");
        for inline in [" style=", "<style", " onclick", "javascript:", "<script>"] {
            assert!(!page.text.contains(inline), "{path}: {inline}");
        }
    }
    let mut fresh = Browser::new(&app);
    fresh.get("/app/entrar").await;
    let fields = [("email", person.email.as_str()), ("password", PASSWORD)];
    let page = fresh.post("/app/entrar", &fields).await;
    let cookie = page.headers[SET_COOKIE].to_str().expect("text");
    assert!(cookie.starts_with("pixwave_session=pws_"), "{cookie}");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_called_themselves_is_never_html() {
    const EVIL: &str = "<script>alert(1)</script>";
    let app = people_start().await;
    let ana = app.person_with(10_000).await;
    let mut body = newcomer();
    body["name"] = json!(EVIL);
    app.post("/v1/users", &body).expect(201).await;
    let evil = string(&body, "email");
    let mut browser = Browser::signed_in(&app, &ana).await;
    browser.get("/app/transferir").await;
    let key = browser.page.hidden("key");
    let fields = [
        ("key", key.as_str()),
        ("target", evil.as_str()),
        ("amount", "1,00"),
        ("description", EVIL),
    ];
    browser.post("/app/transferir", &fields).await;
    assert!(
        browser.page.text.contains("&#60;script&#62;"),
        "{}",
        browser.page.text
    );
    assert!(!browser.page.text.contains(EVIL));
    browser.post("/app/transferir/confirmar", &fields).await;
    let there = browser.page.location();
    for path in [
        there.as_str(),
        "/app",
        "/app/transacoes",
        &format!("{there}/comprovante"),
    ] {
        assert!(!browser.get(path).await.text.contains(EVIL), "{path}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_peoples_pages_do_not_exist() {
    let app = people_start().await;
    let (ana, bia) = (app.person_with(10_000).await, app.person().await);
    let charge = app.transactions(&ana).await.remove(0);
    let path = format!("/app/transacoes/{}", string(&charge, "id"));
    let mut own = Browser::signed_in(&app, &ana).await;
    assert_eq!(own.get(&path).await.status, 200);
    let mut browser = Browser::signed_in(&app, &bia).await;
    for page in ["", "/comprovante", "/comprovante.png", "/devolver"] {
        let found = browser.get(&format!("{path}{page}")).await;
        assert_eq!(found.status, 404, "{page}");
        assert!(found.text.contains("Página não encontrada"));
    }
    browser.get("/app").await;
    for action in ["/cancelar", "/simular"] {
        browser.get("/app").await;
        let answer = browser.post(&format!("{path}{action}"), &[]).await;
        assert_eq!(answer.status, 404, "{action}");
    }
    for nonsense in ["/app/transacoes/txn_1", "/app/transacoes/%3Cb%3E", "/app/x"] {
        assert_eq!(browser.get(nonsense).await.status, 404, "{nonsense}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_form_pays_once_however_often_it_is_posted() {
    let app = people_start().await;
    let ana = app.person_with(10_000).await;
    let mut browser = Browser::signed_in(&app, &ana).await;
    browser.get("/app/pagar").await;
    let (token, key) = (browser.page.hidden("csrf"), browser.page.hidden("key"));
    let fields = |amount: &'static str| {
        [
            ("csrf", token.clone()),
            ("key", key.clone()),
            ("target", "bia@example.com".to_owned()),
            ("amount", amount.to_owned()),
        ]
    };
    let post = async |browser: &mut Browser, path: &str, amount| {
        let fields = fields(amount);
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let request = browser.form(path, &fields);
        browser.send(request).await.clone()
    };
    let first = post(&mut browser, "/app/pagar/confirmar", "5,00").await;
    // The back button: the review again, the confirmation again.
    let review = post(&mut browser, "/app/pagar", "5,00").await;
    assert_eq!((review.status, review.hidden("key")), (200, key.clone()));
    let second = post(&mut browser, "/app/pagar/confirmar", "5,00").await;
    assert_eq!((first.status, second.status), (303, 303));
    assert_eq!(first.location(), second.location());
    assert!(browser.follow().await.text.contains("já tinha sido feito"));
    let other = post(&mut browser, "/app/pagar/confirmar", "6,00").await;
    assert_eq!(other.status, 422);
    assert!(other.text.contains("já foi usado"), "{}", other.text);
    assert_eq!(payouts(&app, &ana).await, 1);
    app.quiet().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ended_leads_back_to_where_it_was() {
    let app = people_start().await;
    let ana = app.person().await;
    let mut browser = Browser::signed_in(&app, &ana).await;
    browser.get("/app/transferir").await;
    let token = browser.page.hidden("csrf");
    browser.post("/app/sair", &[]).await;
    assert_eq!(browser.page.location(), "/");
    let there = browser.get("/app/transacoes?tipo=payout").await.location();
    assert_eq!(
        there,
        "/app/entrar?voltar=%2Fapp%2Ftransacoes%3Ftipo%3Dpayout"
    );

    // A form of a session that ended elsewhere.
    let mut stale = Browser::signed_in(&app, &ana).await;
    stale.get("/app/transferir").await;
    let bearer = stale
        .cookies
        .iter()
        .find(|(name, _)| name == "pixwave_session");
    let bearer = bearer.expect("a session").1.clone();
    let gone = app.delete("/v1/sessions/current").by(&bearer).expect(204);
    gone.await;
    let own = stale.page.hidden("csrf");
    assert_ne!(own, token);
    let request = stale.form("/app/transferir", &[("csrf", &own)]);
    let request = request.header("referer", format!("{}/app/transferir", stale.base));
    let there = stale.send(request).await.location();
    assert_eq!(there, "/app/entrar?voltar=%2Fapp%2Ftransferir");
    stale.get(&there).await;
    let fields = [
        ("email", ana.email.as_str()),
        ("password", PASSWORD),
        ("voltar", "/app/transferir"),
    ];
    let back = stale.post("/app/entrar", &fields).await.location();
    assert_eq!(back, "/app/transferir");
    stale.get("/app/entrar").await;
    let fields = [
        ("email", ana.email.as_str()),
        ("password", PASSWORD),
        ("voltar", "//evil.example"),
    ];
    assert_eq!(stale.post("/app/entrar", &fields).await.location(), "/app");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_elsewhere_are_ended_and_keys_are_made_and_revoked() {
    let app = people_start().await;
    let ana = app.person().await;
    let mut browser = Browser::signed_in(&app, &ana).await;
    let mut other = Browser::signed_in(&app, &ana).await;
    let page = browser.get("/app/conta").await;
    assert_eq!(page.text.matches("Esta sessão").count(), 1);
    browser.post("/app/conta/sessoes", &[]).await;
    assert!(browser.follow().await.text.contains("foram encerradas"));
    assert_eq!(other.get("/app").await.status, 303);
    assert_eq!(
        app.get("/v1/me").by(&ana.token).expect(401).await.status,
        401
    );
    app.adopt(&ana, app.sign_in(&ana.email).await);

    browser.get("/app/conta").await;
    let refused = browser.post("/app/conta/chaves", &[("name", "loja")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("value=\"loja\""));
    let fields = [("name", "loja"), ("scope", "read"), ("scope", "operator")];
    let made = browser.post("/app/conta/chaves", &fields).await;
    let (_, rest) = made.text.split_once("id=\"secret\">").expect("the secret");
    let secret = rest.split('<').next().expect("text").to_owned();
    app.get("/v1/wallets").by(&secret).await;
    app.get("/v1/audit").by(&secret).expect(403).await;
    let page = browser.get("/app/conta").await;
    assert!(!page.text.contains(&secret), "shown once");
    let (_, rest) = page.text.split_once("/app/conta/chaves/").expect("a key");
    let id = rest.split('/').next().expect("an id").to_owned();
    browser
        .post(&format!("/app/conta/chaves/{id}/revogar"), &[])
        .await;
    app.get("/v1/wallets").by(&secret).expect(401).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_page_is_told_of_a_change_at_once_and_misses_none() {
    let app = people_start().await;
    let (ana, bia) = (app.person_with(10_000).await, app.person().await);
    let browser = Browser::signed_in(&app, &ana).await;
    let open = async |query: &str| {
        let request = browser
            .http
            .get(format!("{}/app/eventos{query}", browser.base));
        let request = request.header("cookie", browser.cookie_line());
        request.send().await.expect("a stream")
    };
    let mut stream = open("").await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let greeting = stream.chunk().await.expect("a piece").expect("more");
    assert!(greeting.starts_with(b"retry:"));
    let body = json!({"amount_cents": 100, "to_wallet_id": bia.wallet_id});
    let call = app.post("/v1/transfers", &body).by(&ana.token);
    let sent = call.key(&app.fresh_key()).expect(201).await;
    let committed = Instant::now();
    let told = tokio::time::timeout(LIMIT, stream.chunk()).await;
    let told = told.expect("in time").expect("a piece").expect("more");
    let late = committed.elapsed();
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(told.contains(&sent.id()) && !told.contains("100"), "{told}");
    // Without the bell it would be a second; the machine may be busy.
    assert!(late < Duration::from_millis(800), "{late:?}");
    let position = told
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("id: "));
    let position: u64 = position.and_then(|it| it.parse().ok()).expect("a position");
    drop(stream);

    let mut again = open(&format!("?depois={}", position - 1)).await;
    let mut text = String::new();
    while !text.contains(&sent.id()) {
        let piece = tokio::time::timeout(LIMIT, again.chunk()).await;
        let piece = piece.expect("in time").expect("a piece").expect("more");
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    drop(again);
    let stranger = Browser::new(&app);
    let request = stranger.http.get(format!("{}/app/eventos", stranger.base));
    assert_eq!(request.send().await.expect("an answer").status(), 303);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_tells_what_a_payout_would_be_and_moves_nothing() {
    let app = people_start().await;
    let (ana, bia) = (app.person_with(10_000).await, app.person().await);
    let preview = |person: &Person, body| {
        let call = app.post("/v1/payouts/preview", &body);
        call.by(&person.token)
    };
    let open = preview(&ana, json!({"pix_key": "caio@example.com"}))
        .expect(200)
        .await;
    assert!(open.body["amount_cents"].is_null() && open.body["fee_cents"].is_null());
    assert_eq!(open.body["pix_key_type"], "email");
    assert_eq!(open.body["gateways"], json!(["efi", "mercado_pago"]));
    let available = open.cents("available_cents");
    assert_eq!(app.balance(&ana).await, (available, 0));
    let body = json!({"pix_key": "caio@example.com", "amount_cents": 900});
    let named = preview(&ana, body).expect(200).await;
    assert_eq!(
        (named.cents("amount_cents"), named.cents("fee_cents")),
        (900, 0)
    );
    let limit = brisk().default_limits.per_transaction;
    let told = &named.body["limits"]["per_transaction_cents"];
    assert_eq!(told, &json!(limit.cents()));

    let charge = app.charge(&bia, 700).await;
    let code = json!({"br_code": charge["br_code"]});
    let inside = preview(&ana, code.clone()).expect(200).await;
    assert_eq!(inside.cents("amount_cents"), 700);
    assert_eq!(inside.body["inside"], true);
    assert_eq!(inside.body["gateways"], json!([]));
    assert!(
        inside.body["payee"]["name"].as_str().is_some() && inside.body["expires_at"].is_string()
    );
    let own = preview(&bia, code).expect(422).await;
    assert_eq!(
        own.fields(),
        [("br_code".to_owned(), "own_code".to_owned())]
    );
    let other = json!({"br_code": charge["br_code"], "amount_cents": 1});
    let other = preview(&ana, other).expect(422).await;
    let mismatch = ("amount_cents".to_owned(), "differs_from_br_code".to_owned());
    assert_eq!(other.fields(), [mismatch]);
    assert_eq!(payouts(&app, &ana).await, 0);
    assert_eq!(app.balance(&ana).await, (available, 0));
    app.finish().await;
}
