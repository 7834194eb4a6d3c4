// What happened inside of a record, for operators: each step with what it was given and gave, the prompt as it was sent.

import { get, segment } from "./api.js";
import { button, el } from "./dom.js";
import { stepWords } from "./journey.js";
import { openSheet } from "./sheet.js";
import { count, duration, plain, shown } from "./words.js";

/** `run`: its id, "-" for a record of a conversation. */
export function insideButton(run, record) {
  return button("What happened inside", () => openInside(run, record), { class: "quiet" });
}

function openInside(run, record) {
  return openSheet("What happened inside", async () => {
    const found = await get(`/inside/${segment(run)}/${segment(record)}`);
    const forms = Object.entries(found.collected);
    return [
      el("p", { class: "faint", text: "Only operators see this: prompts as they were sent, and what models wrote, private notes included." }),
      forms.length ? el("h3", { text: "What models wrote" }) : null,
      forms.map(([contract, values]) => el("section", { class: "ticket", "aria-label": plain(contract) },
        el("p", { class: "ticket-head", text: plain(contract) }),
        el("dl", {}, Object.entries(values).map(([name, value]) => el("div", {}, el("dt", { text: plain(name) }), el("dd", { text: shown(value) })))))),
      el("h3", { text: "Each step" }),
      found.steps.length ? el("ol", { class: "inside" }, found.steps.map(stepNode)) : el("p", { class: "faint", text: "No step was begun yet. Each will be here with what it was given and gave." }),
    ];
  }, null, true);
}

function stepNode(step) {
  const tokens = step.prompt_tokens + step.completion_tokens;
  const told = Object.entries(step.told);
  return el("li", {}, el("details", { class: "fold-box" },
    el("summary", {}, el("span", { class: "chevron", "aria-hidden": "true" }), el("span", { class: "lamp", "data-aspect": step.failed ? "stop" : "clear" }),
      el("span", { class: "inside-name", text: stepWords(step.name) }),
      el("span", { class: "time", text: [duration(step.seconds), tokens ? `${count(step.prompt_tokens)} + ${count(step.completion_tokens)} tokens` : null].filter(Boolean).join(", ") })),
    el("p", { class: "detail", text: [step.name, `step ${step.position}`, step.attempt > 1 ? `attempt ${step.attempt}` : null, `arguments ${step.digest.slice(0, 8)}`].filter(Boolean).join(" · ") }),
    givenNodes(step.given),
    step.thinking ? part("Thought", step.thinking) : null,
    step.error ? part("Failed", step.error) : part("Gave", gave(step.gave)),
    told.length ? el("dl", { class: "facts" }, told.map(([name, value]) => el("div", {}, el("dt", { text: plain(name) }), el("dd", { text: shown(value) })))) : null));
}

function givenNodes(given) {
  if (given === null) return el("p", { class: "faint", text: "Its arguments are not kept, only their digest." });
  const { messages, ...rest } = given?.messages ? given : { rest: given };
  return [
    (messages ?? []).map(({ role, content }) => part(`Prompt, ${role}`, content)),
    messages ? Object.entries(rest).map(([name, value]) => part(plain(name), value)) : part("Given", given),
  ];
}

/** A model's answer is JSON in a text of JSON: shown as what it is. */
function gave(value) {
  if (typeof value?.text !== "string") return value;
  try {
    return { ...value, text: JSON.parse(value.text) };
  } catch {
    return value;
  }
}

function part(label, value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return el("section", { "aria-label": label }, el("h4", { text: label }), el("pre", { tabindex: 0, text }));
}
