/**
 * Will the conversation go on? A logistic regression over hashed features of its last call, learned online. LPC reads
 * the user's text with a small pretrained network; a runtime layer sees no text, so this reads what it does see.
 */
import type { RequestEnd } from '../../../core/index.ts';
import { nameHash } from '../name-hash.ts';

const WEIGHTS = 1024;

export class ContinuationModel {
  readonly #weights = new Float32Array(WEIGHTS);
  readonly #rate: number;

  constructor(rate: number) {
    this.#rate = rate;
  }

  probability(features: Int32Array): number {
    let logit = 0;
    for (const feature of features) logit += this.#weights[feature];
    return 1 / (1 + Math.exp(-logit));
  }

  /** One step of gradient descent on the log loss. */
  learn(features: Int32Array, continued: boolean): void {
    const step = this.#rate * ((continued ? 1 : 0) - this.probability(features));
    for (const feature of features) this.#weights[feature] += step;
  }

  get bytes(): number { return this.#weights.byteLength; }
}

/** Weight 0 is the bias; each feature has its own part of the hash space by its name. */
export function featuresOf({ by, tools, stop, outputHash, outputTokens, promptTokens }: RequestEnd): Int32Array {
  const tool = tools.at(-1) ?? '';
  return Int32Array.of(
    0,
    cell('agent', by.agent),
    cell('tool', tool),
    cell('stop', stop ?? ''),
    cell('agent and tool', `${by.agent} ${tool}`),
    cell('step', `${Math.min(40, by.step)}`),
    cell('output length', `${octave(outputTokens)}`),
    cell('prompt length', `${octave(promptTokens)}`),
    cell('end of the answer', outputHash ?? ''),
  );
}

const octave = (tokens: number): number => Math.floor(Math.log2(1 + tokens));

function cell(feature: string, value: string): number { return 1 + ((nameHash(`${feature}=${value}`) >>> 0) % (WEIGHTS - 1)); }
