// The figures of a run as plots: how each intent ended, how long records took. Tables of which a column is drawn.

import { get, segment } from "./api.js";
import { el, svg } from "./dom.js";
import { SHARES } from "./progress.js";
import { openSheet } from "./sheet.js";
import { STATUS, aspect, count, duration, plain } from "./words.js";

const ORDER = [...SHARES, "running"];

export function openFigures(run) {
  return openSheet("Figures", async () => {
    const { intents, seconds, tokens } = await get(`/runs/${segment(run)}/figures`);
    return [statuses(intents), latencies(seconds),
      el("h3", { text: "Tokens" }),
      el("p", { text: `${count(tokens.prompt)} in prompts, ${count(tokens.completion)} in answers` })];
  }, null, true);
}

function statuses(intents) {
  const most = Math.max(1, ...intents.map(({ records }) => records));
  const used = ORDER.filter((status) => intents.some((one) => one.statuses[status]));
  return [
    el("h3", { text: "How each intent ended" }),
    el("p", { class: "legend" }, used.map((status) => el("span", {}, el("span", { class: "lamp", "data-aspect": aspect(status) }), STATUS[status]))),
    plot("How each intent ended", ["Intent", "Statuses", "Records"], intents.map((one) => {
      const told = ORDER.filter((status) => one.statuses[status]).map((status) => `${STATUS[status]} ${count(one.statuses[status])}`).join(", ");
      return [plain(one.intent), bars(ORDER.map((status) => [one.statuses[status] ?? 0, aspect(status)]), most, told), count(one.records)];
    })),
  ];
}

function latencies({ bars: found, p50, p90, p99, most: longest }) {
  const most = Math.max(1, ...found.map(({ records }) => records));
  return [
    el("h3", { text: "Seconds in steps" }),
    found.length ? el("dl", { class: "facts" }, [["Half of them within", p50], ["Nine in ten", p90], ["99 in a hundred", p99], ["All of them", longest]].map(([name, value]) =>
      el("div", {}, el("dt", { text: name }), el("dd", { text: duration(value) }))))
      : el("p", { class: "faint", text: "No record has ended yet." }),
    found.length ? plot("How long records took", ["Up to", "Share", "Records"], found.map(({ to, records }) =>
      [to === null ? "longer" : duration(to).replace(".0 ", " "), bars([[records, "quiet"]], most, count(records)), count(records)])) : null,
  ];
}

function plot(caption, heads, rows) {
  return el("table", { class: "plot" }, el("caption", { class: "unseen", text: caption }),
    el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col", text })))),
    el("tbody", {}, rows.map(([name, bar, number]) => el("tr", {}, el("th", { scope: "row", text: name }), el("td", {}, bar), el("td", { class: "figure", text: number })))));
}

/** Parts [number, aspect] one behind the other, out of `most`. */
function bars(parts, most, label) {
  let at = 0;
  return svg("svg", { class: "progress", viewBox: "0 0 100 4", preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("rect", { class: "rail", x: 0, y: 0, width: 100, height: 4 }),
    parts.map(([number, colour]) => {
      const width = (100 * number) / most;
      const part = svg("rect", { x: at, y: 0, width, height: 4, "data-aspect": colour });
      at += width;
      return part;
    }));
}
