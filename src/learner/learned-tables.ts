import { AgentTable } from './agent-table.ts';
import { GapModel } from './gaps.ts';
import { OutputLength } from './output-length.ts';
import { EndModel } from './session-end.ts';
import { Succession } from './succession.ts';
import { TableReader, TableWriter } from './table-codec.ts';
import { ToolKnowledge } from './tool-knowledge.ts';
import { TouchHazard } from './touch-hazard.ts';
import { Transitions } from './transitions.ts';

/** Raise it whenever the meaning of any table's bytes changes. */
const SNAPSHOT_VERSION = 4;

const GAP_CELLS = { fromArrival: 96, fromEnd: 144 } as const;

/** All that is learned of one workload and survives a restart. */
export class LearnedTables {
  readonly agents = new AgentTable();
  readonly transitions = new Transitions();
  readonly gapsFromArrival = new GapModel(GAP_CELLS.fromArrival);
  readonly gapsFromEnd = new GapModel(GAP_CELLS.fromEnd);
  readonly ends = new EndModel();
  readonly succession = new Succession();
  readonly touches = new TouchHazard();
  readonly outputs = new OutputLength();
  readonly tools = new ToolKnowledge();

  private inOrder(): readonly { save(writer: TableWriter): void; load(reader: TableReader): void }[] {
    return [this.agents, this.transitions, this.gapsFromArrival, this.gapsFromEnd, this.ends, this.succession, this.touches, this.outputs, this.tools];
  }

  toBytes(): Uint8Array {
    const writer = new TableWriter();
    for (const table of this.inOrder()) table.save(writer);
    return writer.finish(SNAPSHOT_VERSION);
  }

  /** @throws EntresolError `ENT_SNAPSHOT_INVALID` */
  static fromBytes(bytes: Uint8Array): LearnedTables {
    const reader = new TableReader(bytes, SNAPSHOT_VERSION);
    const tables = new LearnedTables();
    for (const table of tables.inOrder()) table.load(reader);
    reader.finish();
    return tables;
  }
}
