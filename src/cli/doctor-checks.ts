/** What `entresol doctor` looks at, one check each. A check never throws: what it finds is its answer. */
import { access, constants, mkdir } from 'node:fs/promises';
import { request } from 'undici';
import { EntresolError } from '../core/index.ts';
import { cacheDirectory } from '../engines/embedded/cache-directory.ts';
import { locateEngine } from '../engines/embedded/locate.ts';
import { cpuPackage } from '../engines/embedded/platform-package.ts';
import { parseUpstreamUrl } from '../engines/upstream/upstream-url.ts';
import { discovered, enginesOf } from './engine-findings.ts';
import type { Finding } from './finding.ts';
import { identityCoverage } from './identity-coverage.ts';
import { stateDirectory } from './state-directory.ts';

const TIMEOUT_MS = 5000;
const OLDEST_NODE = [20, 19] as const;

function words(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  // What a signal aborts with has a number for a code, which tells nobody anything.
  return typeof code === 'string' ? code : error.message;
}

export function nodeVersion(version = process.versions.node): Finding {
  const [major, minor] = version.split('.').map(Number);
  const enough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  return { check: 'node', result: enough ? 'ok' : 'failed', detail: version, ...(enough ? {} : { mend: `Install Node ${OLDEST_NODE.join('.')} or newer.` }) };
}

/** The embedded engine is one of several: without it there is a note, no failure. */
export function embeddedEngine(locate: () => string = locateEngine): Finding {
  try {
    const binary = cpuPackage();
    locate();
    return { check: 'embedded engine', result: 'ok', detail: binary };
  } catch (error) {
    if (error instanceof EntresolError) return { check: 'embedded engine', result: 'note', detail: error.message, mend: error.mend };
    throw error;
  }
}

export async function writableDirectory(check: string, directory: string, mend: string): Promise<Finding> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await access(directory, constants.W_OK);
    return { check, result: 'ok', detail: directory };
  } catch (error) {
    return { check, result: 'failed', detail: `${directory} cannot be written (${words(error)}).`, mend };
  }
}

/** Asks for the models without a credential: any answer at all shows that the server is there. */
export async function upstream(flag: string, timeoutMs = TIMEOUT_MS): Promise<Finding> {
  const check = `upstream ${flag}`;
  try {
    const { origin, pathPrefix } = parseUpstreamUrl(flag.slice(flag.indexOf('=') + 1));
    const { statusCode, body } = await request(`${origin}${pathPrefix}/v1/models`, { reset: true, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, signal: AbortSignal.timeout(timeoutMs) });
    await body.dump();
    if (statusCode < 400) return { check, result: 'ok', detail: `answers (${statusCode})` };
    if (statusCode === 401 || statusCode === 403) return { check, result: 'ok', detail: `answers, and wants a credential (${statusCode})` };
    return { check, result: 'note', detail: `answers GET /v1/models with ${statusCode}`, mend: 'Check that the URL is its origin or ends in /v1.' };
  } catch (error) {
    const mend = error instanceof EntresolError ? error.mend : 'Check that the server is up and its URL is right.';
    return { check, result: 'failed', detail: `no answer (${words(error)}).`, mend };
  }
}

export interface DoctorQuestions {
  readonly upstreams: readonly string[];
  readonly server?: string;
  /** A key of that server, where it wants one. */
  readonly key?: string;
}

/** Whether an upstream is there, and then what it is. */
async function upstreamAndEngine(flag: string): Promise<Finding[]> {
  const there = await upstream(flag);
  return there.result === 'failed' ? [there] : [there, ...await discovered(flag)];
}

export async function examine({ upstreams, server, key }: DoctorQuestions): Promise<Finding[]> {
  const findings = await Promise.all<Finding | Finding[]>([
    nodeVersion(),
    embeddedEngine(),
    writableDirectory('cache directory', cacheDirectory(), 'Make it writable, or set another one with ENTRESOL_CACHE_DIR.'),
    writableDirectory('state directory', stateDirectory(), 'Make it writable, or set another one with --state or ENTRESOL_STATE_DIR.'),
    ...upstreams.map((flag) => upstreamAndEngine(flag)),
    ...(server === undefined ? [] : [identityCoverage(server, key), enginesOf(server, key)]),
  ]);
  return findings.flat();
}
