import { describe, expect, it } from 'vitest';
import { writeStable } from './fingerprint.ts';
import { TextBytes } from './outline/text-bytes.ts';

function stable(text: string): string {
  const into = new TextBytes();
  writeStable(Buffer.from(text), into);
  return into.view.toString();
}

describe('the stable part of a prompt', () => {
  it('has no commits, their hashes of letters alone included', () => {
    const prompt = (...commits: readonly string[]): string => ['You mend things.', 'Recent commits:', ...commits, 'Be brief.'].join('\n');
    const expected = stable(prompt('3f9a1c7 Mend the parser'));
    expect(stable(prompt('eaabbfe Add the report', '3f9a1c7 Mend the parser'))).toBe(expected);
    expect(stable(prompt('3f9a1c7 Mend the parser', 'eaabbfe Add the report'))).toBe(expected);
    expect(expected).toBe(' You mend things. Recent commits: # Be brief.');
  });

  it('keeps words that only look like a hash', () => {
    expect(stable('You look after walls.\ndefaced ones first')).toBe(' You look after walls. defaced ones first');
  });
});
