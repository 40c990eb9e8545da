/** docs/engines.md's table: what engines declare of themselves. */
import type { EngineCapabilities } from '../core/index.ts';

export interface MatrixRow {
  readonly kind: string;
  /** As it is found when it was given no flag for it. */
  readonly plain: EngineCapabilities;
  /** With every flag that gives more; absent: there is none. */
  readonly full?: EngineCapabilities;
  /** Against what this was seen: itself, or a stand-in. */
  readonly seen: string;
}

const HEAD = '| engine | speaks | `retention` | intents | with its flags | counts cached tokens | asks for order | seen on |\n|---|---|---|---|---|---|---|---|\n';

const words = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));
const counts = ({ countsCachedTokens }: EngineCapabilities): string => (countsCachedTokens ? 'itself' : 'in its answers');
const steered = ({ retention }: EngineCapabilities): string => (retention === undefined ? 'no' : retention.mode === 'pull' ? 'yes: it asks what to drop' : 'yes: leases are sent to it');

function rowOf({ kind, plain, full, seen }: MatrixRow): string {
  const more = full?.intents.filter((intent) => !plain.intents.includes(intent)) ?? [];
  const retention = full !== undefined && steered(full) !== steered(plain) ? `${steered(plain)}; with its flags ${steered(full)}` : steered(plain);
  return `| \`${kind}\` | ${words(plain.dialects)} | ${retention} | ${words(plain.intents)} | ${more.length === 0 ? '' : more.join(', ')} | ${counts(plain)} | ${plain.ordersQueue ? 'yes' : 'no'} | ${seen} |\n`;
}

export const capabilityMatrix = (rows: readonly MatrixRow[]): string => HEAD + rows.map(rowOf).join('');
