// How far a batch is: one bar, a colour for each status.

import { svg } from "./dom.js";
import { STATUS, aspect, count, many } from "./words.js";

/** What people call a run: the name of its file or the one it was given, else its size and the end of its id. */
export function runName({ id, name, records }) {
  return name || `${many(records, "request")} · ${id.split("-").pop()}`;
}

export const ORDER = ["completed", "needs_input", "escalated", "failed"];

/** As `ORDER`, with those apart that asked for something which is not done here. */
export const SHARES = ["completed", "declined", "needs_input", "escalated", "failed"];

/** How many records of a run are in each of `SHARES`, and how many are running. */
export function shares({ statuses, declined, summary }) {
  const counts = statuses ?? summary?.statuses ?? {};
  const apart = declined ?? 0;
  return { ...counts, completed: (counts.completed ?? 0) - apart, declined: apart };
}

/** `run`: {records, statuses, declined}. */
export function progress(run) {
  const total = run.records;
  const counts = shares(run);
  const all = Math.max(1, total ?? 0);
  let at = 0;
  const parts = SHARES.map((status) => {
    const width = ((counts[status] ?? 0) / all) * 100;
    const part = svg("rect", { x: at, y: 0, width, height: 4, "data-aspect": aspect(status) });
    at += width;
    return part;
  });
  const done = SHARES.reduce((sum, status) => sum + (counts[status] ?? 0), 0);
  const told = SHARES.filter((status) => status !== "declined" || counts.declined);
  const label = `${count(done)} of ${count(total)} done; ${told.map((status) => `${STATUS[status]} ${counts[status] ?? 0}`).join(", ")}`;
  return svg("svg", { class: "progress", viewBox: "0 0 100 4", preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("rect", { class: "rail", x: 0, y: 0, width: 100, height: 4 }), parts);
}
