// The operator desk: what waits for a person, the longest first, and the case that is open beside it.

import { press, recalled, remember } from "./address.js";
import { get } from "./api.js";
import { announce, button, el, fill } from "./dom.js";
import { Case } from "./case.js";
import { tellError } from "./notice.js";
import { Poll } from "./poll.js";
import { LATE, STATUS, aspect, clock, count, many, plain } from "./words.js";

const FILTERS = [["active", "Waiting"], ["mine", "Mine"], ["closed", "Closed"]];
const PAGE = 50;
const EMPTY = {
  active: "Nothing waits for a person. Questions of batches, approvals and what is handed over will be here.",
  mine: "You have taken no case. “Take over” in a case makes it yours alone.",
  closed: "No case was closed yet.",
};

export class Desk {
  #list = el("ul", { class: "cards", "aria-label": "Cases" });
  #head = el("p", { class: "faint", text: "One moment…" });
  #search = el("input", {
    type: "search", class: "search", placeholder: "Search", "aria-label": "Search cases", autocomplete: "off",
    on: { input: () => this.#typed() },
  });
  #back = button("Previous page", () => this.#turn(-1), { class: "quiet" });
  #on = button("Next page", () => this.#turn(1), { class: "quiet" });
  #pages = el("nav", { class: "row", "aria-label": "Pages of cases", hidden: true }, this.#back, this.#on);
  #side = el("div", { class: "side" });
  #filter = "active";
  #marks = [""];
  #page = 1;
  #behind = null;
  #poll = null;
  #case = null;
  #count = -1;
  #timer = 0;
  #shown = [];
  #at = 0;
  #opens = false;

  constructor(_app, place) {
    this.#recall();
    this.node = el("section", { class: "split", "aria-label": "Operator desk", "data-open": place ? "" : null },
      el("div", { class: "list" }, el("h1", { text: "Desk" }), this.#filters(), this.#search, this.#head, this.#list, this.#pages), this.#side);
    this.#watch();
    this.open(place);
  }

  leave() {
    clearTimeout(this.#timer);
    this.#poll.stop();
    this.#case?.leave();
  }

  /** Show the case at "run/record" beside the list, or none. A conversation's may be named by its record alone. */
  open(named) {
    if (this.#recall()) this.#watch();
    this.#remember();
    const place = named && !named.includes("/") ? `-/${named}` : named;
    this.#case?.leave();
    this.#case = null;
    this.node.toggleAttribute("data-open", Boolean(place));
    if (!place) {
      fill(this.#side, el("p", { class: "nothing", text: "Choose a case from the list." }));
    } else {
      this.#case = new Case(place, () => this.#poll.now(), () => this.#next());
      fill(this.#side, this.#case.node);
    }
    this.place = place;
    this.#mark();
  }

  #filters() {
    return el("div", { class: "filters", role: "group", "aria-label": "Show" }, FILTERS.map(([name, label]) => el("button", {
      type: "button", class: "filter", "data-filter": name, "aria-pressed": String(name === this.#filter),
      on: {
        click: (event) => {
          this.#filter = name;
          this.#first();
          press(event.currentTarget.parentNode.children, (one) => one === event.currentTarget);
          this.#remember();
          this.#watch();
        },
      },
    }, label, name === "closed" ? null : el("span", { class: "number" }))));
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { this.#first(); this.#remember(); this.#watch(); }, 250);
  }

  #first() {
    this.#marks = [""];
    this.#page = 1;
  }

  /** One page on or back. A page is what comes behind a mark, so that what is answered meanwhile moves none of it. */
  #turn(by) {
    if (by > 0) this.#marks.push(this.#behind);
    else this.#marks.pop();
    this.#page = this.#marks.length === 1 ? 1 : this.#page + by; // the marks before one from the address are not known
    this.#remember();
    this.#watch();
    this.node.querySelector(".list").scrollTop = 0;
  }

  #remember() {
    const after = this.#marks.at(-1);
    remember({ show: this.#filter === "active" ? "" : this.#filter, q: this.#search.value.trim(), page: after ? String(this.#page) : "", after });
  }

  /** Show what the address says, if it does; whether that is something else than before. */
  #recall() {
    const { show, q, page, after } = recalled("show", "q", "page", "after") ?? {};
    const same = show === (this.#filter === "active" ? "" : this.#filter) && q === this.#search.value.trim() && after === this.#marks.at(-1);
    if (q === undefined || same) return false;
    this.#filter = FILTERS.some(([name]) => name === show) ? show : "active";
    this.#search.value = q;
    this.#first();
    if (after) {
      this.#marks.push(after);
      this.#page = Math.max(2, Number.parseInt(page, 10) || 2);
    }
    press(this.node?.querySelectorAll("[data-filter]") ?? [], (one) => one.dataset.filter === this.#filter);
    return true;
  }

  #watch() {
    this.#poll?.stop();
    this.#count = -1;
    const query = new URLSearchParams({ limit: PAGE });
    if (this.#marks.at(-1)) query.set("after", this.#marks.at(-1));
    if (this.#filter === "closed") query.set("state", "closed");
    if (this.#filter === "mine") query.set("mine", "true");
    if (this.#search.value.trim()) query.set("q", this.#search.value.trim());
    this.#poll = new Poll(() => get(`/desk?${query}`), (found) => this.#draw(found), (error) => tellError(error));
  }

  #draw({ cases, counts, next }) {
    const focused = document.activeElement?.closest?.("[data-place]")?.dataset.place;
    const words = this.#search.value.trim();
    if (!cases.length && this.#marks.length > 1) { // all of this page was answered
      this.#first();
      this.#remember();
      this.#watch();
      return;
    }
    const pages = Math.max(Math.ceil(counts.found / PAGE), this.#page);
    this.#head.textContent = counts.found ? `${many(counts.found, "case")}${pages > 1 ? `, page ${count(this.#page)} of ${count(pages)}` : ""}`
      : words ? `No case has “${words}” in it.` : EMPTY[this.#filter];
    this.#number("active", counts.open + counts.taken);
    this.#number("mine", counts.mine);
    if (this.#count >= 0 && counts.found > this.#count && this.#filter !== "closed") announce("A new case has arrived.");
    this.#count = counts.found;
    this.#behind = next;
    this.#back.disabled = this.#marks.length === 1;
    this.#on.disabled = next === null;
    this.#pages.hidden = this.#back.disabled && this.#on.disabled;
    this.#shown = cases.map(placeOf);
    this.#at = this.#shown.includes(this.place) ? this.#shown.indexOf(this.place) : this.#at;
    fill(this.#list, cases.map((one) => el("li", {}, el("a", {
      class: "card-link", href: addressOf(placeOf(one)), "data-place": placeOf(one),
    },
    el("span", { class: "card-top" }, el("span", { class: "lamp", "data-aspect": aspect(one.state === "open" ? one.kind : one.state) }),
      el("span", { class: "card-state", text: stateWords(one) }), el("time", { text: clock(one.at) })),
    el("b", { text: one.kind === "escalation" ? one.text || one.asks : one.asks }),
    el("span", { class: "faint clamp", text: detail(one) })))));
    this.#mark();
    if (focused) this.#list.querySelector(`[data-place="${CSS.escape(focused)}"]`)?.focus();
    if (this.#opens) this.#goTo(this.#shown[0]);
  }

  #number(filter, number) {
    this.node.querySelector(`[data-filter=${filter}] .number`).textContent = number ? count(number) : "";
  }

  /** Open the case behind the one that is open, which stands in its place once that is answered. */
  #next() {
    const at = this.#shown.indexOf(this.place);
    const next = this.#shown[at < 0 ? this.#at : at + 1];
    if (next || this.#behind === null) return this.#goTo(next ?? this.#shown.find((place) => place !== this.place));
    this.#opens = true;
    this.#turn(1);
  }

  #goTo(place) {
    this.#opens = false;
    this.#at = Math.max(0, this.#shown.indexOf(place));
    location.hash = place ? addressOf(place) : "#/desk";
  }

  #mark() {
    for (const link of this.#list.querySelectorAll("[data-place]")) {
      if (link.dataset.place === this.place) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
}

function placeOf({ run, record }) {
  return `${run || "-"}/${record}`;
}

function addressOf(place) {
  return `#/desk/${encodeURIComponent(place)}`;
}

/** What a card says of its case: "Question", "Approval: manager", "Taken over by Ann". */
function stateWords({ state, kind, to, by, expired }) {
  if (state === "taken") return `${STATUS.taken}${by ? ` by ${plain(by)}` : ""}`;
  if (state === "closed") return `${STATUS.closed}${by ? ` by ${plain(by)}` : ""}`;
  if (expired) return LATE;
  return kind === "approval" ? `Approval: ${plain(to).toLowerCase()}` : { question: "Question", escalation: "Handed over" }[kind];
}

function detail({ kind, text, asks, to, intent, record, run, answer, expired, state }) {
  if (answer) return `Answer: ${answer}`;
  if (expired && state === "closed") return LATE;
  const name = run ? `${record}: ` : "";
  if (kind === "escalation") return [to, text ? asks : plain(intent)].filter(Boolean).join(": ");
  return name + text;
}
