// The playground: a conversation with the chosen model, each answer shown as it is written, then what it used and cost.
import { $, $$ } from "./dom.js";
import { events } from "./sse.js";

const form = $("#playground");
const answer = $("#answer");
const result = $("#result");
const clock = $("[data-clock]");
const stopper = $("[data-stop]", form);
const restarter = $("[data-restart]", form);
const hint = answer.innerHTML;
let running = null;
let turns = []; // what was said so far, as the request has it

function body(stream) {
  const { model, system, message, max_tokens } = Object.fromEntries(new FormData(form));
  const messages = [...turns, { role: "user", content: message }];
  if (system.trim()) messages.unshift({ role: "system", content: system });
  return { model, messages, max_tokens: Number(max_tokens), ...(stream ? { stream: true } : {}) };
}

async function ask() {
  const begun = performance.now();
  const request = body(true);
  const question = request.messages.at(-1).content;
  running = new AbortController();
  setBusy(true);
  if (!turns.length) answer.replaceChildren();
  for (const lost of $$("[data-lost]", answer)) lost.remove();
  result.replaceChildren();
  const asked = show("me", "You", question);
  const said = show("", request.model, "");
  let id = null;
  try {
    const response = await fetch(form.dataset.completions, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(request),
      signal: running.signal,
    });
    if (!response.ok) throw new Error((await response.json()).error.message);
    await receive(response, said, begun);
    keep(question, said.textContent);
    id = response.headers.get("x-request-id");
  } catch (error) {
    for (const part of [asked, said]) part.parentElement.dataset.lost = ""; // the next question does not go on from it
    explain(error);
  }
  setBusy(false);
  if (id) await showResult(id).catch(explain);
}

// Adds a message to the log and returns what its words go into.
function show(side, who, words) {
  const message = document.createElement("div");
  message.className = `msg ${side}`;
  for (const [name, text] of [["who", who], ["body", words]]) {
    const part = document.createElement("div");
    part.className = name;
    part.textContent = text;
    message.append(part);
  }
  answer.append(message);
  answer.scrollTop = answer.scrollHeight;
  return message.lastChild;
}

async function receive(response, said, begun) {
  for await (const { data } of events(response)) {
    if (data.error) throw new Error(data.error.message);
    const piece = data.choices?.[0]?.delta?.content;
    if (!piece) continue;
    if (!said.textContent) clock.textContent = `First word after ${Math.round(performance.now() - begun)} ms`;
    said.append(piece);
    answer.scrollTop = answer.scrollHeight;
  }
}

function keep(question, said) {
  if (said) turns.push({ role: "user", content: question }, { role: "assistant", content: said });
  if (form.elements.message.value === question) form.elements.message.value = "";
  keepCurl();
}

// The first question comes back, to be asked in other words or of another model.
function restart() {
  form.elements.message.value ||= turns[0].content;
  turns = [];
  answer.innerHTML = hint;
  result.replaceChildren();
  clock.textContent = "";
  restarter.disabled = true;
  form.elements.message.focus();
  keepCurl();
}

// An answer that was stopped is read on by the server, or billed for what was written: the organisation's rules say.
function explain(error) {
  const line = document.createElement("p");
  line.className = "led wraps";
  const stopped = error.name === "AbortError";
  line.dataset.tone = stopped ? "off" : "danger";
  line.textContent = stopped ? "Stopped. What was written until then may be charged; the request log says." : error.message;
  if (!stopped) line.setAttribute("role", "alert");
  result.replaceChildren(line);
}

async function showResult(id) {
  const response = await fetch(form.dataset.results + encodeURIComponent(id));
  const shown = response.ok && !response.redirected ? await response.text() : "";
  if (running) return; // the next question was sent meanwhile; the log has this one's cost
  result.innerHTML = shown;
  const balance = $("[data-balance]");
  const left = balance && (await fetch(balance.dataset.balance).catch(() => null));
  if (left?.ok && !left.redirected) balance.innerHTML = await left.text();
}

function setBusy(state) {
  if (state) clock.textContent = "Asking";
  else if (clock.textContent === "Asking") clock.textContent = "";
  answer.setAttribute("aria-busy", state);
  $("[type=submit]", form).disabled = state;
  stopper.disabled = !state;
  restarter.disabled = state || !turns.length;
  if (!state) running = null;
}

// One line for a shell: single quotes inside are closed, escaped and opened again.
function curl() {
  const quoted = JSON.stringify(body(false)).replaceAll("'", "'\\''");
  return [
    `curl ${form.dataset.base}/v1/chat/completions`,
    '-H "Authorization: Bearer $PATCHBAY_API_KEY"',
    '-H "Content-Type: application/json"',
    `-d '${quoted}'`,
  ].join(" \\\n  ");
}

function keepCurl() {
  $("[data-curl]", form).dataset.copyText = curl();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!running) ask();
});
form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
form.addEventListener("input", keepCurl);
stopper.addEventListener("click", () => running?.abort());
restarter.addEventListener("click", restart);
keepCurl();
