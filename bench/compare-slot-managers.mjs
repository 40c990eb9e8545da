// Slot managers beside each other in virtual time, at equal total memory: node bench/compare-slot-managers.mjs --trace trail-swe --capacity 0.2
import { parseArgs } from 'node:util';
import { createJiti } from 'jiti';

const { values } = parseArgs({
  options: {
    trace: { type: 'string', multiple: true }, capacity: { type: 'string', multiple: true }, sessions: { type: 'string', default: '40' },
    concurrency: { type: 'string', default: '12' }, context: { type: 'string', default: '2048' }, json: { type: 'boolean', default: false },
  },
});
const jiti = createJiti(import.meta.url);
const { compareSlotManagers, describeRow } = await jiti.import('../src/lab/slot-comparison/compare.ts');
const rows = await compareSlotManagers({
  traces: values.trace ?? ['six-agents', 'trail-swe', 'whowhen-magentic', 'taubench-airline', 'hyperagent-swe'],
  capacities: (values.capacity ?? ['0.1', '0.2', '0.35']).map(Number),
  sessions: Number(values.sessions), concurrency: Number(values.concurrency), contextTokens: Number(values.context),
  onRow: (row) => { console.error(describeRow(row)); },
});
if (values.json) console.log(JSON.stringify({ rows }));
