/** A request that is answered with an error status. */
export class Refusal extends Error {
  readonly status: number;
  /** The whole body, for the few answers whose bytes clients may know; otherwise one is made. */
  readonly body: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    extra: { body?: string; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.body = extra.body;
    this.headers = extra.headers ?? {};
  }
}

/** 404: there is no such application, instance or path. */
export function notFound(what: string): Refusal {
  return new Refusal(404, `there is no ${what}`);
}

/** 400 whose body is the reason itself, under a JSON content type: what the real server does. */
export function badRegistration(reason: string): Refusal {
  return new Refusal(400, reason, { body: reason });
}

/** 400 for a body whose shape the protocol cannot hold. */
export function unreadableBody(): Refusal {
  return badRegistration('{"error": "cannot parse request body"}');
}
