import { describe, expect, it } from 'vitest';
import { Caller } from '../../../test/support/identified.ts';

const tool = (name: string): unknown => ({ type: 'function', function: { name } });
const system = (content: string): unknown => ({ role: 'system', content });
const user = (content: string, name?: string): unknown => ({ role: 'user', content, ...(name === undefined ? {} : { name }) });
const called = (id: string, name: string, argumentsJson: string): unknown => ({ role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name, arguments: argumentsJson } }] });
const result = (id: string, content: string): unknown => ({ role: 'tool', tool_call_id: id, content });
const TASK = 'Find out when the shop opens on Sundays';
const planner = [system('You are the planner of a shop.'), user('Plan my week, please, with the shop in mind')];

describe('trees of agents', () => {
  it('a sub-agent that is given its task as a tool argument has its caller as parent, in all its calls (mastra, Claude Code)', () => {
    const caller = new Caller();
    const parent = caller.call({ messages: planner, tools: [tool('task')] }, { text: '', toolCalls: [{ id: 'call_parent_1', name: 'task', arguments: JSON.stringify({ prompt: TASK }) }] });
    const opening = [system('You are the researcher.'), user(TASK)];
    const child = caller.call({ messages: opening, tools: [tool('search')] }, { text: '', toolCalls: [{ id: 'call_child_1', name: 'search', arguments: '{}' }] });
    expect(child).toMatchObject({ session: { value: parent.session.value, source: 'spawn' }, parent: { value: parent.instance.value, source: 'spawn', confidence: 0.8 } });
    const later = caller.call({ messages: [...opening, called('call_child_1', 'search', '{}'), result('call_child_1', 'ten')], tools: [tool('search')] });
    expect(later).toMatchObject({ instance: { value: child.instance.value }, parent: { value: parent.instance.value } });
    const back = caller.call({ messages: [...planner, called('call_parent_1', 'task', JSON.stringify({ prompt: TASK })), result('call_parent_1', 'At ten.')], tools: [tool('task')] });
    expect(back).toMatchObject({ session: { value: parent.session.value, source: 'tool-call-id' }, instance: { value: parent.instance.value } });
    expect(back.parent).toBeUndefined();
  });

  it('three sub-agents of one role at once are three instances of one agent', () => {
    const caller = new Caller();
    const tasks = ['Look at the first half of the list', 'Look at the second half of the list', 'Look at what both halves left out'];
    const parent = caller.call({ messages: planner, tools: [tool('task')] }, { text: '', toolCalls: tasks.map((prompt, index) => ({ id: `call_task_${index}`, name: 'task', arguments: JSON.stringify({ prompt }) })) });
    const children = tasks.map((task) => caller.call({ messages: [system('You are the researcher.'), user(task)], tools: [tool('search')] }));
    expect(new Set(children.map(({ instance }) => instance.value)).size).toBe(3);
    expect(new Set(children.map(({ agent }) => agent.value)).size).toBe(1);
    for (const child of children) expect(child.parent?.value).toBe(parent.instance.value);
  });

  it('a hand-off that keeps the message list and changes prompt and tools stays in its session (openai-agents)', () => {
    const caller = new Caller();
    const [, ask] = planner;
    const first = caller.call({ messages: planner, tools: [tool('transfer_to_worker')] }, { text: '', toolCalls: [{ id: 'call_handoff', name: 'transfer_to_worker', arguments: '{}' }] });
    const worker = caller.call({ messages: [system('You are the worker.'), ask, called('call_handoff', 'transfer_to_worker', '{}'), result('call_handoff', '{"assistant":"worker"}')], tools: [tool('add')] });
    expect(worker).toMatchObject({ session: { value: first.session.value, source: 'tool-call-id' }, parent: { value: first.instance.value, source: 'hand-off' } });
    expect(worker.agent.value).not.toBe(first.agent.value);
  });

  it('a hand-off whose call vanishes is found by what both conversations open with (autogen)', () => {
    const caller = new Caller();
    const [, ask] = planner;
    const first = caller.call({ messages: planner, tools: [tool('transfer_to_worker')] }, { text: '', toolCalls: [{ id: 'call_handoff', name: 'transfer_to_worker', arguments: '{}' }] });
    const worker = caller.call({ messages: [system('You are the worker.'), ask, user('Transferred to worker, adopting the role of worker immediately.', 'planner')], tools: [tool('add')] });
    expect(worker).toMatchObject({ session: { value: first.session.value, source: 'opener-text' }, parent: { value: first.instance.value, source: 'pending-spawn' } });
  });

  it('a new conversation that quotes an earlier answer belongs to its session (crewai)', () => {
    const caller = new Caller();
    const first = caller.call({ messages: [system('You are Researcher. Curious.\nYour personal goal is: find'), user('\nCurrent Task: find the opening hours of the shop')] }, { text: 'The shop opens at ten on Sundays.\nOn Mondays at eight.', toolCalls: [] });
    const second = caller.call({ messages: [system('You are Writer. Terse.\nYour personal goal is: write'), user("\nCurrent Task: write a note\n\nThis is the context you're working with:\nThe shop opens at ten on Sundays.\nOn Mondays at eight.")] });
    expect(second).toMatchObject({ session: { value: first.session.value, source: 'quote' }, parent: { value: first.instance.value } });
  });

  it('another agent\'s steps told as text belong to its session (google-adk)', () => {
    const caller = new Caller();
    const first = caller.call({ messages: [system('Your internal name is "planner".'), user('hi')] }, { text: 'I shall ask the worker to add the numbers.', toolCalls: [] });
    const second = caller.call({ messages: [system('Your internal name is "worker".'), user('For context:\n[planner] said: I shall ask the worker to add the numbers.')] });
    expect(second).toMatchObject({ session: { value: first.session.value, source: 'quote' }, label: 'worker' });
  });

  it('two runs of one task stay apart though their calls come back as text (smolagents)', () => {
    const caller = new Caller();
    const text = (role: string, words: string): unknown => ({ role, content: [{ type: 'text', text: words }] });
    const opening = [text('system', 'You are an expert assistant who can solve any task using tool calls.'), text('user', `New task:\n${TASK}`)];
    const asked = { tools: [tool('add'), tool('final_answer')], tool_choice: 'required', stop: ['Observation:', 'Calling tools:'] };
    const printed = (...ids: string[]): unknown => text('assistant', `Calling tools:\n[${ids.map((id) => `{'id': '${id}', 'type': 'function', 'function': {'name': 'add', 'arguments': {'a': 2, 'b': 40}}}`).join(', ')}]`);
    const left = (...ids: string[]): { text: string; toolCalls: { id: string; name: string; arguments: string }[] } => ({ text: '', toolCalls: ids.map((id) => ({ id, name: 'add', arguments: '{"a": 2, "b": 40}' })) });
    const one = caller.call({ messages: opening, ...asked }, left('call_one_first'));
    const other = caller.call({ messages: opening, ...asked }, left('call_other_1st', 'call_other_2nd'));
    expect(other.session.value).not.toBe(one.session.value);
    const observed = text('user', 'Observation:\n42');
    for (const [run, id, next] of [[one, 'call_one_first', 'call_one_second'], [other, 'call_other_2nd', 'call_other_3rd']] as const) {
      const steps = id === 'call_other_2nd' ? printed('call_other_1st', id) : printed(id);
      const second = caller.call({ messages: [...opening, steps, observed], ...asked }, left(next));
      expect(second).toMatchObject({ session: { value: run.session.value, source: 'tool-call-id' }, instance: { value: run.instance.value }, client: { value: 'smolagents' } });
      const third = caller.call({ messages: [...opening, steps, observed, printed(next), observed], ...asked });
      expect(third).toMatchObject({ session: { value: run.session.value, source: 'tool-call-id' }, instance: { value: run.instance.value } });
    }
  });

  it('a text that only looks like calls joins nothing', () => {
    const caller = new Caller();
    caller.call({ messages: planner, tools: [tool('add')] }, { text: '', toolCalls: [{ id: 'call_of_a_plan', name: 'add', arguments: '{}' }] });
    for (const words of ["Calling tools:\n[{'id': 'call_of_a_pla", "Calling tools:\n[{'id': '", "He said: Calling tools:\n[{'id': 'call_of_a_plan'}]"]) {
      const next = caller.call({ messages: [user('Something else that opens otherwise, and is long'), { role: 'assistant', content: words }, user("{'id': 'call_of_a_plan'}] and so on")] });
      expect(next.session.source).toBe('opener');
    }
  });

  it('a Responses call that names the answer it follows needs no history', () => {
    const caller = new Caller();
    const first = caller.call({ instructions: 'You are the planner.', input: 'Plan my week' }, { text: 'Rest.', toolCalls: [], responseId: 'resp_123456' });
    const next = caller.call({ instructions: 'You are the planner.', input: 'And then?', previous_response_id: 'resp_123456' });
    expect(next).toMatchObject({ session: { value: first.session.value, source: 'response-id' }, agent: first.agent });
  });

  it('an answer of Responses comes back as several items, one of Anthropic as parts: both are its lineage', () => {
    const answer = { text: 'I look.', toolCalls: [{ id: 'c1', name: 'look', arguments: '{"a": 1}' }, { id: 'c2', name: 'look', arguments: '{}' }] };
    const responses = new Caller();
    const input = [{ role: 'user', content: 'hello' }];
    const first = responses.call({ input, tools: [{ type: 'function', name: 'look' }] }, answer, { 'x-session-id': 'real' });
    const items = [...input, { type: 'reasoning', id: 'rs_1', summary: [] }, { type: 'message', role: 'assistant', id: 'msg_1', status: 'completed', content: [{ type: 'output_text', text: 'I look.', annotations: [] }] },
      { type: 'function_call', call_id: 'x1', name: 'look', arguments: '{"a":1}' }, { type: 'function_call', call_id: 'x2', name: 'look', arguments: '{}' }, { type: 'function_call_output', call_id: 'x1', output: '1' }];
    expect(responses.call({ input: items }).session).toEqual({ value: first.session.value, source: 'lineage', confidence: 0.9 });
    const messages = new Caller();
    messages.call({ messages: input }, answer, { 'x-session-id': 'real' });
    const parts = [...input, { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 's' }, { type: 'text', text: 'I look.' }, { type: 'tool_use', id: 'y1', name: 'look', input: { a: 1 } }, { type: 'tool_use', id: 'y2', name: 'look', input: {} }] }];
    expect(messages.call({ messages: parts }).session).toEqual({ value: 'real', source: 'lineage', confidence: 0.9 });
  });
});

