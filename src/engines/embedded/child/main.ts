/**
 * The engine's own process: llama.cpp runs here, so that neither its compute nor a native crash reaches the
 * gateway's event loop. Ends when its parent does.
 */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { EntresolError, type ErrorCode } from '../../../core/index.ts';
import type { ToChild, ToParent } from '../protocol.ts';
import { EngineProcess } from './engine-process.ts';

/** Exit status after a failed batch; the parent restarts us. */
const BROKEN_STATUS = 70;

let engine: EngineProcess | undefined;
/** Where states were saved, in memory and on disk: none may outlive a parent that could not remove them itself. */
const stateFolders = new Set<string>();

function send(message: ToParent): void {
  // A parent that has gone meanwhile ends us through `disconnect`.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

function started(): EngineProcess {
  if (engine === undefined) throw new EntresolError('ENT_INTERNAL', 'the engine process has not been started.');
  return engine;
}

async function answer(message: Exclude<ToChild, { kind: 'cancel' }>): Promise<Extract<ToParent, { kind: 'done' }>['value']> {
  switch (message.kind) {
    case 'start':
      engine = await EngineProcess.start(message.options, {
        onTokens: (ids, tokens) => { send({ kind: 'tokens', ids, tokens }); },
        onBroken: (error) => {
          process.stderr.write(`batch failed: ${error instanceof Error ? error.message : String(error)}\n`);
          process.exit(BROKEN_STATUS);
        },
      });
      return engine.facts();
    case 'generate': return started().generate(message.id, message);
    case 'prefill': return started().prefill(message.id, message);
    case 'trim': return started().trim(message);
    case 'save':
      stateFolders.add(dirname(message.path));
      return started().save(message);
    case 'load': return started().load(message);
    case 'dropShared': return started().dropShared(message);
    case 'exportShared':
      stateFolders.add(dirname(message.path));
      return started().exportShared(message);
    case 'pause': return started().pause();
    case 'resume': return started().resume();
    case 'cpu': return started().cpu();
    case 'render': return started().render(message);
    case 'tokenise': return started().tokenise(message);
    case 'detokenise': return started().detokenise(message);
  }
}

function failure(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof EntresolError) return { code: error.code, message: error.message };
  return { code: 'ENT_INTERNAL', message: error instanceof Error ? error.message : String(error) };
}

process.on('disconnect', () => {
  for (const folder of stateFolders) rmSync(folder, { recursive: true, force: true });
  process.exit(0);
});
// A signal to the terminal's or the service's whole group is for the parent, which drains and then ends us.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('message', (message: ToChild) => {
  if (message.kind === 'cancel') {
    engine?.cancel(message.id);
    return;
  }
  answer(message).then(
    (value) => { send({ kind: 'done', id: message.id, value }); },
    (error: unknown) => { send({ kind: 'failed', id: message.id, ...failure(error) }); },
  );
});
