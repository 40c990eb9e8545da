import { speak } from '../../../test/support/scripted-upstream.ts';
import { describeUpstream } from '../upstream/upstream.contract.ts';
import { OpenAiEngine } from './engine.ts';

for (const kind of ['openai-compatible', 'openai'] as const) {
  describeUpstream(kind, { make: (options) => new OpenAiEngine({ ...options, kind }), script: () => speak('An answer.') });
}
