// The wallet in a real browser: wallet.cjs <pixwave program> [folder for pictures]
//
// Starts the program with a database of its own, drives Chromium through the flows on a phone and a
// desk, in both languages, with and without scripts, and with the first gateway broken half-way.
// Every page is looked at by axe; a message on the console or a request to another host fails the
// run. The last line counts.

"use strict";

const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { World, assert, axe, main, pictures, shoot } = require("./browser.cjs");

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const DESK = { viewport: { width: 1280, height: 860 } };
// What the first page may transfer, in bytes.
const FIRST_PAGE = 60 * 1024;

// On a phone unless said otherwise; the pictures of it are drawn a little larger.
class WalletWorld extends World {
  context({ device = PHONE, ...options } = {}) {
    const scale = pictures && device === PHONE ? 1.25 : 1;
    return super.context({ device, scale, ...options });
  }

  async pay(id) {
    const charge = await this.api("GET", `/v1/transactions/${id}`);
    await this.api("POST", `/sandbox/charges/${charge.txid}/pay`, {});
  }
}

async function enterDemo(page, person = 0) {
  await page.goto("/");
  await page.locator(`button[name=pessoa][value="${person}"]`).click();
  await page.waitForURL("**/app");
}

const badge = (page, text) => page.locator("#state .badge", { hasText: text }).waitFor();
const idOf = (page) => /txn_[0-9a-f]{32}/.exec(page.url())[0];

async function charge(page, amount, description = "") {
  await page.goto("/app/receber");
  await page.locator("#amount").fill(amount);
  await page.locator("#description").fill(description);
  await page.locator("main button[type=submit]").click();
  await page.waitForURL("**/app/transacoes/txn_*");
  return idOf(page);
}

async function look(page, target, amount) {
  await page.goto("/app/pagar");
  await page.locator("#target").fill(target);
  await page.locator("#amount").fill(amount);
  await page.locator("main button[type=submit]").click();
}

// ---------------------------------------------------------------- the tests

