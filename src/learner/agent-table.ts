/**
 * Names for the heavy hitters among a workload's agents: at most `AGENT_SLOTS` have a slot, the rest share one.
 * A newcomer takes the slot of the least called agent once it has been called more often (space-saving counts over a
 * small sketch), so that ten thousand invented names cannot push out the roles that matter.
 */
import type { AgentId } from '../core/index.ts';
import { hashText } from './hash.ts';
import type { TableReader, TableWriter } from './table-codec.ts';

export const AGENT_SLOTS = 24;
/** The slot of all agents without one of their own. */
export const OTHER_AGENTS = AGENT_SLOTS;
const SKETCH_CELLS = 256;
const LONGEST_NAME = 48;

export class AgentTable {
  private readonly names: string[] = [];
  private readonly counts = new Uint16Array(AGENT_SLOTS);
  private readonly sketch = new Uint8Array(SKETCH_CELLS);
  private readonly slots = new Map<string, number>();

  /** Counts a call and returns the agent's slot. `onReplaced` is told when a slot changes hands. */
  count(agent: AgentId, onReplaced: (slot: number) => void): number {
    let slot = this.slotOf(agent);
    if (slot === OTHER_AGENTS && agent.length <= LONGEST_NAME) slot = this.admit(agent, onReplaced);
    if (slot !== OTHER_AGENTS) {
      if (this.counts[slot] === 65535) for (let index = 0; index < AGENT_SLOTS; index++) this.counts[index] >>= 1;
      this.counts[slot]++;
    }
    return slot;
  }

  slotOf(agent: AgentId): number {
    return this.slots.get(agent) ?? OTHER_AGENTS;
  }
  nameOf(slot: number): AgentId | undefined {
    return this.names[slot] as AgentId | undefined;
  }

  save(writer: TableWriter): void {
    writer.numbers([this.names.length], 'u16');
    for (const name of this.names) writer.text(name);
    writer.numbers(this.counts, 'u16');
  }
  load(reader: TableReader): void {
    const length = new Uint16Array(1);
    reader.numbers(length, 'u16', { most: AGENT_SLOTS });
    for (let slot = 0; slot < length[0]; slot++) this.place(slot, reader.text());
    reader.numbers(this.counts, 'u16');
  }

  private admit(agent: string, onReplaced: (slot: number) => void): number {
    if (this.names.length < AGENT_SLOTS) {
      this.place(this.names.length, agent);
      return this.names.length - 1;
    }
    const cell = hashText(agent) % SKETCH_CELLS;
    if (this.sketch[cell] < 255) this.sketch[cell]++;
    let least = 0;
    for (let slot = 1; slot < AGENT_SLOTS; slot++) if (this.counts[slot] < this.counts[least]) least = slot;
    if (this.sketch[cell] <= this.counts[least]) return OTHER_AGENTS;
    this.slots.delete(this.names[least]);
    onReplaced(least);
    this.place(least, agent);
    this.counts[least] = this.sketch[cell];
    this.sketch[cell] = 0;
    return least;
  }
  private place(slot: number, name: string): void {
    this.names[slot] = name;
    this.slots.set(name, slot);
  }
}
