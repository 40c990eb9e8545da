/** What a bench sends: sessions that are the same for every side. */
import type OpenAI from 'openai';
import type { SleepingClock } from '../../engines/simulated/virtual-clock.ts';
import type { CallSample } from './measures.ts';
import type { PlannedSession } from './planned-session.ts';

/** Where a side's clients send to. */
export interface Connection {
  readonly client: OpenAI;
  readonly model: string;
  readonly clock: SleepingClock;
}

export interface PlayOptions {
  readonly connection: Connection;
  /** Mean pause between two calls of a session. */
  readonly thinkMs: number;
  readonly signal: AbortSignal;
  onCall(sample: CallSample): void;
}

export interface BenchWorkload {
  /** `six-agents` or the trace's name. */
  readonly name: string;
  /** Sessions at once. */
  readonly concurrency: number;
  /** What a trace's lengths were multiplied by; 1 where they are as they are. */
  readonly scale: number;
  readonly sessions: readonly PlannedSession[];
  /** Plays one of the sessions to its end, the pause after its last call included. */
  play(session: number, options: PlayOptions): Promise<void>;
}
