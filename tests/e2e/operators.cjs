// What the suites of the operators' pages stand on: signed-in operators, payments of the customer,
// faults that are healed again, and pictures.

"use strict";

const browser = require("./browser.cjs");

const DESK = { viewport: { width: 1280, height: 1080 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

class ConsoleWorld extends browser.World {
  context({ device = DESK, ...options } = {}) {
    return super.context({ device, ...options });
  }

  // A signed-in operator, on the console's first page.
  async operator(index = 0, options = {}) {
    const page = await this.page(options);
    const { email, password } = this.operators[index];
    await page.goto("/console");
    await page.locator("#email").fill(email);
    await page.locator("#password").fill(password);
    await page.locator("main button[type=submit]").click();
    await page.waitForURL("**/console");
    return page;
  }

  payout(cents) {
    this.count = (this.count ?? 0) + 1;
    const body = { amount_cents: cents, pix_key: "padaria@example.com" };
    return this.api("POST", "/v1/payouts", body, { "idempotency-key": `console-${this.count}` });
  }

  async ended(id, is = (seen) => seen.status !== "pending") {
    for (let turn = 0; turn < 200; turn += 1) {
      const seen = await this.api("GET", `/v1/transactions/${id}`);
      if (is(seen)) return seen;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`${id} is not there yet`);
  }

  async heal() {
    for (const gateway of ["efi", "mercado_pago"]) {
      await this.fault(gateway, { mode: "healthy" });
      await this.fault(gateway, { operation: "webhook", mode: "healthy" });
    }
  }
}

// The pictures that documents show; E2E_ALL_PICTURES=1 draws all.
const SHOWN = ["console"];

async function shoot(page, name, full = false) {
  if (SHOWN.includes(name) || process.env.E2E_ALL_PICTURES) await browser.shoot(page, name, full);
}

module.exports = { ...browser, ConsoleWorld, DESK, PHONE, shoot };
