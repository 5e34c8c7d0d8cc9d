// What operators steer, in a real browser: gateways, webhooks, reconciliations, dispatch after a
// restore: controls.cjs <pixwave program> [folder for pictures]

"use strict";

const { createServer } = require("node:http");
const { ConsoleWorld, DESK, PHONE, assert, axe, main, shoot } = require("./operators.cjs");

// A customer's server that takes nothing until it is told to.
function receiver() {
  const seen = { ids: [], ok: false };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      seen.ids.push(request.headers["webhook-id"]);
      response.writeHead(seen.ok ? 204 : 500).end();
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const url = `http://127.0.0.1:${server.address().port}/hooks?token=hunter2`;
      resolve({ seen, url });
    });
    // What a sender keeps open does not keep the suite from ending.
    server.unref();
  });
}

const control = (page, gateway, name) => page.locator(`#${gateway} .controls > li`, { has: page.locator("h3", { hasText: name }) });

// Brasília's clock, so many hours ago, as a field takes it.
const ago = (hours) => new Date(Date.now() - (hours + 3) * 3_600_000).toISOString().slice(0, 19);

const tests = {
  async "a failed delivery is sent again and arrives"(world) {
    const { seen, url } = await receiver();
    const endpoint = await world.api("POST", "/v1/webhook-endpoints", { url, event_types: ["payout.settled"] });
    world.endpoint = endpoint.id;
    await world.ended((await world.payout(1_111)).id);
    const page = await world.operator();
    await page.locator(".tabs a[href='/console/webhooks']").click();
    await page.locator("tr", { hasText: "/hooks?…" }).locator("a").first().click();
    await page.waitForURL(`**/console/webhooks/${endpoint.id}`);
    const row = page.locator("#rows tbody tr").first();
    // The second try has failed, too: the third is half a minute away.
    await row.locator("summary", { hasText: "2" }).waitFor();
    await row.locator(".tag--doubt").waitFor();
    await row.locator("summary").click();
    await row.locator("details li").nth(1).waitFor();
    await shoot(page, "webhook", true);
    assert.ok(!(await page.content()).includes("hunter2"));
    seen.ok = true;
    const began = Date.now();
    await row.locator("form button").click();
    await page.locator("#notice", { hasText: "será tentada agora" }).waitFor();
    await row.locator(".tag--good", { hasText: "Entregue" }).waitFor();
    await row.locator("td:nth-child(5)", { hasText: "204" }).waitFor();
    console.log(`a replayed delivery was seen as delivered after ${Date.now() - began} ms`);
    assert.ok(Date.now() - began < 20_000);
    assert.equal(new Set(seen.ids).size, 1, "one event, under one id");
  },

  async "a paused gateway gets nothing until it is taken up again"(world) {
    const page = await world.operator();
    await page.locator("#gateways a[href$='#efi']").click();
    await page.waitForURL("**/console/gateways#efi");
    await control(page, "efi", "Pagamento").locator("a", { hasText: "Pausar" }).click();
    await page.locator("#reason").fill("manutenção deles às 22h");
    assert.deepEqual(await axe(page, "a pause"), []);
    await shoot(page, "gateway-pause", true);
    await page.locator("main form button[type=submit]").click();
    await page.locator("#notice", { hasText: "Guardado" }).waitFor();
    await control(page, "efi", "Pagamento").locator(".tag--doubt", { hasText: "Em pausa" }).waitFor();
    const other = await world.ended((await world.payout(2_222)).id);
    assert.equal(other.gateway, "mercado_pago");
    await shoot(page, "gateways", true);
    await control(page, "efi", "Pagamento").locator("a", { hasText: "Retomar" }).click();
    await page.locator("main form button[type=submit]").click();
    await control(page, "efi", "Pagamento").locator(".tag--good", { hasText: "Recebe" }).waitFor();
    const back = await world.ended((await world.payout(3_333)).id);
    assert.equal(back.gateway, "efi");
  },

  async "a period is reconciled while it is looked at"(world) {
    const page = await world.operator();
    await page.goto("/console/conciliacoes");
    await page.locator("#ate").fill("");
    await page.locator("#ate").evaluate((field) => field.removeAttribute("required"));
    await page.locator("main form button[type=submit]").click();
    await page.locator("#ate-error").waitFor();
    assert.notEqual(await page.locator("#de").inputValue(), "");
    await page.locator("#ate").fill(ago(0));
    await page.locator("main form button[type=submit]").dblclick();
    await page.waitForURL("**/console/conciliacoes/rec_*");
    world.comparison = new URL(page.url()).pathname;
    await page.locator(".tag--good", { hasText: "Terminada" }).waitFor();
    await page.locator("#findings .notice", { hasText: "Nenhuma diferença" }).waitFor();
    await page.goto("/console/conciliacoes");
    assert.equal(await page.locator("#rows tbody tr").count(), 1, "a double click begins one");
  },

  async "where nothing is a browser gets a page"(world) {
    const page = await world.page();
    const answer = await page.goto("/nada");
    assert.equal(answer.status(), 404);
    await page.locator("h1", { hasText: "Página não encontrada" }).waitFor();
    await page.locator("main a").click();
    await page.waitForURL("**/app/entrar?**");
    const program = await fetch(`${world.url}/nada`);
    assert.equal((await program.json()).code, "not_found");
  },

  async "every page pleases axe, in both languages, light and dark, on a desk and a phone"(world) {
    const told = [];
    const pages = [["gateways", "/console/gateways"], ["gateway-change", "/console/gateways/mercado_pago/charge/preferir"],
      ["webhooks", "/console/webhooks"], ["webhook", `/console/webhooks/${world.endpoint}`],
      ["reconciliations", "/console/conciliacoes"], ["reconciliation", world.comparison],
      ["dispatch", "/console/despacho"], ["nowhere", "/nada"]];
    for (const [language, scheme, device] of [["pt-BR", "light", DESK], ["en-US", "dark", DESK], ["pt-BR", "light", PHONE]]) {
      const page = await world.operator(0, { language, scheme, device });
      for (const [name, path] of pages) {
        await page.goto(path);
        await page.locator("h1").first().waitFor({ state: "attached" });
        told.push(...await axe(page, `${path} ${language} ${scheme}`));
        const wide = await page.evaluate((width) => document.documentElement.scrollWidth - width, device.viewport.width);
        if (wide > 1) told.push(`${path} is ${wide} px too wide on ${device.viewport.width}`);
        await shoot(page, `${name}-${scheme}-${device.viewport.width}`, true);
      }
      await page.context().close();
    }
    assert.deepEqual(told, []);
  },

  async "after a restore payments leave once the differences are accepted"(world) {
    await world.restart({ DISPATCH_EPOCH: "restored" });
    const { id } = await world.payout(444);
    const page = await world.operator();
    await page.locator(".notice--bad a[href='/console/despacho']").click();
    await page.locator("#desde").fill(ago(1));
    await page.locator("#password").fill("not the password");
    await page.locator("main form button[type=submit]").click();
    await page.locator("#password-error").waitFor();
    await page.locator("#password").fill(world.operators[0].password);
    await page.locator("main form button[type=submit]").click();
    await page.locator("input[value='mercado_pago:sent']").check();
    assert.deepEqual(await axe(page, "what bars the way"), []);
    await shoot(page, "dispatch-stopped", true);
    await page.setViewportSize(PHONE.viewport);
    await shoot(page, "dispatch-stopped-390", true);
    assert.equal((await world.api("GET", `/v1/transactions/${id}`)).stage, "queued");
    await page.locator("#password").fill(world.operators[0].password);
    await page.locator("main form button[type=submit]").click();
    await page.locator("#notice", { hasText: "voltam a sair" }).waitFor();
    assert.equal(await page.locator(".notice--bad").count(), 0);
    assert.equal((await world.ended(id)).stage, "settled");
  },
};

main(tests, ConsoleWorld);
