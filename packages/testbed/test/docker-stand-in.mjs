#!/usr/bin/env node
// Stands in for the `docker` command where no engine can run: a fake. It writes down what it is asked, and runs a
// container's entry point as a process of this machine, which is what the host's network and folders under their own
// paths come to. What only an engine can show, it does not: images, users, that a pause reaches every process.
//
// DOCKER_STAND_IN names a folder: `calls.jsonl` is what was asked; `commands.json` says what to run for an entry
// point, and what to put for parts of its arguments; `images.json` lists the images that are there already.
import { spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

const folder = process.env["DOCKER_STAND_IN"] ?? "";
const args = process.argv.slice(2);
appendFileSync(join(folder, "calls.jsonl"), `${JSON.stringify(args)}\n`);

const read = (name, missing) =>
  existsSync(join(folder, name)) ? JSON.parse(readFileSync(join(folder, name), "utf8")) : missing;
const fail = (message) => {
  process.stderr.write(`${message}\n`);
  process.exit(1);
};
const container = (name) =>
  read(`container-${name}.json`) ?? fail(`Error response from daemon: No such container: ${name}`);
const signal = (name, which) => {
  try {
    process.kill(container(name).pid, which);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
};
const isAlive = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const ended = async (name) => {
  const { pid } = container(name);
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
};

function run(given) {
  const at = given.findIndex((one) => !one.startsWith("--"));
  const flags = given.slice(0, at).map((one) => {
    const [flag, ...value] = one.split("=");
    return [flag, value.join("=")];
  });
  const value = (flag) => flags.find(([one]) => one === flag)?.[1];
  const { [value("--entrypoint")]: mapped, replace = {} } = read("commands.json", {});
  const inside = given
    .slice(at + 1)
    .map((arg) =>
      Object.entries(replace).reduce((text, [from, to]) => text.replaceAll(from, to), arg),
    );
  const [command, ...before] = mapped ?? [value("--entrypoint")];
  const env = { PATH: process.env["PATH"] };
  for (const [flag, key] of flags) if (flag === "--env") env[key] = process.env[key];
  // Of its own pipes: a container does not hold on to those of the client.
  const child = spawn(command, [...before, ...inside], { env });
  process.stdin.pipe(child.stdin.on("error", () => {}));
  child.stdout.pipe(process.stdout);
  child.stderr.pipe(process.stderr);
  const name = value("--name") ?? `nameless-${process.pid}`;
  const file = join(folder, `container-${name}.json`);
  const labels = flags.filter(([flag]) => flag === "--label").map(([, label]) => label);
  writeFileSync(file, JSON.stringify({ name, pid: child.pid, labels }));
  child.once("close", (code) => {
    rmSync(file, { force: true });
    process.exit(code ?? 137);
  });
}

const last = args.at(-1);
switch (args[0]) {
  case "info":
    process.stdout.write(
      JSON.stringify({ ServerVersion: "0-stand-in", OSType: "linux", Name: hostname() }),
    );
    break;
  case "image":
    if (!read("images.json", []).includes(last)) fail(`Error: No such image: ${last}`);
    break;
  case "pull":
    writeFileSync(join(folder, "images.json"), JSON.stringify([...read("images.json", []), last]));
    break;
  case "build": {
    const tag = args[args.indexOf("--tag") + 1];
    writeFileSync(join(folder, "images.json"), JSON.stringify([...read("images.json", []), tag]));
    break;
  }
  case "run":
    run(args.slice(1));
    break;
  case "kill":
    signal(last, "SIGKILL");
    await ended(last);
    break;
  case "stop":
    signal(last, "SIGTERM");
    await ended(last);
    break;
  case "pause":
    signal(last, "SIGSTOP");
    break;
  case "unpause":
    signal(last, "SIGCONT");
    break;
  case "rm":
    for (const name of args.slice(1).filter((arg) => !arg.startsWith("--"))) {
      signal(name, "SIGKILL");
      await ended(name);
      rmSync(join(folder, `container-${name}.json`), { force: true });
    }
    break;
  case "ps":
    for (const file of readdirSync(folder).filter((name) => name.startsWith("container-"))) {
      const { name, labels } = read(file);
      const pid = labels.find((label) => label.startsWith("org.rollcall.testbed.pid="));
      process.stdout.write(`${name} ${pid?.split("=")[1] ?? ""}\n`);
    }
    break;
  default:
    fail(`the stand-in knows no "${args[0]}"`);
}
