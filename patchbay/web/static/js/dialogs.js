// Dialogs are native, so focus and Escape are the browser's: data-dialog opens one, data-close closes it.
import { $, $$ } from "./dom.js";

export function open(dialog) {
  if (!dialog || dialog.open) return;
  dialog.showModal();
  $("[autofocus]", dialog)?.focus();
}

function fromHash() {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.matches("dialog")) open(target);
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) open(document.getElementById(opener.dataset.dialog));
  if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
  if (event.target.matches("dialog")) event.target.close();
});
addEventListener("hashchange", fromHash);
$$("dialog[data-open-now]").forEach((dialog) => open(dialog));
fromHash();
