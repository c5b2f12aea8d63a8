// What operations would do, asked for once: a table never changes, and the form of a step has often just tried what the
// recipe shows next, or waits for it still.
import { post } from "../http.js";
import { sharing } from "../sharing.js";
import { api } from "./info.js";

const preview = sharing((operations, signal) => post(api("/transform"), { operations: JSON.parse(operations), preview: true }, signal), 12);

export function previewOf(operations, signal) {
  return preview(JSON.stringify(operations), signal);
}
