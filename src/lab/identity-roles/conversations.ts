/**
 * Conversations with a known truth about who speaks. One kind is the six-agent application of this repository, played by its
 * own code; the others are written after the wires that frameworks were captured with (hand-offs, sub-agents, one chat template
 * for all agents). No header says anything, and every session has its own dates, ids, paths and counters in its prompts.
 */
import { DocumentLibrary, rehearse, writeScript } from '../../../examples/six-agents/index.ts';
import { seededRandom, type Random } from '../../core/index.ts';

export interface SpokenCall {
  /** The truth: the application, the role within it, the session. */
  readonly application: string;
  readonly role: string;
  readonly session: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly answer: { readonly text: string; readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[]; readonly responseId?: string };
}

type Message = Readonly<Record<string, unknown>>;
const hexadecimal = (random: Random, digits: number): string => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
const uuid = (random: Random): string => [8, 4, 4, 4, 12].map((digits) => hexadecimal(random, digits)).join('-');
const pick = <Item>(items: readonly Item[], random: Random): Item => items[Math.floor(random() * items.length)];

const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const PEOPLE = ['ann', 'bob', 'chen', 'dora', 'emil'];

/** What clients put into prompts that is another in every session: dates in several forms, ids, paths, counters, git status. */
function surroundings(random: Random): string {
  const day = 1 + Math.floor(random() * 28);
  const dates = [`2026-${String(1 + Math.floor(random() * 12)).padStart(2, '0')}-${String(day).padStart(2, '0')}`, `${pick(DAYS, random)}, ${pick(MONTHS, random)} ${day}, 2026`, `${day} ${pick(MONTHS, random)} 2026 ${1 + Math.floor(random() * 12)}:30 ${pick(['AM', 'PM'], random)}`];
  const commits = Array.from({ length: 1 + Math.floor(random() * 4) }, () => `${hexadecimal(random, 6)}7 ${pick(['Mend', 'Add', 'Rename', 'Test'], random)} the ${pick(['parser', 'cache', 'report'], random)}`);
  return [
    `Today is ${pick(dates, random)}.`, `Session ${uuid(random)}, request ${hexadecimal(random, 12)}.`,
    `Working directory: /home/${pick(PEOPLE, random)}/projects/${hexadecimal(random, 5)}`, `You have used ${Math.floor(random() * 90_000)} of 200,000 tokens.`,
    `Current branch: ${pick(['main', 'feature/parser', 'mend-42'], random)}`, 'Recent commits:', ...commits,
  ].join('\n');
}

const tool = (name: string): unknown => ({ type: 'function', function: { name, description: `Does ${name}.`, parameters: { type: 'object', properties: {} } } });
const words = (random: Random, count: number): string => Array.from({ length: count }, () => pick(['order', 'shop', 'table', 'list', 'sum', 'note', 'draft', 'price', 'page', 'part'], random)).join(' ');

/** A loop of tool calls of one agent. `asCalled` and `asResult` write them as the dialect does. */
function* toolLoop(
  base: Omit<SpokenCall, 'body' | 'answer'>, frame: (messages: readonly Message[]) => Readonly<Record<string, unknown>>, opening: readonly Message[], toolName: string, steps: number, random: Random,
  asCalled: (id: string, name: string, args: string) => Message = (id, name, args) => ({ role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name, arguments: args } }] }),
  asResult: (id: string, text: string) => Message = (id, text) => ({ role: 'tool', tool_call_id: id, content: text }),
): Generator<SpokenCall, Message[]> {
  const messages = [...opening];
  for (let step = 0; step < steps; step++) {
    const id = `call_${hexadecimal(random, 16)}`;
    const args = JSON.stringify({ text: words(random, 6) });
    yield { ...base, body: frame([...messages]), answer: { text: '', toolCalls: [{ id, name: toolName, arguments: args }] } };
    messages.push(asCalled(id, toolName, args), asResult(id, words(random, 12)));
  }
  const text = `It is done: ${words(random, 10)}.`;
  yield { ...base, body: frame([...messages]), answer: { text, toolCalls: [] } };
  return [...messages, { role: 'assistant', content: text }];
}

