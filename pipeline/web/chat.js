// The chat view: a conversation, the box to write in, and what a question offers to press.

import { get, post, segment } from "./api.js";
import { button, el, fill } from "./dom.js";
import { Composer } from "./composer.js";
import { Conversation, keepConversation, keptConversation, newKey } from "./conversation.js";
import { connection, say, tellError } from "./notice.js";
import { questionNode } from "./question.js";
import { openReceipt } from "./receipt.js";
import { openSheet } from "./sheet.js";
import { Thread } from "./thread.js";
import { Waiting } from "./waiting.js";
import { STATUS, aspect, clock, statusOf } from "./words.js";

const PAGE = 50;

export class Chat {
  #dock = el("div", { class: "dock" });
  #composer = new Composer("Write a message", (text) => this.#say(text), "Send", "chat");
  #waiting = new Waiting(() => this.#do("stop"));
  #person = button("Talk to a person", () => this.#do("person"), { class: "quiet", hidden: true });
  #thread = new Thread({
    why: (record) => openReceipt(this.#conversation.id, record, this.#operator),
    ask: (question) => this.#ask(question),
    busy: (busy) => { this.#busy = busy; },
  });
  #welcome;
  #scroll;
  #conversation = null;
  #opening;
  #gone = false;
  #operator;

