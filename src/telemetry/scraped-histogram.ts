import { Histogram, type MetricObjectWithValues, type MetricValueWithName, type Registry } from 'prom-client';
import type { LatencyHistogram } from './latency-histogram.ts';

/** One labelled series each: what a scrape reads. */
export type HistogramSeries = () => Iterable<readonly [labels: Readonly<Record<string, string>>, histogram: LatencyHistogram]>;

/** A Prometheus histogram whose values are read from histograms of our own when it is scraped. */
export class ScrapedHistogram extends Histogram {
  readonly #name: string;
  readonly #bounds: readonly number[];
  readonly #series: HistogramSeries;
  /** Of the same name, in no registry: it tells how the library describes a histogram. */
  readonly #description: Histogram;

  constructor(name: string, help: string, bounds: readonly number[], series: HistogramSeries, registry: Registry) {
    super({ name, help, buckets: [...bounds], registers: [registry] });
    this.#name = name;
    this.#bounds = bounds;
    this.#series = series;
    this.#description = new Histogram({ name, help, registers: [] });
  }

  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const described = await this.#description.get();
    const values: MetricValueWithName<string>[] = [];
    for (const [labels, histogram] of this.#series()) {
      for (const bound of this.#bounds) values.push({ metricName: `${this.#name}_bucket`, labels: { ...labels, le: bound }, value: histogram.countAtMost(bound) });
      values.push({ metricName: `${this.#name}_bucket`, labels: { ...labels, le: '+Inf' }, value: histogram.count });
      values.push({ metricName: `${this.#name}_sum`, labels, value: histogram.sum });
      values.push({ metricName: `${this.#name}_count`, labels, value: histogram.count });
    }
    return { ...described, values };
  }

  /** What the registry calls in place of `get` when it renders text. */
  getForPromString(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    return this.get();
  }
}