async function sixAgents(sessions: number, random: Random): Promise<SpokenCall[]> {
  const library = new DocumentLibrary(new URL('../../../docs', import.meta.url).pathname);
  const calls: SpokenCall[] = [];
  for (let session = 0; session < sessions; session++) {
    const script = writeScript(7, session, []);
    const around = surroundings(random);
    const requests = await rehearse(script, library, 'model');
    requests.forEach(({ role, messages }, index) => {
      const step = script.steps[index];
      const [system, ...rest] = messages;
      const toolCalls = step.toolCall === undefined ? [] : [{ id: `call_${index + 1}`, name: step.toolCall.name, arguments: JSON.stringify(step.toolCall.arguments) }];
      const body = { model: 'model', messages: [{ ...system, content: `${String(system.content)}\n${around}` }, ...rest], tools: role.tools };
      calls.push({ application: 'six-agents', role: role.name, session: `six-${session}`, body, answer: { text: step.answer, toolCalls } });
    });
  }
  return calls;
}

/** Hand-offs as in openai-agents: the message list goes on, prompt and tools change; two agents differ in their prompt alone. */
function handOffs(sessions: number, random: Random): SpokenCall[] {
  const agents = ['triage', 'refunds', 'billing'].map((name) => ({ name, system: `You are the ${name} agent of a shop. Be brief. Hand over what is not yours.`, tools: name === 'triage' ? ['transfer_to_refunds', 'transfer_to_billing'] : ['look_up_order', 'transfer_to_triage'] }));
  const calls: SpokenCall[] = [];
  for (let session = 0; session < sessions; session++) {
    let history: readonly Message[] = [{ role: 'user', content: `My order ${uuid(random)}: ${words(random, 8)}` }];
    const around = surroundings(random);
    for (const agent of [agents[0], agents[1 + (session % 2)]]) {
      const frame = (messages: readonly Message[]): Readonly<Record<string, unknown>> => ({ model: 'model', messages: [{ role: 'system', content: `${agent.system}\n${around}` }, ...messages], tools: agent.tools.map(tool) });
      const loop = toolLoop({ application: 'hand-offs', role: agent.name, session: `hand-${session}` }, frame, history, agent.tools[0], 2, random);
      for (let next = loop.next(); ; next = loop.next()) {
        if (next.done === true) {
          history = next.value;
          break;
        }
        calls.push(next.value);
      }
    }
  }
  return calls;
}

/** One main agent and sub-agents that open with its tool's argument, in Anthropic's dialect (as Claude Code and mastra do). */
function subAgents(sessions: number, random: Random): SpokenCall[] {
  const calls: SpokenCall[] = [];
  const claudeTool = (name: string): unknown => ({ name, description: `Does ${name}.`, input_schema: { type: 'object', properties: {} } });
  const kinds = { main: ['Task', 'Read', 'Edit', 'Bash'], Explore: ['Read', 'Grep'], Plan: ['Read', 'Grep'] } as const;
  const asCalled = (id: string, name: string, args: string): Message => ({ role: 'assistant', content: [{ type: 'tool_use', id, name, input: JSON.parse(args) as unknown }] });
  const asResult = (id: string, text: string): Message => ({ role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: text }] });
  for (let session = 0; session < sessions; session++) {
    const around = surroundings(random);
    const attribution = `x-anthropic-billing-header: cc_version=2.1.${session}.${hexadecimal(random, 3)}`;
    const tasks: string[] = [];
    for (const [role, tools] of Object.entries(kinds)) {
      const purpose = { main: 'You are an agent of a command line. You help with software.', Explore: 'You are an explorer of files. You only read.', Plan: 'You are an architect. You plan and only read.' }[role];
      const frame = (messages: readonly Message[]): Readonly<Record<string, unknown>> => ({
        model: 'model', messages, max_tokens: 32_000, tools: tools.map(claudeTool),
        system: [{ type: 'text', text: attribution }, { type: 'text', text: `${purpose}\n${'Follow the conventions of the files that you find. '.repeat(8)}\n${around}`, cache_control: { type: 'ephemeral' } }],
      });
      const opening = tasks.shift() ?? `Please look after this: ${words(random, 9)}`;
      const own = [...toolLoop({ application: 'sub-agents', role, session: `sub-${session}` }, frame, [{ role: 'user', content: [{ type: 'text', text: opening }] }], tools[0], 2, random, asCalled, asResult)];
      calls.push(...own);
      // What the main agent gives to its tool is what each sub-agent's conversation opens with.
      if (role === 'main') tasks.push(...own.flatMap(({ answer }) => answer.toolCalls).map((call) => (JSON.parse(call.arguments) as { text: string }).text));
    }
  }
  return calls;
}

