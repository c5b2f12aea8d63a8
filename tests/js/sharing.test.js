// What several wait for is asked for once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sharing } from "../../static/js/sharing.js";

function server(most = 12) {
  const asked = [];
  const share = sharing((key, signal) => new Promise((resolve, reject) => asked.push({ key, signal, resolve, reject })), most);
  return { asked, share };
}

test("one question for all who wait, and none for who comes later", async () => {
  const { asked, share } = server();
  const answers = [share("a"), share("a", new AbortController().signal)];
  asked[0].resolve(5);
  assert.deepEqual(await Promise.all([...answers, share("a")]), [5, 5, 5]);
  assert.equal(asked.length, 1);
});

test("who leaves takes the answer from nobody, and with the last one the question is given up", async () => {
  const { asked, share } = server();
  const [form, recipe] = [new AbortController(), new AbortController()];
  const gone = [share("a", form.signal), share("a", recipe.signal)].map((answer) => assert.rejects(answer, { name: "AbortError" }));
  form.abort();
  assert.equal(asked[0].signal.aborted, false);
  recipe.abort();
  await Promise.all(gone);
  assert.equal(asked[0].signal.aborted, true);
  share("a");
  assert.equal(asked.length, 2);
});

test("who leaves and asks for the same at once waits for the answer that is on its way", async () => {
  const { asked, share } = server();
  const form = new AbortController();
  const gone = assert.rejects(share("a", form.signal), { name: "AbortError" });
  form.abort();
  const again = share("a");
  await gone;
  assert.equal(asked[0].signal.aborted, false);
  asked[0].resolve(5);
  assert.equal(await again, 5);
  assert.equal(asked.length, 1);
});

test("a signal that comes after the answer changes nothing", async () => {
  const { asked, share } = server();
  const form = new AbortController();
  const answer = share("a", form.signal);
  asked[0].resolve(5);
  await answer;
  form.abort();
  assert.equal(await share("a"), 5);
  assert.equal(asked[0].signal.aborted, false);
});

test("a refusal is told to all and asked again, and of many answers the oldest are forgotten", async () => {
  const { asked, share } = server(2);
  const refused = [share("a"), share("a")].map((answer) => assert.rejects(answer, /no/));
  asked[0].reject(new Error("no"));
  await Promise.all(refused);
  for (const key of ["a", "b", "c", "a"]) {
    const answer = share(key);
    asked[asked.length - 1].resolve(key);
    assert.equal(await answer, key);
  }
  assert.deepEqual(asked.map(({ key }) => key), ["a", "a", "b", "c", "a"]);
});
