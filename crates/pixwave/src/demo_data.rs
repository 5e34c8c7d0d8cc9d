//! The first content of an embedded database: who is in it and how they sign in.
//!
//! Passwords follow from the application's key, so that they can be printed at every start and
//! nobody who has not seen the key knows them.

use anyhow::{Context, Result};
use app::commands::{SignUp, SignUpRefusal};
use app::context::App;
use app::seed::{Seed, SeedPerson};
use domain::money::Money;
use domain::tax_id::TaxId;
use secrecy::{ExposeSecret, SecretString};

use crate::app_key;

/// What each gateway's account holds at the beginning: R$ 10,000.00.
pub const FLOAT_CENTS: i64 = 1_000_000;
/// What the customer begins with: R$ 1,000.00.
pub const CUSTOMER_CENTS: i64 = 100_000;

const CUSTOMER: (&str, &str) = ("Demo Customer", "customer@example.com");
const CUSTOMER_TAX_ID: &str = "52998224725";
/// Somebody to move money to and from, without money at the beginning.
const FRIEND: (&str, &str) = ("Demo Friend", "friend@example.com");
const FRIEND_TAX_ID: &str = "11144477735";
const OPERATORS: [(&str, &str); 2] = [
    ("Demo Operator", "operator@example.com"),
    ("Second Operator", "operator2@example.com"),
];

/// How the people of the demo sign in.
#[derive(Clone, Debug)]
pub struct DemoCredentials {
    pub customer: Credential,
    pub friend: Credential,
    pub operators: Vec<Credential>,
}

/// The password is shown by whoever prints it, never by `Debug`.
#[derive(Clone)]
pub struct Credential {
    pub email: &'static str,
    pub password: String,
}

impl DemoCredentials {
    /// What the pages offer; `payer` pays charges as somebody's bank would.
    pub fn for_pages(&self, payer: web::DemoPayer) -> web::Demo {
        let person = |name: &str, who: &Credential| web::DemoPerson {
            name: name.to_owned(),
            email: who.email.to_owned(),
            password: who.password.clone(),
        };
        web::Demo {
            customers: vec![
                person(CUSTOMER.0, &self.customer),
                person(FRIEND.0, &self.friend),
            ],
            operators: self
                .operators
                .iter()
                .map(|who| who.email.to_owned())
                .collect(),
            payer,
        }
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

/// Seeds the database unless it was seeded before; either way the credentials.
pub async fn seed(app: &App, key: &SecretString) -> Result<DemoCredentials> {
    let credentials = credentials(key);
    if app.is_seeded().await? {
        add_friend(app, &credentials.friend).await?;
        return Ok(credentials);
    }
    let person = |name: &str, credential: &Credential| SeedPerson {
        name: name.to_owned(),
        email: credential.email.to_owned(),
        password: credential.password.clone(),
    };
    let operators = OPERATORS.iter().zip(&credentials.operators);
    let seed = Seed {
        customer: person(CUSTOMER.0, &credentials.customer),
        customer_tax_id: TaxId::parse(CUSTOMER_TAX_ID).expect("a constant that is a CPF"),
        customer_money: money(CUSTOMER_CENTS),
        operators: operators
            .map(|((name, _), credential)| person(name, credential))
            .collect(),
        float: money(FLOAT_CENTS),
    };
    app.seed(seed)
        .await
        .context("the demo data cannot be written")?;
    add_friend(app, &credentials.friend).await?;
    Ok(credentials)
}

/// Signs the friend up; databases that were seeded before there was one get theirs now.
async fn add_friend(app: &App, credential: &Credential) -> Result<()> {
    if app.store.user_by_email(credential.email).await?.is_some() {
        return Ok(());
    }
    let friend = SignUp {
        name: FRIEND.0.to_owned(),
        email: credential.email.to_owned(),
        password: credential.password.clone(),
        tax_id: TaxId::parse(FRIEND_TAX_ID).expect("a constant that is a CPF"),
    };
    match app.sign_up(friend).await {
        // Whoever has taken the names already is left alone.
        Ok(_) | Err(SignUpRefusal::EmailTaken | SignUpRefusal::TaxIdTaken) => Ok(()),
        Err(SignUpRefusal::Store(error)) => Err(error).context("the demo data cannot be written"),
    }
}

fn money(cents: i64) -> Money {
    Money::from_cents(cents).expect("a constant within bounds")
}

fn credentials(key: &SecretString) -> DemoCredentials {
    let credential = |email: &'static str| {
        let derived = app_key::derived(key, &format!("demo password of {email}"));
        Credential {
            email,
            password: derived.expose_secret()[..16].to_owned(),
        }
    };
    DemoCredentials {
        customer: credential(CUSTOMER.1),
        friend: credential(FRIEND.1),
        operators: OPERATORS
            .iter()
            .map(|(_, email)| credential(email))
            .collect(),
    }
}
