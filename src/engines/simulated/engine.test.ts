import type { Engine } from '../../core/index.ts';
import { describeEngine, type RunningEngine } from '../engine.contract.ts';
import { describeLocalEngine } from '../embedded/local-engine.contract.ts';
import { RecordingHost } from '../embedded/testing/recording-answer.ts';
import { SIMULATED_MODEL, SimulatedEngine } from './engine.ts';
import { PAGED_MODEL, PagedEngine } from './paged/paged-engine.ts';
import { WallClock } from './wall-clock.ts';

const quick = { batchMs: 0.01, prefillMsPerToken: 0.001, attentionMsPerTokenAndPosition: 0, decodeMs: 0.01, stateMs: 0.01, stateMsPerToken: 0 };
const options = { contextTokens: 1024, storeTokens: 4096, cost: quick, teacherForcing: true };

const running = async (engine: Engine): Promise<RunningEngine> => {
  const host = new RecordingHost();
  await engine.start(host);
  return { engine, host, close: () => engine.stop(0) };
};

describeLocalEngine('the simulated engine', () => new SimulatedEngine(options));

describeEngine('simulated', {
  dialect: 'chat',
  body: (text, { maxTokens, stream = false }) => ({ model: SIMULATED_MODEL, messages: [{ role: 'user', content: text }], max_tokens: maxTokens, temperature: 0, stream }),
  start: () => running(new SimulatedEngine(options)),
});

describeEngine('simulated, paged', {
  dialect: 'completions',
  body: (text, { maxTokens, stream = false }) => ({ model: PAGED_MODEL, prompt: [...text].map((character) => character.charCodeAt(0)), max_tokens: maxTokens, stream }),
  start: () => running(new PagedEngine({ clock: new WallClock(), capacityBlocks: 4096, cost: { stepMs: 0.01, prefillMsPerToken: 0.0001, attentionMsPerPair: 0, decodeMsPerSequence: 0.001 } })),
});
