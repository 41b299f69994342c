import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { consulProgram } from "../src/consul-program.ts";
import { etcdProgram } from "../src/etcd-program.ts";
import { eurekaProgram } from "../src/eureka-program.ts";
import { statusOf } from "../src/http-status.ts";
import { imageOf, pinnedImages } from "../src/images.ts";
import {
  consulApi,
  createAuthority,
  describeOwnConsul,
  describeOwnEtcd,
  describeOwnEureka,
  describeOwnNacos,
  describeOwnZookeeper,
  isFree,
  javaProgram,
  startConsul,
  startEtcd,
  startEureka,
  startNacos,
  startZookeeper,
  until,
} from "../src/index.ts";
import { zookeeperProgram } from "../src/zookeeper-program.ts";
import { type DockerStandIn, type InsteadOf, standInForDocker } from "./docker-stand-in.ts";

// The lane as it would go with an engine, up to the engine: the `docker` command is a fake that runs real servers of
// this machine with the command lines, environments and folders that the lane gives to containers.

function suite(instead: () => Promise<InsteadOf>): () => Promise<readonly (readonly string[])[]> {
  let docker: DockerStandIn;
  beforeAll(async () => {
    docker = await standInForDocker(await instead());
  });
  afterAll(() => docker[Symbol.asyncDispose]());
  return () => docker.calls();
}

describeOwnEtcd("etcd in the Docker lane, with a fake engine", () => {
  const calls = suite(async () => {
    const { etcd } = await etcdProgram("native");
    const etcdctl = join(dirname(etcd), "etcdctl");
    return { commands: { "/usr/local/bin/etcd": [etcd], "/usr/local/bin/etcdctl": [etcdctl] } };
  });

  test("starts, keeps its data over a crash, freezes, is wiped, and leaves nothing behind", async () => {
    const authority = createAuthority();
    const rootPassword = "se cret";
    await using etcd = await startEtcd({
      lane: "docker",
      rootPassword,
      tls: { authority, clientAuth: true },
    });
    assert.equal(etcd.version, imageOf("etcd").version);
    await etcd.etcdctl("put", "key", "value");
    await etcd.kill();
    assert.equal(await isFree(etcd.port), true);
    await etcd.restart("kept");
    const get = (): Promise<string> => etcd.etcdctl("get", "--print-value-only", "key");
    assert.equal(await get(), "value\n");
    await etcd.pause();
    await assert.rejects(etcd.etcdctl("--command-timeout=300ms", "endpoint", "health"));
    etcd.resume();
    await until(get, { what: "an answer after the pause" });
    await etcd.restart("empty");
    assert.equal(await get(), "");
    await etcd.stop();
    assert.equal(await isFree(etcd.port), true);
    const asked = await calls();
    assert.ok(asked.some((call) => call.includes("--env=ETCDCTL_PASSWORD")));
    assert.deepEqual(
      asked.filter(([first]) => first === "pull"),
      [["pull", "--quiet", pinnedImages.etcd]],
    );
  });
});

describeOwnConsul("Consul in the Docker lane, with a fake engine", () => {
  suite(async () => ({ commands: { "/bin/consul": [(await consulProgram("native")).command] } }));

  test("keeps its data over a crash, asks for a token, and is wiped", async () => {
    await using consul = await startConsul({ lane: "docker", durable: true, acl: true });
    assert.equal(consul.version, imageOf("consul").version);
    const get = async (): Promise<number | undefined> =>
      (await consulApi(consul.access, "GET", "/v1/kv/key")).status;
    await consulApi(consul.access, "PUT", "/v1/kv/key", "value");
    await consul.kill();
    assert.equal(await isFree(consul.port), true);
    await consul.restart();
    await until(async () => (await get()) === 200, { what: "what was stored" });
    const refused = await consulApi({ url: consul.url }, "PUT", "/v1/kv/key", "value");
    assert.equal(refused.status, 403);
    await consul.restart({ empty: true });
    await until(async () => (await get()) === 404, { what: "nothing" });
  });
});

