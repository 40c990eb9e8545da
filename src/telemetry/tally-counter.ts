import { Counter, type Registry } from 'prom-client';

/** A Prometheus counter that is an addition on the path of a call: the library's labels are made when it is scraped. */
export class TallyCounter {
  readonly #tallies = new Map<string, { readonly labels: Readonly<Record<string, string>>; value: number }>();
  readonly #labelNames: readonly string[];

  constructor(name: string, help: string, labelNames: readonly string[], registry: Registry) {
    this.#labelNames = labelNames;
    const tallies = this.#tallies;
    void new Counter({
      name, help, labelNames: [...labelNames], registers: [registry],
      collect() {
        this.reset();
        for (const { labels, value } of tallies.values()) this.inc(labels, value);
      },
    });
    // The library shows a counter without labels as 0 before its first event.
    if (labelNames.length === 0) this.add(0);
  }

  /** @param labels values in the order of the names, from bounded sets */
  inc(...labels: readonly string[]): void { this.add(1, ...labels); }

  add(value: number, ...labels: readonly string[]): void {
    let key = labels.length === 0 ? '' : labels[0];
    for (let index = 1; index < labels.length; index++) key += `\u0000${labels[index]}`;
    const tally = this.#tallies.get(key);
    if (tally === undefined) this.#tallies.set(key, { labels: Object.fromEntries(this.#labelNames.map((name, index) => [name, labels[index]])), value });
    else tally.value += value;
  }
}
