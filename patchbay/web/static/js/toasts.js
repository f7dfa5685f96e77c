// Toasts: said once, gone after six seconds or on dismissal.
import { $, $$ } from "./dom.js";

const SHOWN_FOR = 6000;

export function toast(text, tone = "ok") {
  const box = document.createElement("div");
  const led = document.createElement("span");
  const words = document.createElement("p");
  const dismiss = document.createElement("button");
  box.className = "toast";
  led.className = "led";
  led.dataset.tone = tone;
  words.textContent = text;
  dismiss.className = "link";
  dismiss.type = "button";
  dismiss.textContent = "Dismiss";
  box.append(led, words, dismiss);
  $(".toaster").append(box);
  keep(box);
}

function keep(box) {
  setTimeout(() => box.remove(), SHOWN_FOR);
}

$$(".toast").forEach(keep);
// What a fragment's answer wants said: htmx makes an event of its HX-Trigger header.
document.body.addEventListener("toast", ({ detail }) => toast(detail.text, detail.tone));
$(".toaster")?.addEventListener("click", (event) => {
  if (event.target.closest("button")) event.target.closest(".toast").remove();
});
