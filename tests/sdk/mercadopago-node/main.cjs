'use strict';
// npm mercadopago: create, read, search, pay, refund, cancel, and check a webhook's signature.
const assert = require('node:assert/strict');
const http = require('node:http');

const { AppConfig } = require('mercadopago/dist/utils/config');
const access = JSON.parse(process.env.SANDBOX_ACCESS);
AppConfig.BASE_URL = access.mercado_pago.base_url;
const { MercadoPagoConfig, Payment, PaymentRefund, WebhookSignatureValidator } = require('mercadopago');

// A configuration per call: the SDK keeps an idempotency key once given.
const config = () => new MercadoPagoConfig({ accessToken: access.mercado_pago.access_token });

/** Listens for webhooks; `next` resolves with the first one that has the action. */
async function receiver() {
  const seen = [];
  const server = http.createServer((request, response) => {
    let text = '';
    request.on('data', (part) => { text += part; });
    request.on('end', () => {
      seen.push({ url: new URL(request.url, 'http://x'), headers: request.headers, body: JSON.parse(text) });
      response.end();
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const next = async (action) => {
    for (let turn = 0; turn < 500; turn += 1) {
      const found = seen.find((hook) => hook.body.action === action);
      if (found) return found;
      await new Promise((resolve) => { setTimeout(resolve, 10); });
    }
    throw new Error(`no webhook ${action}`);
  };
  return { url: `http://127.0.0.1:${server.address().port}/hook`, next, close: () => { server.close(); server.closeAllConnections(); } };
}

async function main() {
  const hooks = await receiver();
  const body = (reference, extra) => ({
    transaction_amount: 10.5,
    payment_method_id: 'pix',
    external_reference: reference,
    payer: { email: 'ana@example.com', identification: { type: 'CPF', number: '12345678909' } },
    ...extra,
  });
  const requestOptions = (key) => ({ idempotencyKey: key });

  const made = await new Payment(config()).create({
    body: body('node-1', { notification_url: hooks.url }), requestOptions: requestOptions('node-1'),
  });
  assert.equal(made.status, 'pending');
  assert.match(made.point_of_interaction.transaction_data.qr_code, /^000201/);
  const again = await new Payment(config()).create({
    body: body('node-1', { notification_url: hooks.url }), requestOptions: requestOptions('node-1'),
  });
  assert.equal(again.id, made.id);

  const paid = await fetch(`${access.control_url}/sandbox/charges/${made.id}/pay`, { method: 'POST' });
  assert.equal(paid.status, 200);
  const hook = await hooks.next('payment.updated');
  WebhookSignatureValidator.validate({
    xSignature: hook.headers['x-signature'],
    xRequestId: hook.headers['x-request-id'],
    dataId: hook.url.searchParams.get('data.id'),
    secret: access.mercado_pago.webhook_secret,
  });
  assert.equal(hook.url.searchParams.get('data.id'), String(made.id));

  const read = await new Payment(config()).get({ id: made.id });
  assert.equal(read.status, 'approved');
  const found = await new Payment(config()).search({ options: { external_reference: 'node-1', sort: 'date_created', criteria: 'desc' } });
  assert.equal(found.results.length, 1);

  const refund = await new PaymentRefund(config()).create({ payment_id: made.id, body: { amount: 1.25 }, requestOptions: requestOptions('node-r1') });
  assert.equal(refund.amount, 1.25);
  assert.equal((await new PaymentRefund(config()).get({ payment_id: made.id, refund_id: refund.id })).id, refund.id);
  assert.equal((await new PaymentRefund(config()).list({ payment_id: made.id })).length, 1);
  await new PaymentRefund(config()).total({ payment_id: made.id, requestOptions: requestOptions('node-r2') });
  assert.equal((await new Payment(config()).get({ id: made.id })).status, 'refunded');

  const other = await new Payment(config()).create({ body: body('node-2'), requestOptions: requestOptions('node-2') });
  const cancelled = await new Payment(config()).cancel({ id: other.id, requestOptions: requestOptions('node-c') });
  assert.equal(cancelled.status, 'cancelled');
  await assert.rejects(new Payment(config()).get({ id: 42 }));
  hooks.close();
}

// A webhook still under way must not keep the program alive.
main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
