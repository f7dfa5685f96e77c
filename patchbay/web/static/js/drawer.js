// Under 900 px the sidebar is a drawer: focus moves in, Escape and the scrim close it.
import { $ } from "./dom.js";

const side = $("#side");
const opener = $("[data-open-side]");

function show(isOpen) {
  side.toggleAttribute("data-open", isOpen);
  opener.setAttribute("aria-expanded", isOpen);
  (isOpen ? $("a", side) : opener).focus();
}

if (side) {
  opener.addEventListener("click", () => show(true));
  $("[data-close-side]").addEventListener("click", () => show(false));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && side.hasAttribute("data-open")) show(false);
  });
}
