// The box in which a person writes: Enter sends, Shift and Enter breaks the line. It grows with what is in it.

import { el } from "./dom.js";
import { icon } from "./icons.js";

const DRAFT = "interlock.draft ";

/** Forget what was typed here and not sent: the next person is somebody else. */
export function forgetDrafts() {
  try {
    for (const name of Object.keys(sessionStorage)) if (name.startsWith(DRAFT)) sessionStorage.removeItem(name);
  } catch { /* then none was kept */ }
}

export class Composer {
  #sent;
  #draft;

  /** `send(text)` is called with what was written; `label` names the box; under `draft` it outlives a reload. */
  constructor(label, send, words = "Send", draft = null) {
    this.box = el("textarea", {
      rows: 1, "aria-label": label, placeholder: label, maxlength: 16000, enterkeyhint: "send", autocomplete: "off",
      on: { keydown: (event) => this.#key(event), input: () => { this.#grow(); this.#keep(); } },
    });
    this.submit = el("button", { type: "submit", class: "primary round", "aria-label": words }, icon("send"));
    this.node = el("form", {
      class: "composer", on: { submit: (event) => { event.preventDefault(); this.#send(); } },
    }, this.box, this.submit);
    this.#sent = send;
    this.#draft = draft && DRAFT + draft;
    this.box.value = this.#kept();
  }

  set busy(busy) {
    this.submit.disabled = busy;
    this.node.toggleAttribute("data-busy", busy);
  }

  get value() {
    return this.box.value.trim();
  }

  set value(text) {
    this.box.value = text;
    this.#grow();
    this.#keep();
  }

  focus() {
    this.box.focus({ preventScroll: true });
  }

  /** What was written, which is taken out of the box. */
  take() {
    const text = this.value;
    this.value = "";
    return text;
  }

  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    if (!this.value || this.submit.disabled) return;
    this.#sent(this.take());
  }

  #kept() {
    try {
      return (this.#draft && sessionStorage.getItem(this.#draft)) ?? "";
    } catch {
      return "";
    }
  }

  #keep() {
    try {
      if (!this.#draft) return;
      if (this.box.value) sessionStorage.setItem(this.#draft, this.box.value);
      else sessionStorage.removeItem(this.#draft);
    } catch { /* it is in the box */ }
  }

  // Rows, not pixels: the strict policy and the text size of the reader are both respected.
  #grow() {
    this.box.rows = 1;
    while (this.box.rows < 6 && this.box.scrollHeight > this.box.clientHeight + 2) this.box.rows += 1;
  }
}
