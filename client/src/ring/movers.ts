/** The movers on the ring, in columns of fixed length: at most CAPACITY, including those that have not started yet. */

export const CAPACITY = 1024;

export const Kind = { hop: 0, keys: 1, pulse: 2 } as const;
export const Tone = { calm: 0, busy: 1, bad: 2, good: 3, quiet: 4 } as const;
export const Pointer = { finger: 0, successor: 1 } as const;

export class Movers {
  count = 0;
  readonly kind = new Uint8Array(CAPACITY);
  readonly tone = new Uint8Array(CAPACITY);
  readonly pointer = new Uint8Array(CAPACITY);
  readonly last = new Uint8Array(CAPACITY); // 1: the hop reaches the owner
  readonly from = new Float64Array(CAPACITY);
  readonly to = new Float64Array(CAPACITY);
  readonly start = new Float64Array(CAPACITY);
  readonly length = new Float64Array(CAPACITY);
  readonly label: string[] = new Array(CAPACITY).fill("");

  get room(): number {
    return CAPACITY - this.count;
  }

  /** add adds a mover; it returns false if there is no room. */
  add(m: {
    kind: number;
    tone: number;
    from: number;
    to: number;
    start: number;
    length: number;
    pointer?: number;
    last?: boolean;
    label?: string;
  }): boolean {
    if (this.count === CAPACITY) return false;
    const i = this.count++;
    this.kind[i] = m.kind;
    this.tone[i] = m.tone;
    this.pointer[i] = m.pointer ?? 0;
    this.last[i] = m.last ? 1 : 0;
    this.from[i] = m.from;
    this.to[i] = m.to;
    this.start[i] = m.start;
    this.length[i] = m.length;
    this.label[i] = m.label ?? "";
    return true;
  }

  /** expire removes movers that have ended. */
  expire(now: number): void {
    for (let i = 0; i < this.count; ) {
      if (now < this.start[i] + this.length[i]) i++;
      else this.drop(i);
    }
  }

  clear(): void {
    this.count = 0;
  }

  private drop(i: number): void {
    const last = --this.count;
    this.kind[i] = this.kind[last];
    this.tone[i] = this.tone[last];
    this.pointer[i] = this.pointer[last];
    this.last[i] = this.last[last];
    this.from[i] = this.from[last];
    this.to[i] = this.to[last];
    this.start[i] = this.start[last];
    this.length[i] = this.length[last];
    this.label[i] = this.label[last];
  }
}
