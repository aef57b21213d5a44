// Writers by ioredis, iovalkey, node-redis and GLIDE. One process is one row: CLIENT, FORM and SETTINGS say which.
import process from "node:process";

const { CLIENT, FORM, SETTINGS, MASTER_NAME: name, PREFIX, UNTIL } = process.env;
const hosts = process.env.HOSTS.split(",").map((one) => ({ host: one.split(":")[0], port: Number(one.split(":")[1]) }));
const username = process.env.USERNAME || undefined;
const password = process.env.PASSWORD;
const sentinelUsername = process.env.SENTINEL_USERNAME;
const sentinelPassword = process.env.SENTINEL_PASSWORD;
const [{ host, port }] = hosts;

const ioredisKind = {
  "sentinel defaults": ({ Redis }) =>
    // settings: ioredis sentinel defaults
    new Redis({ sentinels: hosts, name, username, password, sentinelUsername, sentinelPassword }),
  // end
  "sentinel recommended": ({ Redis }) =>
    // settings: ioredis sentinel recommended
    new Redis({
      sentinels: hosts, name, username, password, sentinelUsername, sentinelPassword,
      connectTimeout: 1000,
      sentinelCommandTimeout: 1000,
      socketTimeout: 2000, // a master that stands still: resent on a new connection
      retryStrategy: (times) => Math.min(times * 50, 500) + Math.random() * 50,
      sentinelRetryStrategy: (times) => Math.min(times * 50, 500) + Math.random() * 50,
      maxRetriesPerRequest: null, // the deadline is the command's
      commandTimeout: 20000,
      failoverDetector: true,
      // Not executed, and another connection may help: a demoted master; a new one without replicas (min-replicas-to-write).
      reconnectOnError: (error) => (/^(READONLY|NOREPLICAS)/.test(error.message) ? 2 : false),
    }),
  // end
  "primary defaults": ({ Redis }) =>
    // settings: ioredis primary defaults
    new Redis({ host, port, username, password }),
  // end
  "primary recommended": ({ Redis }) =>
    // settings: ioredis primary recommended
    new Redis({
      host, port, username, password,
      connectTimeout: 1000,
      socketTimeout: 2000, // a primary that stands still: resent on a new connection
      retryStrategy: (times) => Math.min(times * 50, 500) + Math.random() * 50,
      maxRetriesPerRequest: null, // the deadline is the command's
      commandTimeout: 20000,
      reconnectOnError: (error) => (error.message.startsWith("READONLY") ? 2 : false),
    }),
  // end
  "cluster defaults": ({ Cluster }) =>
    // settings: ioredis cluster defaults
    new Cluster(hosts, { redisOptions: { username, password } }),
  // end
  "cluster recommended": ({ Cluster }) =>
    // settings: ioredis cluster recommended
    new Cluster(hosts, {
      redisOptions: { username, password, connectTimeout: 1000, socketTimeout: 2000, commandTimeout: 20000 },
      slotsRefreshInterval: 5000,
      clusterRetryStrategy: (times) => Math.min(times * 50, 500) + Math.random() * 50,
      retryDelayOnFailover: 500,
      retryDelayOnClusterDown: 500,
      maxRedirections: 40, // times 500 ms: more than the failover takes
    }),
  // end
};

const nodeRedisKind = {
  "sentinel defaults": ({ createSentinel }) =>
    // settings: node-redis sentinel defaults
    createSentinel({
      name, sentinelRootNodes: hosts,
      nodeClientOptions: { username, password },
      sentinelClientOptions: { username: sentinelUsername, password: sentinelPassword },
    }),
  // end
  "sentinel recommended": ({ createSentinel }) =>
    // settings: node-redis sentinel recommended
    createSentinel({
      name, sentinelRootNodes: hosts,
      nodeClientOptions: { username, password, socket: { connectTimeout: 1000 } },
      sentinelClientOptions: { username: sentinelUsername, password: sentinelPassword, socket: { connectTimeout: 1000 } },
      scanInterval: 1000, // without it a missed message of the Sentinels is never made good
      maxCommandRediscovers: 100,
      commandOptions: { timeout: 20000 },
    }),
  // end
  "primary defaults": ({ createClient }) =>
    // settings: node-redis primary defaults
    createClient({ username, password, socket: { host, port } }),
  // end
  "primary recommended": ({ createClient }) =>
    // settings: node-redis primary recommended
    createClient({
      username, password,
      socket: {
        host, port, connectTimeout: 1000, socketTimeout: 2000,
        reconnectStrategy: (retries) => Math.min(retries * 50, 500) + Math.random() * 50,
      },
      commandOptions: { timeout: 20000 },
    }),
  // end
  "cluster defaults": ({ createCluster }) =>
    // settings: node-redis cluster defaults
    createCluster({ rootNodes: [{ socket: { host, port } }], defaults: { username, password } }),
  // end
  "cluster recommended": ({ createCluster }) =>
    // settings: node-redis cluster recommended
    createCluster({
      rootNodes: [{ socket: { host, port } }],
      defaults: { username, password, pingInterval: 1000, socket: { connectTimeout: 1000, socketTimeout: 2000 } },
      topologyRefreshOnReconnectionAttemptStrategy: 500,
      maxCommandRedirections: 40,
    }),
  // end
};

