/** Values of a policy's parameters: defaults, overrides from configuration, and their check. */
import { EntresolError } from './errors.ts';
import type { ParameterSpec, ParameterTable, ParameterValues } from './policy.ts';

function complaint(spec: ParameterSpec, value: unknown): string | undefined {
  if (typeof value !== typeof spec.default) return `must be a ${typeof spec.default}, got ${JSON.stringify(value) ?? String(value)}`;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return 'must be a finite number';
    if (spec.minimum !== undefined && value < spec.minimum) return `must be at least ${spec.minimum}, got ${value}`;
    if (spec.maximum !== undefined && value > spec.maximum) return `must be at most ${spec.maximum}, got ${value}`;
  }
  if (typeof value === 'string' && spec.choices !== undefined && !spec.choices.includes(value)) {
    return `must be one of ${spec.choices.join(', ')}, got ${JSON.stringify(value)}`;
  }
  return undefined;
}

/**
 * The defaults of `table`, with `overrides` over them.
 * @param at where the overrides come from, for the error (e.g. `policies.cache-sage.parameters`)
 * @throws EntresolError `ENT_CONFIG_INVALID` on an unknown name, a wrong type, or a value out of its bounds
 */
export function parameterValues<P extends ParameterTable>(table: P, overrides: Readonly<Record<string, unknown>> = {}, at = 'parameters'): ParameterValues<P> {
  const values: Record<string, number | boolean | string> = {};
  for (const [name, spec] of Object.entries(table)) values[name] = spec.default;
  for (const [name, value] of Object.entries(overrides)) {
    const spec = Object.hasOwn(table, name) ? table[name] : undefined;
    if (spec === undefined) {
      const known = Object.keys(table).join(', ');
      throw new EntresolError('ENT_CONFIG_INVALID', `there is no parameter ${JSON.stringify(name)}; ${known === '' ? 'this policy has none' : `known: ${known}`}.`, { at });
    }
    const wrong = complaint(spec, value);
    if (wrong !== undefined) throw new EntresolError('ENT_CONFIG_INVALID', `${name} ${wrong}.`, { at: `${at}.${name}` });
    values[name] = value as number | boolean | string;
  }
  return values as ParameterValues<P>;
}
