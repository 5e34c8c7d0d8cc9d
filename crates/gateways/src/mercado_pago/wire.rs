//! The JSON of Mercado Pago's APIs, as far as it is read here.
//!
//! Sources: the vendor's OpenAPI for Brazil (2026-06), its SDKs, the payouts documentation.
//! Amounts are JSON numbers in reais: kept as text and converted digit by digit.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::wire::{Decimal, Id, list};

#[derive(Deserialize)]
pub(super) struct Account {
    pub id: Id,
}

#[derive(Serialize)]
pub(super) struct NewIntent<'a> {
    pub external_reference: &'a str,
    pub point_of_interaction: PointOfInteraction,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seller_configuration: Option<SellerConfiguration<'a>>,
    pub transaction: NewTransaction<'a>,
}

#[derive(Serialize)]
pub(super) struct PointOfInteraction {
    pub r#type: &'static str,
}

#[derive(Serialize)]
pub(super) struct SellerConfiguration<'a> {
    pub notification_info: NotificationInfo<'a>,
}

#[derive(Serialize)]
pub(super) struct NotificationInfo<'a> {
    pub notification_url: &'a str,
}

#[derive(Serialize)]
pub(super) struct NewTransaction<'a> {
    pub from: Accounts<From>,
    pub to: Accounts<To<'a>>,
    pub total_amount: Box<RawValue>,
}

#[derive(Serialize)]
pub(super) struct Accounts<T> {
    pub accounts: [T; 1],
}

#[derive(Serialize)]
pub(super) struct From {
    pub amount: Box<RawValue>,
}

#[derive(Serialize)]
pub(super) struct To<'a> {
    pub r#type: &'static str,
    pub amount: Box<RawValue>,
    pub chave: Chave<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner<'a>>,
}

#[derive(Serialize)]
pub(super) struct Chave<'a> {
    pub r#type: &'static str,
    pub value: &'a str,
}

#[derive(Serialize)]
pub(super) struct Owner<'a> {
    pub identification: Identification<'a>,
}

#[derive(Serialize)]
pub(super) struct Identification<'a> {
    pub r#type: &'static str,
    pub number: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Intent {
    pub id: Option<Id>,
    pub external_reference: Option<String>,
    pub status: Option<String>,
    pub status_detail: Option<String>,
    pub transaction: Option<Transaction>,
}

#[derive(Deserialize)]
pub(super) struct Transaction {
    pub to: Option<Receivers>,
    pub refunded_amount: Option<Decimal>,
    pub total_amount: Option<Decimal>,
}

#[derive(Deserialize)]
pub(super) struct Receivers {
    #[serde(default, deserialize_with = "list")]
    pub accounts: Vec<Receiver>,
}

#[derive(Deserialize)]
pub(super) struct Receiver {
    pub status_detail: Option<String>,
    pub chave: Option<ReceiverKey>,
    pub owner: Option<ReceiverOwner>,
}

#[derive(Deserialize)]
pub(super) struct ReceiverKey {
    pub value: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ReceiverOwner {
    pub name: Option<String>,
}

#[derive(Serialize)]
pub(super) struct NewPayment<'a> {
    pub transaction_amount: Box<RawValue>,
    pub payment_method_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    pub external_reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_url: Option<&'a str>,
    pub date_of_expiration: String,
    pub payer: NewPayer<'a>,
}

#[derive(Serialize)]
pub(super) struct NewPayer<'a> {
    pub email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identification: Option<Identification<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Payment {
    pub id: Option<Id>,
    pub status: Option<String>,
    pub status_detail: Option<String>,
    pub date_approved: Option<String>,
    pub date_last_updated: Option<String>,
    pub date_of_expiration: Option<String>,
    pub payment_method_id: Option<String>,
    pub currency_id: Option<String>,
    pub transaction_amount: Option<Decimal>,
    pub transaction_amount_refunded: Option<Decimal>,
    pub external_reference: Option<String>,
    pub collector_id: Option<Id>,
    pub collector: Option<Account>,
    pub payer: Option<Payer>,
    #[serde(default, deserialize_with = "list")]
    pub fee_details: Vec<Fee>,
    #[serde(default, deserialize_with = "list")]
    pub refunds: Vec<Refund>,
    pub point_of_interaction: Option<Interaction>,
}

#[derive(Deserialize)]
pub(super) struct Payer {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub identification: Option<PayerIdentification>,
}

#[derive(Deserialize)]
pub(super) struct PayerIdentification {
    pub number: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Fee {
    pub amount: Option<Decimal>,
    pub fee_payer: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Interaction {
    pub transaction_data: Option<TransactionData>,
}

#[derive(Deserialize)]
pub(super) struct TransactionData {
    pub qr_code: Option<String>,
    pub e2e_id: Option<String>,
    pub transaction_id: Option<String>,
    pub bank_info: Option<BankInfo>,
}

#[derive(Deserialize)]
pub(super) struct BankInfo {
    pub payer: Option<BankPayer>,
}

#[derive(Deserialize)]
pub(super) struct BankPayer {
    pub long_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Search {
    pub paging: Option<Paging>,
    #[serde(default, deserialize_with = "list")]
    pub results: Vec<Payment>,
}

#[derive(Deserialize)]
pub(super) struct Paging {
    pub total: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct NewRefund {
    pub amount: Box<RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Refund {
    pub id: Option<Id>,
    pub payment_id: Option<Id>,
    pub amount: Option<Decimal>,
    pub status: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Notification {
    pub r#type: Option<String>,
    pub topic: Option<String>,
    pub data: Option<NotificationData>,
}

#[derive(Deserialize)]
pub(super) struct NotificationData {
    pub id: Option<Id>,
}

#[derive(Deserialize)]
pub(super) struct ErrorBody {
    pub message: Option<String>,
    pub error: Option<String>,
    pub code: Option<Id>,
    #[serde(default, deserialize_with = "list")]
    pub cause: Vec<Cause>,
}

#[derive(Deserialize)]
pub(super) struct Cause {
    pub code: Option<Id>,
    pub description: Option<String>,
}