describeOwnZookeeper("ZooKeeper in the Docker lane, with a fake engine", () => {
  suite(async () => {
    const program = await zookeeperProgram();
    const jars = program.classPath(
      (jar) => !/^(ecj|curator|dubbo|guava|jackson|spring)-/.test(jar),
    );
    const main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
    const script = `exec ${program.java} $JVMFLAGS -cp ${jars} ${main} "$2"`;
    return { commands: { "zkServer.sh": ["bash", "-c", script, "zkServer.sh"] } };
  });

  test("crashes, freezes, comes back with its data or without, and speaks TLS", async () => {
    const authority = createAuthority();
    await using zookeeper = await startZookeeper({
      lane: "docker",
      tls: { authority },
      sasl: { bob: 'p"w' },
    });
    assert.equal(zookeeper.version, imageOf("zookeeper").version);
    assert.equal(await until(() => zookeeper.mode(), { what: "its mode" }), "standalone");
    assert.equal(await isFree(zookeeper.securePort!), false);
    await zookeeper.kill();
    assert.equal(await isFree(zookeeper.port), true);
    await zookeeper.restart("kept");
    await zookeeper.pause();
    await assert.rejects(zookeeper.mode());
    zookeeper.resume();
    await until(() => zookeeper.mode(), { what: "an answer after the pause" });
    await zookeeper.restart("empty");
    assert.equal(await until(() => zookeeper.mode(), { what: "its mode" }), "standalone");
  });
});

describeOwnEureka("Eureka in the Docker lane, with a fake engine", () => {
  let app: string;
  const calls = suite(async () => {
    // Laid out as the Dockerfile does it.
    app = await mkdtemp(join(tmpdir(), "rollcall-eureka-"));
    const program = await eurekaProgram();
    for (const folder of ["lib", "security"]) await mkdir(join(app, folder));
    for (const jar of program.jars.filter((name) => !name.startsWith("ecj-"))) {
      const folder = /^spring-(boot-starter-)?security-/.test(jar) ? "security" : "lib";
      const [path] = program.classPath((name) => name === jar).split(":");
      await symlink(path!, join(app, folder, basename(jar)));
    }
    await symlink(
      program.classPath(() => false),
      join(app, "classes"),
    );
    return { replace: { "/app/": `${app}/` } };
  });
  afterAll(() => rm(app, { recursive: true, force: true }));

  test("is built once, and asks for a login over TLS", async () => {
    const authority = createAuthority();
    const auth = { username: "eve", password: "p:w/ü" };
    await using eureka = await startEureka({ lane: "docker", auth, tls: { authority } });
    const ca = authority.caPem;
    assert.equal(await statusOf(`${eureka.url}apps`, { ca }), 401);
    assert.equal(await statusOf(`${eureka.url}apps`, { ca, auth }), 200);
    await eureka.restart();
    assert.equal(await statusOf(`${eureka.url}apps`, { ca, auth }), 200);
    assert.equal((await calls()).filter(([first]) => first === "build").length, 1);
    assert.ok(!JSON.stringify(await calls()).includes(auth.password));
  });
});

describeOwnNacos("Nacos in the Docker lane, with a fake engine", () => {
  suite(async () => {
    const sources = join(import.meta.dirname, "..", "java", "nacos-3.1");
    const program = await javaProgram("nacos-3.1", sources);
    const first = program.classPath((jar) => jar.startsWith("hessian-4"));
    const rest = program.classPath(
      (jar) => !jar.startsWith("hessian-4") && !jar.startsWith("ecj-"),
    );
    // The jars of an image are in one, which starts another class.
    const script = `all=(); for one in "$@"; do case "$one" in
      -jar) all+=(-cp "${first}:${rest}");; *.jar) all+=(NacosServer);; *) all+=("$one");;
      esac; done; exec ${program.java} "\${all[@]}"`;
    return {
      commands: { "/usr/lib/jvm/java-17-openjdk/bin/java": ["bash", "-c", script, "java"] },
      replace: { "--logging.config=/home/nacos/conf/nacos-logback.xml": "--rollcall.nothing=" },
    };
  });

  test("reads its settings from our folder, and keeps its users over a restart", async () => {
    const auth = { password: "s3cret-of-nacos" };
    await using nacos = await startNacos({ lane: "docker", auth });
    assert.equal(nacos.version, imageOf("nacos-3.1").version);
    assert.equal(await isFree(nacos.grpcPort), false);
    const list = `${nacos.url}/nacos/v3/client/ns/instance/list?serviceName=a`;
    assert.equal(await statusOf(list), 403);
    const logIn = async (): Promise<number> => {
      const form = new URLSearchParams({ username: "nacos", ...auth });
      const url = `${nacos.url}/nacos/v3/auth/user/login`;
      return (await fetch(url, { method: "POST", body: form })).status;
    };
    await nacos.kill();
    assert.equal(await isFree(nacos.port), true);
    await nacos.restart();
    await until(async () => (await logIn()) === 200, { what: "the user of before" });
  });
});
