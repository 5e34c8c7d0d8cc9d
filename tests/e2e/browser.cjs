// What both browser suites stand on: the program with a database of its own, Chromium, axe, pictures,
// and the run that counts. A message on the console or a request to another host fails the test.

"use strict";

const { spawn } = require("node:child_process");
const { mkdtempSync, mkdirSync, openSync, readFileSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const assert = require("node:assert/strict");
const { chromium } = require("playwright-core");

const [program, pictures] = process.argv.slice(2);
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const LIMIT = 20_000;
const folder = mkdtempSync(join(tmpdir(), "pixwave-e2e-"));

function start(variables) {
  const names = ["PATH", "HOME", "TMPDIR"];
  const env = Object.fromEntries(names.filter((n) => process.env[n]).map((n) => [n, process.env[n]]));
  const child = spawn(program, [], {
    cwd: folder,
    env: { ...env, HTTP_PORT: "0", DB_DATABASE: join(folder, "e2e.db"), ...variables },
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

// A running program with a browser before it.
class World {
  constructor(server, browser) {
    Object.assign(this, server, { browser, problems: [], contexts: [] });
  }

  async context({ device, language = "pt-BR", scripts = true, scheme = "light", scale = 1 } = {}) {
    const context = await this.browser.newContext({
      ...device,
      locale: language,
      javaScriptEnabled: scripts,
      colorScheme: scheme,
      baseURL: this.url,
      reducedMotion: "reduce",
      deviceScaleFactor: scale,
    });
    context.setDefaultTimeout(LIMIT);
    this.contexts.push(context);
    return context;
  }

  async page(options) {
    const context = await this.context(options);
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

  // The program once more over the same database, with other variables beside its own.
  async restart(variables) {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    await ended;
    const { child, url } = await start({ ...this.variables, ...variables });
    Object.assign(this, { child, url });
  }

  async closeContexts() {
    for (const context of this.contexts.splice(0)) await context.close();
  }

  // As the customer.
  async api(method, path, body, headers = {}) {
    const token = (this.token ??= await this.signIn());
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  async signIn() {
    const response = await fetch(`${this.url}/v1/sessions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(this.customer),
    });
    return (await response.json()).token;
  }

  fault(gateway, fault) {
    return this.api("PUT", `/sandbox/gateways/${gateway}/faults`, fault);
  }
}

// What axe says of the page, each with the place.
async function axe(page, where) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map((it) => `${where}: ${it.id}: ${it.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}

async function shoot(page, name, full = false) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.waitForTimeout(150);
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: full });
}

// Runs the tests one after the other in a world of this kind; the last line counts.
async function run(tests, Kind, variables = {}) {
  const server = await start(variables);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
  });
  const world = new Kind({ ...server, variables }, browser);
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
    await stop(world);
  }
  console.log(`e2e: ${passed} passed, ${failed} failed, 0 skipped`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

// The whole program: what goes wrong outside of the tests is told, too.
function main(tests, Kind, variables) {
  run(tests, Kind, variables).catch((error) => {
    console.error(error);
    process.exitCode = 2;
    rmSync(folder, { recursive: true, force: true });
  });
}

module.exports = { World, assert, axe, main, pictures, shoot };
