//! Asking the running server at HTTP_HOST:HTTP_PORT, as an operator.
//!
//! The operator's password is read from standard input; the session lasts for one question. What the
//! server refuses is told on standard error, with the exit code 3.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::operator::password;
use crate::config::{Config, local_url};
use crate::output;

/// The service refused what was asked.
const REFUSED: u8 = 3;
/// Some questions have gateways asked.
const LIMIT: Duration = Duration::from_secs(300);

/// One request.
pub struct Question {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Question {
    pub fn get(path: impl Into<String>) -> Question {
        Question {
            method: Method::GET,
            path: path.into(),
            body: None,
        }
    }

    pub fn post(path: impl Into<String>, body: Value) -> Question {
        Question {
            method: Method::POST,
            path: path.into(),
            body: Some(body),
        }
    }

    pub fn patch(path: impl Into<String>, body: Value) -> Question {
        Question {
            method: Method::PATCH,
            ..Question::post(path, body)
        }
    }
}

/// Signs in with the password from standard input, asks, tells what came of it, and signs out.
pub async fn ask(
    config: &Config,
    operator: &str,
    question: Question,
    told: impl Fn(&Value) -> Result<String>,
) -> Result<ExitCode> {
    let session = match Session::open(config, operator).await? {
        Ok(session) => session,
        Err(problem) => return Ok(refused(&problem)),
    };
    let answer = session.ask(question).await;
    session.close().await;
    told_or_refused(answer?, told)
}

/// Tells an answer on standard output, or a refusal on standard error.
pub fn told_or_refused(
    answer: Result<Value, Value>,
    told: impl Fn(&Value) -> Result<String>,
) -> Result<ExitCode> {
    match answer {
        Ok(done) => {
            output::line(told(&done)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(problem) => Ok(refused(&problem)),
    }
}

/// An operator's session at the running server.
pub struct Session {
    server: Server,
    token: String,
}

impl Session {
    /// Signs in with the password from standard input; the inner error is a refusal.
    pub async fn open(config: &Config, operator: &str) -> Result<Result<Session, Value>> {
        if config.http.port == 0 {
            bail!("HTTP_PORT is 0, so nobody knows where the server listens");
        }
        let server = Server {
            base: local_url(config.http.address()),
            client: reqwest::Client::builder()
                .no_proxy()
                .timeout(LIMIT)
                .build()
                .context("no HTTP client")?,
        };
        let password = password(&mut std::io::stdin().lock())?;
        let who = json!({"email": operator, "password": password});
        let opened = server
            .ask(None, Question::post("/v1/sessions", who))
            .await?;
        Ok(opened.map(|opened| Session {
            server,
            token: opened["token"].as_str().unwrap_or_default().to_owned(),
        }))
    }

    pub async fn ask(&self, question: Question) -> Result<Result<Value, Value>> {
        self.server.ask(Some(&self.token), question).await
    }

    /// A session that stays behind ends by itself.
    pub async fn close(self) {
        let url = format!("{}/v1/sessions/current", self.server.base);
        let request = self.server.client.delete(url).bearer_auth(&self.token);
        let _signed_out = request.send().await;
    }
}

fn refused(problem: &Value) -> ExitCode {
    let code = problem["code"].as_str().unwrap_or("unknown");
    let detail = problem["detail"].as_str().unwrap_or("no reason given");
    eprintln!("pixwave: refused ({code}): {detail}");
    for error in problem["errors"].as_array().into_iter().flatten() {
        let part = |name: &str| error[name].as_str().unwrap_or_default();
        eprintln!(
            "  {} ({}): {}",
            part("field"),
            part("code"),
            part("message")
        );
    }
    ExitCode::from(REFUSED)
}

struct Server {
    base: String,
    client: reqwest::Client,
}

impl Server {
    /// The answer's body, or that of a refusal; an error when nobody answers or the server fails.
    async fn ask(&self, token: Option<&str>, question: Question) -> Result<Result<Value, Value>> {
        let base = &self.base;
        let url = format!("{base}{}", question.path);
        let mut request = self.client.request(question.method, url);
        if let Some(body) = &question.body {
            request = request.json(body);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_timeout() => bail!("{base} does not answer in time"),
            Err(_) => bail!("nothing answers at {base}: the server must be running"),
        };
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        if status.is_server_error() {
            let detail = body["detail"].as_str().unwrap_or("no reason given");
            bail!("{base} answers {}: {detail}", status.as_u16());
        }
        Ok(if status.is_success() {
            Ok(body)
        } else {
            Err(body)
        })
    }
}
