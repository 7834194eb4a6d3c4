// How the page writes things: states, names, times, figures. Knows English, no elements.

export const STATUS = {
  completed: "Completed",
  needs_input: "Waits for an answer",
  escalated: "With a person",
  failed: "Failed",
  running: "Running",
  waiting: "Waits its turn",
  stopped: "Stopped",
  cancelling: "Being cancelled",
  cancelled: "Cancelled",
  pausing: "Being paused",
  paused: "Paused",
  expired: "Out of time",
  deleting: "Being deleted",
  declined: "Declined",
  finished: "Finished",
  open: "Open",
  taken: "Taken over",
  answered: "Answered",
  closed: "Closed",
};

/** What is said of a question that expired, and of what was handed over because of one. */
export const LATE = "Not answered in time";

/** The signal that a status shows: clear, caution, stop, or blue for people. */
export function aspect(status) {
  if (["completed", "finished", "closed"].includes(status)) return "clear";
  if (["needs_input", "running", "taken", "question", "approval", "pausing", "cancelling", "deleting"].includes(status)) return "caution";
  if (["escalated", "open", "answered", "escalation"].includes(status)) return "people";
  return ["failed", "stopped"].includes(status) ? "stop" : "quiet";
}

/** A record's status as people see it: who asked for something that is not done here was answered, and not served. */
export function statusOf({ status, intent }) {
  return status === "completed" && intent === "out_of_scope" ? "declined" : status;
}

/** "book_trip" → "Book trip". */
export function plain(name) {
  const words = String(name ?? "").replaceAll("_", " ").replace(/(?<=[a-z])(?=[A-Z])/g, " ").trim();
  return words ? words[0].toUpperCase() + words.slice(1) : "";
}

/** "baggage.md" → "Baggage". */
export function title(document) {
  const name = String(document ?? "").split("/").pop().replace(/\.[a-z0-9]+$/i, "").replaceAll("-", " ");
  return plain(name);
}

/** "Baggage > Cabin" → "Baggage › Cabin". */
export function path(heading) {
  return String(heading ?? "").replaceAll(" > ", " › ");
}

/** Where a passage stands: "Baggage › Cabin baggage". A heading that is the document's name is not said twice. */
export function place({ document, heading }) {
  const [name, below] = [title(document), path(heading)];
  if (!below || below.toLowerCase().startsWith(name.toLowerCase())) return below || name;
  return name ? `${name} › ${below}` : below;
}

/** 0.0042 → "4 ms", 1.26 → "1.3 s", 75 → "1 min 15 s". */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 0.0005) return "< 1 ms";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** Unix seconds → "14:05", with the day when it was another one. */
export function clock(at) {
  if (!Number.isFinite(at) || at <= 0) return "";
  const day = new Date(at * 1000);
  const time = day.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (day.toDateString() === new Date().toDateString()) return time;
  return `${day.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
}

/** 1234 → "1,234". */
export function count(number) {
  return Number(number ?? 0).toLocaleString("en-GB");
}

/** "1 step", "3 steps". */
export function many(number, noun) {
  return `${count(number)} ${noun}${Number(number) === 1 ? "" : "s"}`;
}

/** A value of a result, for people. */
export function shown(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (isSum(value)) return money(value.amount, value.currency);
  if (typeof value === "object") return JSON.stringify(value);
  if (/^\d{4}-\d{2}-\d{2}$/.test(value)) {
    const day = new Date(`${value}T12:00:00`);
    if (!Number.isNaN(day.getTime())) {
      return day.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric" });
    }
  }
  return String(value);
}

/** Entries of a result in which an amount and the currency behind it are one value: {price: "3160", currency: "INR"}. */
export function sums(entries) {
  const found = [];
  for (const [name, value] of entries) {
    const before = found.at(-1);
    if (before && name === "currency" && isAmount(before[1]) && isCode(value)) before[1] = money(before[1], value);
    else found.push([name, value]);
  }
  return found;
}

function isSum(value) {
  return typeof value === "object" && Object.keys(value).length === 2 && isAmount(value.amount) && isCode(value.currency);
}

function isAmount(value) {
  return typeof value === "number" || (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value));
}

function isCode(value) {
  return typeof value === "string" && /^[A-Z]{3}$/.test(value);
}

/** "3160", "INR" → "3,160 INR". Digits behind the point stay as they are. */
function money(amount, currency) {
  const [whole, rest] = String(amount).split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}${rest ? `.${rest}` : ""} ${currency}`;
}
