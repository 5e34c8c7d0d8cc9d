'use strict';
// Loaded before an SDK that has no setting for its base URL: whatever it sends to Efí's
// homologation host goes to the sandbox, under the same host name, so that the certificate is
// checked against it.
const https = require('node:https');

const HOST = 'pix-h.api.efipay.com.br';
const target = new URL(JSON.parse(process.env.SANDBOX_ACCESS).efi.base_url);
const request = https.request;

https.request = function (options, ...rest) {
  if (options && options.hostname === HOST) {
    const redirected = { hostname: target.hostname, host: target.hostname, port: target.port, servername: HOST };
    return request.call(this, { ...options, ...redirected }, ...rest);
  }
  throw new Error(`the SDK called ${options && options.hostname}`);
};