const tests = {
  async "the first page is light, and one click leads to money"(world) {
    const page = await world.page();
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    let bytes = 0;
    session.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
    await page.goto("/", { waitUntil: "networkidle" });
    console.log(`the first page transfers ${(bytes / 1024).toFixed(1)} KB`);
    assert.ok(bytes > 0 && bytes <= FIRST_PAGE, `${bytes} bytes`);
    await shoot(page, "landing");
    await enterDemo(page);
    await page.locator(".balance__amount", { hasText: "1.000,00" }).waitFor();
  },

  async "a charge shows its code and tells at once that it is paid"(world) {
    const page = await world.page();
    await enterDemo(page);
    const id = await charge(page, "25,90", "Bolo de fubá");
    await badge(page, "Aguardando");
    assert.ok(await page.locator(".qr svg path").isVisible());
    await shoot(page, "receive");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.locator("[data-copy]").click();
    const code = await page.locator("#br-code").textContent();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), code);
    await world.pay(id);
    await badge(page, "Recebido");
    const seen = await page.evaluate(() => Date.now());
    const { settled_at } = await world.api("GET", `/v1/transactions/${id}`);
    const late = seen - Date.parse(settled_at);
    console.log(`paid was seen ${late} ms after it was booked`);
    assert.ok(late < 2_000, `${late} ms`);
    await shoot(page, "received");
  },

  async "a simulated payment needs no scripts"(world) {
    const page = await world.page({ scripts: false });
    await enterDemo(page);
    await charge(page, "7");
    await page.locator("form[action$='/simular'] button").click();
    // The page loads itself again; asking for it here too would meet that half-way.
    await page.locator("#state .badge--good").waitFor();
  },

  async "paying by keyboard alone"(world) {
    const page = await world.page({ device: DESK });
    await enterDemo(page);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.goto("/app/pagar");
    await page.locator("#target:focus").waitFor();
    await page.keyboard.type("maria@example.com");
    await page.locator(".field__told--good", { hasText: "e-mail" }).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.type("12,34");
    await page.keyboard.press("Enter");
    await page.locator("button[data-first]:focus").waitFor();
    assert.match(await page.locator("main").textContent(), /maria@example\.com/);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/app/transacoes/txn_*");
    await badge(page, "Enviado");
  },

  async "a double click pays once"(world) {
    const page = await world.page();
    await enterDemo(page);
    const before = (await world.api("GET", "/v1/transactions?kind=payout&limit=200")).data.length;
    await look(page, "dois@example.com", "3,00");
    await shoot(page, "review");
    await page.locator("button[data-first]").dblclick();
    await page.waitForURL("**/app/transacoes/txn_*");
    await badge(page, "Enviado");
    const after = (await world.api("GET", "/v1/transactions?kind=payout&limit=200")).data.length;
    assert.equal(after, before + 1);
  },

  async "the way back after paying leads to what was looked at, and pays nothing twice"(world) {
    const page = await world.page();
    await enterDemo(page);
    await look(page, "volta@example.com", "4,00");
    await page.locator("button[data-first]").click();
    await page.waitForURL("**/app/transacoes/txn_*");
    const paid = page.url();
    await page.goBack();
    await page.locator("main", { hasText: "volta@example.com" }).waitFor();
    await page.locator("button[data-first]").click();
    await page.waitForURL(paid);
    await page.locator("#notice", { hasText: "já tinha sido feito" }).waitFor();
  },

  async "a payment survives a gateway that breaks half-way"(world) {
    const page = await world.page();
    await enterDemo(page);
    await world.fault("efi", { operation: "payout", mode: "drop_reply" });
    await look(page, "quebra@example.com", "5,00");
    await page.locator("button[data-first]").click();
    await badge(page, "Enviado");
    await world.fault("efi", { mode: "down" });
    await look(page, "outro@example.com", "6,00");
    await page.locator("button[data-first]").click();
    await badge(page, "Enviado");
    await page.locator("#facts", { hasText: "Mercado Pago" }).waitFor();
    await page.locator("#steps", { hasText: "Efí" }).waitFor();
    await shoot(page, "sent", true);
    await world.fault("efi", { mode: "healthy" });
  },

  async "without scripts, in English, on a desk: sign in, receive, pay, transfer, refund, leave"(world) {
    const page = await world.page({ device: DESK, language: "en-US", scripts: false });
    await page.goto("/app/transferir");
    await page.locator("#email").fill(world.customer.email);
    await page.locator("#password").fill("wrong password");
    await page.locator("main button[type=submit]").click();
    await page.locator("[role=alert]", { hasText: "Wrong e-mail or password" }).waitFor();
    await page.locator("#password").fill(world.customer.password);
    await page.locator("main button[type=submit]").click();
    await page.waitForURL("**/app/transferir");
    await page.locator("#target").fill("friend@example.com");
    await page.locator("#amount").fill("2,50");
    await page.locator("main button[type=submit]").click();
    await page.locator("main", { hasText: "Demo Friend" }).waitFor();
    await page.locator("button[data-first]").click();
    await badge(page, "Done");

    const id = await charge(page, "40");
    await badge(page, "Waiting for payment");
    await world.pay(id);
    await badge(page, "Received");
    await page.locator("a[href$='/devolver']").click();
    await page.locator("#amount").fill("15,00");
    await page.locator("main button[type=submit]").click();
    await page.waitForURL((url) => /txn_/.test(url) && !url.pathname.includes(id));

    await look(page, "not a key", "1");
    await page.locator("#target-error", { hasText: "neither" }).waitFor();
    assert.equal(await page.locator("#target").inputValue(), "not a key");
    await page.locator("#target").fill("joao@example.com");
    await page.locator("main button[type=submit]").click();
    await page.locator("button[data-first]").click();
    await page.waitForURL("**/app/transacoes/txn_*");

    await page.locator(".top__who button").click();
    await page.waitForURL("**/");
    await page.goto("/app");
    await page.waitForURL("**/app/entrar?**");
  },

  async "what somebody sends is in the other one's history, with filters, a page and a file"(world) {
    const sender = await world.page();
    await enterDemo(sender);
    await sender.goto("/app/transferir");
    await sender.locator("#target").fill("friend@example.com");
    await sender.locator("#amount").fill("3,21");
    await sender.locator("#description").fill("só para mim");
    await sender.locator("main button[type=submit]").click();
    await sender.locator("button[data-first]").click();
    await badge(sender, "Concluída");
    const id = idOf(sender);

    const page = await world.page();
    await enterDemo(page, 1);
    await page.locator("#recent", { hasText: "Transferência recebida" }).waitFor();
    await page.goto("/app/transacoes");
    await page.locator("summary").click();
    await page.locator("select[name=tipo]").selectOption("transfer");
    await page.waitForURL("**tipo=transfer**");
    await page.locator(`a[href="/app/transacoes/${id}"]`).click();
    await badge(page, "Recebido");
    await page.locator("#facts", { hasText: "De" }).waitFor();
    assert.doesNotMatch(await page.locator("main").textContent(), /só para mim/);
    assert.deepEqual(await axe(page, "a received transfer"), []);
    await shoot(page, "received-transfer", true);
    const file = await page.request.get("/app/transacoes?tipo=transfer&formato=csv");
    assert.match(await file.text(), new RegExp(`Transferência recebida.*3,21.*${id}`));
  },

  async "a receipt is a picture to keep, and to share where the browser can"(world) {
    const plain = await world.page({ scripts: false });
    await enterDemo(plain);
    const { data } = await world.api("GET", "/v1/transactions?kind=payout&status=success&limit=1");
    const path = `/app/transacoes/${data[0].id}/comprovante`;
    await plain.goto(path);
    const [kept] = await Promise.all([plain.waitForEvent("download"), plain.locator("a[download]").click()]);
    assert.match(kept.suggestedFilename(), /^comprovante-\d{4}-\d\d-\d\d-[0-9a-f]{8}\.png$/);
    const picture = readFileSync(await kept.path());
    assert.equal(picture.subarray(1, 4).toString(), "PNG");
    assert.equal(picture.readUInt32BE(16), 1080, "pixels from side to side");
    if (pictures) writeFileSync(join(pictures, "receipt-picture.png"), picture);

    const page = await world.page();
    await page.addInitScript(() => {
      navigator.canShare = ({ files }) => files.length === 1;
      navigator.share = async ({ files }) => { window.shared = { name: files[0].name, size: files[0].size }; };
    });
    await enterDemo(page);
    await page.goto(path);
    await page.locator("[data-share]").click();
    await page.waitForFunction(() => window.shared);
    const shared = await page.evaluate(() => window.shared);
    assert.deepEqual(shared, { name: kept.suggestedFilename(), size: picture.length });
    await shoot(page, "receipt", true);
  },

  async "the statement reads as a bank's, and its lines add up"(world) {
    const page = await world.page();
    await enterDemo(page);
    await page.goto("/app/extrato");
    await page.locator(".row__title", { hasText: "Pix enviado para" }).first().waitFor();
    await shoot(page, "statement");
    const cents = (text) => Number(text.replace(/[^\d\u2212]/g, "").replace("\u2212", "-"));
    // Lines come page by page while one scrolls.
    const file = await (await page.request.get("/app/extrato?formato=csv")).text();
    const lines = file.trim().split("\r\n").slice(1).map((line) => line.split(";"));
    for (let seen = 0; seen < lines.length;) {
      seen = await page.locator(".row").count();
      if (seen < lines.length) await page.locator(".row").last().scrollIntoViewIfNeeded();
      await page.waitForFunction(([had, all]) => {
        const count = document.querySelectorAll(".row").length;
        return count > had || count === all;
      }, [seen, lines.length]);
    }
    const amounts = (await page.locator(".row__amount").allTextContents()).map(cents);
    const [opening, changed, closing] = (await page.locator(".sums dd").allTextContents()).map(cents);
    assert.equal(amounts.length, lines.length);
    assert.equal(amounts.reduce((sum, it) => sum + it, 0), changed);
    assert.equal(opening + changed, closing);
    const [wallet] = (await world.api("GET", "/v1/wallets")).data;
    assert.equal(closing, wallet.available_cents);
    await page.locator(".row__title").first().click();
    await page.waitForURL("**/app/transacoes/txn_*");
  },

  async "a newcomer signs up and is told about the document while typing"(world) {
    const page = await world.page();
    await page.goto("/app/cadastro");
    await page.locator("#name").fill("Zélia <b>Duncan</b>");
    await page.locator("#tax_id").fill("529.982.247-26");
    await page.locator(".field__told--bad").waitFor();
    await page.locator("#tax_id").fill("390.533.447-05");
    await page.locator(".field__told--good", { hasText: "CPF" }).waitFor();
    await page.locator("#email").fill("zelia@example.com");
    await page.locator("#password").fill("curta");
    await page.locator("main button[type=submit]").click();
    await page.locator("#password-error").waitFor();
    assert.equal(await page.locator("#email").inputValue(), "zelia@example.com");
    await page.locator("#password").fill("uma senha bem longa");
    await page.locator("main button[type=submit]").click();
    await page.waitForURL("**/app");
    await page.locator(".empty").waitFor();
    assert.equal(await page.locator("main b b").count(), 0);
  },

  async "a session that ended leads back to the page"(world) {
    const page = await world.page();
    await enterDemo(page);
    await page.goto("/app/extrato?mes=2026-01");
    await page.context().clearCookies();
    await page.reload();
    await page.locator("#email").fill(world.customer.email);
    await page.locator("#password").fill(world.customer.password);
    await page.locator("main button[type=submit]").click();
    await page.waitForURL("**/app/extrato?mes=2026-01");
  },

  async "every page is accessible, in both languages, light and dark"(world) {
    const list = (await world.api("GET", "/v1/transactions?limit=200")).data;
    const one = (kind, status) => list.find((it) => it.kind === kind && it.status === status)?.id;
    const paid = one("charge", "success");
    const paths = [
      "/app", "/app/receber", "/app/pagar", "/app/transferir", "/app/transacoes",
      "/app/transacoes?tipo=charge&situacao=success", "/app/extrato", "/app/conta",
      `/app/transacoes/${paid}`, `/app/transacoes/${paid}/devolver`, `/app/transacoes/${paid}/comprovante`,
      `/app/transacoes/${one("payout", "success")}`, "/app/nowhere",
    ];
    const told = [];
    for (const [language, scheme, device] of [["pt-BR", "light", PHONE], ["en-US", "dark", DESK]]) {
      const page = await world.page({ language, scheme, device });
      for (const path of ["/", "/app/entrar", "/app/cadastro"]) {
        await page.goto(path);
        told.push(...await axe(page, `${path} ${language} ${scheme}`));
      }
      await enterDemo(page);
      for (const path of paths) {
        await page.goto(path);
        told.push(...await axe(page, `${path} ${language} ${scheme}`));
      }
      await charge(page, "1,23");
      await page.locator(".qr").waitFor();
      told.push(...await axe(page, `a charge ${language} ${scheme}`));
      await look(page, "axe@example.com", "1,00");
      await page.locator("button[data-first]").waitFor();
      told.push(...await axe(page, `the review ${language} ${scheme}`));
      await look(page, "nobody", "x");
      await page.locator("#target-error").waitFor();
      told.push(...await axe(page, `a refused form ${language} ${scheme}`));
      await page.goto("/app");
      await shoot(page, scheme === "dark" ? "home-desk-dark" : "home");
      if (scheme === "light") {
        await page.goto("/app/transacoes");
        await shoot(page, "activity");
      }
      await page.context().close();
    }
    assert.deepEqual(told, []);
  },
};

main(tests, WalletWorld);
