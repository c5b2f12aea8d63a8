// What the browser remembers for this person. Storage may be switched off or full: then nothing is remembered.

export function recall(key, fallback) {
  try {
    const text = localStorage.getItem(key);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

// Whether it is remembered.
export function remember(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

// The same for this tab alone, as long as it is open.
export function recallHere(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

// A text of null is forgotten.
export function rememberHere(key, text) {
  try {
    if (text === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, text);
  } catch {
    // It is known as long as the page.
  }
}
