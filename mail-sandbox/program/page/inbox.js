// The inbox. What strangers wrote is only ever set as text, or shown in a frame without scripts.

const api = "/api/v1";
const byId = (id) => document.getElementById(id);
const [list, reader, search] = ["list", "reader", "search"].map(byId);

/** Messages in the list, newest first, and how many there are. */
let messages = [];
let total = 0;
/** The number of the message that is shown, and what of it. */
let shown = 0;
let tab = "";
/** Numbers of messages that have come since the page was opened and were not looked at. */
const unread = new Set();

// ---- Asking the server

async function ask(path, options) {
  const response = await fetch(api + path, options);
  if (!response.ok) throw new Error((await response.json()).error);
  return response.headers.get("content-type")?.startsWith("application/json")
    ? response.json()
    : response.text();
}

const filter = (more = {}) => {
  const words = search.value.trim();
  return "?" + new URLSearchParams(words ? { text: words, ...more } : more);
};

let latest = 0;

async function reload() {
  const turn = ++latest;
  const found = await ask("/messages" + filter({ limit: Math.max(100, messages.length) }));
  // An answer to an older question does not overwrite that to a newer one.
  if (turn !== latest) return;
  ({ messages, total } = found);
  drawList();
}

async function more() {
  const before = messages.at(-1).id;
  const found = await ask("/messages" + filter({ before }));
  messages.push(...found.messages);
  drawList();
}

/** Calls at once, and again when calls have come meanwhile. */
function gently(action) {
  let busy = false;
  let again = false;
  return async () => {
    if (busy) return void (again = true);
    busy = true;
    do {
      again = false;
      await action().catch((error) => console.error(error));
    } while (again);
    busy = false;
  };
}

const refresh = gently(reload);

// ---- The list

function drawList() {
  const items = messages.map((message) => {
    const item = byId("item").content.cloneNode(true);
    const link = item.querySelector("a");
    link.href = "#" + message.id;
    link.dataset.id = message.id;
    link.classList.toggle("new", unread.has(message.id));
    if (message.id === shown) link.setAttribute("aria-current", "true");
    link.querySelector(".who").textContent = message.from[0] || message.sender || "nobody";
    const time = link.querySelector("time");
    time.textContent = shortTime(message.received);
    time.title = longTime(message.received);
    link.querySelector(".subject").textContent = message.subject || "(no subject)";
    link.querySelector(".snippet").textContent = message.snippet || "to " + message.recipients.join(", ");
    return item;
  });
  list.replaceChildren(...items);
  byId("more").hidden = messages.length >= total;
  byId("clear").disabled = total === 0;
  byId("clear").textContent = search.value.trim() ? "Delete found" : "Delete all";
  byId("count").textContent = total === 1 ? "1 message" : total + " messages";
  document.title = (unread.size ? `(${unread.size}) ` : "") + "mail-sandbox";
  drawEmpty();
}

let places = {};

function drawEmpty() {
  const empty = byId("empty");
  empty.hidden = total > 0;
  if (search.value.trim()) return void (empty.textContent = "Nothing is like this.");
  const taking = Object.entries(places).filter(([name]) => !/^(pop3|imap)/.test(name));
  const lines = taking.map(([, url]) => element("code", url));
  empty.replaceChildren("No mail yet. Send some to", ...lines);
}

// ---- The reader

async function open(id) {
  shown = id;
  if (id) unread.delete(id);
  drawList();
  document.body.classList.toggle("reading", id > 0);
  if (!id) return void reader.replaceChildren(hint(total ? "Choose a message." : ""));
  try {
    const message = await ask("/messages/" + id);
    if (shown === id) drawMessage(message);
  } catch (error) {
    if (shown === id) reader.replaceChildren(hint(error.message));
  }
}

function drawMessage(message) {
  const parts = byId("message").content.cloneNode(true);
  parts.querySelector("h2").textContent = message.subject || "(no subject)";
  parts.querySelector(".raw").href = `${api}/messages/${message.id}/raw`;
  parts.querySelector(".delete").addEventListener("click", () => remove(message.id));
  parts.querySelector(".back").addEventListener("click", () => (location.hash = ""));

  const header = (name) => message.headers.find(([field]) => field.toLowerCase() === name)?.[1];
  const facts = [
    ["From", message.from.join(", ") || header("from")],
    ["To", message.to.join(", ") || header("to")],
    ["Received", longTime(message.received)],
    ["Envelope", message.recipients.length && `<${message.sender}> → ${message.recipients.map((to) => `<${to}>`).join(" ")}`],
  ];
  for (const [name, value] of facts.filter(([, value]) => value)) {
    parts.querySelector(".facts").append(element("dt", name), element("dd", value));
  }
  const tags = [
    [message.endpoint, "endpoint"],
    [message.tls, "tls"],
    [message.user && `logged in as ${message.user}`, "user"],
    [message.folder && `appended to ${message.folder}`, "folder"],
    [message.hello && `from ${message.hello}`, "hello"],
    [octets(message.size), "size"],
  ];
  for (const [text, kind] of tags.filter(([text]) => text)) {
    parts.querySelector(".tags").append(element("span", text, kind));
  }

  const views = {
    ...(message.has_html && { HTML: () => frame(message) }),
    ...(message.text !== null && { Text: () => element("pre", message.text, "prose") }),
    Headers: () => headers(message),
    Source: () => source(message),
    ...(message.files.length && { [`Attachments (${message.files.length})`]: () => files(message) }),
    Conversation: () => talk(message),
  };
  const names = Object.keys(views);
  const tabs = parts.querySelector(".tabs");
  const view = parts.querySelector(".view");
  const show = (name) => {
    tab = name;
    for (const button of tabs.children) {
      button.setAttribute("aria-selected", String(button.textContent === name));
    }
    view.replaceChildren(views[name]());
    view.scrollTop = 0;
  };
  for (const name of names) {
    const button = element("button", name);
    button.type = "button";
    button.setAttribute("role", "tab");
    button.addEventListener("click", () => show(name));
    tabs.append(button);
  }
  show(names.includes(tab) ? tab : names[0]);
  reader.replaceChildren(parts);
}

