// Calls to this server: JSON in, JSON out, and one error with words a person understands.

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || "The server answered with an error (" + status + ").");
    this.status = status;
    this.hint = body.hint || "";
    this.fields = body.errors || [];
  }
}

const UNREACHABLE = {
  detail: "The FlowML server does not answer.",
  hint: "Check that it is still running; nothing that was saved is lost.",
};

// A problem of a call in one line: what is wrong and what to do.
export function said(problem) {
  return problem.hint ? problem.message + " " + problem.hint : problem.message;
}

export async function problemOf(status, text) {
  try {
    return new Problem(status, JSON.parse(text));
  } catch {
    return new Problem(status, {});
  }
}

// A whole number that JavaScript would round stays the text that it came as, where the browser shows it.
function exact(_, value, context) {
  const source = context && context.source;
  return typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source || "") ? source : value;
}

async function send(method, url, body, signal) {
  const options = { method, signal, headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, UNREACHABLE);
  }
  if (!response.ok) throw await problemOf(response.status, await response.text());
  return response;
}

export async function call(method, url, body, signal) {
  const response = await send(method, url, body, signal);
  return response.status === 204 ? null : JSON.parse(await response.text(), exact);
}

export const get = (url, signal) => call("GET", url, undefined, signal);
export const post = (url, body, signal) => call("POST", url, body, signal);

export async function textOf(url, signal) {
  return (await send("GET", url, undefined, signal)).text();
}

// How many bytes a file has; it is made for that where it is not there yet, and not fetched.
export async function sizeOf(url, signal) {
  const response = await send("GET", url, undefined, signal);
  await response.body.cancel();
  return Number(response.headers.get("Content-Length"));
}

// The same call from a shell. Where people log in, programs bring a token; it stands in no command that is copied.
export function curl(url, body, needsToken = globalThis.document?.body.dataset.needsToken !== undefined) {
  const text = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  const token = needsToken ? ' \\\n  -H "Authorization: Bearer $FLOWML_TOKEN"' : "";
  return "curl " + url + token + " \\\n  -H 'Content-Type: application/json' \\\n  -d '" + text + "'";
}

// One part of a server-rendered page, for swapping in: the element with this id.
export async function fragment(url, id, signal) {
  const response = await fetch(url, { signal, headers: { Accept: "text/html" } });
  if (!response.ok) throw new Problem(response.status, {});
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const found = page.getElementById(id);
  if (!found) throw new Problem(response.status, { detail: "The page changed while it was open. Reload it." });
  return document.adoptNode(found);
}

// Uploads report how far they are, which fetch does not.
export function upload(url, form, onProgress) {
  const request = new XMLHttpRequest();
  const answer = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded, event.total);
    });
    request.addEventListener("load", async () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(await problemOf(request.status, request.responseText));
    });
    request.addEventListener("error", () => reject(new Problem(0, UNREACHABLE)));
    request.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.send(form);
  });
  return { answer, cancel: () => request.abort() };
}
