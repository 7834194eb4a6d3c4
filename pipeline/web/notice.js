// How the connection stands, and errors in words: the signal in the bar and the line below it.

import { announce } from "./dom.js";

const WORDS = { open: "Connected", connecting: "Connecting", reconnecting: "Reconnecting…", lost: "Not connected" };

/** Set the signal: "open", "connecting", "reconnecting" or "lost". */
export function connection(state, error = null) {
  const signal = document.getElementById("signal");
  if (signal.dataset.state === state) return;
  signal.dataset.state = state;
  signal.setAttribute("aria-label", WORDS[state]);
  if (state === "reconnecting") {
    const busy = error?.status === 429;
    say(busy ? "The service is busy; trying again in a moment…" : "Reconnecting… nothing is lost.");
    announce("Reconnecting");
  } else if (state === "open") say("");
}

/** Show an error; `quiet` where it is shown at its own place already. */
export function tellError(error, quiet = false) {
  if (error.status === 401) {
    say(error.sentence);
    document.dispatchEvent(new Event("token-wanted"));
  } else if (!quiet) say(error.sentence ?? String(error.message));
}

export function say(text) {
  const notice = document.getElementById("notice");
  notice.textContent = text;
  notice.hidden = !text;
}
