// The box in which a person writes: Enter sends, Shift and Enter breaks the line. It grows with what is in it.

import { el } from "./dom.js";
import { icon } from "./icons.js";

export class Composer {
  #sent;

  /** `send(text)` is called with what was written; `label` names the box. */
  constructor(label, send, words = "Send") {
    this.box = el("textarea", {
      rows: 1, "aria-label": label, placeholder: label, maxlength: 8000, enterkeyhint: "send", autocomplete: "off",
      on: { keydown: (event) => this.#key(event), input: () => this.#grow() },
    });
    this.submit = el("button", { type: "submit", class: "primary round", "aria-label": words }, icon("send"));
    this.node = el("form", {
      class: "composer", on: { submit: (event) => { event.preventDefault(); this.#send(); } },
    }, this.box, this.submit);
    this.#sent = send;
  }

  set busy(busy) {
    this.submit.disabled = busy;
    this.node.toggleAttribute("data-busy", busy);
  }

  set hint(text) {
    this.box.placeholder = text;
  }

  focus() {
    this.box.focus({ preventScroll: true });
  }

  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    const text = this.box.value.trim();
    if (!text || this.submit.disabled) return;
    this.box.value = "";
    this.#grow();
    this.#sent(text);
  }

  // Rows, not pixels: the strict policy and the text size of the reader are both respected.
  #grow() {
    this.box.rows = 1;
    while (this.box.rows < 6 && this.box.scrollHeight > this.box.clientHeight + 2) this.box.rows += 1;
  }
}
