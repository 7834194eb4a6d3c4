// The page: which view the address names, who may see what, colours, and the token.

import { get } from "./api.js";
import { fill } from "./dom.js";
import { Chat } from "./chat.js";
import { Desk } from "./desk.js";
import { icon } from "./icons.js";
import { IndexSearch } from "./index_search.js";
import { connection, say } from "./notice.js";
import { Poll } from "./poll.js";
import { Runs } from "./runs.js";
import { openSignIn } from "./signin.js";
import { count } from "./words.js";

const VIEWS = { chat: Chat, desk: Desk, runs: Runs, index: IndexSearch };
const TITLES = { chat: "Chat", desk: "Desk", runs: "Runs", index: "Index" };

const MOST = 999;

let app = { name: "Interlock", operator: false, auth: false, examples: [] };
let view = null;
let shown = "";
let waiting = null;
let cases = 0;

async function start() {
  colours();
  const key = document.getElementById("token");
  key.append(icon("key"));
  key.addEventListener("click", () => signIn());
  document.addEventListener("token-wanted", () => signIn(true));
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  });
  document.addEventListener("case-changed", () => waiting?.now());
  addEventListener("hashchange", route);
  await introduce();
  route();
  if (app.auth && !app.known) signIn();
}

/** `refused`: the service did not take what was sent. */
function signIn(refused = false) {
  connection(app.auth && (refused || !app.known) ? "lost" : "open");
  openSignIn(refused ? { ...app, known: false } : app, introduce, () => {
    shown = "";
    route();
    if (app.auth && !app.known) signIn();
  });
}

/** Ask the service who it is, until it answers. */
async function introduce() {
  for (;;) {
    try {
      app = await get("/app");
      break;
    } catch (error) {
      connection(error.passing ? "reconnecting" : "lost", error);
      say(error.sentence ?? String(error.message));
      if (!error.passing) break;
      await new Promise((resolve) => { setTimeout(resolve, 1500); });
    }
  }
  document.getElementById("name").textContent = app.name;
  document.getElementById("token").hidden = !app.auth;
  for (const link of document.querySelectorAll('#views a:not([href="#/chat"])')) link.hidden = !app.operator || (link.hash === "#/index" && !app.index);
  connection(app.auth && !app.known ? "lost" : "open");
  badge();
}

/** How many cases wait for this operator, in the title and beside the desk's name. */
function badge() {
  waiting?.stop();
  waiting = null;
  cases = 0;
  if (!app.operator) return name();
  waiting = new Poll(() => get("/desk?limit=0"), ({ counts }) => { cases = counts.open + counts.mine; name(); }, () => {}, 10);
}

function name() {
  document.title = `${cases ? `(${count(cases)}) ` : ""}${TITLES[shown] ?? TITLES.chat} · ${app.name}`;
  const number = document.getElementById("waiting");
  number.textContent = cases > MOST ? `${count(MOST)}+` : cases ? count(cases) : ""; // as much as a phone has room for
  number.hidden = !cases;
}

function route() {
  const [, named = "chat", rest = ""] = location.hash.split("?")[0].split("/").map(decode);
  const chosen = VIEWS[named] && (named === "chat" || (app.operator && (named !== "index" || app.index))) ? named : "chat";
  for (const link of document.querySelectorAll("#views a")) {
    if (link.hash === `#/${chosen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (chosen === shown && view.open) return view.open(rest || null);
  view?.leave();
  say("");
  shown = chosen;
  name();
  view = new VIEWS[chosen](app, rest || null);
  fill(document.getElementById("main"), view.node);
  document.body.dataset.view = chosen;
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function colours() {
  const toggle = document.getElementById("theme");
  const draw = () => {
    const dark = document.documentElement.dataset.theme === "dark";
    fill(toggle, icon(dark ? "sun" : "moon"));
    toggle.setAttribute("aria-label", dark ? "Light colours" : "Dark colours");
  };
  toggle.addEventListener("click", () => globalThis.toggleTheme());
  document.addEventListener("theme", draw);
  draw();
}

start();
