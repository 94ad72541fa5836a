import { signingKey } from "../../../../src/identity/signing-key.ts";
import type { LeaseRequest } from "../../../../src/vm/request/index.ts";

/** Keys that are always the same, so that bytes which must not change can be written down. */
export const requester = signingKey(new Uint8Array(32).fill(21));
export const stranger = signingKey(new Uint8Array(32).fill(22));
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Made by ssh-keygen of OpenSSH 9.2. */
export const ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAT2i4oO1Dp4dr8s+EeYKjiXBIMEybcjIC25KtNPdpmn";

export const fixedRequest = (rest: Partial<LeaseRequest> = {}): LeaseRequest => ({
  id: "00112233445566778899aabbccddeeff",
  requester: hex(requester.publicKey),
  network: "0123456789abcdef",
  resources: { cpus: 1, memoryMiB: 256, diskMiB: 1_024, upKbit: 2_000, downKbit: undefined },
  durationS: 600,
  image: "debian-12",
  activity: "Count the herons of the delta",
  sshKey: ED25519,
  tunnel: {
    publicKey: "V9tLNZ8jrl4Ubk4lEgVnBHIlBjSMFQwUdT0Mkz0E1CE=",
    endpoint: { address: "2001:db8::7", port: 51_820 },
    address: "10.77.0.2",
    dns: "10.77.0.1",
  },
  acceptsInspection: true,
  createdAt: 1_790_000_000_000,
  ...rest,
});
