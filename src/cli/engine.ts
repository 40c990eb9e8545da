import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { installEngine } from '../engines/embedded/install.ts';

const add = defineCommand({
  meta: { name: 'add', description: 'Install an engine: embedded (llama.cpp on the CPU, about 85 MB, nothing compiled).' },
  args: {
    engine: { type: 'positional', description: 'embedded', required: true },
    json: { type: 'boolean', description: 'Print one JSON document.' },
  },
  async run({ args }) {
    if (args.engine !== 'embedded') throw new EntresolError('ENT_USAGE', `there is no engine "${args.engine}" to install; there is: embedded.`, { at: 'engine add' });
    const installed = await installEngine({ progress: (line) => console.error(line) });
    if (args.json) console.log(JSON.stringify({ engine: 'embedded', ...installed }));
    else console.error(installed.changed ? `ready in ${installed.folder}` : `already there: ${installed.folder}`);
  },
});

export default defineCommand({
  meta: { name: 'engine', description: 'Engines that Entresol can install by itself.' },
  subCommands: { add },
});
