// Signing in and out: a token is tried before it is taken, and a wrong one is said where it was written.

import { hasToken, introducedWith, setToken } from "./api.js";
import { forgetDrafts } from "./composer.js";
import { keepConversation } from "./conversation.js";
import { announce, button, el } from "./dom.js";
import { connection } from "./notice.js";

let open = null;

/** The next person here begins their own. */
function forget() {
  keepConversation(null);
  forgetDrafts();
  announce("");
}

/**
 * Ask for a token, or say who is signed in. `app` as from /app. When the token is another, `introduce()` is awaited
 * before the page behind can be touched again, since what is said there until then would go with the view; then `changed()`.
 */
export function openSignIn(app, introduce, changed) {
  if (open) return;
  const known = app.known && hasToken();
  const input = el("input", {
    type: "password", name: "token", autocomplete: "current-password", "aria-label": "Access token", "aria-describedby": "token-told", required: true,
  });
  const problem = el("p", { class: "problem", id: "token-told", role: "alert", hidden: true });
  const submit = el("button", { type: "submit", class: "primary", text: known ? "Use this one" : "Sign in" });
  const done = async () => {
    await introduce();
    dialog.close();
    open = null; // its "close" comes later, and changed() may ask again
    changed();
  };
  const tell = (text) => {
    problem.textContent = text;
    problem.hidden = false;
    input.setAttribute("aria-invalid", "true");
    input.select();
    input.focus();
  };
  const attempt = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      if ((await introducedWith(input.value)).known) {
        if (known) forget();
        setToken(input.value);
        await done();
        return;
      }
      if (!known) connection("lost");
      tell("This service does not know that token: check that all of it is there.");
    } catch (error) {
      tell(error.sentence ?? String(error.message));
    } finally {
      submit.disabled = false;
    }
  };
  const leave = known ? button("Sign out", () => {
    setToken("");
    forget();
    done();
  }) : null;
  const who = `${app.caller ? `You are ${app.caller}` : "You are signed in"}, ${app.operator ? "an operator" : "a customer"}.`;
  const dialog = el("dialog", { class: "sheet small", "aria-labelledby": "token-head" },
    el("form", { on: { submit: attempt } },
      el("h2", { id: "token-head", text: known ? "Access token" : "Sign in" }),
      el("p", { class: "faint", text: known ? `${who} Another token signs in somebody else.`
        : "This service wants an access token. Whoever runs it gives it to you; it is kept in this browser only." }),
      input, problem,
      el("div", { class: "row" }, submit, leave, button("Cancel", () => dialog.close(), { class: "quiet" }))));
  open = dialog;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (open === dialog) open = null;
  });
  document.body.append(dialog);
  dialog.showModal();
  if (!known && hasToken()) tell("The token that is kept here is not known any more: give another.");
}
