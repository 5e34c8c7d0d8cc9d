// The operators' console and the fault panel in a real browser: console.cjs <pixwave program> [folder for pictures]
//
// Starts the program with a database of its own. Every kind of page is looked at by axe, in both
// languages, light and dark; a message on the console or a request to another host fails the run.
// The scenarios really run. The last line counts.

"use strict";

const { spawn } = require("node:child_process");
const { mkdtempSync, mkdirSync, openSync, readFileSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const assert = require("node:assert/strict");
const { chromium } = require("playwright-core");

const [program, pictures] = process.argv.slice(2);
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const DESK = { viewport: { width: 1280, height: 1080 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const LIMIT = 20_000;
const folder = mkdtempSync(join(tmpdir(), "pixwave-console-"));

function start() {
  const names = ["PATH", "HOME", "TMPDIR"];
  const env = Object.fromEntries(names.filter((n) => process.env[n]).map((n) => [n, process.env[n]]));
  const child = spawn(program, [], {
    cwd: folder,
    // Short waits, so that a payment comes to people within the test.
    env: { ...env, HTTP_PORT: "0", DB_DATABASE: join(folder, "e2e.db"), IN_DOUBT_DEADLINE: "3s", GATEWAY_TIMEOUT: "2s" },
    stdio: ["ignore", "pipe", openSync(join(folder, "log"), "w")],
  });
  return new Promise((resolve, reject) => {
    let text = "";
    child.once("exit", (code) => reject(new Error(`the program ended with ${code}`)));
    child.stdout.on("data", (data) => {
      text += data;
      const url = /^listening on (\S+)$/m.exec(text)?.[1];
      if (!url) return;
      const accounts = [...text.matchAll(/^\s*(customer|operator)\s+(\S+@\S+)\s+(\S+)$/gm)];
      const of = (role) => accounts.filter((it) => it[1] === role).map(([, , email, password]) => ({ email, password }));
      resolve({ child, url, customer: of("customer")[0], operators: of("operator") });
    });
  });
}

async function stop(server) {
  const ended = new Promise((resolve) => server.child.once("exit", resolve));
  server.child.kill("SIGTERM");
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 8_000))]);
  server.child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}

class World {
  constructor(server, browser) {
    Object.assign(this, server, { browser, problems: [], contexts: [] });
  }

