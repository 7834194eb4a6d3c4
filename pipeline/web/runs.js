// The run view: batches with their progress; another one by choosing or dropping a JSONL file.

import { press, recalled, remember } from "./address.js";
import { get, request } from "./api.js";
import { announce, button, el, fill } from "./dom.js";
import { icon } from "./icons.js";
import { connection, tellError } from "./notice.js";
import { Poll } from "./poll.js";
import { RunPage } from "./run.js";
import { progress, runName } from "./progress.js";
import { STATUS, aspect, clock, count, many } from "./words.js";

const STATES = [["", "All"], ["under", "Under way"], ["finished", "Finished"], ["other", "Not finished"]];
const UNDER_WAY = ["waiting", "running", "pausing", "paused", "cancelling", "deleting"];
const MOST = 200;

export class Runs {
  #list = el("ul", { class: "cards", "aria-label": "Runs" });
  #head = el("p", { class: "faint", text: "One moment…" });
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #side = el("div", { class: "side" });
  #search = el("input", { type: "search", class: "search", placeholder: "Search", "aria-label": "Search runs", autocomplete: "off", on: { input: () => { this.#remember(); this.#draw(this.#runs); } } });
  #filters = el("div", { class: "filters", role: "group", "aria-label": "Show" });
  #state = "";
  #runs = [];
  #poll;
  #page = null;

  constructor(_app, place) {
    this.node = el("section", { class: "split", "aria-label": "Runs" },
      el("div", { class: "list" }, el("h1", { text: "Runs" }), this.#head, this.#upload(), this.#problem, this.#filters, this.#search, this.#list), this.#side);
    this.#filters.append(...STATES.map(([state, label]) => el("button", {
      type: "button", class: "filter", "data-state": state, "aria-pressed": String(state === this.#state),
      on: {
        click: (event) => {
          this.#state = state;
          press(this.#filters.children, (one) => one === event.currentTarget);
          this.#remember();
          this.#draw(this.#runs);
        },
      },
    }, label)));
    this.#filters.hidden = this.#search.hidden = true;
    this.#poll = new Poll(() => get("/runs"), (runs) => this.#draw(runs), (error) => tellError(error), 2);
    this.open(place);
  }

  leave() {
    this.#poll.stop();
    this.#page?.leave();
  }

  /** Show "run", or "run/record", beside the list, or none. */
  open(place) {
    this.#recall();
    const [run, record] = parted(place);
    if (run && run === this.run) return this.#page.show(record);
    this.#page?.leave();
    this.#page = run ? new RunPage(run, record, () => this.#poll.now()) : null;
    this.run = run;
    this.node.toggleAttribute("data-open", Boolean(run));
    fill(this.#side, this.#page ? this.#page.node : el("p", { class: "nothing", text: "Choose a run, or upload a batch." }));
    this.#mark();
  }

  #remember() {
    remember({ show: this.#state, find: this.#search.value.trim() });
  }

  #recall() {
    const { show, find } = recalled("show", "find") ?? {};
    if (find === undefined) return this.#remember();
    this.#state = STATES.some(([state]) => state === show) ? show : "";
    this.#search.value = find;
    press(this.#filters.children, (one) => one.dataset.state === this.#state);
    if (this.#runs.length) this.#draw(this.#runs);
  }

  #upload() {
    const file = el("input", {
      type: "file", accept: ".jsonl,.ndjson,application/x-ndjson,application/jsonl", class: "unseen", tabindex: -1, "aria-label": "Batch file",
      on: { change: () => { this.#send(file.files[0]); file.value = ""; } },
    });
    const choose = button("", () => file.click(), { class: "drop" });
    choose.append(icon("upload"), el("span", {}, el("b", { text: "Upload a batch" }), el("span", { class: "faint", text: "JSONL: one request a line" })));
    const stop = (event) => { event.preventDefault(); choose.toggleAttribute("data-over", event.type === "dragover"); };
    for (const type of ["dragover", "dragleave", "drop"]) choose.addEventListener(type, stop);
    choose.addEventListener("drop", (event) => this.#send(event.dataTransfer?.files[0]));
    return el("div", {}, choose, file);
  }

  async #send(file) {
    if (!file) return;
    this.#problem.hidden = true;
    try {
      const response = await request(`/runs?${new URLSearchParams({ name: file.name.slice(-200) })}`, {
        method: "POST", headers: { "Content-Type": "application/x-ndjson", Accept: "application/json" }, body: file,
      });
      const { id } = await response.json();
      announce("The batch was taken.");
      location.hash = `#/runs/${encodeURIComponent(id)}`;
      this.#poll.now();
    } catch (error) {
      this.#problem.textContent = error.sentence ?? String(error.message);
      this.#problem.hidden = false;
      if (error.status === 0) connection("reconnecting", error);
    }
  }

  #draw(runs) {
    this.#runs = runs;
    this.#filters.hidden = this.#search.hidden = runs.length < 2;
    const words = this.#search.value.trim().toLowerCase();
    const found = runs.filter((run) => this.#fits(run) && (!words || `${runName(run)} ${run.id} ${run.uploader ?? ""}`.toLowerCase().includes(words)));
    const shown = found.slice(0, MOST);
    this.#head.textContent = !runs.length ? "No batch has run here yet. Each one that you upload will be here with its progress, its answers and what waits for people."
      : !found.length ? (words ? `No run is called “${this.#search.value.trim()}”.` : "No run is like that.")
        : `${many(found.length, "run")}${shown.length < found.length ? `, the latest ${count(MOST)} shown` : ""}`;
    const focused = document.activeElement?.closest?.("[data-run]")?.dataset.run;
    fill(this.#list, shown.map((run) => el("li", {}, el("a", {
      class: "card-link", href: `#/runs/${encodeURIComponent(run.id)}`, "data-run": run.id,
    },
    el("span", { class: "card-top" }, el("span", { class: "lamp", "data-aspect": aspect(run.state) }),
      el("span", { class: "card-state", text: STATUS[run.state] ?? run.state }), el("time", { text: clock(run.created) })),
    el("b", { text: runName(run) }), progress(run)))));
    this.#mark();
    if (focused) this.#list.querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
  }

  #fits({ state }) {
    if (this.#state === "under") return UNDER_WAY.includes(state);
    if (this.#state === "finished") return state === "finished";
    return !this.#state || (state !== "finished" && !UNDER_WAY.includes(state));
  }

  #mark() {
    for (const link of this.#list.querySelectorAll("[data-run]")) {
      if (link.dataset.run === this.run) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
}

function parted(place) {
  const at = (place ?? "").indexOf("/");
  return at < 0 ? [place || null, null] : [place.slice(0, at), place.slice(at + 1)];
}
