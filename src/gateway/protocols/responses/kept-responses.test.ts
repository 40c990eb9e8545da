import { describe, expect, it } from 'vitest';
import { LOCAL_TENANT, tenantId } from '../../../core/index.ts';
import { KeptResponses } from './kept-responses.ts';

const item = (id: string, text = id): { id: string; type: string; text: string } => ({ id, type: 'message', text });

describe('kept responses', () => {
  it('are another tenant\'s never, neither by their id nor by an item\'s', () => {
    const kept = new KeptResponses();
    kept.keep(LOCAL_TENANT, 'resp_1', { input: 'secret' }, [item('msg_1')]);
    const stranger = tenantId('stranger');
    expect(kept.resolve(LOCAL_TENANT, { previous_response_id: 'resp_1', input: [] }).input).toHaveLength(2);
    expect(() => kept.resolve(stranger, { previous_response_id: 'resp_1', input: [] })).toThrow(expect.objectContaining({ code: 'ENT_UNTRANSLATABLE', at: 'previous_response_id' }));
    expect(() => kept.resolve(stranger, { input: [{ type: 'item_reference', id: 'msg_1' }] })).toThrow(expect.objectContaining({ at: 'input[0]' }));
  });

  it('take a bounded room: what is not used is forgotten first', () => {
    const kept = new KeptResponses(10_000);
    kept.keep(LOCAL_TENANT, 'resp_used', { input: 'x' }, [item('msg_used')]);
    for (let turn = 0; turn < 200; turn++) {
      kept.keep(LOCAL_TENANT, `resp_${turn}`, { input: 'x'.repeat(100) }, [item(`msg_${turn}`, 'y'.repeat(100))]);
      kept.resolve(LOCAL_TENANT, { previous_response_id: 'resp_used', input: [] });
    }
    expect(kept.resolve(LOCAL_TENANT, { input: [{ id: 'msg_199' }] }).input).toEqual([item('msg_199', 'y'.repeat(100))]);
    expect(() => kept.resolve(LOCAL_TENANT, { previous_response_id: 'resp_0', input: [] })).toThrow(/not any more/);
    expect(() => kept.resolve(LOCAL_TENANT, { input: [{ type: 'item_reference', id: 'msg_0' }] })).toThrow(/not any more/);
  });

  it('are not kept for who does not want it', () => {
    const kept = new KeptResponses();
    kept.keep(LOCAL_TENANT, 'resp_1', { input: 'x', store: false }, [item('msg_1')]);
    expect(() => kept.resolve(LOCAL_TENANT, { previous_response_id: 'resp_1', input: [] })).toThrow();
  });
});
