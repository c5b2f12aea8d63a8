// The Playground: only the last answer counts, the row outlives a reload, and what-ifs are said in words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { intervalWords, setWords, shownClasses, thresholdWords } from "../../static/js/playground/certainty.js";
import { answerWords, changesOf, changeWords, differenceWords } from "../../static/js/playground/difference.js";
import { keepRow, keptRow } from "../../static/js/playground/kept.js";
import { latest } from "../../static/js/playground/latest.js";

test("an answer that comes after a later one was asked for is no one's", async () => {
  const waiting = [];
  const ask = latest((signal, name) => new Promise((resolve, reject) => waiting.push({ signal, name, resolve, reject })));
  const first = ask("first");
  const second = ask("second");
  const third = ask("third");
  assert.deepEqual(waiting.map((one) => one.signal.aborted), [true, true, false]);
  waiting[2].resolve("three");
  waiting[0].resolve("one");
  waiting[1].reject(new Error("broken"));
  assert.deepEqual(await Promise.all([first, second, third]), [null, null, { result: "three" }]);
  const failing = ask("fourth");
  waiting[3].reject(new Error("no answer"));
  await assert.rejects(failing, /no answer/);
  const given = ask("fifth");
  ask.giveUp();
  waiting[4].resolve("five");
  assert.equal(await given, null);
});

test("a row is kept for its model, and only where it has all of its columns", () => {
  const held = new Map();
  const remember = (key, text) => (text === null ? held.delete(key) : held.set(key, text));
  const recall = (key) => held.get(key) ?? null;
  const row = { texts: new Map([["a", "1"], ["b", ""]]), start: new Map([["a", "2"], ["b", "x"]]), example: { number: 3 }, coverage: 0.95 };
  keepRow(remember, "m", row);
  assert.deepEqual(keptRow(recall, "m", ["a", "b"]), row);
  assert.equal(keptRow(recall, "other", ["a", "b"]), null);
  assert.equal(keptRow(recall, "m", ["a", "b", "c"]), null);
  keepRow(remember, "m", { ...row, texts: new Map([["a", "x".repeat(300_000)], ["b", ""]]) });
  assert.equal(keptRow(recall, "m", ["a", "b"]), null);
  held.set("playground-m", "{broken");
  assert.equal(keptRow(recall, "m", ["a"]), null);
});

test("what was changed is said by column, with both values", () => {
  const names = ["age", "city", "member", "note"];
  const before = { age: 41.3, city: "Ulm", member: false, note: null };
  const changes = changesOf(names, before, { age: 60, city: "Ulm", member: true, note: null });
  assert.deepEqual(changes.map((one) => one.name), ["age", "member"]);
  assert.equal(changeWords(changes), "age 60 instead of 41.3 and member true instead of false");
  const all = changesOf(names, before, { age: null, city: "x".repeat(50), member: true, note: "n" });
  assert.equal(changeWords(all), "age unknown instead of 41.3, city " + "x".repeat(29) + "… instead of Ulm, member true instead of false and one other change");
  assert.equal(changeWords([]), "");
});

test("the difference of two numbers, and of two classes", () => {
  const changes = [{ name: "age", from: 40, to: 60 }];
  const said = (before, after) => differenceWords("price", changes, { prediction: before, probabilities: null }, { prediction: after, probabilities: null });
  assert.equal(said(200, 250), "With age 60 instead of 40 price is 50 (25.0 %) higher.");
  assert.equal(said(0, -5), "With age 60 instead of 40 price is 5 lower.");
  assert.equal(said(7, 7), "With age 60 instead of 40 price stays 7.");
  const answer = (prediction, yes) => ({ prediction, probability: prediction === "yes" ? yes : 1 - yes, probabilities: { no: 1 - yes, yes } });
  const classes = (before, after) => differenceWords("bought", changes, before, after);
  assert.equal(classes(answer("no", 0.25), answer("no", 0.375)), "With age 60 instead of 40 the probability of no falls from 75.0 % to 62.5 %.");
  assert.equal(classes(answer("no", 0.25), answer("yes", 0.75)), "With age 60 instead of 40 the answer is yes instead of no, and the probability of no falls from 75.0 % to 25.0 %.");
  assert.equal(classes(answer("no", 0.25), answer("no", 0.25)), "With age 60 instead of 40 the probability of no stays at 75.0 %.");
  assert.equal(differenceWords("price", [], {}, {}), "");
  assert.deepEqual([answerWords(answer("yes", 0.75)), answerWords({ prediction: 1234.5, probabilities: null })], ["yes (75.0 %)", "1,235"]);
});

test("how sure an answer is", () => {
  assert.equal(intervalWords({ coverage: 0.95 }, 0.95), "95 % of true values lie between");
  assert.equal(intervalWords({ coverage: 0.9 }, 0.95), "90 % of true values lie between: this model knows no other share");
  const probabilities = { a: 0.5, b: 0.3, c: 0.2 };
  assert.match(setWords({ probabilities, prediction: "a", set: ["a"] }, 0.9), /in 90 % of cases .* of a alone\.$/);
  assert.equal(setWords({ probabilities, prediction: "a", set: ["a", "b"] }, 0.995), "In 99.5 % of cases the truth is in a set like this one: a, b.");
  assert.match(setWords({ probabilities, prediction: "a", set: ["a", "b", "c"] }, 0.9), /^It cannot tell: .* all classes\.$/);
  assert.equal(setWords({ probabilities, set: null }, 0.9), "");
});

test("of very many classes the likeliest are shown, of a few all in their order", () => {
  const probabilities = { a: 0.2, b: 0.1, c: 0.4, d: 0.3 };
  assert.deepEqual(shownClasses(probabilities, 4), ["a", "b", "c", "d"]);
  assert.deepEqual(shownClasses(probabilities, 2), ["c", "d"]);
  assert.deepEqual(shownClasses({}, 4), []);
});

test("a threshold is said of two classes alone", () => {
  const probabilities = { no: 0.6, yes: 0.4 };
  assert.equal(thresholdWords({ probabilities, threshold: 0.375 }), "yes is predicted from a probability of 37.5 % on.");
  assert.equal(thresholdWords({ probabilities, threshold: null }), "");
  assert.equal(thresholdWords({ probabilities: { a: 1, b: 0, c: 0 }, threshold: 0.5 }), "");
  assert.equal(thresholdWords({ probabilities: null, threshold: null }), "");
});
