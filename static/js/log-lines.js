// What the page of the log reads from its own elements.

// The filter as it stands in an address: what is not chosen, or is so from the start, is left out.
export function addressOf(form) {
  const query = new URLSearchParams();
  for (const [name, value] of form) if (value !== "" && !(name === "level" && value === "info")) query.set(name, value);
  return query;
}

// A line with what comes with it, as text.
export function textOf(line) {
  const part = (selector) => line.querySelector(selector)?.textContent.trim() ?? "";
  const time = line.querySelector("time").getAttribute("datetime");
  const head = time + " " + part(".line-level").toUpperCase() + " [" + part(".line-where") + "] " + part(".line-source") + ": " + part(".line-message");
  const detail = part("pre");
  return detail ? head + "\n" + detail.replace(/^/gm, "    ") : head;
}