const glideCredentials = { username, password };
const glideKind = {
  "primary defaults": ({ GlideClient }) =>
    // settings: glide primary defaults
    GlideClient.createClient({ addresses: [{ host, port }], credentials: glideCredentials }),
  // end
  "primary recommended": ({ GlideClient }) =>
    // settings: glide primary recommended
    GlideClient.createClient({
      addresses: [{ host, port }], credentials: glideCredentials,
      requestTimeout: 2000,
      advancedConfiguration: { connectionTimeout: 1000 },
      connectionBackoff: { numberOfRetries: 6, factor: 50, exponentBase: 2, jitterPercent: 20 },
    }),
  // end
  "cluster defaults": ({ GlideClusterClient }) =>
    // settings: glide cluster defaults
    GlideClusterClient.createClient({ addresses: [{ host, port }], credentials: glideCredentials }),
  // end
  "cluster recommended": ({ GlideClusterClient }) =>
    // settings: glide cluster recommended
    GlideClusterClient.createClient({
      addresses: [{ host, port }], credentials: glideCredentials,
      requestTimeout: 1000,
    }),
  // end
};

const row = `${FORM} ${SETTINGS}`;
let client;
const held = {};
const set = {
  ioredis: async (key, value) => {
    client ??= listening(ioredisKind[row](await import("ioredis")));
    await client.set(key, value);
  },
  iovalkey: async (key, value) => {
    client ??= listening(ioredisKind[row](await import("iovalkey")));
    await client.set(key, value);
  },
  "node-redis": async (key, value) => {
    if (row === "cluster recommended") {
      const make = async () => listening(nodeRedisKind[row](await import("redis"))).connect();
      return rideOver(held, make, (made) => made.set(key, String(value)), 20000);
    }
    if (client === undefined) {
      const made = listening(nodeRedisKind[row](await import("redis")));
      await made.connect();
      client = made;
    }
    await client.set(key, String(value));
  },
  glide: async (key, value) => {
    client ??= await glideKind[row](await import("@valkey/valkey-glide"));
    await client.set(key, String(value));
  },
}[CLIENT];

// Without a listener an EventEmitter throws its errors (node-redis), or prints them (ioredis).
function listening(made) {
  return made.on("error", () => {});
}

// settings: node-redis cluster recommended
// Around each command that may be sent twice. A client that says it is closed is made anew.
async function rideOver(held, make, command, milliseconds) {
  for (const deadline = Date.now() + milliseconds; ; await new Promise((wake) => setTimeout(wake, 50 + Math.random() * 450))) {
    try {
      held.client ??= await make();
      return await command(held.client);
    } catch (error) {
      if (error.name === "ClientClosedError" || error.constructor.name === "ClientClosedError") {
        held.client = undefined;
      }
      if (Date.now() > deadline) {
        throw error;
      }
    }
  }
}
// end

const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
process.on("uncaughtException", (error) => console.error("uncaught", error));
process.on("unhandledRejection", (error) => console.error("unhandled", error));
const until = Number(UNTIL) * 1e6;
for (let number = 1; now() < until; number++) {
  const start = now();
  let told = "ok";
  try {
    await set(`${PREFIX}${number}`, number);
  } catch (error) {
    told = `error ${error?.constructor?.name}: ${String(error?.message ?? error).replaceAll("\n", " ")}`;
  }
  process.stdout.write(`${start} ${now()} ${number} ${told}\n`);
  await new Promise((wake) => setTimeout(wake, 10));
}
process.exit(0);
