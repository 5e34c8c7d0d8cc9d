//! Calls that only tell that the account is reachable.

use serde_json::json;

use super::COLLECTOR;
use crate::http::{Outcome, Reply};

pub fn payment_methods() -> Outcome {
    let pix = json!({
        "id": "pix", "name": "PIX", "payment_type_id": "bank_transfer", "status": "active",
        "min_allowed_amount": 0.01, "max_allowed_amount": 10_000_000, "accreditation_time": 0,
    });
    Ok(Reply::json(200, &json!([pix])))
}

pub fn me() -> Outcome {
    Ok(Reply::json(
        200,
        &json!({"id": COLLECTOR, "nickname": "LOJASANDBOX", "country_id": "BR", "site_id": "MLB", "status": {"site_status": "active"}}),
    ))
}