function frame(message) {
  const frame = document.createElement("iframe");
  // Neither scripts nor forms, and an origin of its own; links open elsewhere.
  frame.setAttribute("sandbox", "allow-popups allow-popups-to-escape-sandbox");
  frame.title = "The message's HTML";
  frame.src = `${api}/messages/${message.id}/html`;
  return frame;
}

function headers(message) {
  const table = document.createElement("table");
  for (const [name, value] of message.headers) {
    const row = table.insertRow();
    row.append(element("th", name), element("td", value));
  }
  return table;
}

function source(message) {
  const pre = element("pre", "…");
  ask(`/messages/${message.id}/raw`).then((text) => (pre.textContent = text));
  return pre;
}

function files(message) {
  const links = message.files.map((file, index) => {
    const link = document.createElement("a");
    link.href = `${api}/messages/${message.id}/attachments/${index}`;
    link.download = "";
    const kind = `${file.media_type} · ${octets(file.size)}`;
    link.append(element("b", file.name || "(no name)"), element("span", kind));
    return link;
  });
  const all = element("div", "", "files");
  all.append(...links);
  return all;
}

function talk(message) {
  const pre = element("pre", "", "talk");
  for (const line of message.conversation.split("\n")) {
    const mark = line.slice(10, 12);
    const kind = mark === "S:" ? "server" : mark.startsWith("*") ? "event" : "";
    pre.append(element("span", line + "\n", kind));
  }
  return pre;
}

// ---- Deleting

async function remove(id) {
  const at = messages.findIndex((message) => message.id === id);
  const next = messages[at + 1] ?? messages[at - 1];
  // Somebody else may have been faster.
  await ask("/messages/" + id, { method: "DELETE" }).catch((error) => console.warn(error.message));
  location.hash = next ? next.id : "";
}

byId("clear").addEventListener("click", async () => {
  const which = search.value.trim() ? "all that were found" : "all messages";
  if (!confirm(`Delete ${which}?`)) return;
  await ask("/messages" + filter(), { method: "DELETE" });
  location.hash = "";
});

// ---- What happens

byId("more").addEventListener("click", more);
search.addEventListener("input", refresh);
addEventListener("hashchange", () => open(Number(location.hash.slice(1))));

addEventListener("keydown", (event) => {
  if (event.target === search || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = messages.findIndex((message) => message.id === shown);
  const go = (message) => message && (location.hash = message.id);
  if (event.key === "j") go(messages[at + 1]);
  else if (event.key === "k") go(messages[at - 1]);
  else if (event.key === "Delete" && shown) remove(shown);
  else if (event.key === "/") search.focus();
  else return;
  event.preventDefault();
});

function listen() {
  const events = new EventSource(api + "/events");
  const light = (on) => {
    byId("live").classList.toggle("on", on);
    byId("live").title = on ? "New mail appears by itself" : "Not connected";
  };
  events.addEventListener("open", () => {
    light(true);
    refresh();
  });
  events.addEventListener("error", () => light(false));
  events.addEventListener("arrived", (event) => {
    unread.add(JSON.parse(event.data).id);
    refresh();
  });
  events.addEventListener("removed", (event) => {
    const id = JSON.parse(event.data);
    unread.delete(id);
    if (id === shown) reader.replaceChildren(hint("This message is gone."));
    refresh();
  });
}

// ---- Small things

function element(name, text, kind) {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

const hint = (text) => element("p", text, "hint");

function octets(count) {
  if (count < 1024) return `${count} octets`;
  const units = ["KiB", "MiB", "GiB"];
  const power = Math.min(Math.floor(Math.log2(count) / 10), units.length);
  return `${(count / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}

function shortTime(time) {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday
    ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleDateString([], { day: "numeric", month: "short" });
}

const longTime = (time) => new Date(time).toLocaleString([], { dateStyle: "full", timeStyle: "medium" });

places = await ask("/server");
await refresh();
open(Number(location.hash.slice(1)));
listen();
