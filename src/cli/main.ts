#!/usr/bin/env node
import { stripVTControlCharacters } from 'node:util';
import { defineCommand, renderUsage, runCommand, type ArgsDef, type CommandDef } from 'citty';
import { EntresolError, type ErrorCode } from '../core/index.ts';
import { COMMANDS } from './commands.ts';
import { VERSION } from './version.ts';

const root = defineCommand({
  meta: { name: 'entresol', version: VERSION, description: 'The agent runtime layer between agent frameworks and LLM engines.' },
  subCommands: COMMANDS,
});

/** Resolves the sub-command that the arguments name, for its usage text, and the words that come before its own. */
async function commandAt(command: CommandDef<ArgsDef>, argv: readonly string[], before: readonly string[] = []): Promise<[CommandDef<ArgsDef>, readonly string[]]> {
  const subCommands = (typeof command.subCommands === 'function' ? await command.subCommands() : await command.subCommands) as Record<string, () => Promise<CommandDef<ArgsDef>>> | undefined;
  const name = argv.find((argument) => !argument.startsWith('-'));
  const next = name === undefined ? undefined : subCommands?.[name];
  if (next === undefined) return [command, before];
  const { name: own = '' } = (typeof command.meta === 'function' ? await command.meta() : await command.meta) ?? {};
  return commandAt(typeof next === 'function' ? await next() : next, argv.slice(argv.indexOf(name ?? '') + 1), [...before, own]);
}

/** Its usage as it is typed (`entresol config check`); plain where no terminal shows it. */
async function usageText(argv: readonly string[]): Promise<string> {
  const [command, before] = await commandAt(root as CommandDef<ArgsDef>, argv);
  const usage = await renderUsage(command, before.length === 0 ? undefined : { meta: { name: before.join(' '), version: VERSION } });
  const lines = process.stdout.isTTY && process.env.NO_COLOR === undefined ? usage : stripVTControlCharacters(usage);
  return `${lines.split('\n').map((line) => line.trimEnd()).join('\n').trimEnd()}\n`;
}

/** Which command is wanted here, and which there are. */
async function usageMistake(error: Error, argv: readonly string[]): Promise<string> {
  const [command] = await commandAt(root as CommandDef<ArgsDef>, argv);
  const known = Object.keys((await command.subCommands) ?? {});
  const told = stripVTControlCharacters(error.message).replace(/\.?$/, '.');
  return known.length === 0 ? told : `${told} There are: ${known.join(', ')}.`;
}

const BAD_USAGE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['ENT_USAGE', 'ENT_POLICY_UNKNOWN']);

/** Exit codes: 0 the work was done, 1 it failed, 2 bad usage. Documents go to standard output, all else to standard error. */
async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h') || argv.length === 0) {
    process.stdout.write(await usageText(argv));
    return argv.length === 0 ? 2 : 0;
  }
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  try {
    await runCommand(root, { rawArgs: [...argv] });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    if (error instanceof EntresolError) {
      process.stderr.write(`${error.describe()}\n`);
      return BAD_USAGE.has(error.code) ? 2 : 1;
    }
    if (error instanceof Error && error.name === 'CLIError') {
      process.stderr.write(`ENT_USAGE: ${await usageMistake(error, argv)} See --help.\n`);
      return 2;
    }
    process.stderr.write(`ENT_INTERNAL: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  }
}

// A reader that has seen enough (`entresol … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

process.exitCode = await main(process.argv.slice(2));
