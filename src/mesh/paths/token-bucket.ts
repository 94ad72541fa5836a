/** So many bytes a second on average, and a burst of what they are in `burstMs`. */
export class TokenBucket {
  private bytes: number;
  private atMs: number;
  private readonly bytesPerMs: number;
  private readonly most: number;

  constructor(kbit: number, burstMs: number, nowMs: number) {
    this.bytesPerMs = kbit / 8;
    this.most = this.bytesPerMs * burstMs;
    this.bytes = this.most;
    this.atMs = nowMs;
  }

  has(bytes: number, nowMs: number): boolean {
    this.bytes = Math.min(this.most, this.bytes + (nowMs - this.atMs) * this.bytesPerMs);
    this.atMs = nowMs;
    return this.bytes >= bytes;
  }

  take(bytes: number): void {
    this.bytes -= bytes;
  }
}
