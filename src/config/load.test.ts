import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { configSchema } from '../cli/config-schema.ts';
import { upstreamPlans } from '../cli/configured.ts';
import { EntresolError } from '../core/index.ts';
import { UPSTREAM_KINDS } from '../engines/registry.ts';
import { DEFAULT_GATEWAY_LIMITS } from '../gateway/index.ts';
import { issuesOf } from './issues.ts';
import { loadConfig, type LoadedConfig } from './load.ts';

const folder = mkdtempSync(join(tmpdir(), 'entresol-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'entresol.yaml');

function load(text: string, environment: Readonly<Record<string, string>> = {}): LoadedConfig {
  writeFileSync(path, text);
  return loadConfig(path, configSchema, environment);
}
/** `line:column message` of all that is wrong. */
function wrong(text: string, environment: Readonly<Record<string, string>> = {}): string[] {
  try {
    load(text, environment);
  } catch (error) {
    if (!(error instanceof EntresolError) || error.code !== 'ENT_CONFIG_INVALID') throw error;
    return issuesOf(error).map(({ at, message }) => `${at.slice(path.length + 1)} ${message}`);
  }
  return [];
}
const secretOf = (loaded: LoadedConfig, index = 0): string | undefined => loaded.secret(['upstreams', index, 'apiKey'])?.reveal();

describe('a configuration file', () => {
  it('may be empty: everything has a default, and the defaults are those of the server', () => {
    const { config } = load('');
    expect(config).toMatchObject({ listen: { host: '127.0.0.1', port: 8080, insecure: false }, upstreams: [], keys: [], engine: { kind: 'embedded' } });
    expect(config.policies).toBeUndefined();
    const { eventBacklogBytes: _, ...limits } = DEFAULT_GATEWAY_LIMITS;
    expect(config.limits).toEqual(limits);
  });

  it('says at which line and column each thing is wrong, and what it should be', () => {
    expect(wrong([
      'listen: {port: 70000}',
      'upstreams:',
      '  - kind: none',
      '    url: nothing',
      '    timeout: 3',
      '    breaker:',
      '      failures: "many"',
      '  - kind: openai',
      'keys:',
      '  - name: laptop',
      '    hash: xyz',
      'policies:',
      '  - {mode: on}',
      'upstream: []',
    ].join('\n'))).toEqual([
      '1:16 listen.port must be at most 65535',
      `3:11 upstreams[0].kind must be one of ${UPSTREAM_KINDS.map(({ kind }) => kind).join(', ')}`,
      '4:10 upstreams[0].url must be an http or https URL',
      '5:5 there is no setting "timeout" in upstreams[0]; entresol config schema lists what there is',
      '7:17 upstreams[0].breaker.failures must be a number',
      '8:5 upstreams[1].url is missing',
      '10:5 keys[0].tenant is missing',
      '11:11 keys[0].hash must be what `entresol keys new` printed: sha256: and 64 hexadecimal digits',
      '13:5 policies[0] must have either name or file',
      '14:1 there is no setting "upstream" at the top; entresol config schema lists what there is',
    ]);
  });

  it('has what one kind of upstream alone may be told in a group of its name', () => {
    const upstream = (kind: string, group: string): string => `upstreams:\n  - kind: ${kind}\n    url: http://127.0.0.1:1\n    ${group}\n`;
    expect(load(upstream('sglang', 'sglang: {retainPriority: 3}')).config.upstreams[0]).toMatchObject({ kind: 'sglang', sglang: { retainPriority: 3, sessions: 'auto' } });
    expect(wrong(upstream('sglang', 'sglang: {retainPriority: x, more: 1}'))).toEqual([
      expect.stringMatching(/^4:\d+ upstreams\[0\]\.sglang\.retainPriority must be a number/), expect.stringMatching(/^4:\d+ there is no setting "more" in upstreams\[0\]\.sglang/),
    ]);
    expect(wrong(upstream('openai', 'sglang: {}'))).toEqual([expect.stringMatching(/^4:\d+ upstreams\[0\]\.sglang .*for upstreams of kind sglang; this one is openai/)]);
  });

  it('names a model beside itself, which is there', () => {
    expect(wrong('engine:\n  model: nowhere.gguf')).toEqual(['2:10 engine.model: there is no file nowhere.gguf beside this one']);
    writeFileSync(join(folder, 'here.gguf'), '');
    expect(load('engine: {model: here.gguf}').config.engine.model).toBe(join(folder, 'here.gguf'));
  });

  it.each([
    ['a: [1', /^1:\d+ /],
    ['listen: {}\nlisten: {}', /^2:1 Map keys must be unique/],
    ['- 1', /^1:1 .*group of settings/],
    ['just text', /^1:1 .*group of settings/],
    ['x: &a [1]\ny: *b', /^2:4 /],
    ['a: "\u0000"', /^1:/],
  ])('that is no YAML for it is refused with a place: %j', (text, message) => {
    expect(wrong(text)[0]).toMatch(message);
  });

  it('does not unfold a small file into a large one', () => {
    const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x]', ...Array.from({ length: 8 }, (_, level) => `a${level + 1}: &a${level + 1} [${Array.from({ length: 9 }, () => `*a${level}`).join(', ')}]`)].join('\n');
    expect(() => load(bomb)).toThrow();
  });

  it('of any text gives a configuration or an error with a place', () => {
    const piece = fc.constantFrom('listen:', 'port: 1', 'upstreams:', '- kind: openai', '  url: http://a', '${X}', '${', '$${', '${A:-b}', '\n', '  ', ' ', ':', '[', '{', '}', '"', "'", '&a', '*a', '!!int', '#', '|', '>', '\t', 'é', '---', 'null');
    fc.assert(fc.property(fc.oneof(fc.string(), fc.array(piece, { maxLength: 30 }).map((parts) => parts.join(''))), (text) => {
      for (const line of wrong(text, { X: '1' })) expect(line).toMatch(/^\d+:\d+ \S/);
    }), { numRuns: 500 });
  });
});

describe('the environment', () => {
  it('fills texts, numbers and truth values, with defaults; an empty variable takes the default', () => {
    const { config } = load('listen: {port: "${PORT}", host: "${HOST:-localhost}", insecure: "${OPEN:-true}"}\nstate: ${A}-${B:-b}-$${C}', { PORT: '9000', A: 'a', B: '' });
    expect(config.listen).toEqual({ port: 9000, host: 'localhost', insecure: true });
    expect(config.state).toBe('a-b-${C}');
  });

  it('that lacks a variable, or a reference that is none, is an error at its place', () => {
    expect(wrong('listen:\n  host: ${NOWHERE}')).toEqual(['2:9 the environment variable NOWHERE is not set; set it, or write ${NOWHERE:-default}']);
    expect(wrong('state: "${1}"')[0]).toMatch(/^1:8 after \$\{ comes/);
    expect(wrong('listen: {port: "${PORT}"}', { PORT: 'many' })).toEqual(['1:16 listen.port must be a number']);
  });

  it('changes no structure, whatever it holds', () => {
    fc.assert(fc.property(fc.string({ minLength: 1 }), (value) => {
      expect(load('state: ${X}\nlog: {level: debug}', { X: value }).config).toMatchObject({ state: value, log: { level: 'debug' } });
    }));
  });
});

describe('a secret', () => {
  const upstream = (apiKey: string): string => `upstreams:\n  - kind: openai\n    url: https://api.example\n    apiKey: ${apiKey}\n`;

  it('comes from the environment, digits too, or from a file beside this one', () => {
    expect(secretOf(load(upstream('${KEY}'), { KEY: '0123456789' }))).toBe('0123456789');
    writeFileSync(join(folder, 'key.txt'), ' sk-from-file\n');
    const loaded = load(upstream('{file: key.txt}'));
    expect(secretOf(loaded)).toBe('sk-from-file');
    expect([...loaded.files.keys()]).toEqual([path, join(folder, 'key.txt')]);
  });

  it('never stands in the file itself, is never empty, and holds nothing that breaks a header', () => {
    expect(wrong(upstream('sk-literal'))[0]).toMatch(/^4:13 upstreams\[\]\.apiKey must be \$\{VARIABLE\} or \{file: PATH\}/);
    writeFileSync(join(folder, 'empty.txt'), '\n');
    expect(wrong(upstream('{file: empty.txt}'))).toEqual(['4:5 upstreams[0].apiKey is empty']);
    expect(wrong(upstream('{file: nowhere.txt}'))).toEqual(['4:20 upstreams[0].apiKey.file: nowhere.txt cannot be read (ENOENT)']);
    expect(wrong(upstream('${KEY}'), { KEY: 'a\r\nx-injected: 1' })[0]).toMatch(/^4:13 .*no header may hold/);
  });

  it('of a kind\'s own settings is in a file beside the configuration, wherever the program runs, and watched with it', () => {
    const text = 'upstreams:\n  - kind: vllm\n    url: http://h:1\n    vllm: {control: {endpoints: "tcp://h:5600", secretFile: channel.txt}}\n';
    expect(wrong(text)).toEqual([expect.stringMatching(/^4:\d+ .*channel\.txt cannot be read \(ENOENT\)/)]);
    writeFileSync(join(folder, 'channel.txt'), `${'x'.repeat(40)}\n`);
    const loaded = load(text);
    expect(loaded.config.upstreams[0]).toMatchObject({ vllm: { control: { secretFile: join(folder, 'channel.txt') } } });
    expect([...loaded.files.keys()]).toContain(join(folder, 'channel.txt'));
    const [before] = upstreamPlans(loaded).map(({ fingerprint }) => fingerprint);
    expect(upstreamPlans(load(text))[0].fingerprint).toBe(before);
    writeFileSync(join(folder, 'channel.txt'), `${'y'.repeat(40)}\n`);
    expect(upstreamPlans(load(text))[0].fingerprint).not.toBe(before);
  });

  it('shows in no error, no text, no JSON and no inspection', () => {
    const loaded = load(upstream('${KEY}'), { KEY: 'sk-very-secret' });
    const secret = loaded.secret(['upstreams', 0, 'apiKey']);
    for (const text of [String(secret), JSON.stringify({ secret }), inspect(secret, { depth: 9, showHidden: true }), `${secret?.toString()}`]) expect(text).not.toContain('sk-very-secret');
    expect(wrong(`${upstream('${KEY}')}    kind: twice`, { KEY: 'sk-very-secret' }).join()).not.toContain('sk-very-secret');
  });
});
