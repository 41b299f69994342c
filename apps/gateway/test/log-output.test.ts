import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

import { accessLog } from "../src/access-log.ts";
import { LogOutput } from "../src/log-output.ts";
import { testDirectory } from "./config-file.ts";
import { until } from "./gateway-under-test.ts";

function outputTo(file: string): LogOutput {
  const fd = openSync(file, "a");
  onTestFinished(() => closeSync(fd));
  return new LogOutput(fd);
}

/** Runs `script` with a log output `out` in a process; its standard output is read when the caller reads it. */
function child(script: string, standardOutput: "pipe" | number = "pipe"): ReturnType<typeof spawn> {
  const file = fileURLToPath(new URL("../src/log-output.ts", import.meta.url));
  const code = `import { LogOutput } from ${JSON.stringify(file)};
const out = new LogOutput(1, { mostWaiting: 200_000 });
process.on("exit", () => out.writeRest());
${script}`;
  const started = spawn(process.execPath, ["--input-type=module-typescript", "-e", code], {
    stdio: ["pipe", standardOutput, "pipe"],
  });
  onTestFinished(() => void started.kill("SIGKILL"));
  return started;
}

test("lines come out whole and in order, whichever way they were written", async () => {
  const file = join(testDirectory(), "log");
  writeFileSync(file, "");
  const output = outputTo(file);
  const lines = Array.from(
    { length: 20_000 },
    (_, index) => `${index} ${"é".repeat(index % 50)}\n`,
  );
  for (const [index, line] of lines.entries()) {
    if (index % 1_000 === 0) output.write(line);
    else output.writeSoon(line);
  }
  const whole = lines.join("");
  await until(() => readFileSync(file, "utf8").length >= whole.length, "all lines");
  expect(readFileSync(file, "utf8")).toBe(whole);
});

test("what waits at the end of the process is written, also after an exception nobody caught", async () => {
  for (const end of ["process.exit(3)", 'throw new Error("x")', "undefined"]) {
    const process = child(`for (let i = 0; i < 500; i += 1) out.writeSoon(i + "\\n");\n${end}`);
    let text = "";
    process.stdout!.on("data", (chunk: Buffer) => (text += chunk.toString()));
    await once(process, "close");
    expect(text, end).toBe(Array.from({ length: 500 }, (_, index) => `${index}\n`).join(""));
  }
});

test("a reader that stands still holds nothing up: lines are dropped, counted, and told", async () => {
  const process = child(`
const line = "x".repeat(999) + "\\n";
for (let i = 0; i < 100_000; i += 1) {
  out.writeSoon(line);
  if (i % 100 === 0) await new Promise(setImmediate);
}
process.stderr.write("through");
process.stdin.once("data", () => { out.write("last\\n"); process.stdin.destroy(); });`);
  // Nothing is read from its standard output yet.
  const [said] = (await once(process.stderr!, "data")) as [Buffer];
  expect(said.toString()).toBe("through");
  let text = "";
  process.stdout!.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await until(() => text.includes('"dropped":'), "the line that tells");
  process.stdin!.write("go");
  await once(process, "close");
  const lines = text.split("\n").slice(0, -1);
  const told = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  for (const one of told) {
    expect(one).toMatchObject({ level: "warn", msg: expect.stringContaining("dropped") });
  }
  // What the pipe itself holds, and what the reader takes by itself, may have made room in between.
  const dropped = told.reduce((sum: number, one) => sum + one.dropped, 0);
  const written = lines.filter((line) => line === "x".repeat(999)).length;
  expect(dropped).toBeGreaterThan(50_000);
  expect(written + dropped).toBe(100_000);
  // The line that tells may come after it.
  expect(lines.findLast((line) => !line.startsWith("{"))).toBe("last");
});

test("an output that fails loses its lines and no others", async () => {
  // Every write to it says that no space is left.
  const full = openSync("/dev/full", "w");
  onTestFinished(() => closeSync(full));
  const process = child('out.write("lost\\n"); setTimeout(() => out.write("lost\\n"), 50);', full);
  expect((await once(process, "close"))[0]).toBe(0);
});

test("an access line is JSON, whatever a client or a file put into it", async () => {
  const file = join(testDirectory(), "log");
  writeFileSync(file, "");
  const output = outputTo(file);
  const write = accessLog(output);
  const line = {
    method: "GET",
    target: '/a"b\\c?d',
    status: 200,
    elapsedMs: 1.862_49,
    attempts: 1,
    node: "[::1]:80",
    route: "rö\u2028ute",
    service: "S\n",
    remoteAddress: "127.0.0.1",
  };
  write(line);
  write({
    ...line,
    node: undefined,
    route: undefined,
    service: undefined,
    status: 0,
    elapsedMs: 2,
  });
  output.writeRest();
  const [first, second] = readFileSync(file, "utf8").trimEnd().split("\n");
  const { elapsedMs: _, remoteAddress, ...same } = line;
  expect(JSON.parse(first!)).toEqual({
    level: "info",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    ...same,
    elapsed_ms: 1.862,
    remote_address: remoteAddress,
    msg: "request",
  });
  expect(Object.keys(JSON.parse(second!))).toEqual(
    "level time method target status attempts elapsed_ms remote_address msg".split(" "),
  );
});
