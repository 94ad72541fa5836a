/** libvirt refused, in its own words (virGetLastError). */
export class LibvirtError extends Error {
  override readonly name = "LibvirtError";
  constructor(
    /** What was asked, such as `create`. */
    readonly call: string,
    message: string,
    /** virErrorNumber in libvirt's virterror.h. */
    readonly code: number,
    /** virErrorDomain: which part of libvirt it comes from. */
    readonly domain: number,
  ) {
    super(`libvirt, ${call}: ${message} (error ${code} of part ${domain})`);
  }

  /** VIR_ERR_NO_DOMAIN: there is none of that name. */
  get isNoDomain(): boolean {
    return this.code === 42;
  }
}

/** libvirt has not answered in time. What was asked may still happen. */
export class LibvirtTimeoutError extends Error {
  override readonly name = "LibvirtTimeoutError";
  constructor(
    readonly call: string,
    timeoutMs: number,
  ) {
    super(`libvirt, ${call}: no answer within ${timeoutMs} ms`);
  }
}

/** This machine has no libvirt, or the connection to it is closed. */
export class LibvirtUnavailableError extends Error {
  override readonly name = "LibvirtUnavailableError";
}
