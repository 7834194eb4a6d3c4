// The answer to a question as a few buttons, or a small form for its field; free words always remain possible.

import { button, el } from "./dom.js";
import { controls, fieldOf } from "./field.js";

const MANY = 8;

/** The panel for a question {text, choices, schema}; `answer(text)` sends. `alone`: there is no box to write in. */
export function questionNode(question, answer, alone = false) {
  const field = fieldOf(question.schema, question.choices);
  const decline = button("Never mind", () => answer("never mind"), { class: "quiet decline" });
  const panel = el("div", { class: "answers", role: "group", "aria-label": `Answer: ${question.text}` });
  if (field.kind === "words" && alone) panel.append(form({ kind: "text", schema: field.schema }, question, answer), decline);
  else if (field.kind === "words") panel.append(decline);
  else if (field.kind === "choices" && field.choices.length <= MANY) {
    panel.append(...field.choices.map((choice) => button(sentence(choice), () => answer(choice), { class: "choice" })), decline);
  } else panel.append(form(field, question, answer), decline);
  return panel;
}

function form(field, question, answer) {
  const { nodes, read } = field.kind === "choices" ? choice(field.choices, question.text) : controls(field, question.text);
  return el("form", {
    class: "answer-form",
    on: {
      submit: (event) => {
        event.preventDefault();
        const text = read();
        if (text) answer(text);
      },
    },
  }, nodes, el("button", { type: "submit", class: "primary", text: "Answer" }));
}

function choice(choices, label) {
  const select = el("select", { "aria-label": label }, choices.map((one) => el("option", { value: one, text: one })));
  return { nodes: [select], read: () => select.value };
}

function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : text;
}
