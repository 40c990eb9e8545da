/** Tokens of a text where no tokeniser is at hand: one per four characters, equal for equal text, so that prefixes are kept. */
const CHARACTERS_PER_TOKEN = 4;
const VOCABULARY = 30_000;

export function textTokens(text: string): Promise<Int32Array> {
  const tokens = new Int32Array(Math.ceil(text.length / CHARACTERS_PER_TOKEN));
  for (let index = 0; index < tokens.length; index++) {
    let hash = 0x811c9dc5;
    for (let at = index * CHARACTERS_PER_TOKEN; at < Math.min(text.length, (index + 1) * CHARACTERS_PER_TOKEN); at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    tokens[index] = (hash >>> 0) % VOCABULARY;
  }
  return Promise.resolve(tokens);
}
