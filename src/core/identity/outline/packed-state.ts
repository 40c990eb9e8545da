/** The chain and the calls of a conversation's state as one string: two bytes for each of its units, and no object for each number. */
import type { ConversationState } from './conversation.ts';
import type { CallPlace } from './message-parts.ts';

type Packable = Pick<ConversationState, 'chain' | 'calls'>;

const MOST_HASHES = 16;
const MOST_PLACES = 32;
const UNITS_PER_HASH = 4;
const UNITS_PER_PLACE = 2;
const PLACES_PER_CALL = 4;

const hashes = new BigUint64Array(MOST_HASHES);
const hashUnits = new Uint16Array(hashes.buffer);
const places = new Int32Array(MOST_PLACES);
const placeUnits = new Uint16Array(places.buffer);

/** First the number of hashes, then these, then the places of each call. A body is shorter than two gigabytes: its places are 32 bits. */
export function packed({ chain, calls }: Packable): string {
  hashes.set(chain);
  calls.forEach(({ id, name, args, argsEnd }, index) => places.set([id, name, args, argsEnd], index * PLACES_PER_CALL));
  return String.fromCharCode(chain.length, ...hashUnits.subarray(0, chain.length * UNITS_PER_HASH), ...placeUnits.subarray(0, calls.length * PLACES_PER_CALL * UNITS_PER_PLACE));
}

export function unpacked(text: string): Packable {
  const hashCount = text.charCodeAt(0);
  const placesAt = 1 + hashCount * UNITS_PER_HASH;
  for (let index = 1; index < placesAt; index++) hashUnits[index - 1] = text.charCodeAt(index);
  for (let index = placesAt; index < text.length; index++) placeUnits[index - placesAt] = text.charCodeAt(index);
  const calls: CallPlace[] = [];
  for (let at = 0; at < (text.length - placesAt) / UNITS_PER_PLACE; at += PLACES_PER_CALL) {
    calls.push({ id: places[at], name: places[at + 1], args: places[at + 2], argsEnd: places[at + 3] });
  }
  return { chain: Array.from(hashes.subarray(0, hashCount)), calls };
}
