// Files are sent one after the other, each with its progress; what is refused says why, and the rest goes on.
import { element } from "./answer.js";
import { $ } from "./dom.js";

const form = $("[data-upload]");
const zone = $(".drop", form);
const picker = $("input[type=file]", form);
const list = $(".uploads", form);
let queue = Promise.resolve();

function take(files) {
  for (const file of files) {
    const line = add(file.name);
    if (file.size > Number(form.dataset.limit)) line.fail("This file is larger than allowed. Nothing was sent.");
    else queue = queue.then(() => send(file, line));
  }
}

function add(name) {
  const bar = element("i");
  const progress = element("div", { className: "progress", role: "progressbar", ariaLabel: `Sending ${name}` }, bar);
  const words = element("span", { className: "quiet", textContent: "waits" });
  const item = element("li", { className: "stack tight" }, element("p", { className: "row between" }, element("span", { className: "clip", textContent: name }), words), progress);
  list.append(item);
  return {
    move(part) {
      bar.style.setProperty("--v", part * 100);
      progress.ariaValueNow = Math.round(part * 100);
      words.textContent = part < 1 ? `${Math.round(part * 100)}%` : "checking";
    },
    done: () => item.remove(),
    fail(message) {
      progress.remove();
      words.textContent = message;
      words.className = "error";
    },
  };
}

// XMLHttpRequest, because fetch does not tell how much of a body has been sent.
function send(file, line) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("file", file);
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", $("[name=csrfmiddlewaretoken]", form).value);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && line.move(event.loaded / event.total));
    request.addEventListener("load", () => (request.status < 300 ? line.done() : line.fail(reason(request))));
    request.addEventListener("error", () => line.fail("The connection was lost. Nothing was kept; send it again."));
    request.addEventListener("loadend", () => {
      document.body.dispatchEvent(new CustomEvent("sources-changed"));
      resolve();
    });
    request.send(body);
  });
}

function reason(request) {
  try {
    const { message, detail, next_step: next } = JSON.parse(request.responseText); // a page's JSON, or a problem
    return [message ?? detail, next].filter(Boolean).join(" ");
  } catch {
    return `The server answered ${request.status}. Nothing was kept.`;
  }
}

picker.addEventListener("change", () => {
  take(picker.files);
  picker.value = "";
});
for (const name of ["dragenter", "dragover"]) {
  zone.addEventListener(name, (event) => {
    event.preventDefault();
    zone.dataset.over = "";
  });
}
zone.addEventListener("dragleave", () => delete zone.dataset.over);
zone.addEventListener("drop", (event) => {
  event.preventDefault();
  delete zone.dataset.over;
  take(event.dataTransfer.files);
});
