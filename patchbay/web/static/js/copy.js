// What a person may copy has a button: data-copy-text holds the text, data-copy means the code beside it.
import { $ } from "./dom.js";
import { toast } from "./toasts.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-text]");
  if (!button) return;
  const text = button.dataset.copyText ?? $("pre", button.closest("figure")).innerText;
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    toast("The browser did not allow copying. Select the text and copy it yourself.", "warn");
  }
});
