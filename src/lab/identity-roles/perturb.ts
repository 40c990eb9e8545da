/**
 * A recorded session as another user would have had it on another day: other dates, ids, paths, numbers and git state, each
 * the same throughout the session, and another task in other words. Prompts and tools keep their words, as an application's do.
 */
import type { Random } from '../../core/index.ts';
import type { RecordedCall } from './recordings.ts';

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const SYLLABLES = ['ba', 'co', 'di', 'fe', 'gu', 'la', 'mo', 'ni', 'pe', 'ro', 'su', 'ta', 've', 'wi'];
/** Values of these are the protocol's, not the conversation's. */
const OF_THE_PROTOCOL = new Set(['role', 'type', 'name', 'id', 'call_id', 'tool_call_id', 'tool_use_id', 'status']);

const VOLATILE = new RegExp([
  '(?<id>\\b[a-zA-Z]+_(?:\\w*_)?[0-9a-f]{10,}\\b)', '(?<uuid>\\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\\b)', '(?<iso>\\b\\d{4}-\\d{2}-\\d{2}\\b)',
  `(?<day>\\b(?:(?:${DAYS.join('|')}), )?(?:${MONTHS.join('|')}) \\d{1,2}, \\d{4}\\b)`, '(?<time>\\b\\d{1,2}:\\d{2}(?::\\d{2})?\\b)', '(?<branch>(?<=branch: )\\S+)',
  '(?<path>(?<![\\w.])/(?:home|Users|src|tmp)/[\\w./-]*\\w)', '(?<hex>\\b(?=[a-f]*\\d)(?=\\d*[a-f])[0-9a-f]{7,}\\b)', '(?<number>\\b\\d+\\b)',
].join('|'), 'g');

const below = (limit: number, random: Random): number => Math.floor(random() * limit);
const pick = <Item>(items: readonly Item[], random: Random): Item => items[below(items.length, random)];
const padded = (value: number): string => String(value).padStart(2, '0');
const otherHex = (text: string, random: Random): string => text.replaceAll(/[0-9a-f]/g, () => below(16, random).toString(16));
const otherNumber = (text: string, random: Random): string => String(below(10 ** Math.min(9, text.length + below(2, random)), random));
const otherWord = (random: Random): string => Array.from({ length: 2 + below(3, random) }, () => pick(SYLLABLES, random)).join('');

/** Another value of the same kind. */
const OTHER: Readonly<Record<string, (text: string, random: Random) => string>> = {
  // What comes before an id's random part says what it is of.
  id: (text, random) => text.replace(/[0-9a-f]{10,}$/, (part) => otherHex(part, random)),
  uuid: otherHex, hex: otherHex, number: otherNumber,
  iso: (_text, random) => `${2020 + below(9, random)}-${padded(1 + below(12, random))}-${padded(1 + below(28, random))}`,
  day: (text, random) => `${/^[A-Z][a-z]+,/.test(text) ? `${pick(DAYS, random)}, ` : ''}${pick(MONTHS, random)} ${1 + below(28, random)}, ${2020 + below(9, random)}`,
  time: (_text, random) => `${below(24, random)}:${padded(below(60, random))}`,
  branch: (_text, random) => pick(['main', `feature/${otherWord(random)}`, `mend-${below(1000, random)}`], random),
  path: (_text, random) => `/${pick(['home', 'Users', 'srv'], random)}/${Array.from({ length: 1 + below(4, random) }, () => otherWord(random)).join('/')}`,
};

type Substitution = (text: string) => string;

function otherVolatiles(random: Random): Substitution {
  const others = new Map<string, string>();
  return (text) => text.replaceAll(VOLATILE, (...found) => {
    const [whole] = found as [string];
    const known = others.get(whole);
    if (known !== undefined) return known;
    const [kind] = Object.entries(found.at(-1) as Record<string, string | undefined>).find(([, value]) => value !== undefined)!;
    const other = OTHER[kind](whole, random);
    others.set(whole, other);
    return other;
  });
}

/** The texts of a value that are no names of the protocol. */
function* textsWithin(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) for (const [name, inner] of Object.entries(value)) if (!OF_THE_PROTOCOL.has(name)) yield* textsWithin(inner);
}
function* namesWithin(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield* Object.keys(value);
  for (const inner of Object.values(value)) yield* namesWithin(inner);
}
/** The value with each of its texts put through. */
function withTexts(value: unknown, put: Substitution, kept: ReadonlySet<string>): unknown {
  if (typeof value === 'string') return put(value);
  if (Array.isArray(value)) return value.map((inner) => withTexts(inner, put, kept));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, kept.has(name) ? inner : withTexts(inner, put, kept)]));
}

const isPrompt = (message: unknown): boolean => ['system', 'developer'].includes(String((message as { role?: unknown } | null)?.role));
const nameOfConversation = (body: RecordedCall['body']): string => (body.messages === undefined ? 'input' : 'messages');
const conversationOf = (body: RecordedCall['body']): readonly unknown[] => [body[nameOfConversation(body)]].flat();

const WORD = /\p{L}{3,}/gu;
/** A word, or an escape of JSON, for arguments are a text of it. */
const WORD_OR_ESCAPE = /\\[a-z"\\/]|\p{L}{3,}/gu;
const wordsOf = (texts: Iterable<string>): string[] => [...texts].flatMap((text) => text.match(WORD) ?? []);

/** Other words for those that user and model chose; the names of tools and of their parameters stay. */
function otherWords(calls: readonly RecordedCall[], random: Random): Substitution {
  const toolCalls = calls.flatMap(({ answer }) => answer.toolCalls);
  const given = toolCalls.map((call) => JSON.parse(call.arguments) as unknown);
  const question = conversationOf(calls[0].body).filter((message) => !isPrompt(message));
  const said = wordsOf([...calls.map(({ answer }) => answer.text), ...textsWithin(given), ...textsWithin(question)]);
  const fixed = new Set([...wordsOf(toolCalls.map(({ name }) => name.replaceAll('_', ' '))), ...namesWithin(given)]);
  const others = new Map([...new Set(said)].filter((word) => !fixed.has(word)).map((word) => [word, otherWord(random)]));
  return (text) => text.replaceAll(WORD_OR_ESCAPE, (word) => others.get(word) ?? word);
}

const OF_THE_APPLICATION = new Set(['tools', 'tool_choice', 'response_format']);

/**
 * @param calls of one session
 * @param words chooses the words of its task: from the same state, two users ask for the same
 */
export function perturbed(calls: readonly RecordedCall[], random: Random, words: Random): RecordedCall[] {
  const volatiles = otherVolatiles(random);
  const chosen = otherWords(calls, words);
  return calls.map(({ role, body, answer }) => {
    const name = nameOfConversation(body);
    const told = conversationOf(body).map((message) => (isPrompt(message) ? message : withTexts(message, chosen, OF_THE_PROTOCOL)));
    const answered = { ...answer, text: chosen(answer.text), toolCalls: answer.toolCalls.map((call) => ({ ...call, arguments: chosen(call.arguments) })) };
    return {
      role,
      body: withTexts({ ...body, [name]: typeof body[name] === 'string' ? told[0] : told }, volatiles, OF_THE_APPLICATION) as RecordedCall['body'],
      answer: withTexts(answered, volatiles, new Set()) as RecordedCall['answer'],
    };
  });
}
