import type { ComponentLogger, Logger } from "@libp2p/interface";

const quiet: Logger = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  enabled: false,
  newScope: () => quiet,
});

/**
 * For libp2p, whose own logger formats a line for every frame before it finds that nobody reads it. What an operator
 * should know the engine says itself.
 */
export const quietLogger: ComponentLogger = { forComponent: () => quiet };
