// The operator desk: what waits for a person, the latest first, and the case that is open beside it.

import { get } from "./api.js";
import { announce, el, fill } from "./dom.js";
import { Case } from "./case.js";
import { tellError } from "./notice.js";
import { Poll } from "./poll.js";
import { STATUS, aspect, clock, many, plain } from "./words.js";

const FILTERS = [["", "Active"], ["open", "Open"], ["taken", "Taken over"], ["closed", "Closed"]];

export class Desk {
  #list = el("ul", { class: "cards", "aria-label": "Escalations" });
  #head = el("p", { class: "faint", text: "One moment…" });
  #side = el("div", { class: "side" });
  #state = "";
  #poll = null;
  #case = null;
  #count = -1;

  constructor(_app, record) {
    this.node = el("section", { class: "split", "aria-label": "Operator desk", "data-open": record ? "" : null },
      el("div", { class: "list" }, el("h1", { text: "Desk" }), this.#head, this.#filters(), this.#list), this.#side);
    this.#watch();
    this.open(record);
  }

  leave() {
    this.#poll.stop();
    this.#case?.leave();
  }

  /** Show a case beside the list, or none. */
  open(record) {
    this.#case?.leave();
    this.#case = null;
    this.node.toggleAttribute("data-open", Boolean(record));
    if (!record) {
      fill(this.#side, el("p", { class: "nothing", text: "Choose a case from the list." }));
    } else {
      this.#case = new Case(record, () => this.#poll.now());
      fill(this.#side, this.#case.node);
    }
    this.record = record;
    this.#mark();
  }

  #filters() {
    return el("div", { class: "filters", role: "group", "aria-label": "Show" }, FILTERS.map(([state, label]) => el("button", {
      type: "button", class: "filter", "aria-pressed": String(state === this.#state), text: label,
      on: {
        click: (event) => {
          this.#state = state;
          for (const one of event.currentTarget.parentNode.children) one.setAttribute("aria-pressed", String(one === event.currentTarget));
          this.#watch();
        },
      },
    })));
  }

  #watch() {
    this.#poll?.stop();
    this.#count = -1;
    this.#poll = new Poll(() => get(`/escalations${this.#state ? `?state=${this.#state}` : ""}`), (cases) => this.#draw(this.#state ? cases : cases.filter((one) => one.state !== "closed")),
      (error) => tellError(error));
  }

  #draw(cases) {
    const focused = document.activeElement?.closest?.("[data-record]")?.dataset.record;
    this.#head.textContent = cases.length ? `${many(cases.length, "case")}` : "Nothing waits for a person.";
    if (this.#count >= 0 && cases.length > this.#count) announce("A new case has arrived.");
    this.#count = cases.length;
    fill(this.#list, [...cases].reverse().map((one) => el("li", {}, el("a", {
      class: "card-link", href: `#/desk/${encodeURIComponent(one.record)}`, "data-record": one.record,
    },
    el("span", { class: "card-top" }, el("span", { class: "lamp", "data-aspect": aspect(one.state) }),
      el("span", { class: "card-state", text: STATUS[one.state] ?? one.state }), el("time", { text: clock(one.at) })),
    el("b", { text: one.text || one.reason }), el("span", { class: "faint", text: [one.to, one.text ? one.reason : plain(one.intent)].filter(Boolean).join(": ") })))));
    this.#mark();
    if (focused) this.#list.querySelector(`[data-record="${CSS.escape(focused)}"]`)?.focus();
  }

  #mark() {
    for (const link of this.#list.querySelectorAll("[data-record]")) {
      if (link.dataset.record === this.record) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
}
