/** A model with a chat template of its own, as `--model` takes them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_TENANT } from '../../core/index.ts';
import type { ChatMessage } from './dialect/chat-request.ts';
import { EmbeddedEngine } from './engine.ts';
import type { LlamaTokenEngine } from './llama-token-engine.ts';
import { syntheticModelPieces } from './synthetic-model/model-file.ts';
import { TINY_SHAPE } from './synthetic-model/shape.ts';
import { realEngine } from './testing/real-engine.ts';
import { engineCall, RecordingAnswer, RecordingHost } from './testing/recording-answer.ts';

const real = await realEngine();
const CHAT_ML = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

describe.skipIf(real === undefined)('a model with its own chat template', () => {
  let folder: string;
  let engine: EmbeddedEngine;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entresol-template-'));
    const modelPath = join(folder, 'own-template.gguf');
    await writeFile(modelPath, Buffer.concat(syntheticModelPieces(TINY_SHAPE, { 'tokenizer.chat_template': { type: 'string', value: CHAT_ML } })));
    engine = new EmbeddedEngine({ modelPath, contextTokens: 1024, storeTokens: 2048, teacherForcing: true });
    await engine.start(new RecordingHost());
  });
  afterAll(async () => {
    await engine?.stop(0);
    await rm(folder, { recursive: true, force: true });
  });

  async function promptText(messages: readonly ChatMessage[], tools: Parameters<typeof engine.parts.model.format.prompt>[1] = []): Promise<string> {
    const { tokens } = await engine.parts.model.format.prompt(messages, tools, LOCAL_TENANT);
    return (engine.parts.model.tokenEngine as LlamaTokenEngine).detokenise(tokens);
  }

  it('is called by its file, and not synthetic', () => {
    expect(engine.models()).toEqual([{ id: 'own-template', contextTokens: 1024, synthetic: false }]);
  });

  it('is asked in the words of its template', async () => {
    const text = await promptText([{ role: 'system', text: 'Be brief.' }, { role: 'user', text: 'Hello' }, { role: 'assistant', text: 'Hi.', toolCalls: [] }, { role: 'user', text: 'Bye' }]);
    expect(text).toContain('<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\nHi.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n');
  });

  it('is told of tools, calls and results', async () => {
    const text = await promptText([
      { role: 'user', text: 'Sum?' },
      { role: 'assistant', text: '', toolCalls: [{ id: 'call_1', name: 'add_numbers', argumentsJson: '{"first":17}' }] },
      { role: 'tool', toolCallId: 'call_1', text: 'forty-two' },
    ], [{ name: 'add_numbers', description: 'Adds.', parameters: { type: 'object', properties: { first: { type: 'number' } } } }]);
    expect(text).toContain('Adds.');
    expect(text).toContain('17');
    expect(text).toContain('forty-two');
  });

  it('reads its tool calls', async () => {
    const tools = [{ type: 'function', function: { name: 'add_numbers' } }];
    const answer = new RecordingAnswer();
    const force = { content: 'Well. ', tool_calls: [{ name: 'add_numbers', arguments: { first: 17 } }] };
    const report = await engine.handle(engineCall('chat', { model: 'own-template', messages: [{ role: 'user', content: 'Sum?' }], tools, entresol_force: force }), answer);
    expect(report).toMatchObject({ stop: 'tool_calls', tools: ['add_numbers'] });
    expect(answer.json).toMatchObject({ choices: [{ finish_reason: 'tool_calls', message: { content: 'Well. ', tool_calls: [{ function: { name: 'add_numbers', arguments: '{"first":17}' } }] } }] });
  });

  it('finds the earlier turn in the cache', async () => {
    const model = 'own-template';
    const first = [{ role: 'system', content: 'You are a careful planner of journeys. '.repeat(8) }, { role: 'user', content: 'Where to?' }];
    const one = new RecordingAnswer();
    const { promptTokens } = await engine.handle(engineCall('chat', { model, messages: first, temperature: 0, max_tokens: 4 }), one);
    const { choices: [{ message }] } = one.json as { choices: { message: object }[] };
    const two = await engine.handle(engineCall('chat', { model, messages: [...first, message, { role: 'user', content: 'And then?' }], max_tokens: 4 }), new RecordingAnswer());
    expect(two.cachedTokens).toBeGreaterThanOrEqual(promptTokens - 4);
  });
});
