/** Memory and files behind one interface and one contract suite. */
export type * from './store.ts';
export * from './memory-store.ts';
export * from './file-store.ts';
