// What stands above the records of a run: its name, how far it is and how fast, and what an operator can do about it.

import { patch, post, remove, request, segment } from "./api.js";
import { answersNode } from "./answers.js";
import { confirmed, written } from "./confirm.js";
import { announce, button, el, fill } from "./dom.js";
import { openFigures } from "./figures.js";
import { icon } from "./icons.js";
import { tellError } from "./notice.js";
import { ORDER, progress, runName } from "./progress.js";
import { openUnread } from "./unread.js";
import { STATUS, aspect, clock, count, duration, many, plain } from "./words.js";

const SAID = { pause: "Being paused", resume: "Goes on", cancel: "Being cancelled", retry: "Tried once more" };

export class RunHead {
  #id;
  #changed;
  #top = el("div", { class: "run-top" });
  #acts = el("div", { class: "row acts", role: "group", "aria-label": "Run" });
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #answering;
  #run = null;

  /** `changed()` is called after something was done. */
  constructor(id, changed) {
    this.#id = id;
    this.#changed = changed;
    const [answering, told] = answersNode(id, changed).children;
    this.#answering = answering;
    answering.hidden = true;
    this.node = el("header", { class: "case-head" }, this.#top, el("div", { class: "row acts" }, this.#acts, answering), this.#problem, told);
  }

  draw(run) {
    this.#run = run;
    const focused = this.node.contains(document.activeElement) ? document.activeElement.dataset.act : null;
    fill(this.#top,
      el("p", { class: "card-top" }, el("span", { class: "lamp", "data-aspect": aspect(run.state) }),
        el("span", { class: "card-state", text: stateWords(run) }), el("time", { text: clock(run.created) })),
      el("div", { class: "run-name" }, el("h2", { "aria-level": 1, text: runName(run) }),
        act("rename", "Rename", () => this.#rename())),
      progress(run),
      run.error ? el("p", { class: "problem", text: run.error }) : null,
      el("p", { class: "faint" }, farWords(run)));
    fill(this.#acts, this.#buttons(run));
    if (focused) this.node.querySelector(`[data-act="${CSS.escape(focused)}"]`)?.focus();
    this.#answering.hidden = !run.statuses?.needs_input && !run.statuses?.escalated;
  }

  #buttons({ state, statuses, errors, kind }) {
    const failed = statuses?.failed ?? 0;
    const unread = Array.isArray(errors) ? errors.length : errors ?? 0;
    return [
      ["waiting", "running"].includes(state) ? act("pause", "Pause", () => this.#do("pause")) : null,
      ["paused", "pausing", "stopped"].includes(state) ? act("resume", "Go on", () => this.#do("resume")) : null,
      ["waiting", "running", "pausing", "paused"].includes(state) ? act("cancel", "Cancel", () => this.#cancel()) : null,
      failed && (kind ?? "run") === "run" && state !== "deleting" ? act("retry", `Try ${many(failed, "failed one")} again`, () => this.#do("retry")) : null,
      statuses && Object.values(statuses).some(Boolean) ? act("figures", "Figures", () => openFigures(this.#id)) : null,
      act("results", "Results", () => this.#save(), "download"),
      unread ? act("unread", `${many(unread, "unread line")}`, () => openUnread(this.#id)) : null,
      state === "deleting" ? null : act("delete", "Delete", () => this.#delete()),
    ];
  }

  async #do(what) {
    this.#problem.hidden = true;
    try {
      await post(`${this.#path}/${what}`);
      announce(SAID[what]);
    } catch (error) {
      this.#tell(error);
    }
    this.#changed();
  }

  async #cancel() {
    if (await confirmed("Cancel this run?", "No further record is begun. What was answered stays.", "Cancel the run")) await this.#do("cancel");
  }

  async #rename() {
    const name = await written("Name of the run", this.#run.name ?? "", "Rename", 200);
    if (name === null) return;
    try {
      await patch(this.#path, { name });
    } catch (error) {
      this.#tell(error);
    }
    this.#changed();
  }

  async #delete() {
    if (!await confirmed("Delete this run?", `“${runName(this.#run)}” goes with its file, its answers and its journal. It cannot be had back.`, "Delete the run")) return;
    try {
      await remove(this.#path);
      announce("Deleted");
      location.hash = "#/runs";
    } catch (error) {
      this.#tell(error);
    }
    this.#changed();
  }

  async #save() {
    try {
      const blob = await (await request(`${this.#path}/results`)).blob();
      const link = el("a", { href: URL.createObjectURL(blob), download: `${(this.#run.name || this.#id).replace(/\.jsonl$|[^\w. -]/g, "")}-results.jsonl` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (error) {
      this.#tell(error);
    }
  }

  #tell(error) {
    tellError(error, true);
    this.#problem.textContent = error.sentence ?? String(error.message);
    this.#problem.hidden = false;
  }

  get #path() {
    return `/runs/${segment(this.#id)}`;
  }
}

function act(name, label, action, picture = null) {
  return el("button", { type: "button", class: "quiet", "data-act": name, on: { click: action } }, picture ? icon(picture) : null, label);
}

/** "Paused by Ann". */
function stateWords({ state, stopped_by: by }) {
  const told = STATUS[state] ?? state;
  return by && by !== "operator" && ["paused", "pausing", "cancelled", "cancelling"].includes(state) ? `${told} by ${plain(by)}` : told;
}

/** "40 of 96 done, 2.9 a second, about 20 s left". */
function farWords(run) {
  const done = ORDER.reduce((sum, status) => sum + (run.statuses?.[status] ?? 0), 0);
  const rate = run.rate >= 1 ? `${run.rate.toFixed(1)} a second` : run.rate ? `${(60 * run.rate).toFixed(1)} a minute` : null;
  return [
    `${count(done)} of ${many(run.records ?? done, "record")} done`, rate,
    run.seconds_left ? `about ${duration(run.seconds_left < 60 ? Math.ceil(run.seconds_left) : run.seconds_left).replace(".0", "")} left` : null,
    run.state !== "running" && run.worked >= 1 ? `worked on for ${duration(run.worked)}` : null,
  ].filter(Boolean).join(", ");
}