  async page({ device = DESK, language = "pt-BR", scripts = true, scheme = "light" } = {}) {
    const context = await this.browser.newContext({
      ...device,
      locale: language,
      javaScriptEnabled: scripts,
      colorScheme: scheme,
      baseURL: this.url,
      reducedMotion: "reduce",
    });
    context.setDefaultTimeout(LIMIT);
    this.contexts.push(context);
    const page = await context.newPage();
    const host = new URL(this.url).host;
    page.on("console", (message) => {
      // A refused form is answered with 422, which the console tells of as well.
      if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) {
        this.problems.push(`console: ${message.text()}`);
      }
    });
    page.on("pageerror", (error) => this.problems.push(`script: ${error.message}`));
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol !== "data:" && url.host !== host) this.problems.push(`elsewhere: ${url}`);
    });
    return page;
  }

  async closeContexts() {
    for (const context of this.contexts.splice(0)) await context.close();
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

  async api(method, path, body, headers = {}) {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${await this.token()}`, "content-type": "application/json", ...headers },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  async token() {
    if (!this.bearer) {
      const response = await fetch(`${this.url}/v1/sessions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(this.customer),
      });
      this.bearer = (await response.json()).token;
    }
    return this.bearer;
  }

  payout(cents) {
    this.count = (this.count ?? 0) + 1;
    const body = { amount_cents: cents, pix_key: "padaria@example.com" };
    return this.api("POST", "/v1/payouts", body, { "idempotency-key": `console-${this.count}` });
  }

  fault(gateway, fault) {
    return this.api("PUT", `/sandbox/gateways/${gateway}/faults`, fault);
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

async function axe(page, where) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map((it) => `${where}: ${it.id}: ${it.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}

// The pictures that documents show; E2E_ALL_PICTURES=1 draws all.
const SHOWN = ["console"];

async function shoot(page, name, full = false) {
  if (!pictures || !(SHOWN.includes(name) || process.env.E2E_ALL_PICTURES)) return;
  mkdirSync(pictures, { recursive: true });
  await page.waitForTimeout(200);
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: full });
}

const tests = {
  async "the scenarios run and keep their promises, without scripts too"(world) {
    for (const [name, scripts] of [["failover", true], ["lost_reply", true], ["both_ill", false]]) {
      const page = await world.page({ scripts });
      await page.goto("/sandbox");
      await page.locator(`button[value=${name}]`).click();
      await page.waitForURL("**/sandbox/painel/roteiros/*");
      for (let turn = 0; turn < 200 && !(await page.locator(".notice--good").count()); turn += 1) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        if (!scripts) await page.reload();
      }
      await page.locator(".notice--good", { hasText: "Promessa cumprida" }).waitFor();
      await shoot(page, `scenario-${name}`);
    }
  },

  async "an operator sees payments as they come, and why they went so"(world) {
    const page = await world.operator();
    await page.locator("#ledger", { hasText: "nenhuma diferença" }).waitFor();
    const { id } = await world.payout(4_321);
    const began = Date.now();
    await page.locator("#stream tr", { hasText: "43,21" }).waitFor();
    console.log(`a payment was on the console ${Date.now() - began} ms after it was asked for`);
    await world.ended(id);
    await page.goto(`/console/transacoes?busca=${id}`);
    await page.waitForURL(`**/console/transacoes/${id}`);
    await page.locator("#attempts", { hasText: "foi escolhido" }).waitFor();
    // A row that the keyboard stands on stays while others come.
    await page.goto("/console");
    await page.locator("#stream tbody a").first().focus();
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Tab");
    await world.payout(55).then((it) => world.ended(it.id));
    await page.waitForTimeout(1_000);
    assert.equal(await page.locator("#stream tbody a:focus").count(), 1);
    await page.goto(`/console/transacoes/${id}`);
    await page.locator("#books", { hasText: "wallet.held" }).waitFor();
    await shoot(page, "why", true);
  },

  async "two people decide about a payment in review"(world) {
    for (const gateway of ["efi", "mercado_pago"]) {
      await world.fault(gateway, { operation: "payout", mode: "timeout_before" });
      await world.fault(gateway, { operation: "lookup", mode: "error_500" });
      await world.fault(gateway, { operation: "webhook", mode: "lose" });
    }
    const { id } = await world.payout(777);
    await world.ended(id, (seen) => seen.stage === "in_review");
    const ana = await world.operator(0);
    const bia = await world.operator(1, { language: "en-US" });
    await ana.goto("/console/revisoes");
    await ana.locator(`a[href$="${id}"]`).click();
    await ana.locator("input[value=release]").check();
    await ana.locator("#evidence").fill("painel do gateway, 14h02");
    await ana.locator("#reason").fill("o cliente pede");
    assert.deepEqual(await axe(ana, "a review"), []);
    await shoot(ana, "review-console", true);
    await ana.locator("main form button[type=submit]").last().click();
    await ana.locator("#notice", { hasText: "Outra pessoa precisa aprovar" }).waitFor();
    await ana.locator("a[href*='/aprovar/']").click();
    await ana.locator("main form button").last().click();
    await ana.locator("[role=alert]", { hasText: "same_person" }).waitFor();
    await bia.goto(`/console/revisoes/${id}`);
    await bia.locator("a[href*='/aprovar/']").click();
    assert.deepEqual(await axe(bia, "an approval"), []);
    await bia.locator("main form button").last().click();
    await bia.locator("#notice", { hasText: "Approved and carried out" }).waitFor();
    assert.equal((await world.ended(id)).stage, "rejected");
    await world.heal();
  },

  async "the panel arms and heals, pays, and compares"(world) {
    const charge = await world.api("POST", "/v1/charges", { amount_cents: 2_000 },
      { "idempotency-key": "panel-charge", prefer: "wait=10" });
    const page = await world.page();
    await page.goto("/sandbox");
    const form = page.locator("form", { has: page.locator("input[name=gateway][value=efi]") });
    await form.locator("select[name=modo]").selectOption("slow");
    await form.locator("input[name=latencia]").fill("10");
    await form.locator("button").click();
    await page.locator("#armed-efi", { hasText: "slow, 10 ms" }).waitFor();
    await page.locator("form[action$='/curar'] button").click();
    await page.locator("#armed-efi", { hasText: "Sem falhas" }).waitFor();
    await page.locator("#charges li", { hasText: "20,00" }).locator("button[value=tudo]").click();
    await world.ended(charge.id);
    await page.goto("/sandbox");
    await page.locator("#ledger", { hasText: "Confere" }).waitFor();
    assert.equal(await page.locator("#ledger .tag--bad").count(), 0);
    await shoot(page, "panel", true);
  },

  async "every page pleases axe, in both languages, light and dark, on a desk and a phone"(world) {
    const { id } = await world.payout(100);
    await world.ended(id);
    const told = [];
    for (const [language, scheme, device] of [["pt-BR", "light", DESK], ["en-US", "dark", DESK], ["en-US", "light", PHONE]]) {
      const page = await world.operator(0, { language, scheme, device });
      const user = (await world.api("GET", "/v1/me")).id;
      for (const path of ["/console", "/console/transacoes", `/console/transacoes/${id}`, "/console/revisoes",
        "/console/alertas", "/console/trabalhos", "/console/auditoria", "/console/contas", `/console/contas/${user}`,
        "/sandbox", "/sandbox/painel/roteiros/1", "/console/nada"]) {
        await page.goto(path);
        await page.locator("h1").first().waitFor({ state: "attached" });
        told.push(...await axe(page, `${path} ${language} ${scheme}`));
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (wide > 1) told.push(`${path} is ${wide} px too wide on ${device.viewport.width}`);
        if (language === "pt-BR" && path === "/console") await shoot(page, "console");
        if (scheme === "dark" && path === "/console") await shoot(page, "console-dark");
        if (device === PHONE && path === "/console") await shoot(page, "console-phone", true);
      }
      await page.context().close();
    }
    assert.deepEqual(told, []);
  },
};

async function main() {
  const server = await start();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
  });
  const world = new World(server, browser);
  const chosen = process.env.E2E_ONLY;
  let [passed, failed] = [0, 0];
  try {
    for (const [name, test] of Object.entries(tests)) {
      if (chosen && !name.includes(chosen)) continue;
      const began = Date.now();
      try {
        await test(world);
        assert.deepEqual(world.problems, [], "what the browser complained about");
        passed += 1;
        console.log(`PASS ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
      } catch (error) {
        failed += 1;
        console.log(`FAIL ${name}\n    ${String(error.stack ?? error).split("\n").slice(0, 14).join("\n    ")}`);
        const open = world.contexts.at(-1)?.pages().at(-1);
        if (open) console.log(`    at ${open.url()}: ${(await open.locator("main").innerText().catch(() => "")).slice(0, 300)}`);
      }
      world.problems = [];
      await world.closeContexts();
    }
  } finally {
    await browser.close();
    await stop(server);
  }
  console.log(`e2e: ${passed} passed, ${failed} failed, 0 skipped`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 2;
  rmSync(folder, { recursive: true, force: true });
});