/** Eight agents of one long template that differ in a name and a goal, with the same tools (as crewai makes them). */
function oneTemplate(sessions: number, random: Random): SpokenCall[] {
  const roles = ['Researcher', 'Analyst', 'Writer', 'Editor', 'Translator', 'Critic', 'Planner', 'Archivist'];
  const calls: SpokenCall[] = [];
  for (let session = 0; session < sessions; session++) {
    const around = surroundings(random);
    let context = '';
    for (const role of roles) {
      const system = `You are ${role}. You have worked for years.\nYour personal goal is: be a good ${role.toLowerCase()}\n${'Use the tools that you are given, and answer in the form that is asked for. '.repeat(12)}\n${around}`;
      const frame = (messages: readonly Message[]): Readonly<Record<string, unknown>> => ({ model: 'model', messages: [{ role: 'system', content: system }, ...messages], tools: ['search', 'read'].map(tool) });
      const own = [...toolLoop({ application: 'one-template', role, session: `crew-${session}` }, frame, [{ role: 'user', content: `Current Task: ${words(random, 9)}${context}` }], 'search', 1, random)];
      calls.push(...own);
      context = `\n\nThis is the context you're working with:\n${own.at(-1)?.answer.text ?? ''}`;
    }
  }
  return calls;
}

/** A manager and the agents that it gives tasks to, whose calls come back as text (as smolagents has it); sessions come in pairs that ask for the same. */
function callsAsText(sessions: number, random: Random): SpokenCall[] {
  const text = (role: string, said: string): Message => ({ role, content: [{ type: 'text', text: said }] });
  const asCalled = (id: string, name: string, args: string): Message => text('assistant', `Calling tools:\n[{'id': '${id}', 'type': 'function', 'function': {'name': '${name}', 'arguments': ${args.replaceAll('"', '\'')}}}]`);
  const tools = { manager: ['web_agent', 'final_answer'], web_agent: ['search', 'visit_page', 'final_answer'] } as const;
  const calls: SpokenCall[] = [];
  for (let pair = 0; pair < sessions / 2; pair++) {
    const task = words(random, 9);
    const around = surroundings(random);
    const runs = [0, 1].map((run) => {
      const own: SpokenCall[] = [];
      for (const [role, names] of Object.entries(tools)) {
        const system = `You are an expert assistant who can solve any task using tool calls.\n${'Always call a tool, and give the right arguments. '.repeat(10)}\nYour tools: ${names.join(', ')}\n${around}`;
        const frame = (messages: readonly Message[]): Readonly<Record<string, unknown>> => ({ model: 'model', messages: [text('system', system), ...messages], tools: names.map(tool), tool_choice: 'required', stop: ['Observation:', 'Calling tools:'] });
        // What the manager gives to its tool stands in the middle of what the other agent's conversation opens with.
        const given = own.flatMap(({ answer }) => answer.toolCalls).map((call) => (JSON.parse(call.arguments) as { text: string }).text);
        const opening = role === 'manager' ? task : `You're a helpful agent named '${role}'.\nYou have been submitted this task by your manager.\n---\nTask:\n${given[0]}\n---\nYou're helping your manager solve a wider task.`;
        own.push(...toolLoop({ application: 'calls-as-text', role, session: `smol-${pair}-${run}` }, frame, [text('user', `New task:\n${opening}`)], names[0], 2, random, asCalled, (_id, said) => text('user', `Observation:\n${said}`)));
      }
      return own;
    });
    // Both at once, call by call.
    runs[0].forEach((call, index) => calls.push(call, runs[1][index]));
  }
  return calls;
}

/** All of them, sessions of one application after another in turn. */
export async function knownConversations(sessions: number, seed = 1): Promise<SpokenCall[]> {
  const random = seededRandom(seed);
  return [...await sixAgents(sessions, random), ...handOffs(sessions, random), ...subAgents(sessions, random), ...oneTemplate(sessions, random), ...callsAsText(sessions, random)];
}
