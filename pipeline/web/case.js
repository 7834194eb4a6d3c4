// One case: who wants what, what is asked or why it was handed over, the evidence, what was tried; and its answer.

import { get, post, segment } from "./api.js";
import { announce, button, el, fill } from "./dom.js";
import { Composer } from "./composer.js";
import { icon } from "./icons.js";
import { insideButton } from "./inside.js";
import { tellError } from "./notice.js";
import { Poll } from "./poll.js";
import { questionNode } from "./question.js";
import { openSource } from "./source.js";
import { ledger, timeline } from "./timeline.js";
import { turnNode } from "./turn.js";
import { LATE, STATUS, aspect, duration, place as placeOf, plain, shown } from "./words.js";

const DONE = { take: "Taken over", answer: "Answer sent", close: "Case closed" };

export class Case {
  #path;
  #run;
  #changed;
  #poll;
  #head = el("header", { class: "case-head" });
  #transcript = el("ol", { class: "log" });
  #rest = el("div", { class: "case-rest" });
  #form = el("div", { class: "case-form" });
  #take = button("Take over", () => this.#do("take"), { class: "quiet" });
  #close = button("Close case", () => this.#do("close", this.#composer.take()), { class: "quiet" });
  #next;
  #composer;
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #turns = -1;
  #asked = "";
  #asks = "";
  #closing = false;

