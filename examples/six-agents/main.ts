/**
 * The application by itself, against any OpenAI-compatible server:
 * npx jiti examples/six-agents/main.ts --base-url http://127.0.0.1:8080/v1 --sessions 12
 * With --model the named model speaks for itself; without it, answers are forced (a synthetic model's text is noise).
 */
import OpenAI from 'openai';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runApplication } from './application.ts';
import { WALL_PACE } from './pace.ts';
import { writeScript, type SessionScript } from './script.ts';
import { httpCaller } from './session.ts';
import { DocumentLibrary } from './tools/document-library.ts';

const { values } = parseArgs({
  options: {
    'base-url': { type: 'string', default: process.env.OPENAI_BASE_URL ?? 'http://127.0.0.1:8080/v1' },
    model: { type: 'string' },
    sessions: { type: 'string', default: '12' },
    concurrency: { type: 'string', default: '12' },
    'think-ms': { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
  },
});

const client = new OpenAI({ baseURL: values['base-url'], apiKey: process.env.OPENAI_API_KEY ?? 'none', maxRetries: 0 });
const library = new DocumentLibrary(fileURLToPath(new URL('../../docs', import.meta.url)));
const documents = await library.list();

function* scripts(): Generator<SessionScript> {
  for (let session = 0; session < Number(values.sessions); session++) yield writeScript(Number(values.seed), session, documents);
}

const model = values.model ?? (await client.models.list()).data[0]?.id;
if (model === undefined) throw new Error(`${values['base-url']} serves no model`);

await runApplication(httpCaller(client, WALL_PACE), {
  library, model, pace: WALL_PACE, scripts: scripts(),
  concurrency: Number(values.concurrency),
  thinkMs: Number(values['think-ms']),
  forced: values.model === undefined,
  onCall: (record) => {
    const ttftMs = record.firstContentAtMs - record.sentAtMs;
    console.log(`${record.session} step ${record.step} ${record.agent}: ${record.promptTokens} prompt tokens, ${record.cachedTokens} cached, ${record.outputTokens} answered, first token after ${ttftMs.toFixed(0)} ms`);
  },
});
