// The records of a run as a table: searched, by status and intent, in an order; a page at a time, read again when it changes.

import { press, recalled, remember } from "./address.js";
import { get, segment } from "./api.js";
import { button, el, fill } from "./dom.js";
import { tellError } from "./notice.js";
import { SHARES, shares } from "./progress.js";
import { STATUS, aspect, count, duration, plain, statusOf } from "./words.js";

const PAGE = 50;
const MOST = 500;
const PATIENCE = 15_000; // Milliseconds between two looks at all of a run that is under way.
const SORTS = [["begun", "As they began"], ["ended", "Latest first"], ["slowest", "Slowest first"], ["tokens", "Most tokens first"], ["name", "By name"]];

export class Records {
  #run;
  #status = "";
  #seen = "";
  #next = null;
  #reading = 0;
  #timer = 0;
  #counted = 0;
  #filters = el("div", { class: "filters", role: "group", "aria-label": "Status" });
  #search = el("input", { type: "search", class: "search", placeholder: "Search", "aria-label": "Search records", autocomplete: "off", on: { input: () => this.#typed() } });
  #intent = el("select", { "aria-label": "Intent", on: { change: () => this.#change() } }, el("option", { value: "", text: "All intents" }));
  #sort = el("select", { "aria-label": "Order", on: { change: () => this.#change() } }, SORTS.map(([value, text]) => el("option", { value, text })));
  #rows = el("tbody", {});
  #empty = el("p", { class: "faint", hidden: true });
  #more = button("Show more", () => this.#read(this.#next, PAGE, false), { class: "quiet", hidden: true });

  constructor(run) {
    this.#run = run;
    this.bar = el("div", { class: "records-bar" }, this.#filters, el("div", { class: "row find" }, this.#search, this.#intent, this.#sort));
    this.node = el("div", { class: "case-scroll" }, el("table", { class: "records" },
      el("thead", {}, el("tr", {}, ["Record", "Status", "Intent", "Outcome", "Tokens", "Time"].map((text) => el("th", { scope: "col", text })))),
      this.#rows), this.#empty, this.#more);
  }

  /** Show what the address says, if it does; else it says from now on what is shown. */
  recall() {
    const { status, intent, q, sort } = recalled("status", "intent", "q", "sort") ?? {};
    if (q === undefined) return this.#remember();
    this.#status = SHARES.includes(status) || status === "running" ? status : "";
    press(this.#filters.children, (one) => one.dataset.status === this.#status);
    this.#search.value = q;
    if (intent && ![...this.#intent.options].some(({ value }) => value === intent)) this.#intent.append(el("option", { value: intent, text: plain(intent) }));
    this.#intent.value = intent;
    this.#sort.value = SORTS.some(([value]) => value === sort) ? sort : "begun";
    if (this.#seen) this.#again(); // else it is read when it is known how far the run is
  }

  leave() {
    clearTimeout(this.#timer);
    this.#reading += 1;
  }

  /** `run`: how far it is now. */
  draw(run) {
    const counts = shares(run);
    this.#drawFilters(counts);
    const now = JSON.stringify(counts);
    if (now === this.#seen) return; // an answer changes a record's status, and not how many are done
    this.#seen = now;
    this.#again();
    if (run.state === "running" && Date.now() - this.#counted < PATIENCE) return;
    this.#counted = Date.now();
    this.#intents();
  }

  #drawFilters(counts) {
    const focused = this.#filters.contains(document.activeElement) ? document.activeElement.dataset.status : null;
    const all = Object.values(counts).reduce((sum, number) => sum + number, 0);
    const shown = SHARES.filter((status) => status !== "declined" || counts.declined || this.#status === "declined").concat(counts.running ? ["running"] : []);
    fill(this.#filters, ["", ...shown].map((status) => el("button", {
      type: "button", class: "filter", "data-status": status, "aria-pressed": String(status === this.#status),
      on: {
        click: (event) => {
          this.#status = status;
          press(this.#filters.children, (one) => one === event.currentTarget);
          this.#change();
        },
      },
    }, status ? el("span", { class: "lamp", "data-aspect": aspect(status) }) : null,
    status ? STATUS[status] : "All", el("span", { class: "number", text: count(status ? counts[status] : all) }))));
    if (focused !== null) this.#filters.querySelector(`[data-status="${CSS.escape(focused)}"]`)?.focus();
  }

  /** Which intents there are to choose from. */
  async #intents() {
    try {
      const { intents } = await get(`${this.#path}/figures`);
      const chosen = this.#intent.value;
      fill(this.#intent, el("option", { value: "", text: "All intents" }),
        intents.map(({ intent, records }) => el("option", { value: intent, text: `${plain(intent)} (${count(records)})` })));
      if (chosen && !intents.some(({ intent }) => intent === chosen)) this.#intent.append(el("option", { value: chosen, text: plain(chosen) }));
      this.#intent.value = chosen;
    } catch (error) {
      tellError(error);
    }
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#change(), 250);
  }

  #change() {
    this.#remember();
    this.#again();
  }

  #remember() {
    const sort = this.#sort.value === "begun" ? "" : this.#sort.value;
    remember({ status: this.#status, intent: this.#intent.value, q: this.#search.value.trim(), sort });
  }

  /** Read what is shown once more, as many rows as there are. */
  #again() {
    return this.#read(null, Math.min(MOST, Math.max(PAGE, this.#rows.childElementCount)), true);
  }

  async #read(after, limit, anew) {
    const reading = this.#reading += 1;
    const query = new URLSearchParams({ limit, sort: this.#sort.value });
    const words = this.#search.value.trim();
    if (words) query.set("q", words);
    if (this.#status) query.set("status", this.#status === "declined" ? "completed" : this.#status);
    if (["completed", "declined"].includes(this.#status)) query.set("declined", this.#status === "declined");
    if (this.#intent.value) query.set("intent", this.#intent.value);
    if (after !== null) query.set("after", after);
    try {
      const records = await get(`${this.#path}/records?${query}`);
      if (reading !== this.#reading) return;
      const focused = anew && document.activeElement?.dataset?.id;
      if (anew) fill(this.#rows);
      this.#rows.append(...records.map((record) => this.#row(record)));
      this.#next = records.length < limit ? null : records.at(-1).number;
      this.#more.hidden = this.#next === null;
      this.#empty.hidden = this.#rows.childElementCount > 0;
      this.#empty.textContent = words ? `No record has “${words}” in it.` : this.#status || this.#intent.value ? "No record is like that." : "Records will be here as they are begun.";
      if (focused) this.#rows.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
    } catch (error) {
      tellError(error);
    }
  }

  #row(record) {
    const open = el("a", { class: "row-open", "data-id": record.custom_id, href: `#/runs/${encodeURIComponent(`${this.#run}/${record.custom_id}`)}` },
      el("b", { text: record.custom_id }), el("span", { class: "faint clamp", text: record.text ?? "" }));
    const status = statusOf(record);
    return el("tr", {},
      el("th", { scope: "row" }, open),
      el("td", {}, el("span", { class: "tag", "data-aspect": aspect(status), text: STATUS[status] ?? "Under way" })),
      el("td", { "data-label": "Intent", text: plain(record.intent ?? "") || "–" }),
      el("td", { class: "tells" }, el("span", { class: "clamp", text: record.tells ?? "" })),
      el("td", { class: "figure", "data-label": "Tokens", text: record.tokens ? count(record.tokens) : "–" }),
      el("td", { class: "figure", "data-label": "Time", text: Number.isFinite(record.seconds) ? duration(record.seconds) : "–" }));
  }

  get #path() {
    return `/runs/${segment(this.#run)}`;
  }
}
