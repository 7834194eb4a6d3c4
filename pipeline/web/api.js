// The service over HTTP: the token, JSON both ways, and errors as sentences. Knows no view.

const TOKEN = "interlock.token";

/** What went wrong, in words. `status` 0: the server could not be reached. */
export class ApiError extends Error {
  constructor(status, code, message, hint = "", after = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.after = after;
  }

  /** Whether the same request may succeed a little later. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 502;
  }

  get sentence() {
    if (this.status === 401) return "This service wants an access token.";
    const routes = /\b(GET|POST|PUT|PATCH|DELETE) \//.test(this.hint); // which are for programs
    return this.hint && !routes ? `${this.message.replace(/[.:\s]+$/, "")}: ${this.hint}` : this.message;
  }
}

let token = stored();

function stored() {
  try {
    return localStorage.getItem(TOKEN) ?? "";
  } catch {
    return "";
  }
}

export function hasToken() {
  return token !== "";
}

/** Use a token from now on, and remember it here; "" forgets it. */
export function setToken(value) {
  token = value.trim();
  try {
    if (token) localStorage.setItem(TOKEN, token);
    else localStorage.removeItem(TOKEN);
  } catch { /* it holds until the page is left */ }
}

/** What the service says of itself to whoever has this token: `known` is false where it is a wrong one. */
export async function introducedWith(value) {
  const given = value.trim();
  if (!/^[\x21-\x7e]+$/.test(given)) return { known: false }; // no header can hold it
  return (await request("/app", { headers: { Accept: "application/json", Authorization: `Bearer ${given}` } })).json();
}

/** The response to a request; ApiError for anything but a success. */
export async function request(path, { method = "GET", headers = {}, body, signal } = {}) {
  const sent = { ...headers };
  if (token && !sent.Authorization) sent.Authorization = `Bearer ${token}`;
  let response;
  try {
    // Beside the page, wherever that is: a proxy may have all of this below a path.
    response = await fetch(`.${path}`, { method, headers: sent, body, signal, cache: "no-store", credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The server cannot be reached.");
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => null);
  const told = answer?.error ?? {};
  const message = told.message ?? `The server answered ${response.status}.`;
  const after = Number(response.headers.get("Retry-After")) || 0;
  const error = new ApiError(response.status, told.code ?? "error", message, told.hint ?? "", after);
  throw Object.assign(error, { parts: answer });
}

export async function get(path, signal) {
  return (await request(path, { signal, headers: { Accept: "application/json" } })).json();
}

export async function post(path, value = {}) {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  return (await request(path, { method: "POST", headers, body: JSON.stringify(value) })).json();
}

export async function patch(path, value) {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  return (await request(path, { method: "PATCH", headers, body: JSON.stringify(value) })).json();
}

export async function remove(path) {
  return (await request(path, { method: "DELETE", headers: { Accept: "application/json" } })).json();
}

/** A name as one segment of a path, whatever is in it. */
export const segment = encodeURIComponent;
