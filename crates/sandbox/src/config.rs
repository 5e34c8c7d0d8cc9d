//! What a sandbox is started with, and what a client needs in order to reach it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One of the two fake gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayName {
    Efi,
    MercadoPago,
}

impl GatewayName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Efi => "efi",
            Self::MercadoPago => "mercado_pago",
        }
    }

    /// Reads the name used in the control paths.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Efi, Self::MercadoPago]
            .into_iter()
            .find(|name| name.as_str() == text)
    }
}

/// How the direct Efí send answers when the account is short of money; the real shape is not
/// documented for this call, so a client should survive all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InsufficientBalance {
    /// 400 problem `QrcodeOperacaoInvalida` with the violation `qrcode.pagador`.
    #[default]
    Problem,
    /// 400 with `nome`.
    Name,
    /// Accepted, then `NAO_REALIZADO`.
    Late,
}

/// How Mercado Pago answers a payout whose idempotency key was already used; undocumented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayoutReplay {
    /// The first answer, as it was; the payout's present state takes a GET.
    #[default]
    Replay,
    /// The payout as it stands now, under the first answer's status code.
    Present,
    /// 200 with an empty body.
    Empty,
    /// 409 `idempotency_key_already_used`.
    Conflict,
    /// 424 `Resource locked`.
    Locked,
}

/// What the Efí listener asks of a client that shows no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificate {
    /// The TLS handshake fails.
    #[default]
    Required,
    /// The handshake succeeds and every answer is 403 `{"message":"Forbidden"}`.
    Forbidden,
    /// The connection is dropped without a TLS alert, whoever calls.
    Dropped,
}

/// Behaviors that a control call may change while the sandbox runs
/// (`GET`/`PUT /sandbox/options`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Between the acceptance of a payout or refund and its settlement; 0 settles in the same
    /// commit, while the answer still says "in process".
    pub settle_delay_ms: u64,
    /// Between an event and the first delivery of its webhook.
    pub webhook_delay_ms: u64,
    pub insufficient_balance: InsufficientBalance,
    pub payout_replay: PayoutReplay,
    /// Another body under a used Mercado Pago key: `true` answers 409, `false` replays.
    pub conflict_on_other_body: bool,
    /// Mercado Pago answers the payout with 201 instead of 202.
    pub payout_created_201: bool,
    pub client_certificate: ClientCertificate,
    /// Charge not found at Efí: 404 `CobNaoEncontrado` instead of 400 `cobranca_nao_encontrada`.
    pub charge_not_found_404: bool,
    /// Adds documented members that the strict schemas of SDK 2.0.1 refuse (`pagador`, `chave`
    /// and `gnExtras` inside `pix[]`, `identificacao` of the payee).
    pub extras_on_query: bool,
    /// Refuses an Efí send whose payer key has no webhook.
    pub webhook_required_for_send: bool,
    /// Efí answers every call with 400 `documento_bloqueado`.
    pub account_blocked: bool,
    /// Mercado Pago charges answer 400 cause 13253.
    pub collector_without_key: bool,
    /// Mercado Pago: `ts` of the webhook signature in seconds instead of milliseconds.
    pub signature_ts_seconds: bool,
    pub webhook_unsigned: bool,
    pub webhook_wrong_secret: bool,
    pub webhook_without_request_id: bool,
    /// A redelivery carries a new notification id.
    pub new_id_on_redelivery: bool,
    /// Scopes the Efí application was granted.
    pub scopes: Vec<String>,
    /// Fee on a received Efí charge, in hundredths of a percent.
    pub efi_fee_basis_points: i64,
    /// Fee on an approved Mercado Pago charge, in hundredths of a percent.
    pub mercado_pago_fee_basis_points: i64,
}

const SCOPES: &str = "cob.read cob.write cobv.read cobv.write pix.read pix.write pix.send \
    webhook.read webhook.write payloadlocation.read payloadlocation.write gn.pix.send.read \
    gn.pix.evp.read gn.pix.evp.write gn.balance.read gn.settings.read gn.settings.write \
    gn.qrcodes.read gn.qrcodes.pay gn.reports.read gn.reports.write";

impl Default for Options {
    fn default() -> Self {
        Self {
            settle_delay_ms: 0,
            webhook_delay_ms: 20,
            insufficient_balance: InsufficientBalance::default(),
            payout_replay: PayoutReplay::default(),
            conflict_on_other_body: false,
            payout_created_201: false,
            client_certificate: ClientCertificate::default(),
            charge_not_found_404: false,
            extras_on_query: false,
            webhook_required_for_send: false,
            account_blocked: false,
            collector_without_key: false,
            signature_ts_seconds: false,
            webhook_unsigned: false,
            webhook_wrong_secret: false,
            webhook_without_request_id: false,
            new_id_on_redelivery: false,
            scopes: SCOPES.split_whitespace().map(str::to_owned).collect(),
            efi_fee_basis_points: 119,
            mercado_pago_fee_basis_points: 99,
        }
    }
}

/// How to start a sandbox; the default listens on free ports and forgets everything.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The address to listen on.
    pub host: String,
    /// The name or address by which clients reach the gateways: it is in what they are told and in
    /// Efí's certificate.
    pub public_host: String,
    /// 0 takes any free port.
    pub efi_port: u16,
    pub mercado_pago_port: u16,
    /// A listener for the control paths alone, reachable while both gateways are down.
    pub control_port: u16,
    pub seed: u64,
    /// Efí's homologation amounts: small charges pay themselves, sends are decided by amount.
    pub homologation: bool,
    /// Money in each gateway account at the first start, in centavos.
    pub initial_float_cents: i64,
    /// Scales the minutes of the webhook retry schedules; tests use a tiny one.
    pub webhook_retry_scale: f64,
    pub token_lifetime_seconds: u64,
    /// Where state, CA and certificates are kept; `None` keeps everything in memory.
    pub data_dir: Option<PathBuf>,
    pub options: Options,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            public_host: "127.0.0.1".to_owned(),
            efi_port: 0,
            mercado_pago_port: 0,
            control_port: 0,
            seed: 0,
            homologation: false,
            initial_float_cents: 1_000_000,
            webhook_retry_scale: 1.0,
            token_lifetime_seconds: 3600,
            data_dir: None,
            options: Options::default(),
        }
    }
}

/// What an Efí client needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EfiAccess {
    /// `https://HOST:PORT`; the certificate names `localhost`, too.
    pub base_url: String,
    pub client_id: String,
    pub client_secret: String,
    /// The account's own Pix key.
    pub pix_key: String,
    /// The client certificate as PEM.
    pub certificate_pem: String,
    /// Its private key as PKCS#8 PEM.
    pub private_key_pem: String,
    /// Certificate and key as PKCS#12 with an empty password.
    pub p12: Vec<u8>,
    /// The CA that signed the server's certificate, as PEM.
    pub ca_pem: String,
}

/// What a Mercado Pago client needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MercadoPagoAccess {
    /// `http://HOST:PORT`
    pub base_url: String,
    pub access_token: String,
    pub webhook_secret: String,
    /// The collector's own Pix key; absent in what an older sandbox has left.
    #[serde(default)]
    pub pix_key: String,
    /// The Ed25519 key that signs payout bodies: its 32-byte seed, and as PKCS#8 PEM.
    pub signing_seed: [u8; 32],
    pub signing_key_pem: String,
}