  /** `app`: what the service says of itself; `id`: of the conversation in the address, or null. */
  constructor(app, id) {
    this.#operator = app.operator;
    this.#welcome = welcome(app, (text) => this.#say(text));
    this.#scroll = el("div", { class: "scroll" }, el("div", { class: "column" }, el("h1", { class: "unseen", text: "Conversation" }), this.#welcome, this.#thread.node, this.#waiting.node));
    const fresh = button("New conversation", () => this.#begin(), { class: "quiet" });
    const all = button("Conversations", () => this.#choose(), { class: "quiet" });
    this.node = el("section", { class: "chat", "aria-label": "Chat" }, this.#scroll,
      el("div", { class: "below" }, el("div", { class: "column" }, this.#dock, this.#composer.node,
        el("p", { class: "faint fine" }, el("span", { class: "keys", text: "Enter sends, Shift + Enter breaks the line." }), el("span", { class: "row" }, this.#person, all, fresh)))));
    this.#opening = this.#open(id ?? keptConversation());
  }

  leave() {
    this.#gone = true;
    this.#waiting.on = false;
    this.#conversation?.close();
  }

  set #busy(busy) {
    this.#composer.busy = busy;
    this.#waiting.on = busy;
  }

  /** Stop the work on the last message, or hand the conversation over. What comes of it arrives as events. */
  async #do(what) {
    try {
      const found = await post(`${this.#conversation.path}/${what}`);
      if (what === "person" && found.last_event <= this.#thread.last) say("A person has this already, and will write here.");
    } catch (error) {
      tellError(error);
    }
  }

  /** One's own conversations, to go on with one of them. */
  #choose() {
    const list = el("ul", { class: "cards" });
    const more = button("Show more", () => read(list.lastElementChild.dataset.id).catch(tellError), { class: "quiet" });
    const read = async (after = null) => {
      const found = await get(`/conversations?limit=${PAGE}${after ? `&after=${segment(after)}` : ""}`);
      list.append(...found.map((one) => this.#card(one, () => sheet.close())));
      more.hidden = found.length < PAGE;
    };
    const sheet = openSheet("Conversations", async () => {
      await read();
      return list.childElementCount ? [list, more] : el("p", { class: "faint", text: "Nothing was said yet. What you begin will be here." });
    });
  }

  #card({ id, text, at, ...ended }, chosen) {
    return el("li", { "data-id": id }, el("button", {
      type: "button", class: "card-link", on: { click: () => { chosen(); this.#goOn(id); } },
    }, el("span", { class: "card-top" }, el("span", { class: "lamp", "data-aspect": aspect(statusOf(ended)) }),
      el("span", { class: "card-state", text: STATUS[statusOf(ended)] ?? "" }), el("time", { text: clock(at) })), el("b", { text })));
  }

  #goOn(id) {
    if (this.#conversation?.id === id) return;
    this.#begin();
    this.#opening = this.#open(id);
  }

  async #open(id) {
    if (!id) return;
    const conversation = this.#conversation = new Conversation(id, this.#listener());
    try {
      const { last_event: past } = await conversation.transcript();
      if (this.#gone || this.#conversation !== conversation) return;
      this.#thread.clear(past);
      this.#welcome.hidden = past > 0;
      this.#person.hidden = past === 0;
      this.#address(id);
      conversation.listen(0);
    } catch (error) {
      if (this.#gone) return;
      if (error.passing) setTimeout(() => !this.#gone && this.#conversation === conversation && this.#open(id), 1500);
      else if (error.status !== 401) this.#begin();
      if (error.status !== 404) tellError(error);
    }
  }

  #listener() {
    return {
      event: (name, value) => {
        if (this.#gone) return;
        const past = this.#thread.hear(name, value);
        this.#welcome.hidden = true;
        this.#down(past);
      },
      connection: (state, error) => {
        if (this.#gone) return;
        connection(state, error);
        if (state === "lost") tellError(error);
      },
      waiting: (error) => !this.#gone && connection("reconnecting", error),
    };
  }

  #address(id) {
    keepConversation(id);
    history.replaceState(null, "", id ? `#/chat/${encodeURIComponent(id)}` : "#/chat");
  }

  #begin() {
    this.#conversation?.close();
    this.#conversation = null;
    this.#address(null);
    this.#thread.clear();
    this.#ask(null);
    this.#welcome.hidden = false;
    this.#person.hidden = true;
    this.#busy = false;
    this.#composer.focus();
  }

  async #say(text) {
    this.#busy = true;
    await this.#opening; // Whether the conversation in the address is still there.
    if (this.#gone) return this.#unsent(text);
    const key = newKey();
    const held = this.#dock.contains(document.activeElement) || this.#welcome.contains(document.activeElement);
    this.#welcome.hidden = true;
    this.#ask(null);
    this.#thread.sending(text, key);
    this.#busy = true; // again: a conversation that is gone has freed it
    // What was pressed is gone: a keyboard goes on in the box; on a phone that would open one over the answer.
    if (held && !matchMedia("(pointer: coarse)").matches) this.#composer.focus();
    this.#down(true);
    try {
      if (!this.#conversation) {
        const conversation = await Conversation.begin(this.#listener());
        if (this.#gone) return this.#unsent(text);
        this.#conversation = conversation;
        this.#address(conversation.id);
        conversation.listen(0);
      }
      this.#person.hidden = false;
      if (!await this.#conversation.send(text, key)) this.#unsent(text);
    } catch (error) {
      this.#thread.refused(key, error.sentence ?? error.message, () => this.#say(text));
      this.#busy = false;
      if (error.status === 401) this.#unsent(text); // who signs in is shown another view
      tellError(error, true);
    }
  }

  /** The reader went elsewhere before it was sent: it is in the box when they come back. */
  #unsent(text) {
    if (!this.#composer.value) this.#composer.value = text;
  }

  #ask(question) {
    fill(this.#dock, question ? questionNode(question, (text) => this.#say(text)) : null);
  }

  /** Follow what happens, unless the reader has gone up to read. */
  #down(always) {
    const box = this.#scroll;
    if (!always && box.scrollHeight - box.scrollTop - box.clientHeight > 320) return;
    requestAnimationFrame(() => { box.scrollTop = box.scrollHeight; });
  }
}

function welcome(app, say) {
  return el("div", { class: "welcome" },
    el("span", { class: "mast", "aria-hidden": "true" }),
    el("h1", { text: app.name }),
    el("p", { text: "Say in your own words what you need." }),
    el("div", { class: "examples" }, (app.examples ?? []).slice(0, 4).map((example) =>
      button(example, () => say(example), { class: "example" }))));
}
