/** What the gateway asks of the runtime. */
import type { Runtime } from '../runtime/index.ts';

/** On the path of a call. */
export type CallRuntime = Pick<Runtime, 'nextStep' | 'arrive' | 'admitOrHold' | 'placement' | 'observe' | 'finish' | 'note' | 'acting' | 'engineTrouble'>;

/** For the control routes. */
export type ControlRuntime = Pick<Runtime, 'explain' | 'explainAll' | 'agents' | 'sessions' | 'session' | 'state' | 'policies' | 'setMode' | 'observe' | 'metrics' | 'subscribe' | 'engineTroubles'>;
