// What the page of the log makes of its own elements.
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, textOf } from "../../static/js/log-lines.js";

test("only what was chosen stands in the address", () => {
  assert.equal(addressOf([["level", "info"], ["machine", ""], ["search", ""]]).toString(), "");
  assert.equal(addressOf([["level", "error"], ["machine", "w"], ["search", "a & b"]]).toString(), "level=error&machine=w&search=a+%26+b");
});

function line(parts) {
  return {
    querySelector: (selector) => (selector in parts ? { textContent: parts[selector], getAttribute: () => parts[selector] } : null),
  };
}

test("a line is copied with what comes with it", () => {
  const parts = { time: "2026-01-01T00:00:00Z", ".line-level": " error ", ".line-where": "far", ".line-source": "x", ".line-message": "it failed" };
  assert.equal(textOf(line(parts)), "2026-01-01T00:00:00Z ERROR [far] x: it failed");
  assert.equal(textOf(line({ ...parts, pre: "Traceback\n  it" })), "2026-01-01T00:00:00Z ERROR [far] x: it failed\n    Traceback\n      it");
});
