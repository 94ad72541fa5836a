import { dirname, join } from "node:path";
import { run } from "../src/host/run.ts";
import type { Board } from "./board.ts";
import type { Progress } from "./host/progress.ts";
import { filesBelow } from "./rootfs/own-files.ts";
import type { TarFile } from "./tar/write-tar.ts";

const TIMEOUT_MS = 600_000;
/** Where the box looks for them (`vm.images_folder`). */
const IMAGES = "usr/share/omerta-box/images";

/** Builds what virtual machines start from, or takes it as it is, and puts it where the box looks. */
export async function guestImage(project: string, board: Board, progress: Progress): Promise<TarFile[]> {
  const builder = join(project, "image-build/guest/build.sh");
  const printed = await run([builder, "--image", "small", "--architecture", board.architecture], {
    timeoutMs: TIMEOUT_MS,
  });
  const manifest = printed.trim().split("\n").at(-1) ?? "";
  progress.said(manifest);
  return [
    { path: IMAGES, is: { folder: true } },
    { path: `${IMAGES}/small`, is: { folder: true } },
    ...filesBelow(dirname(manifest), `${IMAGES}/small`),
  ];
}
