import { NONE, type RecencyLists } from '../../lru/recency-lists.ts';

/**
 * All listed units, lowest score first, where within each list the score rises from the oldest on: a merge of the
 * lists by a binary heap of their ends. The lists may lose the units already given out, and nothing else may change.
 */
export function* chooseLowest(lists: RecencyLists, score: (unit: number) => number): Generator<number> {
  const heap: { unit: number; score: number; ofClass: number }[] = [];
  const isLower = (a: number, b: number): boolean => heap[a].score < heap[b].score || (heap[a].score === heap[b].score && heap[a].ofClass < heap[b].ofClass);
  const swap = (a: number, b: number): void => { [heap[a], heap[b]] = [heap[b], heap[a]]; };
  const sink = (start: number): void => {
    for (let index = start; ;) {
      let lowest = index;
      for (const child of [2 * index + 1, 2 * index + 2]) if (child < heap.length && isLower(child, lowest)) lowest = child;
      if (lowest === index) return;
      swap(index, lowest);
      index = lowest;
    }
  };
  for (let ofClass = 0; ofClass < lists.classCount; ofClass++) {
    const unit = lists.oldest(ofClass);
    if (unit !== NONE) heap.push({ unit, score: score(unit), ofClass });
  }
  for (let index = (heap.length >> 1) - 1; index >= 0; index--) sink(index);
  while (heap.length > 0) {
    const { unit, ofClass } = heap[0];
    const next = lists.newerThan(unit);
    if (next === NONE) {
      swap(0, heap.length - 1);
      heap.pop();
    } else heap[0] = { unit: next, score: score(next), ofClass };
    sink(0);
    yield unit;
  }
}
