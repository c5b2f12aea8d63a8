// What the plan before training says of the form's choices.
import assert from "node:assert/strict";
import { test } from "node:test";
import { learnedFrom } from "../../static/js/plan.js";

const FORM = { used: ["age", "fare", "family", "weight"], groups: ["family", "ticket"] };

function learned(choices) {
  return learnedFrom(FORM, { excluded: [], weight: "", cv: "auto", ...choices });
}

test("only what is learned from counts", () => {
  assert.equal(learned({}), 4);
  assert.equal(learned({ excluded: ["age", "ticket"] }), 3, "what is not used anyway is not left out twice");
  assert.equal(learned({ weight: "weight" }), 3);
  assert.equal(learned({ weight: "weight", excluded: ["weight"] }), 3);
});

test("a column that rows are grouped by counts unless it only names the groups", () => {
  assert.equal(learned({ cv: "group:family" }), 3);
  assert.equal(learned({ cv: "group:fare" }), 4);
  assert.equal(learned({ cv: "time:family" }), 4);
});
