// What the one number of a run is called; how it is written is compared with the server's in test_twins.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { headline, titleOf } from "../../static/js/headline.js";

test("a metric about a class says which one", () => {
  const job = { metric: "f1", best_model_id: "m", positive_class: "yes" };
  assert.equal(titleOf(job, { title: "F1" }), "F1 for “yes”");
  assert.equal(titleOf({ ...job, positive_class: null }, { title: "F1" }), "F1, averaged over classes");
  assert.equal(titleOf({ ...job, best_model_id: null }, { title: "F1" }), "F1", "not known before there is a model");
  assert.equal(titleOf({ ...job, metric: "accuracy" }, { title: "Accuracy" }), "Accuracy");
});

test("a run without a number says so", () => {
  const none = { value: "–", range: "", constant: "" };
  assert.deepEqual(headline({}, { format: "percent" }), none);
  assert.deepEqual(headline({ best_score: null, baseline_score: 0.5 }, { format: "percent" }), none);
});
