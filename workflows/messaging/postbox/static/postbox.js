// Keeps the list and the counts fresh, and carries out the two buttons.
const shown = { lastId: document.body.dataset.lastId };
const talk = document.querySelector("[data-live=talk]");

function showNewest() {
  if (talk) talk.scrollTop = talk.scrollHeight;
}

async function refresh() {
  const answer = await fetch("/ledger/counts");
  const { last_id: lastId, total } = await answer.json();
  const state = `${lastId} ${total}`;
  if (shown.state === undefined && String(lastId) === shown.lastId) shown.state = state;
  if (state === shown.state) return;
  shown.state = state;
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  const isAtEnd = talk && talk.scrollHeight - talk.scrollTop - talk.clientHeight < 40;
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.querySelector(`[data-live="${old.dataset.live}"]`);
    if (fresh) old.replaceChildren(...fresh.childNodes);
  }
  if (isAtEnd) showNewest();
}

async function send(path) {
  await fetch(path, { method: "DELETE" });
  location.reload();
}

document.querySelector("[data-clear]")?.addEventListener("click", () => {
  if (confirm("Forget all mails, SMS, calls, chats and requests?")) send("/ledger");
});
for (const button of document.querySelectorAll("[data-remove]")) {
  button.addEventListener("click", () => send(`/control/rules/${button.dataset.remove}`));
}
document.querySelector("[data-reply]")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const body = JSON.stringify({ from: form.dataset.from, to: form.dataset.to, text: form.elements.text.value });
  const answer = await fetch("/control/replies", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  form.querySelector("output").textContent = answer.ok ? "" : (await answer.json()).error;
  if (answer.ok) form.reset();
  await refresh();
});
async function chat(said) {
  const body = JSON.stringify(said);
  const answer = await fetch("/control/chats", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  const told = await answer.json();
  if (answer.ok && !said.person) location.assign(`/chats/${said.page}/${told.sender}`);
  await refresh();
  return answer.ok ? "" : told.error;
}
for (const form of document.querySelectorAll("[data-chat]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = { page: form.dataset.page ?? form.elements.page.value, person: form.dataset.person ?? "", text: form.elements.text.value };
    form.querySelector("output").textContent = await chat(said);
    if (!form.querySelector("output").textContent) form.elements.text.value = "";
  });
}
document.addEventListener("click", (event) => {
  const { chatAct: kind, page, person, text, payload } = event.target.closest("[data-chat-act]")?.dataset ?? {};
  if (kind) chat({ kind, page, person, ...(text === undefined ? {} : { text, payload }) });
});
document.addEventListener("click", async (event) => {
  const { command, value = "" } = event.target.closest("[data-command]")?.dataset ?? {};
  if (!command) return;
  const { call } = event.target.closest("[data-call]").dataset;
  const body = JSON.stringify({ command, value });
  await fetch(`/control/calls/${call}`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  setTimeout(() => refresh().catch(() => {}), 400);
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-happening]");
  if (!button) return;
  const { happening } = button.dataset;
  const url = happening === "clicked" ? prompt("Which link was followed?", "https://example.com/") : "";
  if (url === null) return;
  const fate = button.closest("[data-mail]");
  const body = JSON.stringify({ happening, url });
  const answer = await fetch(`/control/mails/${fate.dataset.mail}`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  fate.querySelector("output").textContent = answer.ok ? `Told: ${happening}.` : (await answer.json()).error;
});
for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin;
document.querySelector(".row.selected")?.scrollIntoView({ block: "nearest" });
showNewest();
if (document.querySelector("[data-live=list]")) {
  setInterval(() => { if (!document.hidden) refresh().catch(() => {}); }, 2000);
}
