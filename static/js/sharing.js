// Answers that several wait for are asked for once, and given up when nobody waits any more.

// `ask(key, signal)` asks; of its answers the last `most` are kept. Who gives up with a signal hears an AbortError.
export function sharing(ask, most) {
  const known = new Map();
  const begin = (key) => {
    const asked = new AbortController();
    const entry = { answer: ask(key, asked.signal), waiting: 0 };
    const forget = () => known.get(key) === entry && known.delete(key);
    entry.answer.catch(forget);
    entry.leave = () => {
      entry.waiting -= 1;
      // Who leaves may ask for the same again at once, as a form does that is sent while its own attempt is on the way.
      queueMicrotask(() => {
        if (entry.waiting) return;
        forget();
        asked.abort();
      });
    };
    known.set(key, entry);
    if (known.size > most) known.delete(known.keys().next().value);
    return entry;
  };
  return (key, signal) =>
    new Promise((resolve, reject) => {
      const entry = known.get(key) ?? begin(key);
      entry.waiting += 1;
      const leave = () => {
        entry.leave();
        reject(new DOMException("given up", "AbortError"));
      };
      const settled = (work) => (result) => {
        signal?.removeEventListener("abort", leave);
        work(result);
      };
      signal?.addEventListener("abort", leave);
      entry.answer.then(settled(resolve), settled(reject));
    });
}
