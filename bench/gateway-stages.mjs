/**
 * Where a call's time goes in the gateway's main thread: each sample of a profile is laid to the innermost stage on its stack.
 *
 *   node --cpu-prof dist/cli/main.mjs serve …   # under a load; ends with SIGTERM
 *   node bench/gateway-stages.mjs CPU….cpuprofile
 */
import { readFileSync } from 'node:fs';
import { benchOptions } from './options.mjs';

/** By the names of functions and of files of the build; the first that fits counts. */
const STAGES = [
  ['garbage', (name) => name === '(garbage collector)'],
  ['outside JavaScript', (name) => name === '(program)'],
  ['policies', (_, file) => file.includes('load-policy')],
  ['learner', (_, file) => file.includes('learner-')],
  ['system calls that write', (name) => /^(?:writev|writeBuffer|writeUtf8String|writeLatin1String|shutdown)$/.test(name)],
  ['identity: reading the body', (name, file) => name === 'read' && file.includes('gateway-')],
  ['identity: telling who it is', (name, file) => name === 'identify' && file.includes('gateway-')],
  ['identity: remembering the answer', (name) => name === 'rememberAnswer'],
  ['runtime', (_, file) => file.includes('runtime-')],
  ['tap', (name, file) => file.includes('gateway-') && /^(?:flush|push|pass|learn|see|readChoice|jsonOrUndefined)$/.test(name)],
  ['HTTP of node', (_, file) => file.includes('_http_')],
  ['engine and relay', (_, file) => file.includes('upstream-engine')],
  ['undici', (_, file) => /client-h1|client\.js|request\.js|dispatcher|pool|unwrap|undici/.test(file)],
  ['the call itself', (_, file) => file.includes('gateway-')],
  ['streams, events, ticks of node', (_, file) => file.startsWith('node:')],
];

const file = process.argv[2];
if (file === undefined || file.startsWith('-')) {
  benchOptions(import.meta.url, {});
  process.stderr.write('ENT_USAGE: expected a .cpuprofile. node bench/gateway-stages.mjs --help tells how one is made.\n');
  process.exit(2);
}
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
const stageOf = (sample) => {
  for (let id = sample; id !== undefined; id = parents.get(id)) {
    const { functionName, url } = frames.get(id);
    const stage = STAGES.find(([, fits]) => fits(functionName, url));
    if (stage !== undefined) return stage[0];
  }
  return 'other';
};
const spentUs = new Map();
let totalUs = 0;
samples.forEach((id, index) => {
  if (frames.get(id).functionName === '(idle)') return;
  const stage = stageOf(id);
  spentUs.set(stage, (spentUs.get(stage) ?? 0) + timeDeltas[index]);
  totalUs += timeDeltas[index];
});
for (const [stage, us] of [...spentUs].sort((a, b) => b[1] - a[1])) console.log(`${((100 * us) / totalUs).toFixed(1).padStart(5)} %  ${stage}`);
