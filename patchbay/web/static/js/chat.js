// The chat of a plug: asks, shows the answer as it comes, and opens a cited passage beside it.
import { Answer, question } from "./answer.js";
import { $, $$ } from "./dom.js";
import { events } from "./sse.js";

const log = $("[data-chat]");
const form = $("#ask");
const input = $("#question");
const viewer = $("#document");
let busy = false;

function show(turn) {
  $(".empty", log).hidden = true;
  log.append(turn);
  log.scrollTop = log.scrollHeight;
}

function begin() {
  const answer = new Answer(log.dataset.name, log.dataset.domain);
  show(answer.element);
  return answer;
}

async function ask(text) {
  show(question(text));
  const answer = begin();
  setBusy(true);
  try {
    await receive(await post(text), answer);
  } catch {
    answer.fail({ detail: "The connection was lost. What was written above is kept; an unfinished answer is free." });
  }
  setBusy(false);
}

function post(message) {
  const body = { message, stream: true };
  if (log.dataset.session) body.session_id = log.dataset.session;
  const headers = { "Content-Type": "application/json", Accept: "text/event-stream" };
  return fetch(log.dataset.chat, { method: "POST", headers, body: JSON.stringify(body) });
}

async function receive(response, answer) {
  if (!response.ok) return answer.fail(await response.json());
  let ended = false;
  for await (const { event, data } of events(response)) {
    if (event === "delta") answer.say(data.text);
    if (event === "citation") answer.cite(data);
    if (event === "error") answer.fail(data);
    if (event === "done") finish(answer, data);
    ended ||= event === "done" || event === "error";
    log.scrollTop = log.scrollHeight;
  }
  if (!ended) throw new Error("The stream stopped.");
}

function finish(answer, data) {
  answer.end(data);
  showBalance();
  log.dataset.session = data.session_id;
  history.replaceState(null, "", `?session=${encodeURIComponent(data.session_id)}`);
  const first = $(".cite", answer.element);
  if (first && matchMedia("(min-width: 900px)").matches) light(first);
}

async function showBalance() {
  const balance = $("[data-balance]");
  const response = balance && (await fetch(balance.dataset.balance).catch(() => null));
  if (response?.ok && !response.redirected) balance.innerHTML = await response.text();
}

function setBusy(state) {
  busy = state;
  log.setAttribute("aria-busy", state);
  $("[type=submit]", form).disabled = state;
  if (!state) input.focus({ preventScroll: true });
}

// One passage is lit at a time.
async function light(chip) {
  for (const each of $$(".cite", log)) each.setAttribute("aria-pressed", each === chip);
  const url = new URL(chip.dataset.document);
  await open(url.pathname + url.search);
}

async function open(address) {
  viewer.setAttribute("aria-busy", "true");
  const response = await fetch(address, { headers: { "HX-Request": "true" } });
  if (response.ok) viewer.innerHTML = await response.text();
  else viewer.textContent = "This document cannot be opened: it was deleted, or you are signed out.";
  viewer.removeAttribute("aria-busy");
  const passage = $("mark.lit", viewer);
  const desk = $(".desk", viewer);
  if (passage) desk.scrollTop += passage.getBoundingClientRect().top - desk.getBoundingClientRect().top - desk.clientHeight / 3;
  if (!matchMedia("(min-width: 900px)").matches) viewer.scrollIntoView({ block: "start" });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (!text || busy) return;
  input.value = "";
  ask(text);
});

input.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

log.addEventListener("click", (event) => {
  const chip = event.target.closest(".cite");
  if (chip) light(chip);
  const example = event.target.closest("[data-example]");
  if (example && !busy) ask(example.textContent);
});

viewer.addEventListener("click", (event) => {
  const leaf = event.target.closest("[data-leaf]");
  if (!leaf) return;
  event.preventDefault();
  open(leaf.getAttribute("href"));
});

for (const turn of JSON.parse($("#turns").textContent)) {
  if (turn.role === "user") show(question(turn.content));
  else begin().end(turn.answer);
}
