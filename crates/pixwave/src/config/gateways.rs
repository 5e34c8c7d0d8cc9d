//! Which gateways carry the payments: the real ones, or the sandbox.
//!
//! Real gateways are used only when their credentials are set, and then both: a program that pays
//! out through one real gateway what arrived through a pretended other would give money away.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::pix::key::PixKey;
use domain::tax_id::TaxId;
use gateways::{CertificateSource, HttpLimits, PayoutApi, SigningKey, certificate_facts};
use secrecy::SecretString;

use super::variables::{NOT_SET, Variables};
use super::{http, parse};

const EFI_URL: &str = "https://pix.api.efipay.com.br";
const MERCADO_PAGO_URL: &str = "https://api.mercadopago.com";
const WEBHOOK_SECRET: &str = "16 to 100 letters, digits, - or _";

/// What opens or names a real gateway.
pub(super) const CREDENTIALS: &[&str] = &[
    "MERCADOPAGO_ACCESS_TOKEN",
    "MERCADOPAGO_BASE_URL",
    "GERENCIANET_CLIENT_ID",
    "GERENCIANET_CLIENT_SECRET",
    "GERENCIANET_CERTIFICATE",
    "GERENCIANET_BASE_URL",
];

#[derive(Clone, Debug)]
pub enum Gateways {
    Sandbox(SandboxPorts),
    Real(Box<RealGateways>),
}

/// 0 takes any free port.
#[derive(Clone, Copy, Debug, Default)]
pub struct SandboxPorts {
    pub mercado_pago: u16,
    pub efi: u16,
}

#[derive(Clone, Debug)]
pub struct RealGateways {
    pub efi: Efi,
    pub mercado_pago: MercadoPago,
    /// Who holds the accounts at both.
    pub account_holder: Option<TaxId>,
}

#[derive(Clone, Debug)]
pub struct Efi {
    pub base_url: String,
    pub client_id: String,
    pub client_secret: SecretString,
    pub pix_key: String,
    pub certificate: CertificateSource,
    pub webhook_secret: SecretString,
}

#[derive(Clone, Debug)]
pub struct MercadoPago {
    pub base_url: String,
    pub access_token: SecretString,
    pub webhook_secret: SecretString,
    pub payout_api: PayoutApi,
    pub signing_key: Option<SigningKey>,
    /// Our own key there, to which float moves are paid.
    pub pix_key: Option<PixKey>,
}

pub(super) fn read(variables: &Variables<'_>) -> Gateways {
    let ports = SandboxPorts {
        mercado_pago: http::port(variables, "SANDBOX_MERCADO_PAGO_PORT").unwrap_or(0),
        efi: http::port(variables, "SANDBOX_EFI_PORT").unwrap_or(0),
    };
    let efi = EfiParts::read(variables);
    let mercado_pago = MercadoPagoParts::read(variables);
    let holder = "a CPF or CNPJ";
    let account_holder = variables.parsed("ACCOUNT_HOLDER_TAX_ID", holder, |text| {
        TaxId::parse(text).ok()
    });
    if !efi.is_any_set() && !mercado_pago.is_any_set() {
        return Gateways::Sandbox(ports);
    }
    let efi = efi.complete(variables);
    let mercado_pago = mercado_pago.complete(variables);
    match (efi, mercado_pago) {
        (Some(efi), Some(mercado_pago)) => Gateways::Real(Box::new(RealGateways {
            efi,
            mercado_pago,
            account_holder,
        })),
        // What is missing has been complained of, so nobody gets to see this.
        _ => Gateways::Sandbox(ports),
    }
}

/// A value that both gateways need once the credentials of either are set.
fn needed<T>(variables: &Variables<'_>, name: &str, value: Option<T>) -> Option<T> {
    if value.is_none() && !variables.is_blamed(name) {
        variables.complain(
            name,
            NOT_SET,
            "a value: credentials of a real gateway are set, and both gateways need theirs",
        );
    }
    value
}

struct EfiParts {
    base_url: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    pix_key: Option<String>,
    certificate_path: Option<String>,
    certificate_password: Option<SecretString>,
    webhook_secret: Option<SecretString>,
}

impl EfiParts {
    fn read(variables: &Variables<'_>) -> EfiParts {
        EfiParts {
            base_url: variables.parsed("GERENCIANET_BASE_URL", parse::URL, |text| {
                parse::base_url(text).filter(|url| url.starts_with("https:"))
            }),
            client_id: variables.text("GERENCIANET_CLIENT_ID"),
            client_secret: variables.secret("GERENCIANET_CLIENT_SECRET"),
            pix_key: variables.text("GERENCIANET_PIX_KEY"),
            certificate_path: variables.text("GERENCIANET_CERTIFICATE"),
            certificate_password: variables.secret("GERENCIANET_CERTIFICATE_PASSWORD"),
            webhook_secret: variables.parsed_secret(
                "GERENCIANET_WEBHOOK_SECRET",
                WEBHOOK_SECRET,
                webhook_secret,
            ),
        }
    }

