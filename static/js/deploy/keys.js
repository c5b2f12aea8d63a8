// Keys of a model as its page lists them.
import { ago, seconds } from "../format.js";

const DAY = 86400;

// When a key ends, in words; `now` in seconds.
export function endOf(expires, now = Date.now() / 1000) {
  if (expires === null) return "ends when it is revoked";
  const left = seconds(expires) - now;
  if (left <= 0) return "has ended";
  if (left < DAY) return "ends within a day";
  const days = Math.round(left / DAY);
  return days === 1 ? "ends in a day" : "ends in " + days + " days";
}

// Those that were made last come first; the one that is `asked` about says so.
export function listed(items, asked, now = Date.now() / 1000) {
  return [...items].reverse().map((key) => ({
    id: key.id,
    name: key.name,
    about: (key.last_used_at === null ? "never used" : "used " + ago(key.last_used_at, now)) + ", " + endOf(key.expires_at, now),
    action: key.id === asked ? "Really revoke" : "Revoke",
    label: (key.id === asked ? "Really revoke " : "Revoke ") + key.name,
  }));
}
