// Slot managers beside each other in virtual time, at equal total memory: node bench/compare-slot-managers.mjs --trace trail-swe --capacity 0.2
// One more variant of our own: --slots 2 --parked 0 --patience 5000 --aging 0.3 --prefills 2 --spare 1
// An engine as measured: --cost '{"batchMs":0.5,"decodeMs":1.75,"prefillMsPerToken":0.2,"stateMs":1,"stateMsPerToken":0.0035}'
import { createJiti } from 'jiti';
import { benchOptions } from './options.mjs';

const values = benchOptions(import.meta.url, {
  trace: { type: 'string', multiple: true }, capacity: { type: 'string', multiple: true }, sessions: { type: 'string', default: '40' },
  concurrency: { type: 'string', default: '12' }, context: { type: 'string', default: '2048' }, json: { type: 'boolean', default: false },
  cost: { type: 'string' },
  slots: { type: 'string' }, parked: { type: 'string' }, patience: { type: 'string' }, aging: { type: 'string' }, prefills: { type: 'string' }, spare: { type: 'string' },
});
const jiti = createJiti(import.meta.url);
const { compareSlotManagers, describeRow } = await jiti.import('../src/lab/slot-comparison/compare.ts');
const tuned = Object.fromEntries(Object.entries({
  slots: values.slots, parkedCalls: values.parked, patienceMs: values.patience, agingFactor: values.aging, prefillLimit: values.prefills, spareSlots: values.spare,
}).filter(([, value]) => value !== undefined).map(([name, value]) => [name, Number(value)]));
const rows = await compareSlotManagers({
  traces: values.trace ?? ['six-agents', 'trail-swe', 'whowhen-magentic', 'taubench-airline', 'hyperagent-swe'],
  capacities: (values.capacity ?? ['0.1', '0.2', '0.35']).map(Number),
  sessions: Number(values.sessions), concurrency: Number(values.concurrency), contextTokens: Number(values.context), tuned,
  ...(values.cost === undefined ? {} : { cost: JSON.parse(values.cost) }),
  onRow: (row) => { console.error(describeRow(row)); },
});
if (values.json) console.log(JSON.stringify({ rows }));
