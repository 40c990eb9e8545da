/**
 * The scripted course of a session: who speaks, what is answered, which tool is called, how long people and tools
 * take between calls. A function of (seed, number of the session, names of the documents) and of nothing else.
 */
import { seededRandom, type Random } from '../../src/core/index.ts';
import { ANSWERS, BACKGROUND, BRIEFS, SLOTS } from './phrases.ts';
import { ROLES, type RoleName } from './roles.ts';
import { TASK_KINDS, TOOL_USE, type TaskKind } from './task-kinds.ts';
import type { ToolName } from './tools/schemas.ts';

export interface ScriptedToolCall {
  readonly name: ToolName;
  readonly arguments: Readonly<Record<string, string | number>>;
}
export interface ScriptedStep {
  readonly agent: RoleName;
  readonly answer: string;
  /** Run before the hand-over, which then carries its result. */
  readonly toolCall?: ScriptedToolCall;
  /** Pause after this call, in units of the application's mean think time. */
  readonly pauseUnits: number;
}
export interface SessionScript {
  readonly id: string;
  readonly kind: TaskKind['name'];
  readonly brief: string;
  readonly steps: readonly ScriptedStep[];
}

export const LEAST_STEPS = 8;
export const MOST_STEPS = 20;
/** Log-normal: spread of the logarithm. */
const PAUSE_SIGMA = 0.4;
/** A tool answers sooner than a person. */
const TOOL_PAUSE_FACTOR = 0.6;
const ANSWER_CHARACTERS = { median: 48, sigma: 0.35, least: 40, most: 160 };

function pick<Value>(values: readonly Value[], random: Random): Value {
  return values[Math.floor(random() * values.length)];
}

/** Standard normal by Box and Muller (1958). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function draw<Name extends string>(shares: Readonly<Partial<Record<Name, number>>>, random: Random): Name {
  const entries = Object.entries(shares) as [Name, number][];
  let left = random();
  for (const [name, share] of entries) {
    left -= share;
    if (left < 0) return name;
  }
  return entries[entries.length - 1][0];
}

function fill(template: string, random: Random): string {
  const filled = template.replaceAll(/\{(\w+)\}/g, (_match, slot: string) => pick(SLOTS[slot], random));
  return filled[0].toUpperCase() + filled.slice(1);
}

function answerOf(agent: RoleName, random: Random): string {
  const { median, sigma, least, most } = ANSWER_CHARACTERS;
  const target = Math.min(most, Math.max(least, median * Math.exp(sigma * normal(random))));
  let text = fill(pick(ANSWERS[agent], random), random);
  while (text.length < target - 40) text += ` ${fill(pick(ANSWERS[agent], random), random)}`;
  return text.slice(0, most);
}

function toolCallOf(agent: RoleName, documents: readonly string[], random: Random): ScriptedToolCall {
  const name = pick(ROLES[agent].tools, random).function.name;
  const file = documents.length === 0 ? 'README.md' : pick(documents, random);
  switch (name) {
    case 'list_documents': return { name, arguments: {} };
    case 'search_documents': return { name, arguments: { words: pick(SLOTS.word, random) } };
    case 'read_document': return { name, arguments: { file, from_line: 1 + 5 * Math.floor(random() * 8) } };
    case 'outline_document': return { name, arguments: { file } };
    case 'calculate': return { name, arguments: { expression: `(${pick(SLOTS.number, random)} + ${pick(SLOTS.number, random)}) / ${pick(SLOTS.number, random)}`.replaceAll(',', '') } };
  }
}

/** @param documents names that the scripted tool calls may use, in a fixed order */
export function writeScript(seed: number, session: number, documents: readonly string[]): SessionScript {
  const random = seededRandom(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(session + 1, 0xc2b2ae35));
  for (let burn = 0; burn < 4; burn++) random();
  const kind = TASK_KINDS.find((candidate) => candidate.name === draw(Object.fromEntries(TASK_KINDS.map((each) => [each.name, each.share])) as Record<TaskKind['name'], number>, random)) ?? TASK_KINDS[0];
  const brief = `${fill(pick(BRIEFS, random), random)} ${fill(BACKGROUND, random)}`;
  const length = LEAST_STEPS + Math.floor(random() * (MOST_STEPS - LEAST_STEPS + 1));
  const steps: ScriptedStep[] = [];
  let agent: RoleName = 'planner';
  while (steps.length < length) {
    const usesTool = random() < TOOL_USE[agent];
    const toolCall = usesTool ? toolCallOf(agent, documents, random) : undefined;
    const pauseUnits = Math.exp(PAUSE_SIGMA * normal(random) - (PAUSE_SIGMA * PAUSE_SIGMA) / 2) * (usesTool ? TOOL_PAUSE_FACTOR : 1);
    steps.push({ agent, answer: answerOf(agent, random), ...(toolCall === undefined ? {} : { toolCall }), pauseUnits });
    agent = draw(kind.handOver[agent], random);
  }
  return { id: `task-${seed}-${session}`, kind: kind.name, brief, steps };
}
