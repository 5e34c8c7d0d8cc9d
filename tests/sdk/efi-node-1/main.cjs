'use strict';
// npm sdk-node-apis-efi 1.x; started with --require redirect.cjs.
const EfiPay = require('sdk-node-apis-efi');
const check = require(process.env.SDK_CHECK);

check(EfiPay.default || EfiPay, { prefix: 'a', sentId: 'e2eid', accept: () => {} }).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
