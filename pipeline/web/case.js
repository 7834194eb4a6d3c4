// One escalated case: who wants what, the evidence, what was tried; take it over, answer the customer, close it.

import { get, post, segment } from "./api.js";
import { announce, button, el, fill } from "./dom.js";
import { Composer } from "./composer.js";
import { icon } from "./icons.js";
import { tellError } from "./notice.js";
import { Poll } from "./poll.js";
import { openSource } from "./source.js";
import { ledger, timeline } from "./timeline.js";
import { turnNode } from "./turn.js";
import { STATUS, aspect, duration, place, plain } from "./words.js";

export class Case {
  #record;
  #changed;
  #poll;
  #head = el("header", { class: "case-head" });
  #transcript = el("ol", { class: "log" });
  #rest = el("div", { class: "case-rest" });
  #take = button("Take over", () => this.#do("take"), { class: "primary" });
  #close = button("Close case", () => this.#do("close"), { class: "quiet" });
  #composer = new Composer("Answer the customer", (text) => this.#do("answer", text), "Send answer");
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #turns = -1;

  /** `changed()` is called after something was done, so that the list is read again. */
  constructor(record, changed) {
    this.#record = record;
    this.#changed = changed;
    const back = el("a", { class: "back", href: "#/desk" }, icon("back"), "All cases");
    this.node = el("article", { class: "case", "aria-label": "Case" }, back, this.#head,
      el("div", { class: "case-scroll" }, el("section", { "aria-label": "Conversation" }, this.#transcript), this.#rest),
      el("footer", { class: "case-foot" }, this.#problem, this.#composer.node,
        el("div", { class: "row" }, this.#take, this.#close)));
    this.#composer.node.hidden = true;
    this.#poll = new Poll(() => get(this.#path), (value) => this.#draw(value), (error) => tellError(error), 2);
  }

  get #path() {
    return `/escalations/${segment(this.#record)}`;
  }

  leave() {
    this.#poll.stop();
  }

  async #do(what, text = null) {
    this.#problem.hidden = true;
    try {
      await post(`${this.#path}/${what}`, text === null ? {} : { text });
      announce({ take: "Taken over", answer: "Answer sent", close: "Case closed" }[what]);
    } catch (error) {
      this.#problem.textContent = error.sentence ?? String(error.message);
      this.#problem.hidden = false;
      if (text !== null) this.#composer.box.value = text;
      return;
    }
    await Promise.all([this.#poll.now(), this.#changed()]);
    if (what === "take") this.#composer.focus();
  }

  #draw({ state, to, reason, by, transcript, evidence, attempts, steps, actions, receipt }) {
    fill(this.#head,
      el("p", { class: "card-top" }, el("span", { class: "lamp", "data-aspect": aspect(state) }),
        el("span", { class: "card-state", text: STATUS[state] ?? state }), by ? el("span", { class: "faint", text: `by ${plain(by).toLowerCase()}` }) : null),
      el("h2", { text: to ? `For ${to}` : "Case" }), el("p", { class: "reason", text: reason }));
    const turns = transcript ?? [];
    fill(this.#transcript, turns.map((turn) => turnNode(turn, { desk: true })));
    const closed = state === "closed";
    this.#take.hidden = state !== "open";
    this.#close.hidden = closed;
    this.#composer.node.hidden = closed || state === "open";
    fill(this.#rest,
      fold("Evidence", evidence, (one) => el("ul", { class: "plain-list" }, one.map((passage) => el("li", {},
        button(place(passage),
          () => openSource({ passage: passage.id, document: passage.document }), { class: "quiet" }),
        el("p", { class: "faint clamp", text: passage.text }))))),
      fold("What was tried", attempts, tries),
      fold("Step by step", steps, timeline),
      ledger(actions),
      receipt?.model ? el("p", { class: "faint fine", text: `Model ${receipt.model}, ${receipt.enforcement}` }) : null);
    if (turns.length > this.#turns) {
      const box = this.node.querySelector(".case-scroll");
      if (this.#turns >= 0) announce(turns.at(-1)?.text ?? "");
      requestAnimationFrame(() => this.#transcript.lastElementChild?.scrollIntoView({ block: "nearest" }) ?? box);
    }
    this.#turns = turns.length;
  }
}

/** `attempts`: the model's, rows {contract, rung, error, seconds}. */
function tries(attempts) {
  return el("ul", { class: "plain-list" }, attempts.map((one) => el("li", {},
    el("span", { class: "lamp", "data-aspect": one.error ? "stop" : "clear" }), ` ${plain(one.contract)}`,
    one.rung ? ` (${plain(one.rung).toLowerCase()})` : "", el("span", { class: "time", text: ` ${duration(one.seconds)}` }),
    one.error ? el("p", { class: "faint", text: typeof one.error === "string" ? one.error : JSON.stringify(one.error) }) : null)));
}

function fold(label, list, content) {
  if (!list?.length) return null;
  return el("details", { class: "fold-box", open: true }, el("summary", { text: `${label} (${list.length})` }), content(list));
}
