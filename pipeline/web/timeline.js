// The steps of one record, in order: when, how long, which attempt, how many tokens. Also what was done to the world.

import { el, svg } from "./dom.js";
import { stepWords } from "./journey.js";
import { clock, count, duration, plain } from "./words.js";

/** `steps`: rows {position, name, started, seconds, attempt, prompt_tokens, completion_tokens, error}. */
export function timeline(steps) {
  if (!steps?.length) return el("p", { class: "faint", text: "No steps were needed." });
  const { at, total } = worked(steps);
  return el("ol", { class: "line steps" }, steps.map((step) => el("li", {
    class: "station", "data-state": step.error || step.failed ? "stop" : "clear",
  },
  el("span", { class: "step-name" }, el("span", { text: stepWords(step.name) }),
    step.attempt > 1 ? el("span", { class: "tag", "data-aspect": "caution", text: `attempt ${step.attempt}` }) : null,
    step.rung ? el("span", { class: "tag", "data-aspect": "caution", text: plain(step.rung) }) : null),
  el("span", { class: "time", text: duration(step.seconds) }),
  bar(at.get(step) / total, step.seconds / total),
  el("span", { class: "detail", text: detail(step) }),
  step.error ? el("span", { class: "problem", text: wording(step.error) }) : null)));
}

/** When each step began, in seconds of work: the time that nothing ran in (a person thought about an answer) is left out. */
function worked(steps) {
  const at = new Map();
  let [idle, end] = [0, null];
  for (const step of [...steps].sort((a, b) => a.started - b.started)) {
    if (end !== null) idle += Math.max(0, step.started - end);
    at.set(step, step.started - idle);
    end = Math.max(end ?? 0, step.started + step.seconds);
  }
  const first = Math.min(...at.values());
  for (const [step, began] of at) at.set(step, began - first);
  return { at, total: Math.max(end - idle - first, 0.001) };
}

function detail(step) {
  const parts = [step.name, `step ${step.position}`];
  const tokens = (step.prompt_tokens || 0) + (step.completion_tokens || 0);
  if (tokens) parts.push(`${count(step.prompt_tokens)} + ${count(step.completion_tokens)} tokens`);
  if (step.finish_reason) parts.push(step.finish_reason);
  return parts.join(" · ");
}

function wording(error) {
  return typeof error === "string" ? error : error.message ?? error.kind ?? "failed";
}

function bar(start, share) {
  const width = Math.max(0.6, 100 * share);
  const x = Math.min(100 - width, 100 * start);
  return svg("svg", { class: "bar-chart", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "rail", x: 0, y: 1.6, width: 100, height: 0.8 }), svg("rect", { class: "run", x, y: 0, width, height: 4 }));
}

/** `actions`: rows {action, state, committed}; `level`: of the heading, where it stands below another one than a sheet's. */
export function ledger(actions, level = null) {
  if (!actions?.length) return null;
  return [el("h3", { "aria-level": level, text: "Done to the world" }), el("ul", { class: "plain-list" }, actions.map((action) => el("li", {},
    el("span", { class: "lamp", "data-aspect": action.state === "committed" ? "clear" : "caution" }),
    el("b", { text: plain(action.action ?? action.name) }), ` ${action.state}${action.committed ? `, ${clock(action.committed)}` : ""}`)))];
}
