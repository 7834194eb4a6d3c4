// One record of a run: what was asked, what came of it, and every step with its attempts and tokens.

import { get, segment } from "./api.js";
import { el } from "./dom.js";
import { insideButton } from "./inside.js";
import { receiptNodes } from "./receipt.js";
import { openSheet } from "./sheet.js";
import { notice, turnNode } from "./turn.js";
import { STATUS, aspect, statusOf } from "./words.js";

/** `closed()`: what to do when it is closed. */
export function openRecord(run, id, closed) {
  return openSheet(id, async () => {
    const story = await get(`/runs/${segment(run)}/records/${segment(id)}`);
    return [
      el("p", {}, el("span", { class: "tag", "data-aspect": aspect(statusOf(story)), text: STATUS[statusOf(story)] ?? "Under way" })),
      el("ol", { class: "log" }, turns(story)),
      ["needs_input", "escalated"].includes(story.status)
        ? el("p", {}, el("a", { class: "quiet link", href: `#/desk/${encodeURIComponent(`${run}/${id}`)}`, text: "Answer it on the desk" })) : null,
      el("p", {}, insideButton(run, id)),
      receiptNodes({ ...story, receipt: story.outcome?.receipt }),
    ];
  }, closed);
}

/** What was said, and the end: in the assistant's words, or, where nobody was told anything, as what happened. */
function turns({ transcript, outcome }) {
  const said = (transcript ?? []).map((turn) => turnNode(turn, { desk: true }));
  if (!outcome) return said;
  const { message, question, escalation, error, result, contract } = outcome;
  if (error) return [...said, notice("stop", "It failed", error)];
  if (escalation) return [...said, notice("people", `Handed over: ${escalation.to}`, escalation.reason)];
  const text = message ?? question?.text ?? null;
  return text || result ? [...said, turnNode({ role: "assistant", text: text ?? "", result, contract }, { desk: true })] : said;
}
