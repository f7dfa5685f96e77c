// Forms: faults on blur, the first fault focused, one submit at a time; passwords shown and measured.
import { $, $$ } from "./dom.js";

const STOPPED_AFTER = 10_000; // milliseconds until a form that got no answer may be sent again
const WORDS = ["Too short", "Too short", "Weak", "Fair", "Strong"];

function fault(control, message) {
  const field = control.closest(".field");
  const id = `${control.id}_error`;
  let line = document.getElementById(id);
  if (!message) {
    line?.remove();
    control.removeAttribute("aria-invalid");
    return;
  }
  if (!line) {
    line = document.createElement("p");
    line.className = "error";
    line.id = id;
    field.append(line);
  }
  line.textContent = message;
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", id);
}

function release(form) {
  delete form.dataset.sent;
  for (const button of $$("[type=submit][aria-busy]", form)) button.removeAttribute("aria-busy");
}

function check(control) {
  if (control.willValidate && control.closest(".field")) fault(control, control.validationMessage);
}

document.addEventListener("focusout", (event) => {
  const control = event.target;
  if (control.matches?.(".field :is(input, select, textarea)") && control.value) check(control);
});

document.addEventListener("invalid", (event) => {
  const form = event.target.form;
  event.preventDefault();
  check(event.target);
  if (event.target === $(":invalid:not(fieldset)", form)) event.target.focus();
}, true);

// A second click before the answer would do it twice: two keys, the secret of the first never shown.
document.addEventListener("submit", (event) => {
  const { target: form, submitter: button } = event;
  if (event.defaultPrevented || form.matches("[hx-post], [method=dialog]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "true";
  setTimeout(() => form.dataset.sent && button?.setAttribute("aria-busy", "true"), 300);
  setTimeout(() => release(form), STOPPED_AFTER); // its answer was stopped on the way
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-show]");
  if (!button) return;
  const input = document.getElementById(button.dataset.show);
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", shown);
});

document.addEventListener("input", (event) => {
  const meter = event.target.id && $(`[data-strength-of="${event.target.id}"]`);
  if (meter) {
    const level = Math.min(4, Math.floor(event.target.value.length / 4));
    meter.dataset.v = level;
    $("b", meter).textContent = WORDS[level];
  }
});

document.addEventListener("change", (event) => {
  const enabled = event.target.dataset.enables;
  if (enabled) document.getElementById(enabled).disabled = !event.target.checked;
});

$$("[aria-invalid=true]")[0]?.focus();
addEventListener("pageshow", () => $$("form[data-sent]").forEach(release));
