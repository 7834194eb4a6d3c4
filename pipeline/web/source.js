// The passage behind a quote: its document, its heading, and the quoted words marked where they stand.

import { get, segment } from "./api.js";
import { el } from "./dom.js";
import { openSheet } from "./sheet.js";
import { path, plain, shown, title } from "./words.js";

/** Open the source of a quote {text, passage, document, heading}; without a text the whole passage is shown. */
export function openSource({ passage, text = "", document = "" }) {
  return openSheet(title(document) || "Source", async () => {
    const source = await get(`/passages/${segment(passage)}`);
    const facts = Object.entries(source.metadata ?? {}).filter(([, value]) => value !== null && value !== "");
    return [
      el("p", { class: "place-line" }, el("span", { class: "mono", text: source.document }),
        source.heading ? el("span", { text: ` › ${path(source.heading)}` }) : null),
      el("div", { class: "passage" },
        source.before ? el("p", { class: "around", text: source.before }) : null,
        marked(source.text, text),
        source.after ? el("p", { class: "around", text: source.after }) : null),
      facts.length ? el("dl", { class: "facts" }, facts.map(([name, value]) =>
        el("div", {}, el("dt", { text: plain(name) }), el("dd", { text: shown(value) })))) : null,
      el("p", { class: "faint mono", text: source.id }),
    ];
  });
}

/** The passage with the quoted words in <mark>; spaces and line breaks of the two may differ. */
function marked(passage, quote) {
  const words = quote.trim().split(/\s+/).filter(Boolean);
  const found = words.length
    ? new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+")).exec(passage) : null;
  if (!found) return el("p", { class: "here", text: passage });
  const end = found.index + found[0].length;
  return el("p", { class: "here" }, passage.slice(0, found.index), el("mark", { text: found[0] }), passage.slice(end));
}
