// A question before something that cannot be taken back, and a line to write in. Both are dialogs of this page.

import { button, el } from "./dom.js";
import { backCloses } from "./sheet.js";

/** Ask; resolves to whether the button called `label` was pressed. */
export function confirmed(heading, text, label) {
  return asked(heading, el("p", { class: "faint", text }), label).then((form) => form !== null);
}

/** Ask for a line of text; resolves to what was written, or to null. */
export async function written(heading, value, label, most) {
  const input = el("input", { type: "text", name: "line", value, maxlength: most, "aria-label": heading });
  const form = await asked(heading, input, label);
  return form && input.value;
}

function asked(heading, content, label) {
  return new Promise((resolve) => {
    let answer = null;
    const back = document.activeElement;
    const name = el("h2", { text: heading, id: `ask-${Date.now()}` });
    const form = el("form", { on: { submit: (event) => { event.preventDefault(); answer = form; dialog.close(); } } }, name, content,
      el("div", { class: "row" }, el("button", { type: "submit", class: "primary", text: label }), button("Leave it", () => dialog.close(), { class: "quiet" })));
    const dialog = el("dialog", { class: "sheet small", "aria-labelledby": name.id }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      back?.isConnected && back.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
    backCloses(dialog, () => resolve(answer));
  });
}
