// Quantiles out of a run's sparse histogram. The bucket of value v has index (e << bits) + (v >> e) with
// e = max(0, floor(log2 v) - bits), is 2^e units wide and stands for its middle (clients/load/histogram.h).

export function bucketMiddle(index, bits) {
  const half = 2 ** bits;
  const e = index < 2 * half ? 0 : Math.floor(index / half) - 1;
  const low = (index - e * half) * 2 ** e;
  return e === 0 ? low : low + (2 ** e - 1) / 2;
}

// Ascending [{value, count}], null when there is no histogram.
export function buckets(summary) {
  const histogram = summary?.histogram;
  if (!histogram || histogram.counts.length === 0) return null;
  return histogram.counts.map(([index, n]) => ({
    value: bucketMiddle(index, histogram.sub_bucket_bits) * histogram.unit_ns,
    count: n,
  }));
}

export function total(list) {
  return list.reduce((sum, bucket) => sum + bucket.count, 0);
}

// Values at the given ascending quantiles: the operation at rank ceil(q n) of `scheduled` operations, of which `known`
// have a latency. The others count as slower than all these, whether they stand in the histogram (a timeout does, at the
// least it can have taken) or not (a reset): a quantile that falls among them is null.
export function quantiles(list, qs, scheduled = total(list), known = total(list)) {
  const values = [];
  let at = 0;
  let below = list[0].count;
  for (const q of qs) {
    const rank = Math.max(1, Math.ceil(q * scheduled - 1e-9));
    while (below < rank && at + 1 < list.length) below += list[++at].count;
    values.push(below < rank || rank > known ? null : list[at].value);
  }
  return values;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
