// The live steps of one turn, drawn as a line with stations: what is being done, and at the end how long it took.

import { button, el } from "./dom.js";
import { duration, many, plain } from "./words.js";

/** What people read for the pipeline's own steps; an app's are shown by their names. */
const STEPS = {
  parts: "Taking it apart", route: "Reading the message", retrieve: "Looking for passages", narrow: "Choosing the sentence", model: "Filling in",
  remember: "Noting", require: "Checking", ask: "Asking", talk: "Small talk", confirm: "Asking for a yes", choose: "Choosing",
};

/** "require is_open" → "Checking: is open". */
export function stepWords(name) {
  const [kind, ...about] = String(name).split(" ");
  if (!STEPS[kind]) return plain(name);
  return about.length ? `${STEPS[kind]}: ${plain(about.join(" ")).toLowerCase()}` : STEPS[kind];
}

export class Journey {
  #stations = el("ol", { class: "line" });
  #steps = new Map();
  #began = performance.now();
  #seconds = 0;
  #why;

  /** `why(record)` opens the receipt. */
  constructor(why) {
    this.#why = why;
    this.node = el("div", { class: "journey", "data-state": "running" }, this.#stations);
  }

  /** A station for something that takes no time: what the gate understood, what a workflow says. */
  note(text) {
    this.#arrive();
    const station = el("li", { class: "station", "data-state": "running", "data-kind": "note" }, el("span", { text }));
    this.#stations.append(station);
    return text;
  }

  started({ record, position, name }) {
    const key = `${record}/${position}`;
    if (this.#steps.has(key) || name.startsWith("remember ")) return; // bookkeeping
    const time = el("span", { class: "time" });
    const node = el("li", { class: "station small", "data-state": "running" }, el("span", { text: stepWords(name) }), time);
    this.#steps.set(key, { node, time });
    this.#stations.append(node);
  }

  finished(event) {
    this.started(event);
    const step = this.#steps.get(`${event.record}/${event.position}`);
    if (!step) return;
    const { node, time } = step;
    node.dataset.state = event.failed ? "stop" : "clear";
    time.textContent = duration(event.seconds);
    this.#seconds += event.seconds || 0;
  }

  /** The turn is over: fold the line into one button. */
  settle(record) {
    this.#arrive();
    for (const { node } of this.#steps.values()) if (node.dataset.state === "running") node.dataset.state = "clear";
    this.node.dataset.state = "done";
    if (!this.#steps.size && !this.#stations.childElementCount) return this.node.remove();
    const took = duration(this.#seconds || (performance.now() - this.#began) / 1000);
    const label = this.#steps.size ? `${many(this.#steps.size, "step")}, ${took}` : took;
    const fold = button("", () => {
      const open = this.#stations.hidden;
      this.#stations.hidden = !open;
      fold.setAttribute("aria-expanded", String(open));
    }, { class: "fold", "aria-expanded": "false" });
    fold.append(el("span", { class: "chevron", "aria-hidden": "true" }), label);
    this.#stations.hidden = true;
    const why = record ? button("How this came about", () => this.#why(record), { class: "quiet" }) : null;
    this.node.prepend(el("div", { class: "foot" }, fold, why));
  }

  #arrive() {
    for (const node of this.#stations.children) {
      if (node.dataset.kind && node.dataset.state === "running") node.dataset.state = "clear";
    }
  }
}
