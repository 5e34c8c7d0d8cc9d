'use strict';
// What both generations of npm sdk-node-apis-efi are put through: charge, read, list, QR code,
// cancel, pay, refund, pay out, look up. `accept(name, answer)` sees every answer; `sentId` is the
// generation's name for the endToEndId of a send.
const assert = require('node:assert/strict');

module.exports = async function check(EfiPay, { prefix, sentId, accept }) {
  const access = JSON.parse(process.env.SANDBOX_ACCESS);
  const { client_id, client_secret, certificate_p12, pix_key: key } = access.efi;
  const efi = new EfiPay({ client_id, client_secret, certificate: certificate_p12, sandbox: true });
  const call = async (name, params, body) => {
    const answer = await efi[name](params, body);
    accept(name, answer);
    return answer;
  };
  const pay = async (txid) => {
    const answer = await fetch(`${access.control_url}/sandbox/charges/${txid}/pay`, { method: 'POST' });
    assert.equal(answer.status, 200);
    return (await answer.json()).end_to_end_id;
  };
  const window = { inicio: '2020-01-01T00:00:00Z', fim: '2090-01-01T00:00:00Z' };
  const charge = {
    calendario: { expiracao: 3600 },
    devedor: { cpf: '12345678909', nome: 'Ana Souza' },
    valor: { original: '10.50' },
    chave: key,
    solicitacaoPagador: 'pedido 1',
  };
  const txid = `${prefix}${'0'.repeat(30)}`;

  const made = await call('pixCreateCharge', { txid }, charge);
  assert.equal(made.status, 'ATIVA');
  const code = await call('pixGenerateQRCode', { id: made.loc.id });
  assert.equal(code.qrcode, made.pixCopiaECola);
  assert.equal((await call('pixDetailCharge', { txid })).txid, txid);
  const endToEndId = await pay(txid);
  assert.equal((await call('pixDetailCharge', { txid })).pix[0].endToEndId, endToEndId);
  assert.ok((await call('pixListCharges', window)).cobs.length > 0);
  assert.equal((await call('pixDetailReceived', { e2eId: endToEndId })).valor, '10.50');
  await assert.rejects(efi.pixCreateCharge({ txid }, charge), (error) => error.nome === 'txid_duplicado');

  const removed = await call('pixCreateImmediateCharge', {}, charge);
  const changed = await call('pixUpdateCharge', { txid: removed.txid }, { status: 'REMOVIDA_PELO_USUARIO_RECEBEDOR' });
  assert.equal(changed.status, 'REMOVIDA_PELO_USUARIO_RECEBEDOR');

  const refund = await call('pixDevolution', { e2eId: endToEndId, id: `${prefix}r1` }, { valor: '1.00' });
  assert.equal(refund.status, 'EM_PROCESSAMENTO');
  assert.equal((await call('pixDetailDevolution', { e2eId: endToEndId, id: `${prefix}r1` })).status, 'DEVOLVIDO');
  assert.equal((await call('pixDetailCharge', { txid })).pix[0].devolucoes.length, 1);

  const send = { valor: '2.00', pagador: { chave: key }, favorecido: { chave: 'ana@example.com' } };
  const sent = await call('pixSend', { idEnvio: `${prefix}w1` }, send);
  assert.equal(sent.status, 'EM_PROCESSAMENTO');
  assert.equal((await call('pixSendDetailId', { idEnvio: `${prefix}w1` })).status, 'REALIZADO');
  assert.equal((await call('pixSendDetail', { [sentId]: sent.e2eId })).idEnvio, `${prefix}w1`);
  assert.ok((await call('pixSendList', window)).pix.length > 0);
  await assert.rejects(efi.pixSend({ idEnvio: `${prefix}w1` }, send), (error) => error.nome === 'id_envio_duplicado');

  const webhookUrl = 'http://127.0.0.1:9/hook';
  await call('pixConfigWebhook', { chave: key }, { webhookUrl });
  assert.equal((await call('pixDetailWebhook', { chave: key })).webhookUrl, webhookUrl);
  assert.equal((await call('pixListWebhook', window)).webhooks.length, 1);
  await efi.pixDeleteWebhook({ chave: key });
  assert.match((await call('getAccountBalance', { bloqueios: true })).saldo, /^\d+\.\d\d$/);
};
