// A sheet over the page for one thing looked at: a source, a receipt, a record. Escape and the button close it.

import { announce, button, el, fill } from "./dom.js";
import { icon } from "./icons.js";

/** Open a sheet; `load()` gives its content, and its error is shown in its place. Going back closes it.
 * `closed()`: what to do then; a sheet that has one has an address of its own. */
export function openSheet(heading, load, closed = null) {
  const body = el("div", { class: "sheet-body", "aria-busy": "true" }, el("p", { class: "faint", text: "One moment…" }));
  const close = button("", () => dialog.close(), { class: "icon", "aria-label": "Close" });
  close.append(icon("close"));
  const name = el("h2", { text: heading, id: `sheet-${Date.now()}` });
  const dialog = el("dialog", { class: "sheet", "aria-labelledby": name.id },
    el("header", {}, name, close), body);
  const back = document.activeElement;
  const went = () => dialog.close();
  dialog.addEventListener("close", () => {
    removeEventListener("popstate", went);
    if (!closed && history.state?.sheet === name.id) history.back();
    dialog.remove();
    back?.isConnected && back.focus();
    closed?.();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
  if (!closed) {
    history.pushState({ sheet: name.id }, "");
    addEventListener("popstate", went);
  }
  filled(body, load);
  return dialog;
}

async function filled(body, load) {
  try {
    fill(body, await load());
  } catch (error) {
    fill(body, el("p", { class: "problem", role: "alert", text: error.sentence ?? String(error.message) }));
    announce(error.sentence ?? "");
  } finally {
    body.removeAttribute("aria-busy");
  }
  body.querySelector("mark")?.scrollIntoView({ block: "center" });
}
