import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createLearnerSource } from '../learner/index.ts';
import { loadPolicy } from '../runtime/load-policy.ts';
import { policyContract } from './policy.contract.ts';
import { POLICIES } from './registry.ts';

const EXAMPLES = ['shortest-prompt-first', 'max-concurrent-sessions', 'block-destructive-tools', 'often-and-lately'];
const example = (file: string): URL => new URL(`../../examples/policies/${file}`, import.meta.url);

function readmeOf(name: string): URL {
  const folders = [new URL(`./${name}/README.md`, import.meta.url), new URL(`./rivals/${name}/README.md`, import.meta.url)];
  return folders.find((url) => existsSync(fileURLToPath(url))) ?? folders[0];
}

it('knows every policy by a name of its own', () => {
  expect(new Set(POLICIES.map(({ name }) => name)).size).toBe(POLICIES.length);
});

for (const definition of POLICIES) {
  policyContract(definition, { readme: readmeOf(definition.name), learners: () => createLearnerSource() });
}

for (const definition of await Promise.all(EXAMPLES.map((name) => loadPolicy(fileURLToPath(example(`${name}.ts`)))))) {
  policyContract(definition, { readme: example('README.md'), learners: () => createLearnerSource() });
}
