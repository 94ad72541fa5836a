import { CallFailed, perform } from "./libvirt-calls.ts";
import { type LibvirtLibrary, loadLibvirt } from "./libvirt-library.ts";
import type { LaneReply, LaneRequest } from "./libvirt-protocol.ts";

/** A thread for calls to libvirt, which block: one at a time, in the order in which they come. */
let library: LibvirtLibrary | undefined;

function answer(request: LaneRequest): LaneReply {
  const { id } = request;
  try {
    library ??= loadLibvirt();
  } catch (error) {
    return { id, unavailable: error instanceof Error ? error.message : String(error) };
  }
  try {
    return { id, result: perform(library, request) };
  } catch (error) {
    if (error instanceof CallFailed) return { id, error: error.reason };
    return {
      id,
      error: { message: error instanceof Error ? error.message : String(error), code: 0, domain: 0 },
    };
  }
}

addEventListener("message", ({ data }: MessageEvent<LaneRequest>) => {
  postMessage(answer(data));
});
