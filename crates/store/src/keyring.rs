//! Encryption at rest: the keys, sealed columns and blind indexes.
//!
//! `APP_KEY` lists keys, the newest first. Of each, HKDF-SHA256 makes three: one that seals columns
//! (AES-256-GCM-SIV with a random nonce; a repeated nonce would only show that two texts are
//! equal), one for blind indexes (HMAC-SHA256 of the normalized text, by which an e-mail or tax id
//! is found and kept unique), and one whose fingerprint is stored, so that a wrong key is noticed
//! when the database is opened and not when the first row is read.
//!
//! New columns are sealed with the first key; any key opens what it sealed, named in the column.
//! Table, column and row are bound in, so that a sealed value moved elsewhere does not open. Blind
//! indexes stay with the key under which the database was made (its id is stored): they must be
//! equal for equal texts as long as the rows live.

use std::fmt;

use app::ports::store::StoreError;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const KEY_BYTES: usize = 32;
const FORMAT: u8 = 1;

/// Why a text is not a list of keys. Never shows the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    #[error("no key: expected id:base64 (32 bytes), several joined by commas")]
    Empty,
    #[error("key {0}: expected id:base64 with an id of 1 to 16 letters, digits, - or _")]
    Format(usize),
    #[error("key {0}: expected the base64 of 32 bytes")]
    Bytes(usize),
    #[error("key {0}: its id stands twice")]
    Twice(usize),
}

/// The keys of `APP_KEY`, the first one current.
pub struct Keyring {
    keys: Vec<Key>,
}

struct Key {
    id: String,
    seal: LessSafeKey,
    blind: hmac::Key,
    check: String,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.keys.iter().map(|key| key.id.as_str()).collect();
        f.debug_struct("Keyring").field("ids", &ids).finish()
    }
}

impl Keyring {
    /// Reads `id:base64[,id:base64…]`: the first key seals, all open.
    pub fn parse(text: &str) -> Result<Keyring, KeyringError> {
        let mut keys: Vec<Key> = Vec::new();
        let parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        for (index, part) in parts.enumerate() {
            let number = index + 1;
            let (id, encoded) = part.split_once(':').ok_or(KeyringError::Format(number))?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if id.is_empty() || id.len() > 16 || !id.bytes().all(plain) {
                return Err(KeyringError::Format(number));
            }
            let bytes = STANDARD
                .decode(encoded)
                .ok()
                .filter(|bytes| bytes.len() == KEY_BYTES)
                .ok_or(KeyringError::Bytes(number))?;
            if keys.iter().any(|key| key.id == id) {
                return Err(KeyringError::Twice(number));
            }
            keys.push(Key::derive(id, &bytes));
        }
        if keys.is_empty() {
            return Err(KeyringError::Empty);
        }
        Ok(Keyring { keys })
    }

    /// A new `APP_KEY` with one key `k1`, from 32 bytes of the given randomness.
    pub fn generate(random: &mut dyn FnMut(&mut [u8])) -> String {
        let mut bytes = [0; KEY_BYTES];
        random(&mut bytes);
        format!("k1:{}", STANDARD.encode(bytes))
    }

    /// `(id, fingerprint)` of each key, for the database to remember.
    pub(crate) fn checks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.keys
            .iter()
            .map(|key| (key.id.as_str(), key.check.as_str()))
    }

    fn find(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }
}

struct Length;
impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl Key {
    fn derive(id: &str, secret: &[u8]) -> Key {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"pixwave").extract(secret);
        let expand = |purpose: &[u8]| {
            let mut bytes = [0; KEY_BYTES];
            root.expand(&[purpose], Length)
                .and_then(|material| material.fill(&mut bytes))
                .expect("32 bytes is a length HKDF gives");
            bytes
        };
        let seal = UnboundKey::new(&AES_256_GCM_SIV, &expand(b"seal")).expect("32 bytes is a key");
        Key {
            id: id.to_owned(),
            seal: LessSafeKey::new(seal),
            blind: hmac::Key::new(hmac::HMAC_SHA256, &expand(b"blind index")),
            check: hex::encode(&expand(b"check value")[..16]),
        }
    }
}

/// The column that a sealed value belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) table: &'static str,
    pub(crate) name: &'static str,
}

impl Column {
    pub(crate) const fn new(table: &'static str, name: &'static str) -> Column {
        Column { table, name }
    }

    fn bound_to(self, row: &[u8; 16]) -> Aad<Vec<u8>> {
        let mut bytes = format!("{}\u{1f}{}\u{1f}", self.table, self.name).into_bytes();
        bytes.extend_from_slice(row);
        Aad::from(bytes)
    }
}

/// Seals and opens columns, and makes blind indexes.
pub(crate) struct Sealer {
    keyring: Keyring,
    blind: usize,
    random: SystemRandom,
}

impl Sealer {
    /// `None` when the key that the database's blind indexes were made with is not in the ring.
    pub(crate) fn new(keyring: Keyring, blind_id: &str) -> Option<Sealer> {
        let blind = keyring.keys.iter().position(|key| key.id == blind_id)?;
        Some(Sealer {
            keyring,
            blind,
            random: SystemRandom::new(),
        })
    }

