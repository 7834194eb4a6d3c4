// Look again every few seconds while the view is open and visible; tell only what changed.

import { connection } from "./notice.js";

export class Poll {
  #load;
  #show;
  #fail;
  #seconds;
  #timer = 0;
  #last = "";
  #stopped = false;
  #seen = () => !document.hidden && this.now();

  /** `load()` gives a value, `show(value)` draws it when it is another than before, `fail(error)` its failure. */
  constructor(load, show, fail, seconds = 3) {
    this.#load = load;
    this.#show = show;
    this.#fail = fail;
    this.#seconds = seconds;
    document.addEventListener("visibilitychange", this.#seen);
    this.now();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#seen);
  }

  /** Look at once. */
  async now() {
    clearTimeout(this.#timer);
    try {
      const value = await this.#load();
      if (this.#stopped) return;
      connection("open");
      const text = JSON.stringify(value);
      if (text !== this.#last) {
        this.#last = text;
        this.#show(value);
      }
    } catch (error) {
      if (this.#stopped) return;
      connection(error.passing ? "reconnecting" : "lost", error);
      this.#fail(error);
      if (error.status === 401) return this.stop(); // who signs in gets a new view
    }
    clearTimeout(this.#timer);
    if (!this.#stopped && !document.hidden) this.#timer = setTimeout(() => this.now(), this.#seconds * 1000);
  }
}
