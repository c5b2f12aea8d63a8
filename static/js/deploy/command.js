// Commands with a key in them. It is in this page's memory alone, and gone with it.

export const VARIABLE = "$FLOWML_TOKEN";

// Lines as they are to be copied: with the secret of a key that was just made, else as they came.
export function withKey(text, keyed, secret) {
  return secret ? keyed.replaceAll(VARIABLE, () => secret) : text;
}
