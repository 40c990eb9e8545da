import { slotManagerContract } from './slot-manager.contract.ts';

slotManagerContract({ name: 'survival, LRU where no index is in force', options: { kind: 'survival' }, withIndex: false });
slotManagerContract({ name: 'survival, with an index', options: { kind: 'survival', anchorTokens: 32, spareSlots: 1 }, withIndex: true });
slotManagerContract({ name: 'survival, few remembered units', options: { kind: 'survival', unitTokens: 16, rememberedUnits: 40, prefillLimit: 2 }, withIndex: true });
slotManagerContract({ name: 'llama-server', options: { kind: 'llama-server' }, withIndex: false });
slotManagerContract({ name: 'llama-server, only the slots that are taken saved', options: { kind: 'llama-server', cacheIdleSlots: false }, withIndex: false });