describe('ids that are no ids', () => {
  const turn = (session: number, index: number): unknown[] => [user(`question ${session}`), ...Array.from({ length: index }, (_, at) => [{ role: 'assistant', content: `answer ${session} ${at}` }, user('and?')]).flat()];

  it('a session id that is new with every call gives way to the conversation once that shows', () => {
    const caller = new Caller();
    const seen: string[][] = [];
    for (let session = 0; session < 6; session++) {
      const own: string[] = [];
      for (let step = 0; step < 6; step++) own.push(caller.call({ messages: turn(session, step) }, { text: `answer ${session} ${step}`, toolCalls: [] }, { 'x-session-id': `per-call-${session}-${step}` }).session.value);
      seen.push(own);
    }
    expect(new Set(seen[0]).size).toBe(6);
    expect(new Set(seen.at(-1)?.slice(1)).size).toBe(1);
  });

  it('a true session id keeps its rank', () => {
    const caller = new Caller();
    for (let session = 0; session < 20; session++) {
      for (let step = 0; step < 3; step++) {
        expect(caller.call({ messages: turn(session, step) }, { text: `answer ${session} ${step}`, toolCalls: [] }, { 'x-session-id': `s${session}` }).session).toMatchObject({ value: `s${session}`, confidence: 0.93 });
      }
    }
  });

  it('agent names that are new with every spawn are pooled by their prompt, and shown', () => {
    const caller = new Caller();
    const names = new Set<string>();
    let last;
    for (let session = 0; session < 80; session++) {
      last = caller.call({ messages: [system('You are the coder.'), user(`task ${session}`)] }, undefined, { 'x-session-id': `s${session}`, 'x-litellm-agent-id': `coder-${session * 7919}` });
      names.add(last.agent.value);
    }
    expect(names.size).toBeLessThanOrEqual(34);
    expect(last?.agent).toMatchObject({ source: 'fingerprint' });
    expect(last?.conflicts).toContainEqual(expect.objectContaining({ field: 'agent', source: 'header:x-litellm-agent-id' }));
    const again = new Caller();
    for (let session = 0; session < 80; session++) expect(again.call({ messages: [user('x')] }, undefined, { 'x-session-id': `s${session}`, 'x-litellm-agent-id': `role-${session % 20}` }).agent.value).toBe(`role-${session % 20}`);
  });

  it('prompts that carry the data of each session are one role, many templates with names of their own are many', () => {
    const data = new Caller();
    const roles = new Set<string>();
    const facts = (session: number): string => `Notes: ${Array.from({ length: 20 }, (_, index) => `${'abcdefghij'[(session * 7 + index) % 10]}${'klmnop'[(session >> (index % 5)) % 6]}word`).join(' ')}`;
    for (let session = 0; session < 120; session++) {
      const identity = data.call({ messages: [system(`You are the support agent of a shop and you help people who have bought something, kindly and with few words, as follows.\n${facts(session)} ${'qrstuvwxyz'.slice(session % 10)}${'lmnopqrs'.slice(session % 7)}`), user(`case ${session}`)] }, undefined, { 'x-session-id': `s${session}` });
      if (session >= 60) roles.add(identity.agent.value);
    }
    expect(roles.size).toBe(1);
    const templates = new Caller();
    const names = new Set<string>();
    for (let session = 0; session < 60; session++) {
      for (let role = 0; role < 8; role++) names.add(templates.call({ messages: [system(`You are a helpful member of a team of people who work with care and help each other, as it is told to you here.\nName: ${'abcdefgh'[role]}gent`), user(`case ${session}`)] }, undefined, { 'x-session-id': `s${session}` }).agent.value);
    }
    expect(names.size).toBe(8);
  });

  it('an agent keeps its role when a server adds tools in mid-run', () => {
    const caller = new Caller();
    const prompt = system(`You are the coder. ${'You write code with care. '.repeat(20)}`);
    const names = ['read', 'write', 'list', 'grep', 'run'];
    const first = caller.call({ messages: [prompt, user('go')], tools: names.map(tool) }, { text: 'yes', toolCalls: [] });
    const later = caller.call({ messages: [prompt, user('go'), { role: 'assistant', content: 'yes' }, user('on')], tools: [...names, 'mcp__issues'].map(tool) });
    expect(later.agent.value).toBe(first.agent.value);
  });
});
