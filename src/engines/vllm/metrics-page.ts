/** The figures of vLLM's own `/metrics` that are used here. Series of several ranks are summed, fractions averaged. */
export interface EngineFigures {
  readonly runningRequests: number;
  readonly waitingRequests: number;
  readonly cacheUsedFraction: number;
  /** Tokens looked up in the prefix cache, and found there. Absent where the cache is off. */
  readonly prefixQueries?: number;
  readonly prefixHits?: number;
  readonly preemptions?: number;
  /** Of one rank. */
  readonly capacityBlocks?: number;
  readonly blockTokens?: number;
  /** Seconds since the epoch. */
  readonly startedAt?: number;
}

interface Series {
  readonly labels: string;
  readonly value: number;
}

/** Prometheus text, exposition format 0.0.4: the lines that are samples of the names that are wanted. */
function readSeries(text: string, wanted: ReadonlySet<string>): Map<string, Series[]> {
  const found = new Map<string, Series[]>();
  for (const line of text.split('\n')) {
    const end = line.search(/[{ ]/);
    if (end <= 0 || line.startsWith('#') || !wanted.has(line.slice(0, end))) continue;
    const labelsEnd = line[end] === '{' ? line.lastIndexOf('}') + 1 : end;
    const value = Number(line.slice(labelsEnd).trim().split(' ')[0]);
    if (!Number.isFinite(value)) continue;
    const name = line.slice(0, end);
    const series = found.get(name) ?? [];
    series.push({ labels: line.slice(end, labelsEnd), value });
    found.set(name, series);
  }
  return found;
}

const NAMES = {
  running: 'vllm:num_requests_running', waiting: 'vllm:num_requests_waiting', used: 'vllm:kv_cache_usage_perc',
  queries: 'vllm:prefix_cache_queries_total', hits: 'vllm:prefix_cache_hits_total', preemptions: 'vllm:num_preemptions_total',
  cache: 'vllm:cache_config_info', started: 'process_start_time_seconds',
} as const;
const WANTED: ReadonlySet<string> = new Set(Object.values(NAMES));

const labelOf = (labels: string, name: string): number | undefined => {
  const text = new RegExp(`[{,]${name}="(\\d+)"`).exec(labels)?.[1];
  return text === undefined ? undefined : Number(text);
};

/** Undefined: it is not vLLM's page. */
export function readMetricsPage(text: string): EngineFigures | undefined {
  const series = readSeries(text, WANTED);
  const sum = (name: string): number | undefined => series.get(name)?.reduce((total, { value }) => total + value, 0);
  const running = sum(NAMES.running);
  if (running === undefined) return undefined;
  const used = series.get(NAMES.used) ?? [];
  const cache = series.get(NAMES.cache)?.[0]?.labels ?? '';
  const figures = {
    prefixQueries: sum(NAMES.queries), prefixHits: sum(NAMES.hits), preemptions: sum(NAMES.preemptions),
    capacityBlocks: labelOf(cache, 'num_gpu_blocks'), blockTokens: labelOf(cache, 'block_size'), startedAt: sum(NAMES.started),
  };
  return {
    runningRequests: running, waitingRequests: sum(NAMES.waiting) ?? 0, cacheUsedFraction: used.length === 0 ? 0 : used.reduce((total, { value }) => total + value, 0) / used.length,
    ...(Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined)) as Partial<EngineFigures>),
  };
}
