import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { closeAll, closeLater } from '../../test/support/gateway-setup.ts';
import { speak, startUpstream, type Script } from '../../test/support/scripted-upstream.ts';
import { ENGINE_KINDS, type EngineCapabilities, type EngineKind } from '../core/index.ts';
import { capabilityMatrix, type MatrixRow } from './capability-matrix.ts';
import { dynamoStandIn } from './dynamo/testing/stand-in.ts';
import { EmbeddedEngine } from './embedded/engine.ts';
import { RecordingHost } from './embedded/testing/recording-answer.ts';
import { StandInServer } from './llama-server/testing/stand-in.ts';
import { UPSTREAM_KINDS, upstreamKindNamed } from './registry.ts';
import { SglangStandIn } from './sglang/testing/stand-in.ts';
import { SimulatedEngine } from './simulated/engine.ts';
import { vllmScript } from './vllm/testing/stand-in.ts';

afterEach(closeAll);

const PATH = fileURLToPath(new URL('../../docs/engines.md', import.meta.url));
const [BEGIN, END] = ['<!-- matrix: begin -->\n', '<!-- matrix: end -->'];

interface Subject { readonly plain: Script; readonly full?: Script; readonly fullSettings?: object; readonly seen: string }

const llamaServer = (): Script => {
  const server = new StandInServer({ contextTokens: 2048 });
  return (request, response) => void server.answer(request, response);
};
const standIn = 'a stand-in';
const hosted = { plain: speak('x'), seen: 'any server of its dialect' };

/** Against what each kind is asked what it can do. A kind that is not here is shown as it declares itself before it was asked. */
const SUBJECTS: Partial<Record<EngineKind, Subject>> = {
  openai: hosted, anthropic: hosted, 'openai-compatible': hosted,
  'llama-server': { plain: llamaServer(), seen: `${standIn}; itself by \`npm run test:llama-server\`` },
  vllm: { plain: vllmScript(1), full: vllmScript(1), fullSettings: { warmUp: { memoryBytes: 1 } }, seen: `${standIn}; itself by its own tests` },
  sglang: { plain: new SglangStandIn().script, full: new SglangStandIn({ radix_eviction_policy: 'priority', enable_priority_scheduling: true, enable_session_radix_cache: true }).script, seen: standIn },
  dynamo: { plain: dynamoStandIn(1), seen: `${standIn}; itself by \`npm run test:dynamo\`` },
  'llm-d': { plain: speak('x'), seen: standIn },
};

async function asked(kind: EngineKind, script: Script | undefined, settings?: object): Promise<EngineCapabilities> {
  if (script === undefined) return upstreamKindNamed(kind)!.make({ url: 'http://127.0.0.1:1', proxy: 'none' }).capabilities;
  const server = await startUpstream(script);
  closeLater(() => server.close());
  const engine = upstreamKindNamed(kind)!.make({ url: server.url, proxy: 'none' }, settings);
  await engine.start(new RecordingHost());
  closeLater(() => engine.stop(0));
  return engine.capabilities;
}

/** `UPDATE_DOCS=1` writes it anew. */
it('the matrix of docs/engines.md is what engines declare', async () => {
  const rows: MatrixRow[] = [
    { kind: 'embedded', plain: new EmbeddedEngine().capabilities, seen: 'itself' },
    { kind: 'simulated', plain: new SimulatedEngine().capabilities, seen: 'itself' },
  ];
  for (const { kind } of UPSTREAM_KINDS) {
    const subject = SUBJECTS[kind];
    rows.push({ kind, plain: await asked(kind, subject?.plain), ...(subject?.full === undefined ? {} : { full: await asked(kind, subject.full, subject.fullSettings) }), seen: subject?.seen ?? 'its own tests' });
  }
  expect(rows.map(({ kind }) => kind).every((kind) => (ENGINE_KINDS as readonly string[]).includes(kind))).toBe(true);
  const text = readFileSync(PATH, 'utf8');
  const wanted = text.slice(0, text.indexOf(BEGIN) + BEGIN.length) + capabilityMatrix(rows) + text.slice(text.indexOf(END));
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PATH, wanted);
  else expect(text, 'write it anew with UPDATE_DOCS=1').toBe(wanted);
});
