// One record of a run: what was asked, what came of it, and every step with its attempts and tokens.

import { get, segment } from "./api.js";
import { el } from "./dom.js";
import { receiptNodes } from "./receipt.js";
import { openSheet } from "./sheet.js";
import { turnNode } from "./turn.js";
import { STATUS, aspect } from "./words.js";

/** `closed()`: what to do when it is closed. */
export function openRecord(run, id, closed) {
  return openSheet(id, async () => {
    const story = await get(`/runs/${segment(run)}/records/${segment(id)}`);
    return [
      el("p", {}, el("span", { class: "tag", "data-aspect": aspect(story.status), text: STATUS[story.status] ?? "Under way" })),
      el("ol", { class: "log" }, turns(story).map((turn) => turnNode(turn, { desk: true }))),
      ["needs_input", "escalated"].includes(story.status)
        ? el("p", {}, el("a", { class: "quiet link", href: `#/desk/${encodeURIComponent(`${run}/${id}`)}`, text: "Answer it on the desk" })) : null,
      receiptNodes({ ...story, receipt: story.outcome?.receipt }),
    ];
  }, closed);
}

function turns({ transcript, outcome }) {
  const said = transcript ?? [];
  const end = outcome ?? {};
  const last = end.message ?? end.question?.text ?? end.escalation?.reason ?? end.error ?? null;
  return last || end.result ? [...said, { role: "assistant", text: last ?? "", result: end.result, contract: end.contract }] : said;
}
