"""PyPI efipay: charge, read, QR code, cancel, pay, refund, pay out, look up."""

import json
import os
import urllib.request

from efipay import EfiPay
from efipay.constants import Constants

ACCESS = json.loads(os.environ["SANDBOX_ACCESS"])
EFI = ACCESS["efi"]
Constants.APIS["PIX"]["URL"]["sandbox"] = EFI["base_url"]


def pay(charge):
    request = urllib.request.Request(f"{ACCESS['control_url']}/sandbox/charges/{charge}/pay", method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["end_to_end_id"]


def main():
    efi = EfiPay({
        "client_id": EFI["client_id"],
        "client_secret": EFI["client_secret"],
        "certificate": EFI["certificate_pem"],
        "sandbox": True,
    })
    window = {"inicio": "2020-01-01T00:00:00Z", "fim": "2090-01-01T00:00:00Z"}
    charge = {"calendario": {"expiracao": 3600}, "valor": {"original": "10.50"}, "chave": EFI["pix_key"]}
    txid = "c" + "0" * 30

    made = efi.pix_create_charge(params={"txid": txid}, body=charge)
    assert made["status"] == "ATIVA", made
    assert efi.pix_generate_qrcode(params={"id": made["loc"]["id"]})["qrcode"] == made["pixCopiaECola"]
    assert efi.pix_create_charge(params={"txid": txid}, body=charge)["nome"] == "txid_duplicado"
    end_to_end_id = pay(txid)
    read = efi.pix_detail_charge(params={"txid": txid})
    assert (read["status"], read["pix"][0]["endToEndId"]) == ("CONCLUIDA", end_to_end_id), read
    assert efi.pix_list_charges(params=dict(window))["cobs"]
    assert efi.pix_detail_received(params={"e2eId": end_to_end_id})["valor"] == "10.50"

    removed = efi.pix_create_immediate_charge(body=charge)["txid"]
    status = {"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"}
    assert efi.pix_update_charge(params={"txid": removed}, body=status)["status"] == status["status"]

    refund = {"e2eId": end_to_end_id, "id": "cr1"}
    assert efi.pix_devolution(params=dict(refund), body={"valor": "1.00"})["status"] == "EM_PROCESSAMENTO"
    assert efi.pix_detail_devolution(params=dict(refund))["status"] == "DEVOLVIDO"

    send = {"valor": "2.00", "pagador": {"chave": EFI["pix_key"]}, "favorecido": {"chave": "ana@example.com"}}
    sent = efi.pix_send(params={"idEnvio": "cw1"}, body=send)
    assert sent["status"] == "EM_PROCESSAMENTO", sent
    assert efi.pix_send_detail_id(params={"idEnvio": "cw1"})["status"] == "REALIZADO"
    assert efi.pix_send_detail(params={"e2eid": sent["e2eId"]})["idEnvio"] == "cw1"
    assert efi.pix_send(params={"idEnvio": "cw1"}, body=send)["nome"] == "id_envio_duplicado"
    assert efi.pix_send_list(params=dict(window))["pix"]


main()
