// Commands with a key in them. It is in this page's memory alone, and gone with it.

export const VARIABLE = "$FLOWML_TOKEN";

// Lines as they are to be copied: with the secret of a key that was just made, else as they came.
export function withKey(text, keyed, secret) {
  return secret ? keyed.replaceAll(VARIABLE, () => secret) : text;
}

// Programs take the key from the environment; what comes before one puts it there.
const PUT = {
  python: (secret) => 'import os\n\nos.environ["FLOWML_TOKEN"] = "' + secret + '"\n\n',
  curl: (secret) => "export FLOWML_TOKEN=" + secret + "\n",
  javascript: (secret) => 'globalThis.process ??= { env: {} };\nprocess.env.FLOWML_TOKEN = "' + secret + '";\n\n',
};

export function programWithKey(language, text, secret) {
  return secret ? PUT[language](secret) + text : text;
}
