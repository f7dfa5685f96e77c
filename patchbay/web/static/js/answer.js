// One turn of a conversation as elements. Text never becomes markup: it is set, not parsed.
const VERDICTS = {
  uncertain: ["warn", "Uncertain: the nearest passages, nothing is claimed"],
  declined: ["off", "Declined: the documents do not say"],
};

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function question(text) {
  return element("div", { className: "msg me" }, who("You"), body(element("p", { textContent: text })));
}

// An answer that grows: say() adds text, cite() makes a mark pressable, end() says how it turned out.
export class Answer {
  constructor(name, domain) {
    const jack = element("span", { className: "jack" });
    jack.dataset.domain = domain;
    jack.dataset.on = "";
    this.text = "";
    this.citations = new Map();
    this.body = body(waiting());
    this.element = element("div", { className: "msg" }, who(name, jack), this.body);
  }

  say(text) {
    this.text += text;
    this.draw();
  }

  cite(citation) {
    this.citations.set(citation.index, citation);
    this.draw();
  }

  draw() {
    const paragraphs = this.text.split(/\n{2,}/).filter((paragraph) => paragraph.trim());
    this.body.replaceChildren(...paragraphs.map((paragraph) => this.paragraph(paragraph)));
  }

  paragraph(text) {
    const pieces = text.split(/\[(\d+)\]/).map((piece, at) => (at % 2 ? this.chip(Number(piece)) : piece));
    return element("p", {}, ...pieces);
  }

  chip(index) {
    const citation = this.citations.get(index);
    if (!citation) return `[${index}]`;
    const chip = element("button", { className: "cite", type: "button", textContent: place(citation) });
    chip.title = [citation.title, citation.section].filter(Boolean).join(", ");
    chip.dataset.document = citation.url;
    chip.setAttribute("aria-pressed", "false");
    return chip;
  }

  end(answer) {
    this.citations = new Map(answer.citations.map((citation) => [citation.index, citation]));
    this.text = answer.answer;
    this.draw();
    const [tone, words] = VERDICTS[answer.outcome] ?? ["ok", verified(answer.citations)];
    const led = element("span", { className: "led", textContent: words });
    led.dataset.tone = tone;
    const cost = element("span", {}, amount(answer.usage.credits), " credits");
    const verdict = element("p", { className: "verdict" }, led, cost);
    const withheld = answer.guardrails.filter((guardrail) => guardrail.action === "withheld").length;
    if (withheld) this.body.append(note(`${withheld} sentence${withheld > 1 ? "s" : ""} withheld: no quote bears it out.`));
    if (answer.usage.estimated) cost.title = "Tokens were estimated: the provider did not count them.";
    this.element.append(verdict);
  }

  fail(problem) {
    const words = [problem.detail ?? problem.title, problem.next_step].filter(Boolean).join(" ");
    const led = element("span", { className: "led", textContent: words });
    led.dataset.tone = "danger";
    led.classList.add("wraps");
    if (!this.text) this.body.replaceChildren();
    this.element.append(element("p", { className: "verdict", role: "alert" }, led));
  }
}

function who(name, ...marks) {
  return element("p", { className: "who" }, ...marks, name);
}

function body(...children) {
  return element("div", { className: "body" }, ...children);
}

function waiting() {
  const line = element("span", { className: "skel" });
  return element("div", { className: "waiting", ariaLabel: "Reading the documents" }, line, line.cloneNode());
}

function note(text) {
  return element("p", { className: "withheld small", textContent: text });
}

function verified(citations) {
  const count = citations.filter((citation) => citation.verified).length;
  return `${count} of ${citations.length} quote${citations.length === 1 ? "" : "s"} verified`;
}

function place(citation) {
  if (citation.page !== null) return `p. ${citation.page}`;
  const section = citation.section ?? citation.title;
  return section.length > 28 ? `${section.slice(0, 27)}…` : section;
}

// Exact: three decimals at least, and none that says something is dropped.
function amount(text) {
  const [whole, decimals] = text.split(".");
  const kept = decimals.slice(0, 3) + decimals.slice(3).replace(/0+$/, "");
  return element("span", { className: "num" }, whole, element("small", { textContent: `.${kept}` }));
}
