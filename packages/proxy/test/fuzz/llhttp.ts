import { createRequire } from "node:module";

/** What llhttp made of some bytes. */
export interface OracleMessage {
  /** Of a request. */
  readonly method: string;
  readonly target: string;
  /** Of a response. */
  readonly status: number;
  readonly minor: number;
  /** Names and values in turn. */
  readonly fields: readonly string[];
  readonly keepAlive: boolean;
  readonly upgrade: boolean;
  /** latin1. */
  readonly body: string;
  /** Names and values in turn. */
  readonly trailers: readonly string[];
  readonly complete: boolean;
}

/** The part of Node's parser that is used here. */
interface NodeParser {
  initialize(type: number, resource: object, maxHeaderBytes: number, lenient: number): void;
  execute(bytes: Buffer): number | (Error & { readonly code: string });
  finish(): Error | undefined;
  [callback: number]: (...args: never[]) => unknown;
}

interface NodeParserClass {
  new (): NodeParser;
  readonly REQUEST: 1;
  readonly RESPONSE: 2;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
  readonly kLenientAll: number;
}

// Node has no public door to its parser. A node:http server would do, at a hundred times the price per case.
const { HTTPParser, methods } = createRequire(import.meta.url)("_http_common") as {
  readonly HTTPParser: NodeParserClass;
  readonly methods: readonly string[];
};

/** Methods that llhttp knows, by their numbers; it refuses all others. */
const methodNames: ReadonlyMap<number, string> = new Map(
  methods.map((name) => [numberOf(name), name]),
);

/** Methods that llhttp takes in HTTP/1.1; it refuses all others. */
export const oracleMethods: ReadonlySet<string> = new Set(
  methods.filter((name) => name !== "SOURCE"),
);

/** Numbers are asked for, since they are nowhere to be read. */
function numberOf(method: string): number {
  const parser = new HTTPParser();
  let found = -1;
  parser.initialize(HTTPParser.REQUEST, {}, 1_024, 0);
  parser[HTTPParser.kOnHeadersComplete | 0] = (
    _major: number,
    _minor: number,
    _fields: string[],
    number: number,
  ): void => {
    found = number;
  };
  const target = method === "CONNECT" ? "a:1" : "/";
  parser.execute(
    Buffer.from(`${method} ${target} ${method === "SOURCE" ? "ICE/1.0" : "HTTP/1.1"}\r\n\r\n`),
  );
  return found;
}

/** llhttp as Node uses it by default, reading one message after another. */
export class Oracle {
  readonly #parser = new HTTPParser();
  readonly #type: 1 | 2;
  readonly #hasNoBody: boolean;
  readonly #lenient: number;
  /** Messages of the newest {@link read} whose head was whole. */
  readonly messages: OracleMessage[] = [];
  /** Code of the error that ended the newest {@link read}; empty: none. */
  error = "";
  #fields: string[] = [];
  #url = "";
  #current: { -readonly [Key in keyof OracleMessage]: OracleMessage[Key] } | undefined;

  /**
   * @param hasNoBody  For responses: that they answer HEAD.
   * @param lenient  Whether to take what can be made sense of somehow.
   */
  constructor(what: "request" | "response", hasNoBody = false, lenient = false) {
    this.#lenient = lenient ? HTTPParser.kLenientAll : 0;
    this.#type = what === "request" ? HTTPParser.REQUEST : HTTPParser.RESPONSE;
    this.#hasNoBody = hasNoBody;
    const parser = this.#parser;
    parser[HTTPParser.kOnHeaders | 0] = (fields: string[], url: string): void => {
      this.#fields.push(...fields);
      this.#url += url;
    };
    parser[HTTPParser.kOnHeadersComplete | 0] = this.#head.bind(this);
    parser[HTTPParser.kOnBody | 0] = (bytes: Buffer): void => {
      this.#current!.body += bytes.toString("latin1");
    };
    parser[HTTPParser.kOnMessageComplete | 0] = (): void => {
      const message = this.#current!;
      message.trailers = this.#fields;
      message.complete = true;
      this.#fields = [];
      this.#url = "";
    };
  }

  /** Reads anew; stops at the first error. */
  read(...pieces: readonly Buffer[]): void {
    this.messages.length = 0;
    this.error = "";
    this.#fields = [];
    this.#url = "";
    this.#parser.initialize(this.#type, {}, 2 ** 30, this.#lenient);
    for (const piece of pieces) this.more(piece);
  }

  /** Reads on. */
  more(piece: Buffer): void {
    if (this.error !== "" || piece.length === 0) return;
    const result = this.#parser.execute(piece);
    if (typeof result !== "number") this.error = result.code;
  }

  /** The connection has ended. */
  end(): void {
    if (this.error === "" && this.#parser.finish() !== undefined) this.error = "end";
  }

  #head(
    _major: number,
    minor: number,
    fields: string[] | undefined,
    method: number | undefined,
    target: string | undefined,
    status: number,
    _reason: string,
    upgrade: boolean,
    keepAlive: boolean,
  ): number {
    this.#current = {
      method: method === undefined ? "" : methodNames.get(method)!,
      target: this.#url + (target ?? ""),
      status,
      minor,
      fields: fields === undefined ? this.#fields : [...this.#fields, ...fields],
      keepAlive,
      upgrade,
      body: "",
      trailers: [],
      complete: false,
    };
    this.messages.push(this.#current);
    this.#fields = [];
    this.#url = "";
    return this.#hasNoBody ? 1 : 0;
  }
}
