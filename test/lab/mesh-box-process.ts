// One box's mesh as a process of its own, without the rest of the box: what the mesh's labs and benchmarks start.
import { openMesh } from "./mesh-here.ts";

const { mesh } = openMesh(process.argv.slice(2));
await mesh.start();
const stop = async () => {
  await mesh.stop();
  process.exit(0);
};
process.on("SIGTERM", () => void stop());
process.on("SIGINT", () => void stop());
