import { debianArchitecture } from "../capability/index.ts";
import { CheckpointError, type RestoreClaim } from "../checkpoint/index.ts";
import type { VmImage } from "../image/index.ts";
import type { LeaseRequest } from "../request/index.ts";
import type { MachineGround } from "./lent-machine.ts";

/** The image that a request names, where this box can start it; or why it cannot. */
export function imageFor(
  { image: name }: Pick<LeaseRequest, "image">,
  images: readonly VmImage[],
  { architecture }: Pick<MachineGround, "architecture">,
): { image: VmImage } | { why: string } {
  const image = images.find((one) => one.name === name);
  if (!image) return { why: `there is no image ${name}` };
  const ours = debianArchitecture(architecture);
  if (image.architecture === ours) return { image };
  return { why: `the image ${name} is for ${image.architecture}, and this box is ${ours}` };
}

/** The saved machine that is to go on, if one is asked for; or why it cannot go on here. */
export async function claimFor(
  request: LeaseRequest,
  { checkpoints }: Pick<MachineGround, "checkpoints">,
): Promise<{ restore: RestoreClaim | undefined } | { why: string }> {
  if (request.restoreFrom === undefined) return { restore: undefined };
  if (!checkpoints) return { why: "request.restoreFrom: this box lets no saved machines go on" };
  try {
    return { restore: await checkpoints.claim(request) };
  } catch (error) {
    if (error instanceof CheckpointError) return { why: error.message };
    throw error;
  }
}
