/** Timing keeps the last 256 durations of each kind of work, for the benchmark and for curious readers of the console. */
export class Timing {
  private readonly rings = new Map<string, { values: Float64Array; n: number }>();

  measure<T>(name: string, work: () => T): T {
    const start = performance.now();
    try {
      return work();
    } finally {
      this.add(name, performance.now() - start);
    }
  }

  add(name: string, ms: number): void {
    let ring = this.rings.get(name);
    if (!ring) {
      ring = { values: new Float64Array(256), n: 0 };
      this.rings.set(name, ring);
    }
    ring.values[ring.n++ % 256] = ms;
  }

  /** percentile of the values kept; NaN if there are none. */
  percentile(name: string, share: number): number {
    const ring = this.rings.get(name);
    if (!ring) return Number.NaN;
    const values = ring.values.slice(0, Math.min(ring.n, 256)).sort();
    return values[Math.min(values.length - 1, Math.floor(share * values.length))];
  }
}
