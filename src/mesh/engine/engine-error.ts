/** What a peer, or this node, could not be brought to do. */
export class EngineError extends Error {
  override name = "EngineError";
}
