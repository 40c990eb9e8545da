import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configReference } from './reference.ts';
import { configSchema } from '../cli/config-schema.ts';
import { configJsonSchema } from './schema.ts';

const PATH = fileURLToPath(new URL('../../docs/configuration.md', import.meta.url));
const [BEGIN, END] = ['<!-- settings: begin -->\n', '<!-- settings: end -->'];

describe('docs/configuration.md', () => {
  it('has the settings of the schema; UPDATE_DOCS=1 writes them anew', () => {
    const text = readFileSync(PATH, 'utf8');
    const wanted = text.slice(0, text.indexOf(BEGIN) + BEGIN.length) + configReference(configJsonSchema(configSchema)) + text.slice(text.indexOf(END));
    if (process.env.UPDATE_DOCS === '1') writeFileSync(PATH, wanted);
    else expect(text, 'write it anew with UPDATE_DOCS=1').toBe(wanted);
  });

  it('shows examples that are right', () => {
    const examples = [...readFileSync(PATH, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text);
    expect(examples.length).toBeGreaterThan(1);
    for (const text of examples) expect(configSchema.safeParse(parse(text)).error?.issues ?? [], text).toEqual([]);
  });
});

describe('the JSON Schema', () => {
  it('describes every setting, refuses unknown ones, and takes a policy by its name alone', () => {
    const schema = configJsonSchema(configSchema) as { additionalProperties: unknown; properties: Record<string, { items?: { anyOf?: unknown[] } }> };
    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties)).toEqual(Object.keys(configSchema.shape));
    expect(schema.properties.policies.items?.anyOf?.[0]).toEqual({ type: 'string', minLength: 1 });
    expect(JSON.stringify(schema)).not.toContain('"$ref"');
  });
});
