// The lines of a run's file that could not be read: which, and why.

import { get, segment } from "./api.js";
import { button, el, fill } from "./dom.js";
import { tellError } from "./notice.js";
import { openSheet } from "./sheet.js";
import { count } from "./words.js";

const PAGE = 100;

export function openUnread(run) {
  const rows = el("tbody", {});
  const more = button("Show more", async () => {
    try {
      await page();
    } catch (error) {
      tellError(error);
    }
  }, { class: "quiet", hidden: true });
  async function page() {
    const lines = await get(`/runs/${segment(run)}/unread?${new URLSearchParams({ after: rows.childElementCount, limit: PAGE })}`);
    rows.append(...lines.map(({ line, reason, custom_id: id, error }) => el("tr", {},
      el("th", { scope: "row", class: "figure", text: line === undefined ? "–" : count(line) }),
      el("td", {}, reason ?? error?.message ?? "", id ? el("span", { class: "faint", text: ` (${id})` }) : null))));
    more.hidden = lines.length < PAGE;
  }
  return openSheet("Lines that could not be read", async () => {
    await page();
    return [
      el("p", { class: "faint", text: "The others were taken. Mend these, and upload them as another batch." }),
      rows.childElementCount ? el("table", { class: "unread" }, el("thead", {}, el("tr", {}, ["Line", "Why"].map((text) => el("th", { scope: "col", text })))), rows)
        : el("p", { text: "There are none." }),
      more,
    ];
  });
}
