// Menus are native popovers: the browser opens, places and closes them; arrows, Home and End move.
import { $$ } from "./dom.js";

const shown = (menu) => $$("[role^=menuitem]", menu).filter((item) => item.offsetParent);

document.addEventListener("toggle", (event) => {
  if (event.target.matches?.(".menu") && event.newState === "open") shown(event.target)[0]?.focus();
}, true);

document.addEventListener("click", (event) => {
  if (event.target.closest(".menu [role^=menuitem]")) event.target.closest(".menu").hidePopover();
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(".menu");
  if (!menu) return;
  const items = shown(menu);
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    items.at(to % items.length).focus();
  }
  if (event.key === "Tab") menu.hidePopover();
});
