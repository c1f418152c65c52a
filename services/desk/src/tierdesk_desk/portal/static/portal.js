// Makes pages that work without it quick and live: suggestions while one types, what changes is swapped in, and what is
// written is kept until it is sent. It sends nothing but what the page's own forms and links would.

const page = document.body;
const main = document.getElementById("main");
const live = document.getElementById("live"); // for those who hear the page
const state = document.getElementById("state");

// Suggestions

const search = document.querySelector("[data-suggest]");
if (search) {
  const list = document.getElementById("suggestions");
  let typed = 0;
  search.addEventListener("input", () => {
    const turn = ++typed;
    const words = search.value.trim();
    if (words.length < 3) { list.hidden = true; return; }
    setTimeout(() => { if (turn === typed) suggest(words, turn); }, 200);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { typed += 1; list.hidden = true; }
    if (event.key === "ArrowDown" && !list.hidden) { event.preventDefault(); list.querySelector("a")?.focus(); }
  });
  list.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "Escape") { list.hidden = true; search.focus(); }
    if (event.key === "ArrowDown") { event.preventDefault(); links[at + 1]?.focus(); }
    if (event.key === "ArrowUp") { event.preventDefault(); (links[at - 1] ?? search).focus(); }
  });
  async function suggest(words, turn) {
    const asked = new URLSearchParams(search.dataset.trail);
    asked.set("q", words);
    try {
      const answer = await fetch(`${search.dataset.suggest}?${asked}`, { redirect: "error" });
      if (!answer.ok || turn !== typed) return;
      const fresh = parse(await answer.text()).querySelectorAll("li");
      if (turn !== typed) return;
      list.replaceChildren(...[...fresh].map((one) => document.adoptNode(one)));
      list.hidden = !fresh.length;
      live.textContent = fresh.length ? `${page.dataset.found} ${fresh.length}` : "";
    } catch { /* it is found by pressing the button too */ }
  }
}

// What changes

let fetching = false;
let again = false;
let gone = false; // signed out

async function refresh(wait) {
  if (fetching) { again = true; return; }
  fetching = true;
  await new Promise((done) => setTimeout(done, wait));
  again = false;
  try {
    const answer = await fetch(location.href, { headers: { "X-Fragment": "main" }, redirect: "error" });
    if (answer.status === 401) { gone = true; state.textContent = page.dataset.gone; return; }
    if (answer.ok) swap(await answer.text());
  } catch { /* the stream says when it is there again */ } finally {
    fetching = false;
    if (again) refresh(wait);
  }
}

function parse(text) {
  return new DOMParser().parseFromString(text, "text/html").body;
}

function swap(text) {
  const fresh = parse(text);
  const told = document.querySelector(".standing-box")?.textContent;
  for (const part of main.querySelectorAll("[data-live], [data-live-form]")) {
    const next = fresh.querySelector(`#${CSS.escape(part.id)}`);
    if (!next || plain(part) === plain(next)) continue;
    if (part.hasAttribute("data-live-form") && (written(part) || part.contains(document.activeElement))) continue;
    part.replaceChildren(...document.adoptNode(next).childNodes);
  }
  const now = document.querySelector(".standing-box")?.textContent;
  if (now && now !== told) live.textContent = now.trim();
}

function plain(node) {
  const copy = node.cloneNode(true);
  for (const field of copy.querySelectorAll("input[name=csrf], input[name=key]")) field.remove();
  for (const details of copy.querySelectorAll("details")) details.removeAttribute("open");
  return copy.innerHTML;
}

function written(part) {
  return [...part.querySelectorAll("input:not([type=hidden]), textarea, select")].some((field) =>
    field.type === "radio" || field.type === "checkbox" ? field.checked !== field.defaultChecked
      : field.tagName === "SELECT" ? [...field.options].some((one) => one.selected !== one.defaultSelected && one.value)
        : field.value !== field.defaultValue);
}

// A browser has few connections for one desk: a page that nobody sees has none, and looks again when it is seen.
function follow() {
  const what = main.dataset.follow;
  let stream = null;
  if (!what || !window.EventSource) return;
  function open() {
    stream = new EventSource(what === "requests" ? "/portal/changes" : `/portal/requests/${what}/changes`);
    stream.addEventListener("request", () => refresh(50));
    stream.addEventListener("look", () => refresh(50)); // at first too: something may have changed since the page was made
    stream.addEventListener("enough", () => { close(); state.textContent = page.dataset.many; });
    const opened = stream;
    stream.addEventListener("error", () => {
      state.textContent = gone ? page.dataset.gone : page.dataset.offline;
      // After an answer that is no stream, as a 503, a browser gives up: so we come again, and not all pages at once.
      if (stream !== opened || stream.readyState !== EventSource.CLOSED) return;
      stream = null;
      setTimeout(() => { refresh(50).then(() => { if (!gone) heed(); }); }, 2000 + Math.random() * 6000);
    });
    stream.addEventListener("open", () => { state.textContent = ""; });
  }
  function close() {
    stream?.close();
    stream = null;
  }
  function heed() {
    if (document.visibilityState === "hidden") close();
    else if (!stream) open();
  }
  document.addEventListener("visibilitychange", heed);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", heed);
  heed();
}

// Forms

const drafts = {
  key: (form) => `tierdesk:portal:${form.dataset.draft}`,
  keep(form) {
    const fields = [...new FormData(form)].filter(([name, value]) =>
      typeof value === "string" && !form.querySelector(`input[type=hidden][name="${CSS.escape(name)}"]`));
    try { sessionStorage.setItem(this.key(form), JSON.stringify(fields)); } catch { /* full, or not allowed */ }
  },
  drop(form) { try { sessionStorage.removeItem(this.key(form)); } catch { /* not allowed */ } },
  restore(form) {
    let kept = null;
    try { kept = JSON.parse(sessionStorage.getItem(this.key(form))); } catch { return; }
    if (!kept || document.querySelector("[data-focus]")) return; // what was sent comes back with its faults
    const seen = {};
    for (const [name, value] of kept) {
      const at = seen[name] = (seen[name] ?? -1) + 1;
      const field = form.querySelectorAll(`[name="${CSS.escape(name)}"]`)[at];
      if (field && field.type !== "file" && !field.value) field.value = value;
    }
  },
};

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-draft]");
  if (form) drafts.keep(form);
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  form.querySelectorAll("button").forEach((button) => button.setAttribute("aria-disabled", "true"));
  if (form.dataset.draft) drafts.drop(form);
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((button) => button.removeAttribute("aria-disabled"));
  }
});

for (const form of document.querySelectorAll("form[data-draft]")) drafts.restore(form);
document.querySelector("[data-focus]")?.focus();
follow();
