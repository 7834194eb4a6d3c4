// One conversation with the service: its id, its events, and messages that arrive once although connections break.

import { ApiError, get, post, request, segment } from "./api.js";
import { Feed } from "./feed.js";

const KEPT = "interlock.conversation";

export function keptConversation() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

export function keepConversation(id) {
  try {
    if (id) localStorage.setItem(KEPT, id);
    else localStorage.removeItem(KEPT);
  } catch { /* the address has it too */ }
}

export class Conversation {
  #feed = null;
  #listener;
  #closed = false;

  /** `listener`: {event(name, value), connection(state, error), waiting(text)}. */
  constructor(id, listener) {
    this.id = id;
    this.#listener = listener;
  }

  static async begin(listener) {
    return new Conversation((await post("/conversations")).id, listener);
  }

  get path() {
    return `/conversations/${segment(this.id)}`;
  }

  transcript() {
    return get(this.path);
  }

  listen(after) {
    this.#feed = new Feed(`${this.path}/events`, after, this.#listener.event, this.#listener.connection);
  }

  close() {
    this.#closed = true;
    this.#feed?.stop();
  }

  /**
   * Send a message; resolves to true when the service has it, to false if this was closed before. The key makes a
   * repeated sending the same message, so that a connection that broke at the wrong moment is simply tried again.
   * ApiError when the service refuses it.
   */
  async send(text, key) {
    for (let tries = 0; !this.#closed; tries += 1) {
      const stop = new AbortController();
      try {
        await request(`${this.path}/messages`, {
          method: "POST", signal: stop.signal, body: JSON.stringify({ text, key }),
          headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
        });
        stop.abort(); // The events of this turn come with those of the conversation.
        this.#feed?.hurry();
        return true;
      } catch (error) {
        if (!(error instanceof ApiError) || !error.passing || tries > 60) throw error;
        this.#listener.waiting(error);
        await new Promise((resolve) => { setTimeout(resolve, error.after ? error.after * 1000 : Math.min(4000, 400 * 2 ** tries)); });
      }
    }
    return false;
  }
}

export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
