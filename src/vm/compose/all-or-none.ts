interface Startable {
  start(): void | Promise<void>;
  stop(): Promise<void>;
}

/** Starts one after the other. @throws what one of them throws, with those before it stopped again */
export async function startAllOrNone(parts: readonly Startable[]): Promise<void> {
  const started: Startable[] = [];
  try {
    for (const part of parts) {
      await part.start();
      started.push(part);
    }
  } catch (error) {
    for (const part of started.reverse()) await part.stop();
    throw error;
  }
}
