import { defineCommand } from 'citty';
import { examine } from './doctor-checks.ts';
import type { Finding } from './finding.ts';
import { parseOptions } from './parse-options.ts';
import { upstreamEngines } from './upstreams.ts';

const ARGUMENTS = {
  upstream: { type: 'string', description: 'KIND=URL of an engine to reach: is it there, what is it, what can it do, which of its flags would give more; may be repeated' },
  server: { type: 'string', description: 'URL of a running entresol serve: how its calls say who they are, what its engines are and sent (with ENTRESOL_KEY, where it has keys)' },
  json: { type: 'boolean', description: 'One JSON document on standard output' },
} as const;

const MARKS: Readonly<Record<Finding['result'], string>> = { ok: 'ok    ', note: 'note  ', failed: 'FAILED' };

export default defineCommand({
  meta: { name: 'doctor', description: 'Look at what Entresol needs here, and say what is missing and how to mend it.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    // What `serve` would refuse is a mistake of the command line, no finding.
    upstreamEngines(options.list('upstream'));
    const findings = await examine({ upstreams: options.list('upstream'), server: options.text('server'), key: process.env.ENTRESOL_KEY });
    const healthy = findings.every((finding) => finding.result !== 'failed');
    if (options.flag('json')) process.stdout.write(`${JSON.stringify({ healthy, findings })}\n`);
    else for (const { check, result, detail, mend } of findings) process.stdout.write(`${MARKS[result]}  ${check}: ${detail}${mend === undefined ? '' : ` ${mend}`}\n`);
    if (!healthy) process.exitCode = 1;
  },
});
