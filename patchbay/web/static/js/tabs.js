// Tabs within a page: arrows move, the address keeps the place. Tabs that are pages of their own are links.
import { $, $$ } from "./dom.js";

function select(tab, focus) {
  for (const each of $$("[role=tab]", tab.closest("[role=tablist]"))) {
    const on = each === tab;
    each.setAttribute("aria-selected", on);
    each.tabIndex = on ? 0 : -1;
    document.getElementById(each.getAttribute("aria-controls")).hidden = !on;
  }
  if (focus) tab.focus();
}

document.addEventListener("click", (event) => {
  const tab = event.target.closest("button[role=tab]");
  if (tab) select(tab);
});

document.addEventListener("keydown", (event) => {
  const list = event.target.closest?.("[role=tablist]");
  if (!list) return;
  const tabs = $$("button[role=tab]", list);
  const at = tabs.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  select(tabs.at(to % tabs.length), true);
});

const place = location.hash.slice(1);
const named = place && $(`button[role=tab][aria-controls="${CSS.escape(place)}"]`);
if (named) select(named);
