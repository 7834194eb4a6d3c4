// A conversation's events as turns on the page. Draws; neither sends nor listens.

import { announce, el, fill } from "./dom.js";
import { Journey } from "./journey.js";
import { notice, turnNode } from "./turn.js";
import { plain } from "./words.js";

const HEARD = new Set(["message_received", "routed", "step_started", "step_finished", "said", "action_committed", "asked",
  "answered", "escalated", "failed", "operator_joined", "operator_said", "operator_left", "turn_finished"]);

export class Thread {
  node = el("ol", { class: "log", "aria-label": "Conversation" });
  /** The number of the event that was heard last. */
  last = 0;
  #view;
  #journey = null;
  #pending = new Map();
  #past = 0;
  #quiet = false;

  /** `view`: {why(record), ask(question or null), busy(boolean)}. */
  constructor(view) {
    this.#view = view;
  }

  /** Begin anew; events up to the number `past` have happened before, and are drawn without a word. */
  clear(past = 0) {
    this.#past = past;
    this.#journey = null;
    this.#pending.clear();
    fill(this.node);
  }

  /** An event of the conversation; true if it is one of the past. */
  hear(name, event) {
    this.last = event.id;
    this.#quiet = event.id <= this.#past;
    if (HEARD.has(name)) this[name](event);
    return this.#quiet;
  }

  /** Show a message that is on its way. */
  sending(text, key) {
    const node = turnNode({ role: "customer", text, at: Date.now() / 1000 });
    node.dataset.sending = "";
    this.#pending.set(key, node);
    this.node.append(node);
  }

  /** The message with a key was not taken: say why, and offer to `again()`. */
  refused(key, sentence, again) {
    const node = this.#pending.get(key);
    this.#pending.delete(key);
    node.dataset.refused = "";
    const retry = el("button", { type: "button", class: "quiet", text: "Try again", on: { click: () => { node.remove(); again(); } } });
    node.append(el("p", { class: "problem", role: "alert" }, `Not sent. ${sentence} `, retry));
  }

  message_received({ role, text, key, record, at }) {
    const waiting = this.#pending.get(key);
    this.#pending.delete(key);
    if (waiting) delete waiting.dataset.sending;
    else this.node.append(turnNode({ role, text, at, record }));
    this.#view.ask(null);
    this.#view.busy(true);
    this.#settle(record);
    this.#travel();
  }

  routed({ kind, intent, phrase }) {
    if (kind === "intent") this.#travel().note(`Understood: ${phrase || plain(intent).toLowerCase()}`);
  }

  step_started(event) {
    this.#travel().started(event);
  }

  step_finished(event) {
    this.#travel().finished(event);
  }

  said({ text }) {
    this.#say(this.#travel().note(text));
  }

  action_committed({ action }) {
    this.#say(this.#travel().note(`Done: ${plain(action).toLowerCase()}`));
  }

  asked({ question, record, at }) {
    this.#settle(record);
    this.node.append(turnNode({ role: "assistant", text: question.text, at }));
    this.#view.ask(question);
    this.#say(question.text);
  }

  answered({ record, text, result, contract, quotes, at }) {
    this.#settle(record);
    this.node.append(turnNode({ role: "assistant", text, result, contract, quotes, at }));
    this.#say(text);
  }

  escalated({ record, to, reason }) {
    this.#settle(record);
    this.#tell("people", `A person takes over${to && to !== "human" ? `: ${to}` : ""}`, reason);
  }

  failed({ record, text }) {
    this.#settle(record);
    if (text === "Stopped.") this.#tell("quiet", "Stopped", "What was done before stays done.");
    else this.#tell("stop", "That did not work", text);
  }

  operator_joined({ by }) {
    this.#tell("people", `${plain(by) || "A person"} is here`, "What you write now goes to them.");
  }

  operator_left({ by }) {
    this.#tell("clear", `${plain(by) || "A person"} has closed this`, "What you write now is a new request.");
  }

  operator_said({ by, text, at }) {
    this.node.append(turnNode({ role: "operator", by, text, at }));
    this.#say(`${by || "A person"}: ${text}`);
  }

  turn_finished({ record, status }) {
    this.#settle(record);
    if (status !== "needs_input") this.#view.ask(null); // what was asked before is with a person, or stopped
    this.#view.busy(false);
  }

  #tell(kind, head, text) {
    this.node.append(notice(kind, head, text));
    this.#say(`${head}. ${text ?? ""}`);
  }

  /** Tell a screen reader what is new; the past is there to be read. */
  #say(text) {
    if (!this.#quiet) announce(text);
  }

  #travel() {
    if (!this.#journey) {
      this.#journey = new Journey(this.#view.why);
      this.node.append(el("li", { class: "turn steps" }, this.#journey.node));
    }
    return this.#journey;
  }

  #settle(record) {
    const item = this.#journey?.node.parentNode;
    this.#journey?.settle(record);
    if (item && !item.childElementCount) item.remove();
    this.#journey = null;
  }
}
