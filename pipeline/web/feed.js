// A stream of events that outlives its connections: goes on after the last id it saw, and says how it stands.

import { request } from "./api.js";
import { Frames } from "./frames.js";

const SILENCE = 45_000; // The service sends a comment at least every 15 s: three missed ones mean a dead connection.
const WAITS = [300, 700, 1500, 3000, 5000];

export class Feed {
  #path;
  #last;
  #onEvent;
  #onState;
  #stopped = false;
  #connection = null;
  #wake = () => {};
  #tries = 0;

  /** `onEvent(event, data)` for each event once; `onState("open" | "reconnecting" | "lost", error)`. */
  constructor(path, last, onEvent, onState) {
    this.#path = path;
    this.#last = last;
    this.#onEvent = onEvent;
    this.#onState = onState;
    this.#run();
  }

  stop() {
    this.#stopped = true;
    this.#connection?.abort();
    this.#wake();
  }

  /** Do not wait any longer: there is reason to believe that the server is back. */
  hurry() {
    this.#tries = 0;
    this.#wake();
  }

  async #run() {
    const online = () => this.hurry();
    addEventListener("online", online);
    while (!this.#stopped) {
      let error = null;
      try {
        await this.#read();
      } catch (raised) {
        error = raised;
      }
      if (this.#stopped) break;
      if (error && [400, 401, 403, 404].includes(error.status)) {
        this.#onState("lost", error);
        break;
      }
      this.#onState("reconnecting", error);
      const wait = error?.after ? error.after * 1000 : WAITS[Math.min(this.#tries++, WAITS.length - 1)];
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, wait);
        this.#wake = () => { clearTimeout(timer); resolve(); };
      });
    }
    removeEventListener("online", online);
  }

  async #read() {
    const connection = this.#connection = new AbortController();
    const headers = { Accept: "text/event-stream", "Last-Event-ID": String(this.#last) };
    const response = await request(this.#path, { headers, signal: connection.signal });
    this.#tries = 0;
    this.#onState("open");
    const frames = new Frames();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    let silence = 0;
    try {
      for (;;) {
        silence = setTimeout(() => connection.abort(), SILENCE);
        const { done, value } = await reader.read();
        clearTimeout(silence);
        if (done) return;
        for (const frame of frames.push(decoder.decode(value, { stream: true }))) this.#take(frame);
        if (this.#stopped) return;
      }
    } finally {
      clearTimeout(silence);
      connection.abort();
    }
  }

  #take({ id, event, data }) {
    const number = id === null || id === "" ? null : Number(id);
    if (number !== null && number <= this.#last) return;
    let value;
    try {
      value = JSON.parse(data);
    } catch {
      return; // Not ours.
    }
    if (number !== null) this.#last = number;
    this.#onEvent(event, value);
  }
}
