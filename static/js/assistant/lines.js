// An answer that comes as lines of JSON, each as soon as it is there.
import { Problem, problemOf } from "../http.js";

// The objects in pieces of bytes, which end anywhere, also within a character.
export async function* objectsIn(pieces) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of pieces) {
    rest += decoder.decode(piece, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.trim()) yield JSON.parse(line);
  }
  // What the last line end is missing of was cut off.
}

async function* piecesOf(body) {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

// Raises a Problem where the server refuses, or is not there; and one of status 0 where the answer breaks off.
export async function* ask(url, body, signal) {
  let response;
  try {
    response = await fetch(url, { method: "POST", signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "The FlowML server does not answer.", hint: "Check that it is still running." });
  }
  if (!response.ok) throw await problemOf(response.status, await response.text());
  try {
    yield* objectsIn(piecesOf(response.body));
  } catch (error) {
    if (error.name === "AbortError" || error instanceof Problem) throw error;
    throw new Problem(0, { detail: "The connection was lost in the middle of the answer." });
  }
}
