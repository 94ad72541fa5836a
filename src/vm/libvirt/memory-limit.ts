/** CAP_SYS_RESOURCE in linux/capability.h. */
const SYS_RESOURCE = 24n;

/**
 * Whether libvirt can hold each machine to its memory. With such a limit it also lets QEMU lock as much, and beyond 8 MiB
 * a process may only allow that with CAP_SYS_RESOURCE (setrlimit(2)), which root in a container often lacks. Then all
 * machines together are held to theirs by their control group.
 * @param status /proc/PID/status of libvirtd, or of another process of root's beside it
 */
export function canLimitMemory(status: string): boolean {
  const effective = /^CapEff:\s*([0-9a-f]{1,16})$/m.exec(status)?.[1];
  return effective !== undefined && ((BigInt(`0x${effective}`) >> SYS_RESOURCE) & 1n) === 1n;
}
