// Live updates: one connection, each message once, and nothing lost when it breaks.
import assert from "node:assert/strict";
import { test } from "node:test";

const sockets = [];
const OPEN = 1;

class FakeSocket {
  static OPEN = OPEN;
  static CLOSED = 3;
  constructor(url) {
    this.url = url;
    this.readyState = 0;
    this.sent = [];
    this.handlers = {};
    sockets.push(this);
  }
  addEventListener(type, handler) {
    this.handlers[type] = handler;
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  open() {
    this.readyState = OPEN;
    this.handlers.open();
  }
  close(code = 1006) {
    this.readyState = FakeSocket.CLOSED;
    this.handlers.close({ code });
  }
  receive(message) {
    this.handlers.message({ data: JSON.stringify(message) });
  }
}

const heard = {};
globalThis.WebSocket = FakeSocket;
let reloads = 0;
globalThis.location = { protocol: "https:", host: "flowml.test", reload: () => (reloads += 1) };
globalThis.document = { body: { dataset: { lastEvent: "7" } } };
globalThis.addEventListener = (type, handler) => (heard[type] = handler);
const { subscribe, watchConnection } = await import("../../static/js/live.js");

test("rooms are asked for from where the page stands, each message comes once, and a break loses nothing", () => {
  const [first, second, states] = [[], [], []];
  watchConnection((state) => states.push(state));
  subscribe("job:1", (message) => first.push(message.id));
  subscribe("job:1", (message) => second.push(message.id));
  subscribe("system", (message) => first.push("s" + message.id), 3);
  assert.equal(sockets.length, 1, "one connection for the page");
  const [socket] = sockets;
  assert.equal(socket.url, "wss://flowml.test/api/live");
  socket.open();
  assert.deepEqual(socket.sent, [{ subscribe: "job:1", after: 7 }, { subscribe: "system", after: 3 }]);

  for (const id of [8, 9, 9, 8]) socket.receive({ room: "job:1", id });
  socket.receive({ room: "system", id: 4 });
  socket.receive({ room: "unknown", id: 5 });
  assert.deepEqual(first, [8, 9, "s4"]);
  assert.deepEqual(second, [8, 9], "all who listen are told");

  socket.close();
  heard.online();
  assert.equal(sockets.length, 2, "a machine that wakes up does not wait");
  sockets[1].open();
  assert.deepEqual(sockets[1].sent, [{ subscribe: "job:1", after: 9 }, { subscribe: "system", after: 4 }]);
  assert.deepEqual(states, ["connecting", "open", "lost", "open"]);
  subscribe("late", () => {}, 0);
  assert.deepEqual(sockets[1].sent.at(-1), { subscribe: "late", after: 0 });
});

test("who is logged out asks for the page again, which says so", async () => {
  const asked = [];
  let status = 200;
  globalThis.fetch = async (url, { method }) => {
    asked.push(method + " " + url);
    return { status };
  };
  const turn = () => new Promise(setImmediate);
  const again = () => heard.online();

  sockets.at(-1).close();
  again();
  sockets.at(-1).close();
  await turn();
  assert.deepEqual(asked, ["HEAD /palette.json"], "a socket that never opened is asked about, one that broke is not");
  assert.equal(reloads, 0, "a server that lets in is tried again");

  status = 401;
  again();
  sockets.at(-1).close();
  await turn();
  assert.equal(reloads, 1);

  again();
  sockets.at(-1).open();
  const before = sockets.length;
  sockets.at(-1).close(4401);
  again();
  assert.equal(reloads, 2);
  assert.equal(asked.length, 2);
  assert.equal(sockets.length, before + 1, "and is not kept from coming back");
});
