// What stands below a message that is being worked on: for how long, a button that stops it, and the truth when it takes long.

import { get } from "./api.js";
import { button, el } from "./dom.js";
import { duration } from "./words.js";

const TOLD = 2;
const LONG = 10;

export class Waiting {
  #time = el("span", { class: "faint" });
  #truth = el("span", { class: "faint", role: "status" });
  #since = 0;
  #timer = 0;
  #asked = 0;

  /** `stop()` is called when the button is pressed. */
  constructor(stop) {
    this.node = el("p", { class: "waiting", hidden: true }, this.#time, this.#truth, button("Stop", stop, { class: "quiet" }));
  }

  set on(on) {
    if (on === Boolean(this.#timer)) return;
    clearInterval(this.#timer);
    this.#timer = on ? setInterval(() => this.#tick(), 1000) : 0;
    this.#since = this.#asked = Date.now();
    this.#time.textContent = this.#truth.textContent = "";
    this.node.hidden = true;
  }

  #tick() {
    const seconds = (Date.now() - this.#since) / 1000;
    this.node.hidden = seconds < TOLD;
    this.#time.textContent = seconds < 60 ? `${Math.floor(seconds)} s` : duration(seconds);
    if (seconds >= LONG && Date.now() - this.#asked >= LONG * 1000) {
      this.#asked = Date.now();
      this.#ask();
    }
  }

  /** Whether the engine answers: a green signal says that the server does, and no more. */
  async #ask() {
    let engine = true;
    try {
      ({ engine } = await get("/readyz"));
    } catch (error) {
      engine = error.parts?.engine ?? true; // that the server is away is said elsewhere
    }
    if (this.#timer) this.#truth.textContent = engine ? "It takes longer than usual." : "The model does not answer at the moment. Your message is kept, and tried again for three minutes.";
  }
}
