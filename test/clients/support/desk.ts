/**
 * An application of five agents that every client plays with its own means, so that its wire can be recorded: a coordinator
 * whose tools are the other agents, and three reviewers of one chat template with the same tools, who differ in a word.
 */
import { LOOKUP_SCHEMA, runTool, WRITE_SCHEMA, type ScenarioContext } from './scenario.ts';

export interface DeskAgent {
  readonly name: string;
  readonly instructions: string;
  /** Names of `TOOL_SCHEMAS`. */
  readonly tools: readonly string[];
}
export interface ToolInput { readonly topic?: string; readonly path?: string; readonly text?: string; readonly task?: string }
export type RunTool = (name: string, input: ToolInput) => Promise<string>;
/** Lets an agent answer a question through a real client, tool calls and all. */
export type Ask = (agent: DeskAgent, question: string, run: RunTool) => Promise<string>;
export type AskThrough = (context: Pick<ScenarioContext, 'origin' | 'model'>) => Ask;

const TASK_SCHEMA = { type: 'object', properties: { task: { type: 'string' } }, required: ['task'], additionalProperties: false } as const;
/** @returns the JSON Schema of a tool's arguments */
export const schemaOf = (tool: string): object => (tool === 'lookup' ? LOOKUP_SCHEMA : tool === 'write_file' ? WRITE_SCHEMA : TASK_SCHEMA);

/** What another day, user and checkout would write otherwise. */
const SURROUNDINGS = [
  'Today is Sunday, November 22, 2026. It is 14:25 UTC.', 'Session 5b0c9d1e-6f27-4a38-9c41-d7e2a0b8f613, request 9f3a61c07be4.',
  'Working directory: /home/ann/projects/desk', 'You have used 4312 of 200,000 tokens.', 'Current branch: feature/timetable', 'Recent commits:', '3f9a1c7 Mend the parser', '81b20de Add the report',
].join('\n');
const agent = (name: string, purpose: string, tools: readonly string[]): DeskAgent => ({ name, instructions: `You are the ${name} of a travel desk. ${purpose}\n${SURROUNDINGS}`, tools });
const TEMPLATE = 'Read what you are given from its first line to its last. Look up what you are not sure of, one topic at a time. Say what you found in plain sentences, the gravest first, and say so where you found nothing. '.repeat(3).trim();
const reviewer = (kind: string): DeskAgent => agent(`${kind} reviewer`, TEMPLATE, ['lookup']);

export const DESK: readonly DeskAgent[] = [
  agent('coordinator', 'Give each part of the work to the one whose part it is.', ['ask_researcher', 'ask_writer', 'ask_style_reviewer', 'ask_fact_reviewer', 'ask_tone_reviewer']),
  agent('researcher', 'Look things up before you tell them.', ['lookup']), agent('writer', 'Write down what you are told.', ['write_file']),
  reviewer('style'), reviewer('fact'), reviewer('tone'),
];
export const DESK_QUESTION = 'Please plan a journey by train from Basel to Zürich for four people, and have it reviewed.';

/** Plays the desk: a tool that is named after an agent asks that agent. */
export async function playDesk(ask: Ask): Promise<string> {
  const run: RunTool = (name, input) => {
    const asked = DESK.find((other) => `ask_${other.name.replaceAll(' ', '_')}` === name);
    return asked === undefined ? Promise.resolve(runTool(name, input)) : ask(asked, input.task ?? '', run);
  };
  return ask(DESK[0], DESK_QUESTION, run);
}
