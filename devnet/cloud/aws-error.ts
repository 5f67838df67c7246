/** An answer that AWS would give. Codes are those of the S3 and query protocols; each service writes them in its own dialect. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = "AwsError";
    this.code = code;
    this.status = status;
  }
}

/** A call that the real service answers and this one doesn't: said aloud, so that nobody mistakes silence for success. */
export function notSimulated(service: string, what: string): AwsError {
  return new AwsError("InvalidAction", `The simulated cloud does not implement ${service} ${what}`, 501);
}
