//! Users, sessions and API keys.

use app::commands::NewSession;
use app::ports::store::{ApiKeyRow, UserRole};
use app::views::UserView;
use domain::tax_id::TaxId;
use domain::time::Moment;
use serde::Serialize;
use utoipa::ToSchema;

use super::time;
use super::wallet::WalletBody;

/// A person or company with a wallet, or an operator.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    #[schema(example = "usr_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    pub name: String,
    pub email: String,
    /// The tax id with most digits hidden; operators have none.
    #[schema(example = "***.982.247-**")]
    pub tax_id_masked: Option<String>,
    /// `customer` or `operator`.
    pub role: &'static str,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The user's wallet; operators have none.
    pub wallet: Option<WalletBody>,
}

impl From<&UserView> for UserBody {
    fn from(view: &UserView) -> UserBody {
        let user = &view.user;
        UserBody {
            id: user.id.to_string(),
            name: user.name.clone(),
            email: user.email.clone(),
            tax_id_masked: user
                .tax_id
                .as_deref()
                .and_then(|text| TaxId::parse(text).ok())
                .map(|tax_id| tax_id.masked()),
            role: match user.role {
                UserRole::Customer => "customer",
                UserRole::Operator => "operator",
            },
            created_at: time::format(user.created_at),
            wallet: view.wallets.first().map(WalletBody::from),
        }
    }
}

/// A new session.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionBody {
    /// The bearer token; shown this once.
    pub token: String,
    #[schema(format = DateTime)]
    pub expires_at: String,
}

impl From<NewSession> for SessionBody {
    fn from(session: NewSession) -> SessionBody {
        SessionBody {
            token: session.token,
            expires_at: time::format(session.expires_at),
        }
    }
}

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyBody {
    #[schema(example = "key_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    pub name: String,
    pub scopes: Vec<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub revoked_at: Option<String>,
}

impl From<&ApiKeyRow> for ApiKeyBody {
    fn from(row: &ApiKeyRow) -> ApiKeyBody {
        ApiKeyBody {
            id: row.id.to_string(),
            name: row.name.clone(),
            scopes: row.scopes.clone(),
            created_at: time::format(row.created_at),
            revoked_at: row.revoked_at.map(time::format),
        }
    }
}

/// A new API key.
#[derive(Serialize, ToSchema)]
#[schema(as = NewApiKey)]
pub struct NewApiKeyBody {
    #[serde(flatten)]
    pub key: ApiKeyBody,
    /// The secret, to be sent as the bearer token; shown this once.
    pub secret: String,
}

pub(crate) fn optional_time(moment: Option<Moment>) -> Option<String> {
    moment.map(time::format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::ports::store::UserRow;
    use domain::ids::UserId;

    #[test]
    fn a_user_is_shown_without_the_tax_id_and_the_password() {
        let view = UserView {
            user: UserRow {
                id: UserId::from_bytes([1; 16]),
                name: "Ana".into(),
                email: "ana@example.com".into(),
                tax_id: Some("52998224725".into()),
                password_hash: "$argon2id$secret".into(),
                role: UserRole::Customer,
                created_at: Moment::from_micros(0),
                blocked_at: None,
            },
            wallets: Vec::new(),
        };
        let text = serde_json::to_string(&UserBody::from(&view)).unwrap();
        assert!(text.contains("***.982.247-**"), "{text}");
        assert!(!text.contains("52998224725") && !text.contains("argon2"));
    }
}