    /// `format, length of the key's id, id, nonce, ciphertext with tag`.
    pub(crate) fn seal(
        &self,
        column: Column,
        row: &[u8; 16],
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let key = &self.keyring.keys[0];
        let mut nonce = [0; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .map_err(|_| StoreError::Unavailable("no randomness to seal with".into()))?;
        let mut sealed = vec![FORMAT, u8::try_from(key.id.len()).expect("ids are short")];
        sealed.extend_from_slice(key.id.as_bytes());
        sealed.extend_from_slice(&nonce);
        let mut body = plain.to_vec();
        key.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                column.bound_to(row),
                &mut body,
            )
            .map_err(|_| {
                StoreError::Corrupt(format!("{}.{} is too long", column.table, column.name))
            })?;
        sealed.append(&mut body);
        Ok(sealed)
    }

    pub(crate) fn open(
        &self,
        column: Column,
        row: &[u8; 16],
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let broken = |why: &str| {
            StoreError::Corrupt(format!(
                "{}.{} of row {}: {why}",
                column.table,
                column.name,
                hex::encode(row)
            ))
        };
        let (id, nonce, body) = split(sealed).ok_or_else(|| broken("not a sealed value"))?;
        let key = self
            .keyring
            .find(&id)
            .ok_or_else(|| broken("sealed with a key that APP_KEY does not list"))?;
        let mut body = body.to_vec();
        let plain = key
            .seal
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                column.bound_to(row),
                &mut body,
            )
            .map_err(|_| broken("does not open: changed, moved or sealed with another key"))?;
        Ok(plain.to_vec())
    }

    pub(crate) fn blind(&self, column: Column, text: &str) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.keyring.keys[self.blind].blind);
        context.update(column.table.as_bytes());
        context.update(&[0x1f]);
        context.update(column.name.as_bytes());
        context.update(&[0x1f]);
        context.update(text.as_bytes());
        context.sign().as_ref().to_vec()
    }
}

fn split(sealed: &[u8]) -> Option<(String, [u8; NONCE_LEN], &[u8])> {
    let (&format, rest) = sealed.split_first()?;
    if format != FORMAT {
        return None;
    }
    let (&length, rest) = rest.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(length))?;
    let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>()?;
    Some((String::from_utf8(id.to_vec()).ok()?, *nonce, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMAIL: Column = Column::new("users", "email");
    const NAME: Column = Column::new("users", "name");

    fn ring(ids: &[(&str, u8)]) -> Keyring {
        let text: Vec<String> = ids
            .iter()
            .map(|(id, byte)| format!("{id}:{}", STANDARD.encode([*byte; 32])))
            .collect();
        Keyring::parse(&text.join(",")).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_place() {
        let sealer = Sealer::new(ring(&[("k1", 1)]), "k1").unwrap();
        let sealed = sealer.seal(EMAIL, &[7; 16], b"ana@example.com").unwrap();
        assert_eq!(
            sealer.open(EMAIL, &[7; 16], &sealed).unwrap(),
            b"ana@example.com"
        );
        assert!(sealer.open(EMAIL, &[8; 16], &sealed).is_err());
        assert!(sealer.open(NAME, &[7; 16], &sealed).is_err());
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(sealer.open(EMAIL, &[7; 16], &changed).is_err());
        for length in 0..sealed.len() {
            assert!(
                sealer.open(EMAIL, &[7; 16], &sealed[..length]).is_err(),
                "{length}"
            );
        }
    }

    #[test]
    fn rotation_opens_the_old_seals_new_and_keeps_blind_indexes() {
        let old = Sealer::new(ring(&[("k0", 9)]), "k0").unwrap();
        let sealed = old.seal(EMAIL, &[1; 16], b"x").unwrap();
        let new = Sealer::new(ring(&[("k1", 1), ("k0", 9)]), "k0").unwrap();
        assert_eq!(new.open(EMAIL, &[1; 16], &sealed).unwrap(), b"x");
        assert_eq!(new.blind(EMAIL, "a"), old.blind(EMAIL, "a"));
        assert_ne!(new.blind(EMAIL, "a"), new.blind(NAME, "a"));
        let resealed = new.seal(EMAIL, &[1; 16], b"x").unwrap();
        assert!(
            old.open(EMAIL, &[1; 16], &resealed)
                .unwrap_err()
                .to_string()
                .contains("APP_KEY")
        );
        assert!(Sealer::new(ring(&[("k1", 1)]), "k0").is_none());
    }

    #[test]
    fn keyrings_are_read_strictly_and_never_shown() {
        let one = Keyring::generate(&mut |bytes| bytes.fill(3));
        assert!(Keyring::parse(&one).is_ok());
        assert_eq!(Keyring::parse(" ").unwrap_err(), KeyringError::Empty);
        assert_eq!(Keyring::parse("k1").unwrap_err(), KeyringError::Format(1));
        assert_eq!(
            Keyring::parse("k1:AAAA").unwrap_err(),
            KeyringError::Bytes(1)
        );
        assert_eq!(
            Keyring::parse(&format!("{one},{one}")).unwrap_err(),
            KeyringError::Twice(2)
        );
        assert_eq!(
            format!("{:?}", ring(&[("k1", 1)])),
            r#"Keyring { ids: ["k1"] }"#
        );
    }
}
