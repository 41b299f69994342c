import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { takeCores } from "./proxy/cores.ts";
import { small } from "./proxy/loads/small.ts";
import { runSeries } from "./proxy/series.ts";
import { tableOf } from "./proxy/table.ts";
import { engine, enginePublic } from "./proxy/targets/engine.ts";
import { gateway, gatewayLog } from "./proxy/targets/gateway.ts";
import { nginx, nginxLog } from "./proxy/targets/nginx.ts";

const cores = takeCores();
const series = await runSeries(
  small,
  [nginx, nginxLog, gateway, gatewayLog, engine, enginePublic],
  {
    rounds: 3,
    seconds: 2,
    cores,
    directory: mkdtempSync(join(tmpdir(), "rollcall-bench-")),
    certificate: { ca: "", cert: "", key: "", both: "" },
  },
);
console.log(tableOf(series));
