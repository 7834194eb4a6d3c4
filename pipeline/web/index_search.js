// The index, searched as workflows search it: which passages are found for a query, with which scores, and why.

import { chosen } from "./address.js";
import { get } from "./api.js";
import { announce, el, fill } from "./dom.js";
import { tellError } from "./notice.js";
import { openSource } from "./source.js";
import { count, many, place } from "./words.js";

const MODES = [["hybrid", "Meaning and words"], ["dense", "Meaning alone"], ["lexical", "Words alone"]];
const COUNTS = ["4", "8", "20", "50"];

export class IndexSearch {
  #query = el("input", { type: "search", class: "search", name: "q", "aria-label": "Search the index", placeholder: "A customer's question", maxlength: 2000, autocomplete: "off" });
  #mode = el("select", { "aria-label": "Searched by", name: "mode" }, MODES.map(([value, text]) => el("option", { value, text })));
  #most = el("select", { "aria-label": "How many", name: "k" }, COUNTS.map((value) => el("option", { value, text: `${value} passages`, selected: value === "8" })));
  #where = el("input", { type: "text", name: "where", "aria-label": "Condition on metadata", placeholder: 'Condition: lang = "en"', maxlength: 500, autocomplete: "off" });
  #least = el("input", { type: "number", name: "least", min: -1, max: 1, step: "any", "aria-label": "Least similarity", placeholder: "Least similarity" });
  #told = el("p", { class: "faint", role: "status", text: "Passages will be here, the best first, with what both searches thought of them." });
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #hits = el("ol", { class: "hits", "aria-label": "Passages" });
  #asked = 0;

  /** `place`: the query in the address, or null. */
  constructor(_app, query) {
    const form = el("form", { class: "index-form", on: { submit: (event) => { event.preventDefault(); this.#ask(); } } },
      el("div", { class: "row find" }, this.#query, el("button", { type: "submit", class: "primary", text: "Search" })),
      el("div", { class: "row index-options" }, this.#mode, this.#most, this.#where, this.#least));
    this.node = el("section", { class: "index-view", "aria-label": "Index" }, el("div", { class: "index-column" }, el("h1", { text: "Index" }), form, this.#problem, this.#told, this.#hits));
    this.open(query);
  }

  leave() {
    this.#asked += 1;
  }

  open(query) {
    if (!query) return;
    this.#query.value = query;
    const { mode = "hybrid", k = "8", where = "", least = "" } = Object.fromEntries(chosen());
    this.#mode.value = MODES.some(([value]) => value === mode) ? mode : "hybrid";
    this.#most.value = COUNTS.includes(k) ? k : "8";
    this.#where.value = where;
    this.#least.value = least;
    this.#search();
  }

  /** What is asked for has an address; the same again is asked again. */
  #ask() {
    const query = this.#query.value.trim();
    if (!query) return;
    const options = new URLSearchParams();
    if (this.#mode.value !== "hybrid") options.set("mode", this.#mode.value);
    if (this.#most.value !== "8") options.set("k", this.#most.value);
    if (this.#where.value.trim()) options.set("where", this.#where.value.trim());
    if (this.#least.value) options.set("least", this.#least.value);
    const address = `#/index/${encodeURIComponent(query)}${options.size ? `?${options}` : ""}`;
    if (location.hash === address) this.#search();
    else location.hash = address;
  }

  async #search() {
    const asked = this.#asked += 1;
    const query = new URLSearchParams({ q: this.#query.value.trim(), mode: this.#mode.value, k: this.#most.value });
    if (this.#where.value.trim()) query.set("where", this.#where.value.trim());
    if (this.#least.value) query.set("least", this.#least.value);
    this.#problem.hidden = true;
    try {
      const found = await get(`/index/search?${query}`);
      if (asked === this.#asked) this.#draw(found);
    } catch (error) {
      if (asked !== this.#asked) return;
      tellError(error, true);
      this.#problem.textContent = error.sentence ?? String(error.message);
      this.#problem.hidden = false;
      fill(this.#hits);
      this.#told.textContent = "";
    }
  }

  #draw({ hits, nothing, account, index }) {
    const went = account ? ` ${count(account.allowed)} of ${many(account.passages, "passage")} fit the condition, ${count(account.candidates)} were ranked.` : "";
    const by = account && this.#mode.value === "hybrid" ? ` Score: cosine + ${account.lexical_weight.toFixed(4)} × BM25.` : "";
    this.#told.textContent = `${nothing ? `Nothing was found: ${nothing}.` : `${many(hits.length, "passage")}.`}${went}${by} Encoder: ${index.encoder}.`;
    if (!nothing) announce(many(hits.length, "passage"));
    fill(this.#hits, hits.map((hit) => el("li", { class: "hit" },
      el("p", { class: "hit-head" }, el("button", { type: "button", class: "source", on: { click: () => openSource({ passage: hit.passage, document: hit.document }) } }, el("span", { text: place(hit) })),
        el("span", { class: "time", text: hit.score.toFixed(3) })),
      el("p", { class: "hit-text", text: hit.text }),
      el("p", { class: "detail", text: why(hit) }))));
  }
}

/** "cosine 0.612 (1st by meaning) · BM25 4.20 (3rd by words)". */
function why({ similarity, dense_rank: dense, bm25, lexical_rank: lexical }) {
  return [`cosine ${similarity.toFixed(3)} (${dense ? `${nth(dense)} by meaning` : "not among the nearest"})`,
    bm25 === null ? "no word in common" : `BM25 ${bm25.toFixed(2)} (${nth(lexical)} by words)`].join(" · ");
}

function nth(number) {
  const end = { 1: "st", 2: "nd", 3: "rd" }[number % 10];
  return `${number}${end && Math.floor(number / 10) % 10 !== 1 ? end : "th"}`;
}
