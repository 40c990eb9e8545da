import { MemoryStore } from './memory-store.ts';
import { storeContract } from './store.contract.ts';

storeContract('memory', (clock, maximumEntries) => Promise.resolve(new MemoryStore({ clock, maximumEntries })));
