// One run: what stands above its records, the records, and the story of each.

import { get, segment } from "./api.js";
import { el } from "./dom.js";
import { icon } from "./icons.js";
import { tellError } from "./notice.js";
import { Poll } from "./poll.js";
import { openRecord } from "./record.js";
import { Records } from "./records.js";
import { RunHead } from "./run_head.js";

export class RunPage {
  #id;
  #poll;
  #head;
  #records;
  #record = null;
  #sheet = null;

  /** `record`: the one that the address names, or null. `changed()`: something was done to the run. */
  constructor(id, record, changed) {
    this.#id = id;
    this.#head = new RunHead(id, () => { this.#poll.now(); changed(); });
    this.#records = new Records(id);
    const back = el("a", { class: "back", href: "#/runs" }, icon("back"), "All runs");
    this.node = el("article", { class: "case run", "aria-label": "Run" }, back, this.#head.node, this.#records.bar, this.#records.node);
    this.#poll = new Poll(() => get(`/runs/${segment(id)}`), (run) => this.#draw(run), (error) => this.#missing(error), 2);
    this.show(record);
  }

  /** Open a record's sheet, or close it, above the records that the address says. */
  show(record) {
    this.#records.recall();
    this.#open(record);
  }

  #open(record) {
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

  leave() {
    this.#poll.stop();
    this.#records.leave();
    this.#open(null);
  }

  #draw(run) {
    this.#head.draw(run);
    this.#records.draw(run);
  }

  #missing(error) {
    tellError(error, error.status === 404);
    if (error.status !== 404) return;
    this.#poll.stop(); // it was deleted, here or elsewhere
    this.node.replaceChildren(el("p", { class: "nothing", text: "There is no such run (any more)." }), el("a", { class: "back", href: "#/runs", text: "All runs" }));
  }
}
