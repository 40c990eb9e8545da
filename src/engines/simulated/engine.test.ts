import { describeLocalEngine } from '../embedded/local-engine.contract.ts';
import { SimulatedEngine } from './engine.ts';

const quick = { batchMs: 0.01, prefillMsPerToken: 0.001, attentionMsPerTokenAndPosition: 0, decodeMs: 0.01, stateMs: 0.01, stateMsPerToken: 0 };

describeLocalEngine('the simulated engine', () => new SimulatedEngine({ contextTokens: 1024, storeTokens: 4096, cost: quick, teacherForcing: true }));
