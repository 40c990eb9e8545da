import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { hashOfKey, newKey } from '../gateway/index.ts';
import { parseOptions } from './parse-options.ts';

const ARGUMENTS = {
  name: { type: 'string', default: 'unnamed', description: 'For people and logs' },
  tenant: { type: 'string', default: 'default', description: 'Whoever holds it; nothing is shared across tenants' },
  workload: { type: 'string', description: 'Of calls that name none' },
  admin: { type: 'boolean', description: 'May use the admin routes' },
  json: { type: 'boolean', description: 'One JSON document on standard output' },
} as const;

const VALUE = /^[\x21-\x7e]{1,256}$/;

const create = defineCommand({
  meta: { name: 'new', description: 'Make a key, show it once, and print the lines for the configuration file.' },
  args: ARGUMENTS,
  run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    const checked = (flag: 'name' | 'tenant' | 'workload'): string | undefined => {
      const value = options.text(flag);
      if (value !== undefined && !VALUE.test(value)) throw new EntresolError('ENT_USAGE', 'expected 1 to 256 printable characters without spaces.', { at: `--${flag}` });
      return value;
    };
    const key = newKey();
    const workload = checked('workload');
    const setting = { name: checked('name') ?? 'unnamed', hash: hashOfKey(key), tenant: checked('tenant') ?? 'default', ...(workload === undefined ? {} : { workload }), ...(options.flag('admin') ? { admin: true } : {}) };
    if (options.flag('json')) {
      process.stdout.write(`${JSON.stringify({ key, setting })}\n`);
      return;
    }
    const lines = Object.entries(setting).map(([name, value], index) => `${index === 0 ? '  - ' : '    '}${name}: ${typeof value === 'boolean' ? value : JSON.stringify(value)}`);
    process.stdout.write(`${key}\n`);
    process.stderr.write(`\n# The line above is the key: it is shown once and kept nowhere. For the configuration file:\n\nkeys:\n${lines.join('\n')}\n`);
  },
});

export default defineCommand({ meta: { name: 'keys', description: 'Keys of this server.' }, subCommands: { new: create } });
