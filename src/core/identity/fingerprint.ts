/**
 * The agent's role, from what its calls have in common: the system prompt with its volatile parts taken out, and the
 * names of its tools in any order. Not a prefix of the prompt: chat templates share their first tokens.
 */
import type { TextBytes } from './outline/text-bytes.ts';

const HASH_SIGN = 0x23;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const COLON = 0x3a;

const DATE_WORD = /^(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs?)?|Fri|Sat(?:ur)?|Sun)(?:day)?$|^(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)$|^(?:AM|PM|UTC|GMT|Z|CET|CEST|EST|EDT|CST|CDT|MST|MDT|PST|PDT)$/;
/** What follows on the line is the state of a repository. */
const STATE_LABEL = /^[-*\s]*(?:current branch|main branch|branch|git status|status|git branch|recent commits|last commit|commit)\b[^:\n]{0,40}:/i;
/** `M src/a.ts`, `?? b`: a line of `git status --short`. */
const STATUS_LINE = /^\s{0,2}[MADRCU?!]{1,2}\s+\S+\s*$/;
const COMMIT_LINE = /^\s{0,4}(?=[a-f]*\d)[0-9a-f]{7,40}\s/;
/** One hash in a thousand has no digit and could be a word; below a heading or another such line it is none. */
const NEXT_COMMIT_LINE = /^\s{0,4}[0-9a-f]{7,40}\s/;
/** Longer lines are no state of a repository. */
const STATE_LINE_LENGTH = 240;

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isUpper = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;
const isLetter = (byte: number): boolean => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;

/** A word that is another in the next session: anything with a digit, a path, an address, a part of a date. */
function isVolatile(text: Buffer, start: number, end: number): boolean {
  let slashes = 0;
  let at = false;
  for (let index = start; index < end; index++) {
    const byte = text[index];
    if (isDigit(byte)) return true;
    if (byte === 0x2f || byte === 0x5c) slashes += 1;
    else if (byte === 0x40 && index > start && index < end - 1) at = true;
  }
  if (at || slashes >= 2) return true;
  let first = start;
  while (first < end && !isLetter(text[first])) first += 1;
  if (slashes === 1 && (text[first - 1] === 0x2f || text[start] === 0x7e || text[start] === 0x2e) && text[start] !== 0x3c) return true;
  if (first === end || !isUpper(text[first])) return false;
  let last = end;
  while (last > first && !isLetter(text[last - 1])) last -= 1;
  return last - first <= 9 && DATE_WORD.test(text.toString('latin1', first, last));
}

/**
 * Where the stable part of the line ends: its label where it tells a repository's state, its start where it is a line of that state.
 * @param listed the line before it is a heading, or is of that state
 */
function stableEnd(text: Buffer, start: number, end: number, listed: boolean): number {
  if (end - start > STATE_LINE_LENGTH) return end;
  const first = text[start] | 0x20;
  // Only these may begin such a line: hexadecimal digits, a status letter, a label, a bullet or white space.
  if (!(first === SPACE || isDigit(text[start]) || (first >= 0x61 && first <= 0x67) || first === 0x6c || first === 0x6d || first === 0x72 || first === 0x73 || first === 0x75 || first === 0x2d || first === 0x2a || first === 0x3f || text[start] === 0x21)) return end;
  const line = text.toString('latin1', start, end);
  const label = STATE_LABEL.exec(line);
  if (label !== null) return start + label[0].length;
  return (listed ? NEXT_COMMIT_LINE : COMMIT_LINE).test(line) || STATUS_LINE.test(line) ? start : end;
}

/** Writes the system prompt without dates, ids, paths, numbers and git status: words, one space between, `#` for each run of volatile ones. */
export function writeStable(text: Buffer, into: TextBytes): void {
  let hidden = false;
  let listed = false;
  const put = (start: number, end: number): void => {
    into.appendByte(SPACE);
    into.append(text, start, end);
    hidden = false;
  };
  const hide = (): void => {
    if (!hidden) {
      into.appendByte(SPACE);
      into.appendByte(HASH_SIGN);
    }
    hidden = true;
  };
  for (let line = 0; line < text.length;) {
    const newline = text.indexOf(NEWLINE, line);
    const end = newline < 0 ? text.length : newline;
    const stable = stableEnd(text, line, end, listed);
    listed = stable < end || text[end - 1] === COLON || (listed && line === end);
    let at = line;
    while (at < stable) {
      while (at < stable && text[at] <= SPACE) at += 1;
      const word = at;
      while (at < stable && text[at] > SPACE) at += 1;
      if (at === word) break;
      if (isVolatile(text, word, at)) hide();
      else put(word, at);
    }
    if (stable < end) hide();
    line = end + 1;
  }
}

/** What prompts of known frameworks say of their agent's name, then what people write; the first that holds. */
const NAMES: readonly RegExp[] = [
  /\byour internal name is "([^"\n]{1,60})"/i,
  /\byou are (?:the |an? )?([A-Za-z][\w -]{1,40}?)(?=[.,;:!?\n]| who\b| that\b| and\b| in\b| of\b| for\b| with\b|$)/i,
  /^#+ *(?:role|agent)\b:? *\n* *([A-Za-z][\w -]{1,40})/im,
  /^(?:role|agent(?: name)?|name): *([A-Za-z][\w -]{1,40})/im,
];

/** What the prompt itself calls its agent, for people: `You are the planner of …` gives `planner`. Never a key. */
export function labelOf(system: string): string | undefined {
  const head = system.slice(0, 2000);
  for (const pattern of NAMES) {
    const name = pattern.exec(head)?.[1]?.trim();
    if (name !== undefined && name !== '') return name;
  }
  return undefined;
}
