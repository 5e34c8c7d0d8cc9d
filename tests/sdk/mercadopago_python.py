"""PyPI mercadopago: create, read, search, pay, refund, cancel."""

import json
import os
import urllib.request

from mercadopago.config import Config

ACCESS = json.loads(os.environ["SANDBOX_ACCESS"])
Config._Config__api_base_url = ACCESS["mercado_pago"]["base_url"]

import mercadopago  # noqa: E402  (after the base URL is set)
from mercadopago.config import RequestOptions  # noqa: E402


def pay(charge):
    request = urllib.request.Request(f"{ACCESS['control_url']}/sandbox/charges/{charge}/pay", method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def options(key):
    return RequestOptions(custom_headers={"x-idempotency-key": key})


def body(reference):
    return {
        "transaction_amount": 10.5,
        "payment_method_id": "pix",
        "external_reference": reference,
        "payer": {"email": "ana@example.com", "identification": {"type": "CPF", "number": "12345678909"}},
    }


def main():
    sdk = mercadopago.SDK(ACCESS["mercado_pago"]["access_token"])
    made = sdk.payment().create(body("python-1"), options("python-1"))
    assert made["status"] == 201, made
    payment = made["response"]["id"]
    again = sdk.payment().create(body("python-1"), options("python-1"))
    assert again["response"]["id"] == payment, again
    pay(payment)
    assert sdk.payment().get(payment)["response"]["status"] == "approved"
    found = sdk.payment().search({"external_reference": "python-1"})["response"]
    assert [item["id"] for item in found["results"]] == [payment], found

    refund = sdk.refund().create(payment, {"amount": 1.25}, options("python-r1"))
    assert (refund["status"], refund["response"]["amount"]) == (201, 1.25), refund
    assert len(sdk.refund().list_all(payment)["response"]) == 1
    assert sdk.refund().create(payment, request_options=options("python-r2"))["status"] == 201
    assert sdk.payment().get(payment)["response"]["status"] == "refunded"

    other = sdk.payment().create(body("python-2"), options("python-2"))["response"]["id"]
    cancelled = sdk.payment().update(other, {"status": "cancelled"})
    assert cancelled["response"]["status"] == "cancelled", cancelled
    assert sdk.payment().get(42)["status"] == 404


main()
