// Work of which only the last result counts: what was begun before is given up, and its answer, however late, is no
// one's any more.

// `work(signal, ...arguments)` as a function that answers {result}, or null where a later call has taken its place.
export function latest(work) {
  let current = null;
  const run = async (...given) => {
    current?.abort();
    const mine = new AbortController();
    current = mine;
    try {
      const result = await work(mine.signal, ...given);
      return current === mine ? { result } : null;
    } catch (problem) {
      if (current !== mine || problem.name === "AbortError") return null;
      throw problem;
    }
  };
  run.giveUp = () => {
    current?.abort();
    current = null;
  };
  return run;
}
