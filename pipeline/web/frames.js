// Server-sent events as text: the parser of the HTML standard (9.2.6), fed piece by piece. Knows no network.

/** Collects pieces of a stream, and gives the events that they complete: {id, event, data}. */
export class Frames {
  #rest = "";
  #data = [];
  #event = "";
  #id = null;
  #first = true;

  push(piece) {
    this.#rest += piece;
    if (this.#first && this.#rest) {
      this.#first = false;
      if (this.#rest.startsWith("\uFEFF")) this.#rest = this.#rest.slice(1);
    }
    const events = [];
    // A carriage return at the end may be the first half of a line break: it waits for what comes.
    const line = /([^\r\n]*)(\r\n|\n|\r(?!$))/y;
    let end = 0;
    for (let match = line.exec(this.#rest); match; match = line.exec(this.#rest)) {
      end = line.lastIndex;
      const event = this.#line(match[1]);
      if (event) events.push(event);
    }
    this.#rest = this.#rest.slice(end);
    return events;
  }

  #line(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return null;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    return null;
  }

  #dispatch() {
    const event = this.#data.length ? { id: this.#id, event: this.#event || "message", data: this.#data.join("\n") } : null;
    this.#data = [];
    this.#event = "";
    this.#id = null; // Feed remembers the last one; an event without an id of its own has none here.
    return event;
  }
}
