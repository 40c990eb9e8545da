/** `entresol doctor`: what an engine is, what it can do, and which flag of it would give more. */
import { request } from 'undici';
import { EntresolError, type DiscoveredFeature, type Engine, type EngineHost } from '../core/index.ts';
import type { Finding } from './finding.ts';
import { upstreamEngine } from './upstreams.ts';

const TIMEOUT_MS = 5000;

/** Adapters write mends as phrases or sentences: here each is one sentence. */
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`.replace(/\.?$/, '.');

/** One line for what it is, one for each thing that it lacks, one for what it sent that it should not have. */
export function engineFindings(check: string, product: string | undefined, features: readonly DiscoveredFeature[], troubles: Readonly<Record<string, number>>): Finding[] {
  const can = features.filter(({ available }) => available === 'yes').map(({ name, detail }) => (detail === undefined ? name : `${name} (${detail})`));
  const first: Finding = { check, result: 'ok', detail: `${product ?? 'it does not say what it is'}${can.length === 0 ? '' : `: ${can.join('; ')}`}` };
  const lacks = features.filter(({ available }) => available !== 'yes').map(({ name, available, detail, mend }): Finding => ({
    check: `${check}, ${name}`, result: 'note', detail: `${available === 'no' ? 'no' : 'not known'}${detail === undefined ? '' : ` (${detail})`}.`, ...(mend === undefined ? {} : { mend: sentence(mend) }),
  }));
  const garbage = Object.entries(troubles).map(([kind, count]) => `${kind} ${count} ${count === 1 ? 'time' : 'times'}`);
  return [first, ...lacks, ...(garbage.length === 0 ? [] : [{ check: `${check}, troubles`, result: 'note' as const, detail: `${garbage.join(', ')}.`, mend: 'See its log, and the warnings of entresol serve.' }])];
}

/** Asks an upstream what it is, as `serve` would. Empty for kinds that are not asked. */
export async function discovered(flag: string): Promise<Finding[]> {
  let engine: Engine;
  try {
    engine = upstreamEngine(flag, { looksOnly: true });
  } catch (error) {
    if (!(error instanceof EntresolError)) throw error;
    return [{ check: `engine ${flag}`, result: 'failed', detail: error.message, mend: error.mend }];
  }
  const troubles: Record<string, number> = {};
  const host: EngineHost = {
    clock: { nowMs: () => performance.now() },
    emit: () => undefined, order: () => undefined, retention: () => undefined, log: () => undefined,
    trouble: (kind) => { troubles[kind] = (troubles[kind] ?? 0) + 1; },
    warmedUp: () => undefined,
  };
  try {
    await engine.start(host);
    const found = engine.discovery?.();
    return found === undefined && Object.keys(troubles).length === 0 ? [] : engineFindings(`engine ${flag}`, found?.product, found?.features ?? [], troubles);
  } finally {
    await engine.stop(0);
  }
}

interface DescribedEngine {
  readonly replica: string;
  readonly kind?: string;
  readonly healthy?: boolean;
  readonly product?: string;
  readonly features?: readonly DiscoveredFeature[];
  readonly troubles?: Readonly<Record<string, number>>;
}

/** What one of them is now: of one that is down, nothing that it was found to be before. */
function describedFindings({ replica, kind, healthy, product, features = [], troubles = {} }: DescribedEngine): Finding[] {
  const check = `engine ${replica}`;
  if (healthy !== false) return engineFindings(check, product ?? kind, features, troubles);
  const down: Finding = { check, result: 'failed', detail: 'it is down: it does not answer, or did not answer the last calls.', mend: 'See that it runs and that its URL is right; it is noticed as soon as it is back.' };
  return [down, ...engineFindings(check, product, [], troubles).slice(1)];
}

/** The same of a running server's engines; an admin's key shows them. */
export async function enginesOf(server: string, key?: string): Promise<Finding[]> {
  try {
    const { statusCode, body } = await request(`${server.replace(/\/+$/, '').replace(/\/v1$/, '')}/entresol/v1/engines`, {
      reset: true, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS, signal: AbortSignal.timeout(TIMEOUT_MS), ...(key === undefined ? {} : { headers: { 'x-entresol-key': key } }),
    });
    const text = await body.text();
    if (statusCode === 403) return [{ check: 'engines', result: 'note', detail: 'not shown: this key is none of an admin\'s.', mend: 'Set ENTRESOL_KEY to an admin key of that server.' }];
    if (statusCode !== 200) return [];
    const { engines = [] } = JSON.parse(text) as { engines?: readonly DescribedEngine[] };
    return engines.flatMap(describedFindings);
  } catch {
    // That it does not answer is told by the check of the server itself.
    return [];
  }
}
