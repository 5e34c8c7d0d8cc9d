//! Secrets and signatures, in the manner of Standard Webhooks: `v1,` and the base64 of an
//! HMAC-SHA256 over `id.timestamp.body`. While a secret is being changed two of them sign.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::time::Moment;

use crate::ports::outbound::EndpointRow;
use crate::ports::runtime::Runtime;
use crate::ports::store::StoreError;

const PREFIX: &str = "whsec_";

/// `whsec_` and the base64 of 32 random bytes.
pub(super) fn new_secret(runtime: &dyn Runtime) -> String {
    let mut bytes = [0; 32];
    runtime.random(&mut bytes);
    format!("{PREFIX}{}", STANDARD.encode(bytes))
}

/// The headers that go with a body sent at this moment.
pub(super) fn headers(
    endpoint: &EndpointRow,
    id: &str,
    body: &str,
    at: Moment,
) -> Result<Vec<(&'static str, String)>, StoreError> {
    let timestamp = (at.micros() / 1_000_000).to_string();
    let signed = format!("{id}.{timestamp}.{body}");
    let old = endpoint.old_secret.as_ref();
    let old = old
        .filter(|(_, until)| *until > at)
        .map(|(secret, _)| secret);
    let mut signatures = Vec::new();
    for secret in std::iter::once(&endpoint.secret).chain(old) {
        let signature = signature(secret, &signed).ok_or_else(|| {
            StoreError::Corrupt(format!("the secret of endpoint {}", endpoint.id))
        })?;
        signatures.push(signature);
    }
    Ok(vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signatures.join(" ")),
    ])
}

fn signature(secret: &str, signed: &str) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, signed.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_the_standard_says() {
        // The example of the Standard Webhooks specification's own libraries.
        let signed = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        assert_eq!(
            signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", signed).as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
        assert_eq!(signature("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", signed), None);
    }
}
