// Makes pages that work without it live and quick: clocks count down, what changes is swapped in, keys do what links and
// buttons do. It sends nothing but what the page's own forms and links would.

const page = document.body;
const main = document.getElementById("main");
const live = document.getElementById("live"); // for those who hear the page
const state = document.getElementById("state");
const started = performance.now();
const shown = Date.parse(page.dataset.now);
const rate = Number(page.dataset.rate) || 1;
const language = document.documentElement.lang;
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const number = Object.fromEntries(UNITS.map(([unit]) =>
  [unit, new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" })]));

// Clocks

const now = () => shown + (performance.now() - started) * rate;

function duration(seconds) {
  const parts = [];
  let left = Math.abs(Math.trunc(seconds));
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left %= size;
    if (count || (unit === "minute" && !parts.length)) parts.push(number[unit].format(count));
    else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

function countDown() {
  for (const time of document.querySelectorAll("time[data-due]")) {
    const seconds = (Date.parse(time.dateTime) - now()) / 1000;
    const text = duration(seconds);
    if (time.textContent !== text) time.textContent = text;
    const clock = time.parentElement;
    if (seconds <= 0 && !clock.classList.contains("clock--overdue")) {
      clock.classList.remove("clock--running", "clock--soon");
      clock.classList.add("clock--overdue");
      clock.querySelector(".clock__word").textContent = page.dataset.over;
    }
  }
}
setInterval(countDown, 5000);

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
    if (!answer.ok && answer.status !== 404) return;
    swap(await answer.text());
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
  for (const part of main.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`#${CSS.escape(part.id)}`);
    if (next && !same(part, next)) put(part, next);
  }
  const act = document.getElementById("act");
  const nextAct = fresh.querySelector("#act");
  if (main.dataset.work && Boolean(act) !== Boolean(nextAct)) {
    if (!nextAct) { if (!written(act)) act.remove(); } else document.querySelector(".ticket__main")?.prepend(document.adoptNode(nextAct));
    arrange();
  }
  countDown();
}

function same(part, next) {
  const plain = (node) => {
    const copy = node.cloneNode(true);
    for (const time of copy.querySelectorAll("time[data-due]")) time.textContent = "";
    for (const field of copy.querySelectorAll("input[name=csrf]")) field.remove();
    for (const details of copy.querySelectorAll("details")) details.removeAttribute("open");
    return copy.innerHTML;
  };
  return plain(part) === plain(next);
}

function put(part, next) {
  const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const open = [...part.querySelectorAll("details")].map((details) => details.open);
  part.replaceChildren(...document.adoptNode(next).childNodes);
  part.querySelectorAll("details").forEach((details, at) => { if (at < open.length) details.open = open[at]; });
  if (focused) part.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  const owner = part.id === "head" && part.querySelector(".owner");
  if (!owner) return;
  say(owner.textContent);
  document.getElementById("flash")?.remove(); // what it says has happened
}

function say(text) {
  live.textContent = text.trim();
}

// A browser has few connections for one desk: a page that nobody sees has none, and looks again when it is seen.
function follow() {
  const kinds = (main.dataset.follow || "").split(" ").filter(Boolean);
  const { work, ticket } = main.dataset;
  let stream = null;
  if (!kinds.length || !window.EventSource) return;
  function open() {
    stream = new EventSource("/v1/desk/changes");
    for (const kind of kinds) {
      stream.addEventListener(kind, (event) => {
        const told = JSON.parse(event.data);
        if (!work || told.assignment_id === work || told.ticket === ticket) refresh(work ? 50 : 500 + Math.random() * 1000); // not all boards at once
      });
    }
    stream.addEventListener("work", (event) => { heedGiven(JSON.parse(event.data)); });
    stream.addEventListener("enough", () => { close(); state.textContent = page.dataset.many; });
    stream.addEventListener("look", () => refresh(50)); // at first too: something may have changed since the page was made
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
    else if (!stream) { state.textContent = ""; open(); }
  }
  document.addEventListener("visibilitychange", heed);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", heed);
  heed();
}

// Work that the desk gives to whoever looks: told on whatever page they are.
const given = new Set();

function heedGiven(told) {
  if (!told.pushed || told.worker !== page.dataset.me || told.assignment_id === main.dataset.work || given.has(told.assignment_id)) return;
  given.add(told.assignment_id);
  const link = document.createElement("a");
  link.href = `/works/${told.assignment_id}`;
  link.textContent = `${told.reference} ${told.title}`;
  const line = document.createElement("p");
  const what = document.createElement("strong");
  what.textContent = page.dataset.given;
  line.append(what, " ", link);
  const note = document.createElement("div");
  note.className = "note note--good";
  note.append(line);
  main.before(note);
  say(`${page.dataset.given} ${told.title}`);
}

// What changes by the hour alone, as who has closed their pages, nobody tells.
if (main.dataset.every) setInterval(() => { if (document.visibilityState !== "hidden") refresh(0); }, Number(main.dataset.every) * 1000);

// Forms

// A draft is kept until an answer says that its form was taken: a session that has ended, or a desk that is away, loses none.
const SENT = "tierdesk:sent";
const drafts = {
  key: (form) => `tierdesk:${page.dataset.who}:${form.dataset.draft}`,
  keep(form) {
    // What the page itself put there is of its moment, and is not kept; nor is a file, which is no text.
    const fields = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && !form.querySelector(`input[type=hidden][name="${CSS.escape(name)}"]`));
    try { sessionStorage.setItem(this.key(form), JSON.stringify(fields)); } catch { /* full, or not allowed */ }
  },
  send(form) {
    this.keep(form);
    try { sessionStorage.setItem(SENT, this.key(form)); } catch { /* full, or not allowed */ }
  },
  settle() {
    try {
      const sent = sessionStorage.getItem(SENT);
      if (!sent || !page.dataset.who) return; // on the way through the page where people sign in it is still open
      if (document.getElementById("flash")) sessionStorage.removeItem(sent);
      sessionStorage.removeItem(SENT);
    } catch { /* not allowed */ }
  },
  forget() {
    try { Object.keys(sessionStorage).filter((key) => key.startsWith("tierdesk:")).forEach((key) => sessionStorage.removeItem(key)); } catch { /* not allowed */ }
  },
  restore(form) {
    let kept = null;
    try { kept = JSON.parse(sessionStorage.getItem(this.key(form))); } catch { return; }
    if (!kept || written(form)) return;
    const seen = {};
    for (const [name, value] of kept) {
      const fields = [...form.querySelectorAll(`[name="${CSS.escape(name)}"]`)];
      if (fields[0]?.type === "radio") { fields.forEach((field) => { field.checked = field.value === value; }); continue; }
      if (fields[0]?.type === "checkbox") { fields.forEach((field) => { field.checked ||= field.value === value && !field.disabled; }); continue; }
      const at = seen[name] = (seen[name] ?? -1) + 1;
      if (!fields[at]) continue;
      fields[at].value = value;
      const steps = fields[at].closest("[data-steps]");
      if (steps) growSteps(steps);
    }
  },
};

function written(part) {
  return [...part.querySelectorAll("input:not([type=hidden]):not([type=radio]), textarea")].some((field) => field.value !== field.defaultValue || (field.tagName === "TEXTAREA" && field.value));
}

function arrange() {
  for (const choice of document.querySelectorAll("[data-choice]")) {
    const picked = choice.querySelector("input[type=radio]:checked")?.value;
    for (const part of choice.querySelectorAll("[data-of]")) part.hidden = part.dataset.of !== picked;
  }
}

function growSteps(steps) {
  const lines = [...steps.querySelectorAll(".steps__line")];
  const last = lines.at(-1);
  if (lines.length >= 100 || ![...last.querySelectorAll("input")].some((field) => field.value)) return;
  const line = last.cloneNode(true);
  line.querySelectorAll("input").forEach((field, at) => {
    field.value = "";
    field.id = `${steps.closest("form").dataset.draft}-${at}-${lines.length}`;
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
    line.querySelectorAll("label")[at].htmlFor = field.id;
  });
  last.after(line);
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-draft]");
  if (form) drafts.keep(form);
  const steps = event.target.closest("[data-steps]");
  if (steps) growSteps(steps);
  if (form?.dataset.matches) lookSoon(form);
});
document.addEventListener("change", arrange);
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  form.querySelectorAll("button").forEach((button) => button.setAttribute("aria-disabled", "true"));
  if (form.getAttribute("action") === "/logout") drafts.forget();
  if (form.dataset.draft) drafts.send(form);
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((button) => button.removeAttribute("aria-disabled"));
  }
});

