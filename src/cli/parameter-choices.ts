/** `--parameter NAME=VALUE`: what policies are set to over their defaults. */
import { EntresolError, type ParameterSpec } from '../core/index.ts';
import { boundNamed, contenderFor, type ParameterChoice } from '../lab/replay/index.ts';
import { loadPolicy } from '../runtime/load-policy.ts';

/**
 * Each choice goes to every policy that has a parameter of that name.
 * @throws EntresolError `ENT_USAGE` for what is no choice or meant for nobody; `ENT_CONFIG_INVALID` for a value out of range
 */
export async function parametersOf(references: readonly string[], given: readonly string[]): Promise<ReadonlyMap<string, ParameterChoice>> {
  const policies = await Promise.all(references.filter((reference) => boundNamed(reference) === undefined)
    .map(async (reference) => ({ reference, definition: await loadPolicy(reference) })));
  const choices = new Map<string, ParameterChoice>();
  for (const text of given) {
    const [name, value] = text.split('=', 2);
    if (value === undefined) throw new EntresolError('ENT_USAGE', `expected NAME=VALUE, found ${JSON.stringify(text)}.`, { at: '--parameter' });
    const owners = policies.filter(({ definition }) => Object.hasOwn(definition.parameters, name));
    if (owners.length === 0) throw new EntresolError('ENT_USAGE', `none of the policies has a parameter ${JSON.stringify(name)}.`, { at: '--parameter' });
    for (const { reference, definition } of owners) {
      const choice = { ...choices.get(reference), [name]: read(value, definition.parameters[name].default) };
      contenderFor(definition, choice);
      choices.set(reference, choice);
    }
  }
  return choices;
}

/** As the default is: a number, true or false, or text. What is none is left for the check of the parameter to refuse. */
function read(text: string, like: ParameterSpec['default']): ParameterSpec['default'] {
  if (typeof like === 'number' && text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
  if (typeof like === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
