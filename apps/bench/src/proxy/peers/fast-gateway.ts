import fastGateway from "fast-gateway";

import { nodeOrigin, place, serve } from "./peer-server.ts";

if (place.websocket)
  throw new Error("its WebSocket routes need faye-websocket, which is not wired here");
const gateway = fastGateway({ routes: [{ prefix: "", target: nodeOrigin }] });
// It adds the rest of its request type by itself.
serve((request, response) => gateway.handle(request as never, response as never));
