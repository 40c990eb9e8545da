/** Material for scripted briefs and answers. `{…}` is filled by a seeded choice from SLOTS. */
import type { RoleName } from './roles.ts';

export const SLOTS: Readonly<Record<string, readonly string[]>> = {
  subject: [
    'the request queue', 'the prefix cache', 'the session table', 'the event stream', 'the retention index', 'the health check', 'the snapshot file',
    'the policy guard', 'the token counter', 'the trace reader', 'the eviction order', 'the admission rule', 'the metrics page', 'the state store',
    'the identity rules', 'the upload limit', 'the retry rule', 'the streaming path', 'the ghost cache', 'the tool gateway',
  ],
  trouble: [
    'grows without a bound when clients vanish', 'answers twice after a reconnect', 'forgets the last entry after a restart', 'counts a cancelled call as served',
    'stalls while a long prompt is read', 'keeps a lock across a slow write', 'prefers the newest entry even when it is the least useful',
    'rounds the lengths before it adds them', 'trusts a header that anybody may send', 'mixes two sessions that start with the same words',
  ],
  aim: [
    'the memory stays flat over a day', 'a second client sees no difference', 'the figure can be checked by one command', 'a newcomer finds it in five minutes',
    'no answer waits for the disk', 'the slowest hundredth is named', 'an old client keeps working', 'nothing is lost when the process is stopped',
  ],
  unit: ['calls', 'tokens', 'milliseconds', 'sessions', 'bytes', 'blocks'],
  number: ['12', '40', '64', '96', '120', '250', '384', '512', '900', '1,500', '2,048', '4,000'],
  place: ['the quick start', 'the architecture page', 'the page on policies', 'the change log', 'the notes on engines', 'the contributing guide'],
  word: ['policy', 'engine', 'session', 'cache', 'agent', 'prefix', 'token', 'trace', 'memory', 'command', 'event', 'test'],
};

export const BRIEFS: readonly string[] = [
  'Task: {subject} {trouble}. Find out since when and under which load, mend it so that {aim}, and leave a note in {place}. Limits: at most {number} {unit} of extra state, no new setting, and the old behaviour must stay reachable for one release.',
  'Task: somebody asked what happens to {subject} beyond {number} {unit}. Establish it from the documents, check it by a sum, and write a paragraph for {place} that a visitor can rely on. If the documents disagree with each other, say which one should change and why; the aim is that {aim}.',
  'Task: {subject} shall take {number} {unit} more than today so that {aim}. Say what it costs, make the change in small pieces, test each piece at both of its edges, and describe it in {place}. It is known that {subject} {trouble}; do not make that worse.',
  'Task: compare two ways to keep {subject} small: by age, and by expected use. Give the figures for {number} {unit}, name the case in which each of them loses, and recommend one so that {aim}. The result goes to {place}; a reader there knows nothing about {subject}.',
];

export const BACKGROUND =
  'Background: it came up when {subject} met {number} {unit} in one day, and {place} was the first place that people looked. Search for {word} and {word} before you ask. What was tried before: somebody capped it at {number} {unit}, which helped until {subject} {trouble}.';

export const ANSWERS: Readonly<Record<RoleName, readonly string[]>> = {
  planner: [
    'Done means that {aim}, shown by one command.',
    'The next piece is {subject} alone, with the limit of {number} {unit}, and nothing else is touched.',
    'The plan holds: {subject} first, since the rest cannot be judged before it.',
    'I take the cheaper reading of the brief, that {subject} {trouble} only under load, and it can be undone.',
    'Hand back the place in {place}, the figure with its unit, and what would change it.',
    'The last result settles the first half; what remains is whether {aim}.',
  ],
  researcher: [
    'The documents name {number} {unit} for {subject}, with the condition that the load is steady.',
    'It is not said anywhere that {subject} {trouble}; the nearest line is in {place}.',
    'Two places disagree on {subject}: the newer one says {number} {unit}.',
    'Found in {place}: the limit exists so that {aim}.',
    'A search for {word} and {word} brings no more than the lines already quoted.',
    'I am sure of the place, less sure of the figure: {number} {unit} may predate the last change.',
  ],
  coder: [
    'Changed {subject} so that {aim}; the case that failed before is in its test.',
    'The bound is now {number} {unit}, and at the limit the oldest entry that nobody waits for goes first.',
    'I did not touch the caller, although {subject} {trouble} there too.',
    'The sum behind the constant stands beside it: {number} {unit} per session.',
    'One file changed, no new setting, and the error names the place and the mend.',
    'To see it work, send {number} {unit} twice and compare the two answers.',
  ],
  tester: [
    'With empty input {subject} does as promised; with {number} {unit} it does not.',
    'Expected that {aim}, because {place} says so; seen instead that it {trouble}.',
    'The smallest input that shows it: two clients, {number} {unit}, the second one cancelled.',
    'A pass, which does not cover a restart in the middle of {subject}.',
    'The ratio is {number} to {number} {unit}, both measured in the same run.',
    'This cannot be tested until {subject} shows what it has dropped.',
  ],
  reviewer: [
    'Accepted with one change: name the unit where {number} is written.',
    'Back to the coder: it is claimed that {aim}, but nothing shows it.',
    'The citation of {place} says something else; open it before you rely on it.',
    'What matters most is that {subject} {trouble}, for the user sees that first.',
    'Accepted; a newcomer would understand {subject} from the names alone.',
    'It would be settled by one run with {number} {unit} and the figure beside it.',
  ],
  writer: [
    'In short: {subject} now keeps at most {number} {unit}, so that {aim}.',
    'This rests on a test with {number} {unit} and on {place}; a restart remains open.',
    'The text belongs in {place}, after the first heading.',
    'Until the next release the old behaviour can be had, at the cost that it {trouble}.',
    'A reader needs one term only: {subject} is what decides which entry goes first.',
    'What is not shown yet is said so in the last line.',
  ],
};
