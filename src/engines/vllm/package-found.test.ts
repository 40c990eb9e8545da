/** Whose package it is that answers: a stand-in for vLLM's HTTP surface, and one for the package, which is in it or in another. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater } from '../../../test/support/gateway-setup.ts';
import { startUpstream } from '../../../test/support/scripted-upstream.ts';
import { RecordingHost } from '../embedded/testing/recording-answer.ts';
import { VllmEngine } from './engine.ts';
import { vllmSettings } from './settings.ts';
import { PackageStandIn } from './side-channel/testing/package-stand-in.ts';
import { vllmScript } from './testing/stand-in.ts';

afterEach(closeAll);

async function before(options: { readonly reports: boolean }): Promise<{ engine: VllmEngine; host: RecordingHost; stood: PackageStandIn }> {
  const stood = await PackageStandIn.start();
  closeLater(() => stood.stop());
  const answer = vllmScript(1);
  const server = await startUpstream((request, response) => {
    const tag = /"entresol_tag":"([^"]+)"/.exec(request.body.toString())?.[1];
    const reported = options.reports && tag !== undefined ? stood.send({ type: 'touches', events: [{ kind: 'done', sequence: 1, request: 'r', tag, aborted: false, outputTokens: 1, output: Buffer.alloc(0) }] }) : Promise.resolve();
    void reported.then(() => answer(request, response));
  });
  closeLater(() => server.close());
  const engine = new VllmEngine({ url: server.url, proxy: 'none' }, vllmSettings.parse({ kvEvents: 'none', control: { endpoints: stood.endpoint } }));
  const host = new RecordingHost();
  await engine.start(host);
  closeLater(() => engine.stop(0));
  return { engine, host, stood };
}

const steering = (engine: VllmEngine): unknown => engine.discovery()?.features.find(({ name }) => name === 'evicts as it is told');
const until = async (holds: () => boolean): Promise<void> => { while (!holds()) await new Promise((resolve) => { setTimeout(resolve, 5); }); };

describe('the package that answers at the endpoint', () => {
  it('is steered where it reports the call that asks whose it is', async () => {
    const { engine, stood } = await before({ reports: true });
    await until(() => engine.link?.steers === true);
    await stood.until('grace');
    expect(steering(engine)).toMatchObject({ available: 'yes' });
    expect(engine.capabilities.retention).toMatchObject({ mode: 'push' });
  });

  it('is told nothing where it is in another vLLM, and doctor says so and what to do', async () => {
    const { engine, host, stood } = await before({ reports: false });
    await until(() => engine.link?.isAnothers === true);
    expect(engine.link?.steers).toBe(false);
    expect(engine.capabilities.retention).toBeUndefined();
    expect(steering(engine)).toMatchObject({ available: 'no', detail: expect.stringContaining(stood.endpoint) as string, mend: expect.stringContaining('ENTRESOL_VLLM_ENDPOINT') as string });
    expect(host.troubles).toContain('side-channel-anothers');
    expect(new Set(stood.received.map(({ type }) => type))).toEqual(new Set(['hello']));
  });
});
