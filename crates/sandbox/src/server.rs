//! Listeners that can be closed for real and opened again on the same port.
//!
//! Each accepted connection is a task. Closing stops the accept loop and cuts every connection,
//! busy or idle; only a connection that carries a control call is let finish its answer.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result};
use axum::{Router, body::Body};
use http::{Request as HttpRequest, Response};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use tower::ServiceExt;

use crate::{
    config::{ClientCertificate, GatewayName},
    core::Core,
    http::{Reply, Request},
    pipeline,
};

const LARGEST_BODY: usize = 1 << 20;

/// The two TLS set-ups of the Efí listener.
#[derive(Clone)]
pub struct Tls {
    pub strict: TlsAcceptor,
    pub lenient: TlsAcceptor,
}

/// What a listener serves.
pub struct Site {
    pub core: Arc<Core>,
    /// `None` serves the control paths alone.
    pub gateway: Option<GatewayName>,
    pub tls: Option<Tls>,
    /// Filled once the control paths exist, which need the listeners themselves.
    pub control: RwLock<Option<Router>>,
}

/// One listener on one address for life.
pub struct Listener {
    site: Arc<Site>,
    address: SocketAddr,
    running: tokio::sync::Mutex<Option<Running>>,
}

struct Running {
    accepting: JoinHandle<()>,
    connections: TaskTracker,
    cancel: CancellationToken,
}

impl Listener {
    pub async fn open(site: Site, host: &str, port: u16) -> Result<Self> {
        let socket = TcpListener::bind((host, port))
            .await
            .with_context(|| format!("the sandbox cannot listen on {host}:{port}"))?;
        let address = socket.local_addr()?;
        let site = Arc::new(site);
        let running = tokio::sync::Mutex::new(Some(run(&site, socket)));
        Ok(Self {
            site,
            address,
            running,
        })
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn set_control(&self, router: Router) {
        *self
            .site
            .control
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(router);
    }

    /// Refuses connects from now on and cuts what is open.
    pub async fn close(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.cancel.cancel();
            // The loop ends with the token and drops the socket.
            let _ = running.accepting.await;
            running.connections.close();
            running.connections.wait().await;
        }
    }

    /// The same without waiting, and for good: the control paths hold the listeners, so that they
    /// must be let go of for any of it to be freed.
    pub fn abandon(&self) {
        if let Ok(mut running) = self.running.try_lock()
            && let Some(running) = running.take()
        {
            running.cancel.cancel();
        }
        *self
            .site
            .control
            .write()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Listens again on the same port; does nothing while it listens.
    pub async fn reopen(&self) -> Result<()> {
        let mut running = self.running.lock().await;
        if running.is_none() {
            let socket = TcpListener::bind(self.address)
                .await
                .with_context(|| format!("the sandbox cannot listen on {} again", self.address))?;
            *running = Some(run(&self.site, socket));
        }
        Ok(())
    }
}

fn run(site: &Arc<Site>, socket: TcpListener) -> Running {
    let (connections, cancel) = (TaskTracker::new(), CancellationToken::new());
    let accepting = tokio::spawn(accept(
        Arc::clone(site),
        socket,
        connections.clone(),
        cancel.clone(),
    ));
    Running {
        accepting,
        connections,
        cancel,
    }
}

async fn accept(
    site: Arc<Site>,
    socket: TcpListener,
    connections: TaskTracker,
    cancel: CancellationToken,
) {
    loop {
        let stream = tokio::select! {
            () = cancel.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        let Ok((stream, _)) = stream else {
            // Out of file descriptors, perhaps: the next accept would fail at once again.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let open = Open {
            site: Arc::clone(&site),
            cancel: cancel.clone(),
            controlling: Arc::default(),
        };
        tokio::spawn(open.greet(stream, connections.token()));
    }
}

/// One connection.
struct Open {
    site: Arc<Site>,
    cancel: CancellationToken,
    /// Whether it carries a control call just now.
    controlling: Arc<AtomicBool>,
}

impl Open {
    /// TLS where the site has it; a handshake that fails ends the connection.
    async fn greet(self, stream: TcpStream, held: TaskTrackerToken) {
        let Some(tls) = self.site.tls.clone() else {
            return self.talk(stream, true, held).await;
        };
        let acceptor = match self
            .site
            .core
            .read(|state| state.options.client_certificate)
        {
            ClientCertificate::Required => tls.strict,
            ClientCertificate::Forbidden => tls.lenient,
            ClientCertificate::Dropped => return,
        };
        let stream = tokio::select! {
            () = self.cancel.cancelled() => return,
            stream = acceptor.accept(stream) => stream,
        };
        if let Ok(stream) = stream {
            let identified = stream.get_ref().1.peer_certificates().is_some();
            self.talk(stream, identified, held).await;
        }
    }

    async fn talk(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        identified: bool,
        held: TaskTrackerToken,
    ) {
        let service =
            service_fn(|request| respond(&self.site, request, identified, &self.controlling));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        tokio::select! {
            // An error here is a client that left, or a cut that a fault asked for.
            _ = connection.as_mut() => return,
            () = self.cancel.cancelled() => {}
        }
        if self.controlling.load(Ordering::SeqCst) {
            drop(held);
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn respond(
    site: &Site,
    request: HttpRequest<Incoming>,
    identified: bool,
    controlling: &AtomicBool,
) -> Result<Response<Body>, pipeline::Cut> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            return Ok(pipeline::whole(Reply::html(
                413,
                "413 Request Entity Too Large",
            )));
        }
    };
    let control = site
        .gateway
        .is_none_or(|gateway| gateway == GatewayName::MercadoPago && is_control(parts.uri.path()));
    match site.gateway {
        Some(gateway) if !control => {
            controlling.store(false, Ordering::SeqCst);
            let request = Request::new(parts, body, identified);
            pipeline::serve(&site.core, gateway, request).await
        }
        Some(_) | None => {
            controlling.store(true, Ordering::SeqCst);
            let answer = site
                .control(HttpRequest::from_parts(parts, Body::from(body)))
                .await;
            // A later cut may take the connection at once; this answer is written first because
            // the connection is polled again before it looks at the token.
            Ok(answer)
        }
    }
}

fn is_control(path: &str) -> bool {
    path.starts_with("/sandbox/")
}

impl Site {
    async fn control(&self, request: HttpRequest<Body>) -> Response<Body> {
        let router = self
            .control
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let answer: Result<_, Infallible> = router.unwrap_or_default().oneshot(request).await;
        answer.unwrap_or_else(|never| match never {})
    }
}
