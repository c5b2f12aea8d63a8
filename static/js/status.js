// What a run is; flowml/web/words.py says it the same way on the server.

export function hasEnded(status) {
  return status !== "running" && status !== "queued";
}

export function statusWord(status) {
  return status === "cancelled" ? "stopped" : status;
}
