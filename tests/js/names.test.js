// Names of data sets and runs, on the page that shows them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, nameOf, otherName, showName } from "../../static/js/names.js";

test("what was typed is another name, or nothing is to change", () => {
  assert.equal(otherName("train", " passengers "), "passengers");
  for (const typed of ["", "   ", "train", " train "]) assert.equal(otherName("train", typed), null);
});

test("a data set and a run have addresses of their own", () => {
  assert.equal(addressOf("dataset", "a"), "/api/datasets/a");
  assert.equal(addressOf("job", "a"), "/api/training/a");
});

test("every place that shows a name shows the new one, and the window too where it is the page's", () => {
  const asked = [];
  const root = (places) => ({ title: "before", querySelectorAll: (selector) => (asked.push(selector), places) });
  const places = [{ tagName: "A", textContent: "old" }, { tagName: "H1", textContent: " old " }];
  const page = root(places);
  assert.equal(nameOf(page, "job", "j1"), "old");
  showName(page, "job", "j1", "new");
  assert.deepEqual(places.map((place) => place.textContent), ["new", "new"]);
  assert.equal(page.title, "new · FlowML");
  const list = root([places[0]]);
  showName(list, "job", "j1", "newer");
  assert.equal(list.title, "before");
  assert.equal(new Set(asked).size, 1);
  assert.equal(asked[0], '[data-name-of="job:j1"]');
});