    fn is_any_set(&self) -> bool {
        self.client_id.is_some() || self.client_secret.is_some() || self.certificate_path.is_some()
    }

    fn complete(self, variables: &Variables<'_>) -> Option<Efi> {
        let client_id = needed(variables, "GERENCIANET_CLIENT_ID", self.client_id);
        let client_secret = needed(variables, "GERENCIANET_CLIENT_SECRET", self.client_secret);
        let pix_key = needed(variables, "GERENCIANET_PIX_KEY", self.pix_key);
        let path = needed(variables, "GERENCIANET_CERTIFICATE", self.certificate_path);
        let webhook_secret = needed(variables, "GERENCIANET_WEBHOOK_SECRET", self.webhook_secret);
        let password = self.certificate_password.unwrap_or_default();
        let certificate = path.and_then(|path| certificate(variables, &path, password));
        Some(Efi {
            base_url: self.base_url.unwrap_or(EFI_URL.to_owned()),
            client_id: client_id?,
            client_secret: client_secret?,
            pix_key: pix_key?,
            certificate: certificate?,
            webhook_secret: webhook_secret?,
        })
    }
}

fn certificate(
    variables: &Variables<'_>,
    path: &str,
    password: SecretString,
) -> Option<CertificateSource> {
    let expected = "a PEM or PKCS#12 file with the client certificate and its private key";
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let found = format!("{path:?}, which cannot be read ({})", error.kind());
            variables.complain("GERENCIANET_CERTIFICATE", found, expected);
            return None;
        }
    };
    let source = CertificateSource::from_file(bytes, password);
    match certificate_facts(&source) {
        Ok(_) => Some(source),
        Err(error) => {
            let found = format!("{path:?}, which {}", error.message);
            variables.complain("GERENCIANET_CERTIFICATE", found, expected);
            None
        }
    }
}

struct MercadoPagoParts {
    base_url: Option<String>,
    access_token: Option<SecretString>,
    webhook_secret: Option<SecretString>,
    payout_api: Option<PayoutApi>,
    signing_key: Option<SigningKey>,
    pix_key: Option<PixKey>,
}

impl MercadoPagoParts {
    fn read(variables: &Variables<'_>) -> MercadoPagoParts {
        MercadoPagoParts {
            base_url: variables.parsed("MERCADOPAGO_BASE_URL", parse::URL, parse::base_url),
            access_token: variables.secret("MERCADOPAGO_ACCESS_TOKEN"),
            webhook_secret: variables.secret("MERCADOPAGO_WEBHOOK_SECRET"),
            payout_api: variables.parsed("MERCADOPAGO_PAYOUT_API", "transaction_intents", |text| {
                PayoutApi::parse(text).ok()
            }),
            signing_key: variables.parsed_secret(
                "MERCADOPAGO_SIGNING_KEY",
                "an Ed25519 private key as PKCS#8 PEM, or the base64 of its 32-byte seed",
                signing_key,
            ),
            pix_key: variables.parsed("MERCADOPAGO_PIX_KEY", "a PIX key", |text| {
                PixKey::recognize(text).ok()
            }),
        }
    }

    fn is_any_set(&self) -> bool {
        self.access_token.is_some()
    }

    fn complete(self, variables: &Variables<'_>) -> Option<MercadoPago> {
        let access_token = needed(variables, "MERCADOPAGO_ACCESS_TOKEN", self.access_token);
        let webhook_secret = needed(variables, "MERCADOPAGO_WEBHOOK_SECRET", self.webhook_secret);
        Some(MercadoPago {
            base_url: self.base_url.unwrap_or(MERCADO_PAGO_URL.to_owned()),
            access_token: access_token?,
            webhook_secret: webhook_secret?,
            payout_api: self.payout_api.unwrap_or_default(),
            signing_key: self.signing_key,
            pix_key: self.pix_key,
        })
    }
}

fn webhook_secret(text: &str) -> Option<SecretString> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ((16..=100).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned().into())
}

/// In an environment variable the line ends of a PEM are often written as `\n`.
fn signing_key(text: &str) -> Option<SigningKey> {
    if text.contains("-----BEGIN PRIVATE KEY-----") {
        return Some(SigningKey::Pkcs8Pem(text.replace("\\n", "\n").into()));
    }
    let bytes = STANDARD.decode(text).ok()?;
    bytes.try_into().ok().map(SigningKey::Seed)
}

/// The bounds of one gateway call.
pub(super) fn read_limits(variables: &Variables<'_>) -> HttpLimits {
    let span = |name| variables.parsed(name, parse::SPAN, parse::span);
    let duration = |span: domain::time::Span| {
        Duration::from_micros(u64::try_from(span.micros()).unwrap_or_default())
    };
    let standard = HttpLimits::default();
    HttpLimits {
        connect: span("GATEWAY_CONNECT_TIMEOUT").map_or(standard.connect, duration),
        total: span("GATEWAY_TIMEOUT").map_or(standard.total, duration),
        ..standard
    }
}
