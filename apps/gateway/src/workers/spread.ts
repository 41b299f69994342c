/**
 * Whether the kernel spreads connections evenly over processes that each listen on the port themselves. Elsewhere
 * they share one listening socket, and whoever wakes up first has the connection.
 */
export const spreadsConnections: boolean = ["linux", "freebsd"].includes(process.platform);
