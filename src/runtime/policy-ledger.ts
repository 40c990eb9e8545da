import { EntresolError, parameterValues, type FailureMode, type ParameterTable, type ParameterValues, type PolicyDefinition, type PolicyMode } from '../core/index.ts';
import type { LatencyHistogram } from '../telemetry/index.ts';
import type { PolicySetting } from './options.ts';

/** What is known of one policy across its tenants: mode, calls, faults, time. */
export class PolicyLedger {
  readonly definition: PolicyDefinition;
  readonly parameters: ParameterValues<ParameterTable>;
  readonly failure: FailureMode;
  mode: PolicyMode;
  /** Why it has the mode that it has, where the runtime set it. */
  modeReason?: string;
  calls = 0;
  faults = 0;
  overruns = 0;
  lastFault?: string;
  readonly timeUs: LatencyHistogram;
  readonly #window: Uint8Array;
  #at = 0;
  #overrunsInWindow = 0;

  constructor(setting: PolicySetting, timeUs: LatencyHistogram, overrunWindow: number) {
    this.definition = setting.definition;
    this.parameters = parameterValues(setting.definition.parameters, setting.parameters, `policies.${setting.definition.name}.parameters`);
    this.failure = setting.failure ?? setting.definition.failure;
    this.mode = setting.mode ?? 'on';
    this.timeUs = timeUs;
    this.#window = new Uint8Array(Math.max(1, overrunWindow));
  }

  get name(): string { return this.definition.name; }

  setMode(mode: PolicyMode, reason?: string): void {
    this.mode = mode;
    if (reason === undefined) delete this.modeReason;
    else this.modeReason = reason;
    this.#window.fill(0);
    this.#overrunsInWindow = 0;
  }

  /** Notes how a request went; answers how many of the last ones overran. */
  settle(overran: boolean): number {
    this.#overrunsInWindow += (overran ? 1 : 0) - this.#window[this.#at];
    this.#window[this.#at] = overran ? 1 : 0;
    this.#at = (this.#at + 1) % this.#window.length;
    if (overran) this.overruns += 1;
    return this.#overrunsInWindow;
  }
}

/** @throws EntresolError `ENT_CONFIG_INVALID` if two policies share a name or a parameter is wrong */
export function openLedgers(settings: readonly PolicySetting[], timeOf: (policy: string) => LatencyHistogram, overrunWindow: number): Map<string, PolicyLedger> {
  const ledgers = new Map<string, PolicyLedger>();
  for (const setting of settings) {
    const { name } = setting.definition;
    if (ledgers.has(name)) throw new EntresolError('ENT_CONFIG_INVALID', `the policy ${name} is named twice.`, { at: 'policies' });
    ledgers.set(name, new PolicyLedger(setting, timeOf(name), overrunWindow));
  }
  return ledgers;
}