  /** `place`: "run/record", the run "-" for a conversation's. `changed()` is called after something was done, so that
   * the list is read again; `next()` opens the next case. */
  constructor(place, changed, next) {
    const at = place.indexOf("/");
    const [run, record] = [place.slice(0, at), place.slice(at + 1)];
    this.#run = run === "-" ? null : run;
    this.#path = `/desk/${segment(run)}/${segment(record)}`;
    this.#changed = changed;
    this.#next = button("Next case", next, { class: "primary", hidden: true });
    this.#composer = new Composer(this.#run ? "Say what came of it" : "Answer the customer", (text) => this.#do("answer", text, this.#asks),
      "Send answer", `case ${place}`);
    const back = el("a", { class: "back", href: "#/desk" }, icon("back"), "All cases");
    this.node = el("article", { class: "case", "aria-label": "Case" }, back, this.#head,
      el("div", { class: "case-scroll" }, el("section", { "aria-label": "Conversation" }, this.#transcript), this.#rest),
      el("footer", { class: "case-foot" }, this.#problem, this.#form, this.#composer.node,
        el("div", { class: "row" }, this.#take, this.#close, this.#next)));
    this.#composer.node.hidden = this.#take.hidden = this.#close.hidden = true;
    this.#poll = new Poll(() => get(this.#path), (value) => this.#draw(value), (error) => this.#missing(error), 2);
  }

  leave() {
    this.#poll.stop();
  }

  /** `asked`: the question that a text answers, so that it is given to no other that came meanwhile. */
  async #do(what, text = null, asked = null) {
    this.#problem.hidden = true;
    this.#closing = what === "close" || Boolean(this.#run);
    try {
      await post(`${this.#path}/${what}`, text === null || what === "take" ? {} : asked === null ? { text } : { text, question: asked });
      announce(DONE[what]);
    } catch (error) {
      this.#tell(error.sentence ?? String(error.message));
      if (text) this.#composer.value = text;
      return;
    }
    await Promise.all([this.#poll.now(), this.#changed()]);
    document.dispatchEvent(new Event("case-changed"));
    if (what === "take" && !this.#composer.node.hidden) this.#composer.focus();
  }

  #missing(error) {
    tellError(error, error.status === 404);
    if (error.status === 404) fill(this.#head, heading("There is no such case"), el("p", { class: "reason", text: "Choose another one from the list." }));
  }

  #tell(text) {
    this.#problem.textContent = text;
    this.#problem.hidden = false;
  }

  #draw(found) {
    const { kind, state, to, asks, by, may, record, transcript, evidence, attempts, steps, actions, receipt, answer } = found;
    const closed = state === "closed";
    this.#asks = asks;
    fill(this.#head,
      el("p", { class: "card-top" }, el("span", { class: "lamp", "data-aspect": aspect(state === "open" ? kind : state) }),
        el("span", { class: "card-state", text: STATUS[state] ?? state }),
        found.expired ? el("span", { class: "tag", "data-aspect": "quiet", text: LATE }) : null, by ? el("span", { class: "faint", text: `by ${plain(by)}` }) : null,
        this.#run ? el("a", { class: "quiet link", href: `#/runs/${encodeURIComponent(`${this.#run}/${record}`)}`, text: record }) : null),
      heading(kind === "escalation" ? (to ? `For ${to}` : "Case") : asks),
      kind === "escalation" ? el("p", { class: "reason", text: asks }) : null,
      closed && answer ? el("p", {}, el("span", { class: "faint", text: "Answer: " }), answer) : null);
    const turns = transcript ?? [];
    fill(this.#transcript, turns.map((turn) => turnNode(turn, { desk: true })));
    this.#ask(found, closed);
    this.#take.hidden = state !== "open" || (kind === "approval" && !found.may);
    this.#close.hidden = closed || kind !== "escalation" || !may;
    this.#next.hidden = !closed;
    // What was typed when another one closed it is not thrown away.
    const typed = this.#composer.value !== "";
    this.#composer.node.hidden = kind !== "escalation" || ((closed || !may) && !typed);
    this.#composer.busy = closed || !may;
    if (closed && typed && !this.#closing) this.#tell("It was closed meanwhile: what you have written was not sent.");
    fill(this.#rest,
      fold("Evidence", evidence, (one) => el("ul", { class: "plain-list" }, one.map((passage) => el("li", {},
        button(placeOf(passage),
          () => openSource({ passage: passage.id, document: passage.document }), { class: "quiet" }),
        el("p", { class: "faint clamp", text: passage.text }))))),
      fold("What was tried", attempts, tries),
      fold("Step by step", steps, timeline),
      ledger(actions, 2),
      insideButton(this.#run ?? "-", record),
      receipt?.model && receipt.model !== "none" ? el("p", { class: "faint fine", text: `Model ${receipt.model}, ${receipt.enforcement}` }) : null);
    if (turns.length > this.#turns) {
      const box = this.node.querySelector(".case-scroll");
      if (this.#turns >= 0) announce(turns.at(-1)?.text ?? "");
      requestAnimationFrame(() => this.#transcript.lastElementChild?.scrollIntoView({ block: "nearest" }) ?? box);
    }
    this.#turns = turns.length;
  }

  /** The form of an answer; made anew only where something else is asked, so that nothing typed is lost. */
  #ask(found, closed) {
    const asked = closed || found.kind === "escalation" ? "" : JSON.stringify([found.kind, found.asks, found.arguments, found.may]);
    if (asked === this.#asked) return;
    this.#asked = asked;
    fill(this.#form, !asked ? null : !found.may && found.state === "taken" ? el("p", { class: "faint", text: `${plain(found.by)} has taken this: what is answered is theirs.` })
      : found.kind === "approval" ? this.#approval(found)
      : questionNode({ text: found.asks, choices: found.choices, schema: found.schema }, (text) => this.#do("answer", text, found.asks), true));
  }

  #approval({ asks, action, arguments: given, to, may }) {
    return [
      el("dl", { class: "facts" }, [["Action", plain(action)], ["With", (given ?? []).filter((one) => !String(one).startsWith("state:")).map(shown).join(", ")]].map(([name, value]) =>
        el("div", {}, el("dt", { text: name }), el("dd", { text: value })))),
      may ? el("div", { class: "row" }, button("Approve", () => this.#do("answer", "yes", asks), { class: "primary" }),
        button("Do not approve", () => this.#do("answer", "no", asks))) : el("p", { class: "faint", text: `This is for the ${to} to approve.` }),
    ];
  }
}

/** `attempts`: the model's, rows {contract, rung, error, seconds}. */
function tries(attempts) {
  return el("ul", { class: "plain-list" }, attempts.map((one) => el("li", {},
    el("span", { class: "lamp", "data-aspect": one.error ? "stop" : "clear" }), ` ${plain(one.contract)}`,
    one.rung ? ` (${plain(one.rung).toLowerCase()})` : "", el("span", { class: "time", text: ` ${duration(one.seconds)}` }),
    one.error ? el("p", { class: "faint", text: typeof one.error === "string" ? one.error : JSON.stringify(one.error) }) : null)));
}

/** The first heading of the page: on a phone the list, with its own, is not there. */
function heading(text) {
  return el("h2", { "aria-level": 1, text });
}

function fold(label, list, content) {
  if (!list?.length) return null;
  return el("details", { class: "fold-box", open: true }, el("summary", { text: `${label} (${list.length})` }), content(list));
}
