// What pages gain where scripts run: live changes, copying, fields checked while they are typed,
// forms that are sent once. Without it every page works.

const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// A part without the tokens of its forms, which are masked anew on every page.
const bare = (part) => part.outerHTML.replace(/name="csrf" value="[0-9a-f]*"/g, "");

// Parts of the page that changed are replaced by the same parts of a fresh copy of it.
async function refresh() {
  const response = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
  if (response.redirected) return location.assign(response.url);
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of $$("[data-part]")) {
    const next = fresh.getElementById(part.id);
    if (!next) continue;
    // What somebody has opened stays open.
    for (const opened of $$("details[open]", part)) {
      const same = opened.id ? next.querySelector(`#${CSS.escape(opened.id)}`) : next.querySelector("details");
      same?.setAttribute("open", "");
    }
    if (bare(next) === bare(part)) continue;
    // What somebody stands on with the keyboard is not taken away beneath them.
    if ("calm" in part.dataset && part.querySelector(":focus-visible")) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    const arrived = next.dataset.moment !== part.dataset.moment;
    part.replaceWith(document.adoptNode(next));
    if (arrived) {
      // What people wait for is brought into sight.
      next.classList.add("arrived");
      next.scrollIntoView({ block: "center" });
      document.getElementById("said").textContent = next.dataset.moment;
    }
    if (focused) document.getElementById(focused)?.focus();
    equip(next);
  }
}

// One refresh at a time; what happens meanwhile is seen by one more.
let refreshing = false;
let again = false;
async function refreshSoon() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  do {
    again = false;
    await refresh().catch(() => {});
  } while (again);
  refreshing = false;
}

function listen() {
  const address = document.body.dataset.live;
  if (!address) return;
  const only = document.body.querySelector("[data-transaction]")?.dataset.transaction;
  const notice = document.getElementById("notice");
  let source = null;
  let lost = null;
  const concerns = (id) =>
    !only || id === only || document.body.querySelector(`[data-related~="${CSS.escape(id)}"]`);
  const open = () => {
    source?.close();
    source = new EventSource(address);
    source.addEventListener("change", (event) => {
      if (concerns(event.data)) refreshSoon();
    });
    source.addEventListener("open", () => {
      if (lost) { lost.remove(); lost = null; refreshSoon(); }
    });
    source.addEventListener("error", () => {
      if (lost || document.hidden) return;
      lost = document.createElement("p");
      lost.className = "notice notice--doubt";
      lost.textContent = document.body.dataset.lost;
      notice.append(lost);
    });
  };
  open();
  // A page that nobody sees holds no connection; when it is seen again it is made up to date.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source.close();
    else { open(); refreshSoon(); }
  });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted) { open(); refreshSoon(); }
  });
}

async function copy(button) {
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const label = button.querySelector("[data-label]");
  const before = label.textContent;
  label.textContent = button.dataset.done;
  setTimeout(() => { label.textContent = before; }, 2500);
}

// Pictures can be handed to another program where the browser offers it; elsewhere they are kept.
const canShare = () => {
  const probe = new File([], "x.png", { type: "image/png" });
  return Boolean(navigator.canShare?.({ files: [probe] }));
};

async function share(button) {
  const keep = () => location.assign(button.dataset.share);
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  try {
    const response = await fetch(button.dataset.share, { credentials: "same-origin" });
    if (!response.ok) return keep();
    const file = new File([await response.blob()], button.dataset.name, { type: "image/png" });
    await navigator.share({ files: [file] });
  } catch (error) {
    // Whoever changes their mind is left alone.
    if (error.name !== "AbortError") keep();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

function check(field) {
  const told = document.getElementById(`${field.id}-error`);
  const token = field.form.elements.csrf.value;
  let timer;
  let last = field.value;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const value = field.value.trim();
      if (value === last) return;
      last = value;
      if (!value) { told.textContent = ""; return; }
      const body = new URLSearchParams({ csrf: token, campo: field.dataset.check, valor: value });
      const response = await fetch("/app/conferir", { method: "POST", body }).catch(() => null);
      if (!response?.ok || value !== field.value.trim()) return;
      const said = await response.text();
      const good = said.startsWith("+");
      told.textContent = said.slice(1);
      told.className = `field__told field__told--${good ? "good" : "bad"}`;
      if (good) field.removeAttribute("aria-invalid");
    }, 300);
  });
}

async function more(link) {
  const response = await fetch(link.href, { credentials: "same-origin" });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const next = fresh.getElementById("rows");
  if (!next) return;
  const holder = document.createElement("div");
  holder.append(...document.adoptNode(next).childNodes);
  // A list that has grown is not cut back to its first page by a change.
  document.getElementById("rows").removeAttribute("data-part");
  link.parentElement.replaceWith(...holder.childNodes);
  equip(document.getElementById("rows"));
}

const watch = "IntersectionObserver" in window && new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) { watch.unobserve(entry.target); more(entry.target); }
  }
}, { rootMargin: "200px" });

function equip(root) {
  for (const button of $$("[data-copy]", root)) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
  for (const button of $$("[data-print]", root)) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
  for (const button of $$("[data-share]", root)) {
    button.hidden = !canShare();
    button.addEventListener("click", () => share(button));
  }
  for (const link of $$("[data-more]", root)) {
    link.addEventListener("click", (event) => { event.preventDefault(); more(link); });
    if (watch) watch.observe(link);
  }
  for (const field of $$("[data-check]", root)) check(field);
  for (const select of $$("[data-submit]", root)) {
    select.addEventListener("change", () => select.form.requestSubmit());
  }
  for (const form of $$("form[data-once]", root)) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = "yes";
      for (const button of $$("button", form)) button.setAttribute("aria-disabled", "true");
    });
  }
}

// What changes without an event (circuits, a scenario) is looked at from time to time.
function repeat() {
  const every = document.querySelector("[data-every]")?.dataset.every;
  if (!every) return;
  setTimeout(async () => {
    if (!document.hidden) await refreshSoon();
    repeat();
  }, every * 1000);
}

// On a phone the place where one stands may be beyond the edge of the menu.
for (const here of $$(".tabs [aria-current]")) {
  const menu = here.parentElement;
  menu.scrollLeft = here.offsetLeft - menu.offsetLeft - (menu.clientWidth - here.offsetWidth) / 2;
}
equip(document);
listen();
repeat();
// The forms of a page that comes back from the browser's memory can be sent again: each carries the
// key under which it moves money once.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of $$("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of $$("[aria-disabled]", form)) button.removeAttribute("aria-disabled");
  }
});
(document.querySelector("[aria-invalid]") ?? document.querySelector("[data-first]"))?.focus();
