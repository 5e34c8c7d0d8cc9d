'use strict';
// npm sdk-node-apis-efi 2.x; started with --require redirect.cjs. This generation brings strict
// schemas of every answer, which must accept the sandbox's.
const sdk = require('sdk-node-apis-efi');
const check = require(process.env.SDK_CHECK);

const OTHER_NAMES = {
  pixDetailReceived: 'PixDetailReceivedResponseSchema',
  getAccountBalance: 'GetAccountBalanceResponseSchema',
};

function accept(name, answer) {
  const schema = sdk[OTHER_NAMES[name] || `${name[0].toUpperCase()}${name.slice(1)}ResponseSchema`];
  if (!schema) throw new Error(`the SDK has no schema for ${name}`);
  const result = schema.safeParse(answer);
  if (!result.success) {
    throw new Error(`${name}: ${result.error}\n${JSON.stringify(answer, null, 1)}`);
  }
}

check(sdk.EfiPay, { prefix: 'b', sentId: 'e2eId', accept }).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
