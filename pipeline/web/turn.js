// One turn of a conversation as people see it: who spoke, the words, a result as a table, quotes with their sources.

import { announce, el } from "./dom.js";
import { icon } from "./icons.js";
import { openSource } from "./source.js";
import { clock, place as placeOf, plain, shown, sums } from "./words.js";

const WHO = { customer: "You", assistant: "Assistant", operator: "A person" };

/** `turn`: {role, text, at, record, quotes, by, result, contract}. `desk`: seen from the operator's side. */
export function turnNode(turn, { desk = false } = {}) {
  const role = WHO[turn.role] ? turn.role : "assistant";
  const who = desk && role === "customer" ? "Customer" : role === "operator" && turn.by ? plain(turn.by) : WHO[role];
  const quotes = turn.quotes ?? [];
  const told = quotes.flatMap((quote) => [quote.text, `${quote.document} › ${quote.heading}`]);
  const rest = sums(Object.entries(turn.result ?? {})).filter(([, value]) => value !== null && !told.includes(value));
  return el("li", { class: `turn ${role}` },
    el("p", { class: "who" }, el("span", { text: who }), el("time", { text: clock(turn.at) })),
    el("div", { class: "said" },
      turn.result || told.includes(turn.text) ? null : el("p", { class: "words", text: turn.text }),
      quotes.map(quoteNode),
      rest.length ? resultNode(rest, turn.contract) : null),
    role === "assistant" && turn.text && !desk ? copyNode(turn.text) : null);
}

function copyNode(text) {
  return el("button", {
    type: "button", class: "icon copy", "aria-label": "Copy the answer", on: {
      click: async () => {
        try {
          await navigator.clipboard.writeText(text);
          announce("Copied");
        } catch {
          announce("The browser does not let it be copied.");
        }
      },
    },
  }, icon("copy"));
}

function resultNode(rows, contract) {
  return el("div", { class: "ticket" },
    contract ? el("p", { class: "ticket-head" }, el("span", { class: "lamp", "data-aspect": "clear" }), plain(contract)) : null,
    el("dl", {}, rows.map(([name, value]) => el("div", {}, el("dt", { text: plain(name) }), el("dd", { text: shown(value) })))));
}

function quoteNode(quote) {
  const place = placeOf(quote);
  const source = el("button", { type: "button", class: "source", "aria-label": `Open the source: ${place}`,
    on: { click: () => openSource(quote) } }, icon("book"), el("span", { text: place }));
  return el("figure", { class: "quote" }, el("blockquote", { text: quote.text }), el("figcaption", {}, source));
}

/** A line across the conversation: a person takes over, something failed, the conversation went on elsewhere. */
export function notice(kind, head, text) {
  return el("li", { class: "turn event", "data-kind": kind },
    el("div", { class: "card" }, el("p", { class: "head" }, el("span", { class: "lamp", "data-aspect": kind }), head),
      text ? el("p", { text }) : null));
}
