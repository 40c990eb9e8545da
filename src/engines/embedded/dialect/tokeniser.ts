/** Text to tokens and back, as the model does it. */
export interface Tokeniser {
  /** Tokens of plain text: the names of marks in it count as ordinary characters. */
  tokenise(text: string): Promise<Int32Array>;
  /** Text of tokens that come after `before`. Marks have no text. Bytes that are no whole character become U+FFFD. */
  detokenise(tokens: Int32Array, before: Int32Array): Promise<string>;
}
