/** What reading KV events needs, loaded where events are asked for: natives are optional, and not every platform has them. */
import { EntresolError } from '../../core/index.ts';
import { KvDecoder } from './decode.ts';

export type ZeroMq = typeof import('zeromq');

/** @throws EntresolError `ENT_KV_EVENTS_UNSUPPORTED` */
export async function loadZeroMq(): Promise<ZeroMq> {
  try {
    return await import('zeromq');
  } catch (error) {
    throw new EntresolError('ENT_KV_EVENTS_UNSUPPORTED', `The zeromq package cannot be loaded on ${process.platform}-${process.arch}, Node ${process.versions.node} (${error instanceof Error ? error.message.split('\n')[0] : String(error)}).`, { cause: error });
  }
}

/** @throws EntresolError `ENT_KV_EVENTS_UNSUPPORTED` */
export async function loadDecoder(): Promise<KvDecoder> {
  try {
    const { Unpackr } = await import('msgpackr');
    // 64-bit integers as BigInt: as numbers, hashes would silently become others.
    return new KvDecoder(new Unpackr({ int64AsType: 'bigint', useRecords: false, mapsAsObjects: true }));
  } catch (error) {
    throw new EntresolError('ENT_KV_EVENTS_UNSUPPORTED', 'The msgpackr package is not installed.', { cause: error });
  }
}
