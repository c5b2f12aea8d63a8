// One WebSocket for the page. Rooms are replayed from the last id seen, so a lost connection loses nothing.

const rooms = new Map();
const watchers = new Set();
let socket = null;
let wait = 500;
let timer = 0;
let state = "connecting";

function setState(next) {
  if (state === next) return;
  state = next;
  for (const watcher of watchers) watcher(state);
}

function ask(name) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ subscribe: name, after: rooms.get(name).after }));
}

function receive(event) {
  const message = JSON.parse(event.data);
  const room = rooms.get(message.room);
  if (!room || message.id <= room.after) return;
  room.after = message.id;
  for (const handler of room.handlers) handler(message);
}

// A browser does not tell a script why it was not let in.
async function lookWhy() {
  try {
    const answer = await fetch("/palette.json", { method: "HEAD" });
    if (answer.status === 401) location.reload();
  } catch {
    // There is no server at all: it is tried again.
  }
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss://" : "ws://";
  socket = new WebSocket(scheme + location.host + "/api/live");
  let opened = false;
  socket.addEventListener("open", () => {
    opened = true;
    wait = 500;
    setState("open");
    for (const name of rooms.keys()) ask(name);
  });
  socket.addEventListener("message", receive);
  socket.addEventListener("close", (event) => {
    // Logged out: the page says so by being asked for again.
    if (event.code === 4401) {
      location.reload();
      return;
    }
    if (!opened) lookWhy();
    setState("lost");
    // A little chance keeps many pages from coming back in the same moment.
    timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
    wait = Math.min(wait * 2, 10000);
  });
}

// A machine that wakes up should not sit out a long pause.
addEventListener("online", () => {
  if (socket && socket.readyState === WebSocket.CLOSED) {
    clearTimeout(timer);
    connect();
  }
});

export function subscribe(name, handler, after) {
  const start = after === undefined ? Number(document.body.dataset.lastEvent) : after;
  const room = rooms.get(name);
  if (room) {
    room.handlers.push(handler);
    return;
  }
  rooms.set(name, { after: start, handlers: [handler] });
  if (socket) ask(name);
  else connect();
}

// `watcher` is told "connecting", "open" or "lost" now and on every change.
export function watchConnection(watcher) {
  watchers.add(watcher);
  watcher(state);
}
