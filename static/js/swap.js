// Swapping in a part of the page that the server has written again, though not while somebody is busy in the old one.

// `load` fetches the new part and `show` swaps it in. While `isBusy`, that is put off: `resume` is for when it may be
// over, and fetches the part as it is then.
export function swapper(isBusy, load, show) {
  let owed = false;
  const refresh = async () => {
    owed = isBusy();
    if (owed) return;
    const next = await load();
    owed = isBusy();
    if (!owed) show(next);
  };
  return { refresh, resume: async () => owed && refresh() };
}
