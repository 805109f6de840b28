// Requests to the server this page came from, and what its answers mean.

const TOKEN_KEY = "apptuit-token";

/** A request that gave no result; `line` is 1-based (0: unknown), `column` a 0-based byte column (-1: unknown). */
export class RequestFailure extends Error {
  constructor(message, { status = 0, line = 0, column = -1, hints = [] } = {}) {
    super(message);
    this.status = status;
    this.line = line;
    this.column = column;
    this.hints = hints;
  }
}

/** The bearer token, kept for this tab only. */
export const token = {
  get() {
    return sessionStorage.getItem(TOKEN_KEY) ?? "";
  },
  set(value) {
    if (value) sessionStorage.setItem(TOKEN_KEY, value);
    else sessionStorage.removeItem(TOKEN_KEY);
  },
};

async function request(path, options) {
  const headers = new Headers();
  const bearer = token.get();
  if (bearer) {
    try {
      headers.set("Authorization", `Bearer ${bearer}`);
    } catch {
      throw new RequestFailure("The access token holds characters that cannot be sent.", { status: 401 });
    }
  }
  let response;
  try {
    response = await fetch(path, { ...options, headers, credentials: "same-origin", cache: "no-store" });
  } catch (cause) {
    if (cause.name === "AbortError") throw cause;
    throw new RequestFailure(`The server at ${location.origin} cannot be reached.`);
  }
  const text = await response.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  if (!response.ok) throw failure(response.status, body);
  if (body === undefined) throw new RequestFailure("The server's answer is not JSON.", { status: response.status });
  return body;
}

function failure(status, body) {
  const error = body?.errors?.[0];
  if (status === 401) {
    const message = token.get() ? "The server does not know this access token." : "This server asks for an access token.";
    return new RequestFailure(message, { status });
  }
  if (!error?.message) return new RequestFailure(`The server answered with status ${status}.`, { status });
  return new RequestFailure(String(error.message), {
    status,
    line: Number(error.queryLineNo ?? 0),
    column: Number(error.queryColumnOffset ?? -1),
    hints: (body.hints ?? []).map(String),
  });
}

/** Names of metrics that start with `prefix`, at most `max`. */
export async function suggestMetrics(prefix, max, signal) {
  const parameters = new URLSearchParams({ type: "metrics", q: prefix, max: String(max) });
  const names = await request(`/api/suggest?${parameters}`, { signal });
  return Array.isArray(names) ? names.map(String) : [];
}

/** What may be written at the byte `at` of `text`, which replaces the bytes from `from` to `to`. */
export async function completeQuery(text, at, signal) {
  const { from, to, candidates } = await request(`/api/query/complete?${new URLSearchParams({ q: text, at: String(at) })}`, { signal });
  return { from, to, candidates };
}

/** Runs `text` over `[start, end]`, in epoch seconds. */
export async function runQuery({ text, start, end }, signal) {
  // POST: a long query does not fit into a URL.
  const body = new URLSearchParams({ start: String(start), end: String(end), q: text });
  const answer = await request("/api/query", { method: "POST", body, signal });
  return {
    outputs: answer.outputs ?? [],
    hints: (answer.hints ?? []).map(String),
    elapsedMillis: answer.query_stats?.queryTimeMillis,
  };
}
