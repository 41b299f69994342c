import fastProxy from "fast-proxy";

import { nodeOrigin, serve } from "./peer-server.ts";

// With undici: its faster way.
const upstream = fastProxy({ base: nodeOrigin, undici: true });
serve((request, response) => upstream.proxy(request, response, request.url ?? "/", {}));
