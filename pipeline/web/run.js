// One run: its progress, its records by status, and the story of each.

import { get, request, segment } from "./api.js";
import { answersNode } from "./answers.js";
import { button, el, fill, put } from "./dom.js";
import { icon } from "./icons.js";
import { tellError } from "./notice.js";
import { Poll } from "./poll.js";
import { ORDER, progress, runName } from "./progress.js";
import { openRecord } from "./record.js";
import { STATUS, aspect, clock, count, duration, many, plain } from "./words.js";

const PAGE = 50;

export class RunPage {
  #id;
  #poll;
  #status = "";
  #seen = "";
  #head = el("header", { class: "case-head" });
  #filters = el("div", { class: "filters", role: "group", "aria-label": "Status" });
  #rows = el("tbody", {});
  #answers;
  #more = button("Show more", () => this.#page(), { class: "quiet", hidden: true });
  #next = null;
  #reading = 0;
  #record = null;
  #sheet = null;

  /** `record`: the one that the address names, or null. */
  constructor(id, record) {
    this.#id = id;
    this.#answers = answersNode(id, () => this.#poll.now());
    this.#answers.firstElementChild.hidden = true;
    const back = el("a", { class: "back", href: "#/runs" }, icon("back"), "All runs");
    this.node = el("article", { class: "case run", "aria-label": "Run" }, back, this.#head, this.#answers, this.#filters,
      el("div", { class: "case-scroll" }, el("table", { class: "records" },
        el("thead", {}, el("tr", {}, ["Record", "Status", "Intent", "Outcome", "Tokens", "Time"].map((text) => el("th", { scope: "col", text })))),
        this.#rows), this.#more));
    this.#poll = new Poll(() => get(this.#path), (run) => this.#draw(run), (error) => tellError(error), 2);
    this.show(record);
  }

  /** Open a record's sheet, or close it. */
  show(record) {
    if (record === this.#record) return;
    this.#record = record;
    const sheet = this.#sheet;
    this.#sheet = null;
    sheet?.close();
    if (!record) return;
    this.#sheet = openRecord(this.#id, record, () => {
      if (this.#record !== record || !this.#sheet) return; // the address has changed already
      location.hash = `#/runs/${encodeURIComponent(this.#id)}`;
    });
  }

  get #path() {
    return `/runs/${segment(this.#id)}`;
  }

  leave() {
    this.#poll.stop();
    this.show(null);
  }

  #draw(run) {
    const done = ORDER.reduce((sum, status) => sum + (run.statuses?.[status] ?? 0), 0);
    const unread = Array.isArray(run.errors) ? run.errors.length : run.errors ?? 0;
    const save = button("", () => this.#save(run), { class: "quiet" });
    put(save, icon("download"), "Results");
    fill(this.#head,
      el("p", { class: "card-top" }, el("span", { class: "lamp", "data-aspect": aspect(run.state) }),
        el("span", { class: "card-state", text: STATUS[run.state] ?? run.state }), el("time", { text: clock(run.created) }), save),
      el("h2", { "aria-level": 1, text: runName(run) }),
      progress(run),
      run.error ? el("p", { class: "problem", text: run.error }) : null,
      el("p", { class: "faint", text: `${count(done)} of ${many(run.records ?? done, "record")} done${unread ? `; ${many(unread, "line")} could not be read` : ""}` }));
    this.#answers.firstElementChild.hidden = !run.statuses?.needs_input && !run.statuses?.escalated;
    this.#drawFilters(run.statuses ?? {}, done);
    const now = JSON.stringify(run.statuses);
    if (now !== this.#seen) { // an answer changes a record's status, and not how many are done
      this.#seen = now;
      this.#again();
    }
  }

  #drawFilters(counts, done) {
    const focused = this.#filters.contains(document.activeElement) ? document.activeElement.dataset.status : null;
    fill(this.#filters, ["", ...ORDER].map((status) => el("button", {
      type: "button", class: "filter", "data-status": status, "aria-pressed": String(status === this.#status),
      on: {
        click: (event) => {
          this.#status = status;
          for (const one of this.#filters.children) one.setAttribute("aria-pressed", String(one === event.currentTarget));
          this.#again();
        },
      },
    }, status ? el("span", { class: "lamp", "data-aspect": aspect(status) }) : null,
    status ? STATUS[status] : "All", el("span", { class: "number", text: count(status ? counts[status] : done) }))));
    if (focused !== null) this.#filters.querySelector(`[data-status="${CSS.escape(focused)}"]`)?.focus();
  }

  /** Read what is shown once more, as many rows as there are. */
  async #again() {
    await this.#read(null, Math.min(500, Math.max(PAGE, this.#rows.childElementCount)), true);
  }

  async #page() {
    await this.#read(this.#next, PAGE, false);
  }

  async #read(after, limit, anew) {
    const reading = this.#reading += 1;
    const query = new URLSearchParams({ limit });
    if (this.#status) query.set("status", this.#status);
    if (after !== null) query.set("after", after);
    try {
      const records = await get(`${this.#path}/records?${query}`);
      if (reading !== this.#reading) return;
      const focused = anew && document.activeElement?.dataset?.id;
      if (anew) fill(this.#rows);
      this.#rows.append(...records.map((record) => this.#row(record)));
      this.#next = records.length < limit ? null : records.at(-1).number;
      this.#more.hidden = this.#next === null;
      if (focused) this.#rows.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
    } catch (error) {
      tellError(error);
    }
  }

  #row(record) {
    const open = el("button", { type: "button", class: "row-open", "data-id": record.custom_id, on: { click: () => { location.hash = `#/runs/${encodeURIComponent(`${this.#id}/${record.custom_id}`)}`; } } },
      el("b", { text: record.custom_id }), el("span", { class: "faint clamp", text: record.text ?? record.tells ?? "" }));
    return el("tr", {},
      el("th", { scope: "row" }, open),
      el("td", {}, el("span", { class: "tag", "data-aspect": aspect(record.status), text: STATUS[record.status] ?? "Under way" })),
      el("td", { "data-label": "Intent", text: plain(record.intent ?? "") || "–" }),
      el("td", { class: "tells" }, el("span", { class: "clamp", text: record.tells ?? "" })),
      el("td", { class: "figure", "data-label": "Tokens", text: record.tokens ? count(record.tokens) : "–" }),
      el("td", { class: "figure", "data-label": "Time", text: record.finished ? duration(record.finished - record.started) : "–" }));
  }

  async #save(run) {
    try {
      const blob = await (await request(`${this.#path}/results`)).blob();
      const link = el("a", { href: URL.createObjectURL(blob), download: `${run.id}.jsonl` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (error) {
      tellError(error);
    }
  }
}
