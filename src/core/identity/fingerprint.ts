/**
 * The agent's role, from what its calls have in common: the system prompt with its volatile parts taken out, and the
 * names of its tools in any order. Not a prefix of the prompt: chat templates share their first tokens.
 */

/** In this order: what an earlier rule has replaced no later one sees. */
const VOLATILE: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<id>'],
  [/\b[A-Za-z]:\\[^\s"'`]+/g, '<path>'],
  [/(?<![\w<])(?:~|\.{1,2})?(?:\/[\w.@+-]+){2,}\/?/g, '<path>'],
  [/\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,?\s+)?(?:\d{1,2}\s+)?(?:january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)\.?\s+\d{1,2}(?:,?\s+\d{4})?\b/gi, '<date>'],
  [/\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b/gi, '<date>'],
  [/\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b/gi, '<hex>'],
  [/\d+(?:[.,:/T-]\d+)*Z?/g, '<number>'],
  [/^(?:current branch|branch|git status|status|recent commits|last commit):.*$/gim, '<git>'],
  [/\s+/g, ' '],
];

/** The system prompt without dates, ids, paths, numbers and git status. */
export function normaliseSystem(system: string): string {
  let text = system;
  for (const [pattern, replacement] of VOLATILE) text = text.replace(pattern, replacement);
  return text.trim();
}

const ROLE_SENTENCE = /\byou are (?:the |an? )?([A-Za-z][\w -]{1,40}?)(?=[.,;:!?\n]| who\b| that\b| and\b| in\b| of\b| for\b| with\b|$)/i;

/** What the prompt itself calls its agent, for people: `You are the planner of …` gives `planner`. */
export function labelOf(system: string): string | undefined {
  return ROLE_SENTENCE.exec(system.slice(0, 2000))?.[1]?.trim();
}
