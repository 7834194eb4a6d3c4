// What of a run waits for people, as a file to fill in, and the file with the answers. One by one: desk.js.

import { request, segment } from "./api.js";
import { announce, button, el } from "./dom.js";
import { many } from "./words.js";

/** `run`: its id. The node says what came of an upload; `given()` is called when answers were. */
export function answersNode(run, given) {
  const path = `/runs/${segment(run)}`;
  const told = el("p", { class: "faint", role: "status", hidden: true });
  const tell = (text) => { told.textContent = text; told.hidden = false; announce(text); };
  const file = el("input", { type: "file", accept: ".jsonl,.ndjson", class: "unseen", tabindex: -1, "aria-label": "File of answers", on: { change: send } });
  async function save() {
    try {
      const link = el("a", { href: URL.createObjectURL(await (await request(`${path}/waiting`)).blob()), download: `${run}-waiting.jsonl` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (error) {
      tell(error.sentence ?? String(error.message));
    }
  }
  async function send() {
    try {
      const answer = await request(`${path}/answers`, { method: "POST", headers: { "Content-Type": "application/jsonl" }, body: file.files[0] });
      const { answered, left_out: left } = await answer.json();
      tell([`${many(answered.length, "answer")} given.`, ...left.slice(0, 5).map(({ line, reason }) => `Line ${line}: ${reason}`),
        left.length > 5 ? `${many(left.length - 5, "more line")} left out.` : ""].join(" "));
      given();
    } catch (error) {
      tell(error.sentence ?? String(error.message));
    }
    file.value = "";
  }
  return el("div", {}, el("div", { class: "row" }, button("Save what waits", save, { class: "quiet" }),
    button("Upload answers", () => file.click(), { class: "quiet" }), file), told);
}
