// The operators' console and the fault panel in a real browser: console.cjs <pixwave program> [folder for pictures]
//
// Starts the program with a database of its own. Every kind of page is looked at by axe, in both
// languages, light and dark; a message on the console or a request to another host fails the run.
// The scenarios really run. The last line counts.

"use strict";

const { ConsoleWorld, DESK, PHONE, assert, axe, main, shoot } = require("./operators.cjs");

// Short waits, so that a payment comes to people within the test.
const VARIABLES = { IN_DOUBT_DEADLINE: "3s", GATEWAY_TIMEOUT: "2s" };

const tests = {
  async "the scenarios run and keep their promises, without scripts too"(world) {
    for (const [name, scripts] of [["failover", true], ["lost_reply", true], ["both_ill", false]]) {
      const page = await world.page({ scripts });
      await page.goto("/sandbox");
      await page.locator(`button[value=${name}]`).click();
      await page.waitForURL("**/sandbox/painel/roteiros/*");
      await page.locator(".notice--good", { hasText: "Promessa cumprida" }).waitFor({ timeout: 60_000 });
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
        "/console/saldos", "/console/alertas", "/console/trabalhos", "/console/auditoria", "/console/contas", `/console/contas/${user}`,
        "/sandbox", "/sandbox/painel/roteiros/1", "/console/nada"]) {
        await page.goto(path);
        await page.locator("h1").first().waitFor({ state: "attached" });
        told.push(...await axe(page, `${path} ${language} ${scheme}`));
        const wide = await page.evaluate((width) => document.documentElement.scrollWidth - width, device.viewport.width);
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

main(tests, ConsoleWorld, VARIABLES);
