// How an answer came about: what the gate thought, which model under which rule, the evidence, each step.

import { get, segment } from "./api.js";
import { button, el, svg } from "./dom.js";
import { insideButton } from "./inside.js";
import { openSheet } from "./sheet.js";
import { openSource } from "./source.js";
import { ledger, timeline } from "./timeline.js";
import { count, duration, many, plain } from "./words.js";

/** `inside`: whoever looks may see the prompts, too. */
export function openReceipt(conversation, record, inside) {
  return openSheet("How this came about", async () => {
    const story = await get(`/conversations/${segment(conversation)}/records/${segment(record)}`);
    return [inside ? el("p", {}, insideButton("-", record)) : null, receiptNodes(story)];
  });
}

/** `story`: {receipt, steps, actions} of one record. */
export function receiptNodes({ receipt, steps, actions }) {
  return [
    receipt?.gate ? gateNodes(receipt.gate) : null,
    el("h3", { text: "Step by step" }), timeline(steps),
    ledger(actions),
    receipt ? [evidenceNodes(receipt.evidence), factNodes(receipt)] : null,
  ];
}

function gateNodes(gate) {
  const said = { intent: "Understood as", ambiguous: "Two things were possible", out_of_scope: "Nothing that is done here" };
  const by = { encoder: "by likeness to the examples", model: "by the model", customer: "by asking", only: "there is only one" };
  const candidates = (gate.candidates ?? gate.top ?? []).slice(0, 5);
  return [
    el("h3", { text: "What was understood" }),
    el("p", {}, `${said[gate.kind] ?? plain(gate.kind)} `, gate.intent ? el("b", { text: plain(gate.intent).toLowerCase() }) : null,
      gate.by ? ` (${by[gate.by] ?? gate.by})` : ""),
    el("ul", { class: "candidates" }, candidates.map(([name, share]) => el("li", {},
      el("span", { text: plain(name) }), meter(share), el("span", { class: "time", text: `${Math.round(share * 100)} %` })))),
  ];
}

function meter(share) {
  const width = Math.max(0.5, Math.min(100, 100 * share));
  return svg("svg", { class: "bar-chart", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "rail", x: 0, y: 1.6, width: 100, height: 0.8 }), svg("rect", { class: "run", x: 0, y: 0, width, height: 4 }));
}

function evidenceNodes(evidence) {
  if (!evidence?.length) return null;
  return [el("h3", { text: "Evidence read" }), el("ul", { class: "plain-list" }, evidence.map((passage) => el("li", {},
    button(passage, () => openSource({ passage, document: passage.split("#")[0] }), { class: "quiet mono" }))))];
}

function factNodes(receipt) {
  const tokens = receipt.tokens ?? {};
  const rows = [
    ["Model", receipt.model],
    ["Rule", receipt.enforcement === "grammar" ? "grammar: only valid text is possible" : receipt.enforcement],
    ["Proof of the rule", receipt.canary],
    ["Model calls", `${many(receipt.attempts ?? 0, "call")}, ${count(tokens.prompt)} + ${count(tokens.completion)} tokens`],
    ["Recovered", (receipt.recovered ?? []).map(plain).join(", ")],
    ["Time in steps", duration(receipt.seconds)],
    ["Index", receipt.index],
  ].filter(([, value]) => value);
  return [el("h3", { text: "Made with" }), el("dl", { class: "facts" }, rows.map(([name, value]) =>
    el("div", {}, el("dt", { text: name }), el("dd", { text: value }))))];
}
