// A sheet over the page for one thing looked at: a source, a receipt, a record. Escape and the button close it.

import { announce, button, el, fill } from "./dom.js";
import { icon } from "./icons.js";

/** Open a sheet; `load()` gives its content, and its error is shown in its place. Going back closes it.
 * `closed()`: what to do then; a sheet that has one has an address of its own. `wide`: for what needs room. */
export function openSheet(heading, load, closed = null, wide = false) {
  const body = el("div", { class: "sheet-body", tabindex: 0, "aria-busy": "true" }, el("p", { class: "faint", text: "One moment…" }));
  const close = button("", () => dialog.close(), { class: "icon", "aria-label": "Close" });
  close.append(icon("close"));
  const name = el("h2", { text: heading, id: `sheet-${Date.now()}` });
  const dialog = el("dialog", { class: wide ? "sheet wide" : "sheet", "aria-labelledby": name.id },
    el("header", {}, name, close), body);
  const back = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    back?.isConnected && back.focus();
    closed?.();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
  if (!closed) backCloses(dialog);
  filled(body, load);
  return dialog;
}

/** Going back closes a dialog that is open, and not the view below it, nor a dialog that it stands on.
 * `then()`: called when it is closed and the address is as it was before. */
export function backCloses(dialog, then = () => {}) {
  const mark = `${Date.now()} ${Math.random()}`;
  const went = () => { if (history.state?.dialog !== mark) dialog.close(); };
  history.pushState({ dialog: mark }, "");
  addEventListener("popstate", went);
  dialog.addEventListener("close", () => {
    removeEventListener("popstate", went);
    if (history.state?.dialog !== mark) return then();
    addEventListener("popstate", then, { once: true });
    history.back();
  });
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
