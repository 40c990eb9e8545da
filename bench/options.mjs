/**
 * Options of a bench script. `--help` prints the comment at the script's head and the options with their defaults; a
 * slip is told in a line, exit code 2.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * @param {string} script `import.meta.url` of the caller
 * @param {import('node:util').ParseArgsConfig['options']} options as parseArgs takes them
 */
export function benchOptions(script, options) {
  const path = fileURLToPath(script);
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } } });
    if (values.help !== true) return values;
  } catch (error) {
    process.stderr.write(`ENT_USAGE: ${error.message.split('\n')[0].replace(/\.?$/, '.')} node bench/${basename(path)} --help lists the options.\n`);
    process.exit(2);
  }
  process.stdout.write(`${headOf(readFileSync(path, 'utf8'))}\n\n${Object.entries(options).map(([name, { default: preset }]) => `  --${name}${preset === undefined || preset === '' || preset === false ? '' : ` (${preset})`}`).join('\n')}\n`);
  process.exit(0);
}

/** The first comment, without its stars or slashes. */
function headOf(source) {
  const block = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(source.replace(/^#!.*\n/, ''));
  const lines = block === null ? source.split('\n').slice(0, source.split('\n').findIndex((line) => !line.startsWith('//'))) : block[1].split('\n');
  return lines.map((line) => line.replace(/^( \* ?|\/\/ ?)/, '')).join('\n').trim();
}
