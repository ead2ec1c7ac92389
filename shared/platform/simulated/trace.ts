/** A running hash of everything that happened: equal seeds must give equal hashes. Two lanes of FNV-1a over 32 bits. */
export class Trace {
  private first = 0x811c9dc5;
  private second = 0x01000193;
  /** Gets every entry when set; for replaying a failure with all details. */
  onEntry: ((entry: string) => void) | undefined;

  /** Adds one thing that happened at `timeMs`. */
  add(timeMs: number, entry: string): void {
    for (let at = 0; at < entry.length; at++) this.mix(entry.charCodeAt(at));
    this.mix(Math.floor(timeMs * 1_000) | 0);
    this.onEntry?.(`${timeMs.toFixed(3)} ${entry}`);
  }

  private mix(word: number): void {
    this.first = Math.imul(this.first ^ word, 0x01000193);
    this.second = Math.imul(this.second ^ (word + (this.first >>> 15)), 0x85ebca6b);
  }

  /** 16 hex digits. */
  get hash(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.first) + hex(this.second);
  }
}
