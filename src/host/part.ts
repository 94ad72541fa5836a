/** How a part is, in words that an operator reads. */
export interface PartStatus {
  state: "stopped" | "running" | "troubled" | "failed";
  /** One line: what it does now, or why it failed. */
  detail: string;
}

/**
 * One part of the box. Its constructor does nothing but keep its arguments. `start` may be called again after a
 * failure and takes up whatever an earlier, killed process left; `stop` undoes `start`.
 */
export interface Part {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** One line about what it does now. */
  detail(): string;
  /** What is wrong with it although it runs; undefined while nothing is. */
  trouble?(): string | undefined;
}
