export { KeptLibvirt, type KeptLibvirtOptions, type LibvirtCalls } from "./kept-libvirt.ts";
export { hasGuestMode, type KvmProbeOptions, type KvmVerdict, probeKvm } from "./kvm-probe.ts";
export { isOnlyLate, LateDomainError, LateDomains } from "./late-domains.ts";
export { Libvirt, type LibvirtOptions } from "./libvirt.ts";
export { LibvirtError, LibvirtTimeoutError, LibvirtUnavailableError } from "./libvirt-error.ts";
export {
  DOMAIN_STATES,
  type DomainEvent,
  type DomainInfo,
  type DomainState,
  type DomainStats,
  type HeldDomain,
  type HostInfo,
} from "./libvirt-protocol.ts";
export { canLimitMemory } from "./memory-limit.ts";
export {
  encodeSaveHeader,
  readSaveHeader,
  rewriteSaveFile,
  SaveFileError,
  type SaveHeader,
  savedStateOf,
} from "./save-file.ts";