// What may answer a form that is being filled in

let looked = "";
let looking = 0;

function lookSoon(form) {
  clearTimeout(looking);
  looking = setTimeout(() => look(form), 600);
}

async function look(form) {
  const data = new FormData(form);
  const question = ["title", "text"].map((name) => data.get(name)).join(" ").trim();
  if (question === looked) return;
  looked = question;
  try {
    const answer = await fetch(form.dataset.matches, { method: "POST", body: new URLSearchParams([...data].filter(([, value]) => typeof value === "string")), headers: { "X-Fragment": "main" }, redirect: "error" });
    if (answer.ok && question === looked) document.getElementById("matches").replaceChildren(...document.adoptNode(parse(await answer.text())).childNodes);
  } catch { looked = ""; /* it is looked for again with the next letter */ }
}

let opening = false; // a form is on its way: what is typed meanwhile is meant for it, and no key of ours

async function openAction(link) {
  const act = document.getElementById("act");
  if (link.hasAttribute("aria-current")) { focusFirst(act); return; }
  opening = true;
  try {
    const answer = await fetch(link.href, { headers: { "X-Fragment": "main" }, redirect: "error" });
    const next = answer.ok && parse(await answer.text()).querySelector("#act");
    if (!next) throw new Error("no form");
    act.replaceChildren(...document.adoptNode(next).childNodes);
  } catch { location.href = link.href; return; } finally { opening = false; }
  history.replaceState(null, "", link.href.replace(/#.*/, ""));
  begin(act);
  focusFirst(act);
}

function focusFirst(act) {
  act.querySelector("form :is(textarea, select, input:not([type=hidden], [type=radio]))")?.focus();
}

function begin(part) {
  for (const form of part.querySelectorAll("form[data-draft]")) drafts.restore(form);
  arrange();
}

document.addEventListener("click", (event) => {
  const plain = !event.defaultPrevented && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  const link = plain && event.target.closest("a");
  if (!link) return;
  if (link.matches("[data-act]")) { event.preventDefault(); openAction(link); }
  if (link.matches("[data-dialog]")) { event.preventDefault(); document.getElementById(link.dataset.dialog).showModal(); }
});

// Keys

function move(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step));
  rows[next].focus();
}

document.addEventListener("keydown", (event) => {
  const field = event.target.closest("input:not([type=radio]), textarea, select, [contenteditable]");
  if (field && event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); field.form?.requestSubmit(); return; }
  if (field && event.key === "Escape") { field.blur(); return; }
  if (field || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.target.closest("[data-row]") && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    move(event.key === "ArrowDown" ? 1 : -1);
    return;
  }
  if (opening || page.dataset.shortcuts !== "on" || event.key.length !== 1) return;
  if (event.key === "j" || event.key === "k") { event.preventDefault(); move(event.key === "j" ? 1 : -1); return; }
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (target && !event.repeat) { event.preventDefault(); target.click(); }
});

drafts.settle();
begin(document);
countDown();
document.querySelector("[data-focus]")?.focus();
follow();
