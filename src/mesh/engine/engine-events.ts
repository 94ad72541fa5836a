import type { Logger } from "../../host/log.ts";
import type { EngineEvents } from "./engine-interface.ts";

type Listeners = { [K in keyof EngineEvents]: Set<EngineEvents[K]> };

/** Who listens to an engine. A listener that throws does not keep the others from hearing. */
export class EngineEmitter {
  private readonly listeners: Listeners = {
    joined: new Set(),
    left: new Set(),
    opened: new Set(),
    closed: new Set(),
    refused: new Set(),
  };

  constructor(private readonly log: Logger) {}

  on<K extends keyof EngineEvents>(event: K, listener: EngineEvents[K]): () => void {
    const listeners: Set<EngineEvents[K]> = this.listeners[event];
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  emit<K extends keyof EngineEvents>(event: K, ...details: Parameters<EngineEvents[K]>): void {
    for (const listener of [...this.listeners[event]]) {
      try {
        // The event's own listeners take the event's own details; the compiler loses the tie between the two.
        (listener as (...details: Parameters<EngineEvents[K]>) => void)(...details);
      } catch (error) {
        this.log.error({ error }, `a listener to "${event}" failed`);
      }
    }
  }
}
