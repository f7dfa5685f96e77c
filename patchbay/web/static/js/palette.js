// The palette: Ctrl K, type to narrow, arrows to choose, Enter to go.
import { $, $$ } from "./dom.js";
import { open } from "./dialogs.js";

const palette = $("#palette");

function start() {
  const input = $("input", palette);
  const options = $$("[role=option]", palette);
  const shown = () => options.filter((option) => !option.hidden);
  const chosen = () => options.find((option) => option.getAttribute("aria-selected") === "true");

  function choose(option) {
    for (const each of options) each.setAttribute("aria-selected", each === option);
    input.setAttribute("aria-activedescendant", option?.id ?? "");
    option?.scrollIntoView({ block: "nearest" });
  }

  function narrow() {
    const wanted = input.value.trim().toLowerCase();
    for (const option of options) option.hidden = !option.textContent.toLowerCase().includes(wanted);
    $(".none", palette).hidden = shown().length > 0;
    choose(shown()[0]);
  }

  function go(option) {
    if (!option || option.hidden) return;
    palette.close();
    location.assign(option.dataset.href);
  }

  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    open(palette);
  });
  input.addEventListener("input", narrow);
  input.addEventListener("keydown", (event) => {
    const list = shown();
    const at = list.indexOf(chosen());
    if (event.key === "ArrowDown") choose(list[(at + 1) % list.length]);
    else if (event.key === "ArrowUp") choose(list.at(at - 1));
    else if (event.key === "Enter") go(chosen());
    else return;
    event.preventDefault();
  });
  $("ul", palette).addEventListener("click", (event) => go(event.target.closest("[role=option]")));
  palette.addEventListener("close", () => {
    input.value = "";
    narrow();
  });
}

if (palette) start();
