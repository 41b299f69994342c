import { connect } from "node:net";
import { text } from "node:stream/consumers";

/**
 * Asks a ZooKeeper server one of its four-letter words, such as `srvr`, and returns what it says.
 *
 * A server that is just starting may neither answer nor hang up, hence the short deadline.
 *
 * @throws Error when nothing is said within `deadlineMs` (default 1000)
 */
export async function fourLetterWord(
  { host, port }: { readonly host: string; readonly port: number },
  word: string,
  deadlineMs = 1000,
): Promise<string> {
  const socket = connect({ host, port, signal: AbortSignal.timeout(deadlineMs) });
  socket.end(word);
  return text(socket);
}
